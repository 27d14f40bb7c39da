import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { StoredKey } from "./ports.ts";
import { openStore } from "./sqlite.ts";
import { clock, ledgerRow, outputOf, runWithStore, temporary } from "./support.test.ts";

function storedKey(fields: Partial<StoredKey> = {}): StoredKey {
  return { id: "abcdefgh", name: "laptop", hash: "00".repeat(32), createdAt: 1_000, ...fields };
}

test("keys come back as they were, oldest first, the same by both ways of reading", async () => {
  await using store = openStore({ file: ":memory:", clock });
  const second = storedKey({
    id: "bbbbbbbb",
    createdAt: 2_000,
    expiresAt: 5_000,
    models: ["gpt-*", 'o\'neil "x"'],
  });
  const first = storedKey({ id: "zzzzzzzz", name: "'; DROP TABLE keys; --" });
  await store.keys.insert(second);
  await store.keys.insert(first);
  assert.deepEqual(await store.keys.list(), [first, second]);
  assert.deepEqual(store.keys.snapshot(), [first, second]);
});

test("revoking is once, leaves the key in the list, and says whether there was one", async () => {
  await using store = openStore({ file: ":memory:", clock });
  await store.keys.insert(storedKey());
  assert.equal(await store.keys.revoke("%", 5), false);
  assert.equal(await store.keys.revoke("abcdefgh", 5_000), true);
  assert.equal(await store.keys.revoke("abcdefgh", 6_000), false);
  assert.deepEqual(await store.keys.list(), [storedKey({ revokedAt: 5_000 })]);
});

test("two keys cannot have one id", async () => {
  await using store = openStore({ file: ":memory:", clock });
  await store.keys.insert(storedKey());
  await assert.rejects(store.keys.insert(storedKey()), { name: "StoreError", trouble: "refused" });
});

test("a list of models that cannot be read allows nothing", async () => {
  using place = temporary();
  await using store = openStore({ file: place.file, clock });
  await store.keys.insert(storedKey({ models: ["a"] }));
  using other = new DatabaseSync(place.file);
  for (const text of ["{", "null", "[1]", '{"a":1}', "*"]) {
    other.prepare("UPDATE keys SET models = ?").run(text);
    assert.deepEqual(store.keys.snapshot()[0]?.models, [], text);
  }
});

test("the version changes with every change of the keys, ours or another connection's, and with nothing else", async () => {
  using place = temporary();
  await using store = openStore({ file: place.file, clock });
  await using other = openStore({ file: place.file, clock });
  const versions = [store.keys.version()];
  const changed = (): boolean => {
    const version = store.keys.version();
    const isNew = !versions.includes(version);
    versions.push(version);
    return isNew;
  };
  await store.keys.insert(storedKey());
  assert.equal(changed(), true, "own insert");
  assert.equal(changed(), false, "nothing happened");
  await other.keys.insert(storedKey({ id: "other" }));
  assert.equal(changed(), true, "insert elsewhere");
  await other.keys.revoke("abcdefgh", 5);
  assert.equal(changed(), true, "revocation elsewhere");
  assert.equal(store.keys.snapshot().find(({ id }) => id === "abcdefgh")?.revokedAt, 5);
  await store.keys.revoke("other", 6);
  assert.equal(changed(), true, "own revocation");
  other.ledger.append(ledgerRow());
  other.ledger.flush();
  store.ledger.append(ledgerRow());
  store.ledger.flush();
  assert.equal(changed(), false, "ledger rows");
});

test("a change of the keys waits for another process's lock without blocking the event loop", async () => {
  using place = temporary();
  await using store = openStore({ file: place.file, clock });
  await store.keys.list();
  using other = new DatabaseSync(place.file);
  other.exec("BEGIN IMMEDIATE");
  setTimeout(() => other.exec("ROLLBACK"), 150);
  await store.keys.insert(storedKey());
  assert.equal(store.keys.snapshot().length, 1);
});

test("the pepper is made once and kept", async () => {
  using place = temporary();
  await using store = openStore({ file: place.file, clock });
  const pepper = store.keys.pepper();
  assert.equal(pepper.length, 32);
  assert.notEqual(pepper.toString("hex"), "00".repeat(32));
  await using other = openStore({ file: place.file, clock });
  assert.deepEqual(other.keys.pepper(), pepper);
});

test("a pepper that is damaged is an error, never a new one", async () => {
  using place = temporary();
  {
    await using store = openStore({ file: place.file, clock });
    store.keys.pepper();
  }
  using other = new DatabaseSync(place.file);
  other.exec("UPDATE settings SET value = 'short' WHERE name = 'pepper'");
  await using store = openStore({ file: place.file, clock });
  assert.throws(() => store.keys.pepper(), { name: "StoreError", trouble: "corrupt" });
});

test("a key that was inserted survives a kill -9 right after", async () => {
  using place = temporary();
  const script = `
    const store = openStore({ file, clock });
    await store.keys.insert({ id: "abcdefgh", name: "laptop", hash: "00", createdAt: 1 });
    process.kill(process.pid, "SIGKILL");
  `;
  await outputOf(runWithStore(script, place.file));
  await using store = openStore({ file: place.file, clock });
  assert.equal((await store.keys.list()).length, 1);
});
