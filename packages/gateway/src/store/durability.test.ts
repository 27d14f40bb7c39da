import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inTime } from "../../test/support/in-time.ts";
import { openStore } from "./sqlite.ts";
import { clock, ledgerRow, outputOf, runWithStore, temporary } from "./support.test.ts";

/** What is promised of a `kill -9`, in milliseconds. */
const promised = 200;

const appender = `
  const store = openStore({ file, clock });
  let number = 0;
  setInterval(() => {
    for (let count = 0; count < 20; count += 1) {
      const at = clock.now();
      store.ledger.append({
        id: String(number), at, surface: "s", requestedModel: "m", attempts: 1, status: 200,
        stream: false, duration: 1, bytesIn: 1, bytesOut: 1,
      });
      process.stdout.write(number + " " + at + "\\n");
      number += 1;
    }
  }, 2);
`;

interface Aftermath {
  /** Rows that were acknowledged long enough before the end. */
  readonly due: readonly string[];
  readonly lost: readonly string[];
  readonly integrity: unknown;
}

/** Lets a process append and acknowledge rows for some milliseconds, kills it, and looks at what is left. */
async function killAfter(life: number): Promise<Aftermath> {
  using place = temporary();
  const child = runWithStore(appender, place.file);
  const acknowledged: { readonly id: string; readonly at: number }[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [id = "", at = ""] = line.split(" ");
    acknowledged.push({ id, at: Number(at) });
  });
  await once(child.stdout, "data");
  await sleep(life);
  child.kill("SIGKILL");
  await once(child, "close");
  // The child's own last sign of life, since a busy machine may have put it to sleep before the kill.
  const end = acknowledged.at(-1)?.at ?? 0;
  const due = acknowledged.filter(({ at }) => at < end - promised).map(({ id }) => id);
  using database = new DatabaseSync(place.file);
  const integrity = database.prepare("PRAGMA integrity_check").get()?.["integrity_check"];
  const kept = new Set(
    database
      .prepare("SELECT id FROM ledger")
      .all()
      .map(({ id }) => id),
  );
  return { due, lost: due.filter((id) => !kept.has(id)), integrity };
}

test("a kill -9 loses at most the last 200 ms of rows, and damages nothing", async () => {
  // Whatever the rhythm of the writes, some of these kills come just before one.
  const lives = [290, 370, 490, 610];
  for (const { due, lost, integrity } of await Promise.all(lives.map(killAfter))) {
    assert.ok(due.length > 100, `${due.length} rows were due`);
    assert.deepEqual(lost, []);
    assert.equal(integrity, "ok");
  }
});

test("another process's lock delays rows but neither loses them nor blocks the event loop", async () => {
  await inTime(60, async () => {
    using place = temporary();
    await using store = openStore({ file: place.file, clock });
    using other = new DatabaseSync(place.file);
    other.exec("BEGIN IMMEDIATE");
    let longest = 0;
    let last = clock.monotonic();
    const pulse = setInterval(() => {
      longest = Math.max(longest, clock.monotonic() - last);
      last = clock.monotonic();
    }, 2);
    for (let index = 0; index < 50; index += 1) {
      store.ledger.append(ledgerRow({ id: `${index}` }));
      await sleep(10);
    }
    assert.deepEqual(store.ledger.state, { pending: 50, written: 0, dropped: 0, failing: true });
    other.exec("ROLLBACK");
    const deadline = clock.monotonic() + 2_000;
    while (store.ledger.state.pending > 0 && clock.monotonic() < deadline) await sleep(10);
    clearInterval(pulse);
    assert.deepEqual(store.ledger.state, { pending: 0, written: 50, dropped: 0, failing: false });
    return longest;
  });
});

test("closing waits for another process's lock", async () => {
  using place = temporary();
  const store = openStore({ file: place.file, clock });
  using other = new DatabaseSync(place.file);
  other.exec("BEGIN IMMEDIATE");
  store.ledger.append(ledgerRow());
  setTimeout(() => other.exec("ROLLBACK"), 120);
  await store[Symbol.asyncDispose]();
  assert.deepEqual(store.ledger.state, { pending: 0, written: 1, dropped: 0, failing: false });
});

test("pending rows do not keep a process alive", async () => {
  using place = temporary();
  const script = `
    const store = openStore({ file, clock });
    store.ledger.append({ id: "a", at: 1, surface: "s", requestedModel: "m", attempts: 1, status: 200,
      stream: false, duration: 1, bytesIn: 1, bytesOut: 1 });
    const start = clock.monotonic();
    process.on("exit", () => { store.ledger.flush(); console.log(store.ledger.state.written, clock.monotonic() - start < 90); });
  `;
  assert.equal((await outputOf(runWithStore(script, place.file))).output, "1 true\n");
});

const fullDisk = `
  import { writeFileSync, rmSync } from "node:fs";
  import { dirname, join } from "node:path";
  const ballast = join(dirname(file), "ballast");
  const store = openStore({ file, clock, onTrouble: (error) => console.log(error === undefined ? "works" : error.trouble) });
  const row = { id: "x".repeat(200), at: 1, surface: "s", requestedModel: "m", attempts: 1, status: 200,
    stream: false, duration: 1, bytesIn: 1, bytesOut: 1 };
  const append = () => { for (let i = 0; i < 1000; i++) store.ledger.append(row); store.ledger.flush(); };
  append();
  for (let size = 1 << 20; size >= 1 << 12; size >>= 1) {
    try { writeFileSync(ballast, Buffer.alloc(size), { flag: "a" }); } catch {}
  }
  for (let round = 0; round < 5; round++) append();
  const { pending, failing } = store.ledger.state;
  console.log(pending > 0, failing, (await store.ledger.recent(1)).length);
  rmSync(ballast);
  store.ledger.flush();
  await store[Symbol.asyncDispose]();
  console.log(JSON.stringify(store.ledger.state));
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(file);
  console.log(database.prepare("PRAGMA integrity_check").get().integrity_check, database.prepare("SELECT count(*) n FROM ledger").get().n);
`;

test("a full disk delays rows, reading goes on, and everything is written once there is room", async (t) => {
  using place = temporary();
  const directory = dirname(place.file);
  mkdirSync(directory, { mode: 0o700 });
  // A small file system of our own, in a mount namespace that ends with the process.
  const mount = ["unshare", "--map-root-user", "--mount", "sh", "-c"];
  const command = `mount -t tmpfs -o size=3m,mode=700 tmpfs '${directory}' || exit 77; exec "$@"`;
  const result = await outputOf(runWithStore(fullDisk, place.file, [...mount, command, "sh"]));
  if (result.code === 77 || result.code === 127 || /^unshare:/m.test(result.errors)) {
    t.skip("this machine lets us mount no small file system (unshare --mount, mount -t tmpfs)");
    return;
  }
  assert.equal(result.code, 0, result.errors);
  assert.deepEqual(result.output.trim().split("\n"), [
    "full",
    "true true 1",
    "works",
    '{"pending":0,"written":6000,"dropped":0,"failing":false}',
    "ok 6000",
  ]);
});
