import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchLedger, type WriteOutcome } from "./ledger.ts";
import type { LedgerRow } from "./ports.ts";
import { StoreError } from "./store-error.ts";
import { ledgerRow } from "./support.test.ts";

/** A disk whose state the test sets. */
class FakeDisk {
  readonly slices: (readonly LedgerRow[])[] = [];
  readonly troubles: (string | undefined)[] = [];
  attempts = 0;
  trouble: StoreError | undefined;
  refuse = 0;
  readonly ledger = new BatchLedger({
    write: (rows) => this.#write(rows),
    read: async () => this.slices.flat().toReversed(),
    used: () => [],
    onTrouble: (error) => this.troubles.push(error?.trouble),
  });

  #write(rows: readonly LedgerRow[]): WriteOutcome {
    this.attempts += 1;
    if (this.trouble !== undefined) return { ok: false, error: this.trouble };
    this.slices.push(rows);
    return { ok: true, written: rows.length - this.refuse, refused: this.refuse };
  }
}

const full = new StoreError("full", "The disk is full.");

test("rows wait for one batch, 100 ms after the first of them", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const disk = new FakeDisk();
  disk.ledger.append(ledgerRow({ id: "a" }));
  t.mock.timers.tick(60);
  disk.ledger.append(ledgerRow({ id: "b" }));
  assert.equal(disk.attempts, 0);
  assert.deepEqual(disk.ledger.state, { pending: 2, written: 0, dropped: 0, failing: false });
  t.mock.timers.tick(40);
  assert.deepEqual(
    disk.slices.map((rows) => rows.map(({ id }) => id)),
    [["a", "b"]],
  );
  assert.deepEqual(disk.ledger.state, { pending: 0, written: 2, dropped: 0, failing: false });
  t.mock.timers.tick(10_000);
  assert.equal(disk.attempts, 1);
});

test("a large batch is written in slices of 1,000, a turn each, in order", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const disk = new FakeDisk();
  for (let index = 0; index < 2_500; index += 1) disk.ledger.append(ledgerRow({ id: `${index}` }));
  t.mock.timers.tick(100);
  assert.deepEqual(
    disk.slices.map((rows) => rows.length),
    [1_000],
  );
  t.mock.timers.tick(1);
  t.mock.timers.tick(1);
  assert.deepEqual(
    disk.slices.map((rows) => rows.length),
    [1_000, 1_000, 500],
  );
  assert.deepEqual(
    disk.slices.flat().map(({ id }) => Number(id)),
    Array.from({ length: 2_500 }, (_, index) => index),
  );
});

test("a store in trouble keeps the rows, is asked ever less often, and recovers by itself", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const disk = new FakeDisk();
  disk.trouble = full;
  disk.ledger.append(ledgerRow());
  t.mock.timers.tick(100);
  assert.equal(disk.ledger.state.failing, true);
  for (let elapsed = 0; elapsed < 30_000; elapsed += 10) t.mock.timers.tick(10);
  assert.ok(disk.attempts >= 25 && disk.attempts <= 40, `${disk.attempts} attempts in 30 s`);
  assert.deepEqual(disk.troubles, ["full"], "trouble is reported once");
  disk.trouble = undefined;
  t.mock.timers.tick(1_000);
  assert.deepEqual(disk.ledger.state, { pending: 0, written: 1, dropped: 0, failing: false });
  assert.deepEqual(disk.troubles, ["full", undefined]);
});

test("at most 100,000 rows wait; the others are counted as dropped", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const disk = new FakeDisk();
  disk.trouble = full;
  const row = ledgerRow();
  for (let index = 0; index < 100_010; index += 1) disk.ledger.append(row);
  assert.deepEqual(disk.ledger.state, {
    pending: 100_000,
    written: 0,
    dropped: 10,
    failing: false,
  });
});

test("flush writes everything at once, and on trouble tries again later", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const disk = new FakeDisk();
  for (let index = 0; index < 1_500; index += 1) disk.ledger.append(ledgerRow());
  disk.trouble = full;
  disk.ledger.flush();
  assert.equal(disk.attempts, 1);
  disk.trouble = undefined;
  t.mock.timers.tick(50);
  assert.equal(disk.slices.length, 1);
  disk.ledger.flush();
  assert.deepEqual(disk.ledger.state, { pending: 0, written: 1_500, dropped: 0, failing: false });
});

test("rows that the schema refuses count as dropped and hold nothing up", () => {
  const disk = new FakeDisk();
  disk.refuse = 1;
  disk.ledger.append(ledgerRow());
  disk.ledger.append(ledgerRow());
  disk.ledger.flush();
  assert.deepEqual(disk.ledger.state, { pending: 0, written: 1, dropped: 1, failing: false });
});

test("what cannot be written when closing, and what comes after, counts as dropped", () => {
  const disk = new FakeDisk();
  disk.trouble = full;
  disk.ledger.append(ledgerRow());
  disk.ledger.close();
  disk.ledger.append(ledgerRow());
  assert.deepEqual(disk.ledger.state, { pending: 0, written: 0, dropped: 2, failing: true });
});

test("reading shows what was just appended", async () => {
  const disk = new FakeDisk();
  disk.ledger.append(ledgerRow({ id: "a" }));
  assert.deepEqual(
    (await disk.ledger.recent(5)).map(({ id }) => id),
    ["a"],
  );
});
