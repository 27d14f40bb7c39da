import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { migrations } from "./migrations/index.ts";
import { type StoreTrouble, StoreError } from "./store-error.ts";
import { openStore } from "./sqlite.ts";
import { clock, ledgerRow, outputOf, runWithStore, temporary } from "./support.test.ts";

function mode(path: string): number {
  return statSync(path).mode & 0o777;
}

async function makeStore(file: string, rows = 0): Promise<void> {
  await using store = openStore({ file, clock });
  store.keys.pepper();
  for (let index = 0; index < rows; index += 1) store.ledger.append(ledgerRow({ id: `request-${index}` }));
}

/** One sentence, without SQLite's words alone, and of the right meaning. */
function refusesWith(file: string, trouble: StoreTrouble, message: RegExp): void {
  assert.throws(
    () => openStore({ file, clock }),
    (error: unknown) => {
      assert.ok(error instanceof StoreError, String(error));
      assert.equal(error.trouble, trouble, error.message);
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n"));
      return true;
    },
  );
}

test("every file of the store is the owner's alone, whatever the umask", async () => {
  using place = temporary();
  const before = process.umask(0);
  try {
    await using store = openStore({ file: place.file, clock });
    store.ledger.append(ledgerRow());
    store.ledger.flush();
    const directory = dirname(place.file);
    assert.equal(mode(directory), 0o700);
    const files = readdirSync(directory).toSorted();
    assert.deepEqual(files, ["patchbay.db", "patchbay.db-shm", "patchbay.db-wal"]);
    for (const name of files) assert.equal(mode(join(directory, name)), 0o600, name);
  } finally {
    process.umask(before);
  }
});

for (const bits of [0o640, 0o604, 0o660, 0o644]) {
  test(`a file of mode ${bits.toString(8)} is refused with the remedy`, async () => {
    using place = temporary();
    await makeStore(place.file);
    chmodSync(place.file, bits);
    refusesWith(place.file, "exposed", /chmod 600 .*patchbay\.db$/);
  });
}

test("a readable write-ahead log is refused too", async () => {
  using place = temporary();
  await makeStore(place.file);
  writeFileSync(`${place.file}-wal`, "", { mode: 0o600 });
  chmodSync(`${place.file}-wal`, 0o644);
  refusesWith(place.file, "exposed", /chmod 600 .*-wal$/);
});

test("the database is in WAL mode, vacuums incrementally, and knows its schema's number", async () => {
  using place = temporary();
  await makeStore(place.file);
  using other = new DatabaseSync(place.file);
  const value = (sql: string): unknown => Object.values(other.prepare(sql).get() ?? {})[0];
  assert.equal(value("PRAGMA journal_mode"), "wal");
  assert.equal(value("PRAGMA auto_vacuum"), 2);
  assert.equal(value("PRAGMA user_version"), migrations.length);
});

test("what was written is there after closing and opening again", async () => {
  using place = temporary();
  await makeStore(place.file, 3);
  await using store = openStore({ file: place.file, clock });
  const rows = await store.ledger.recent(10);
  assert.deepEqual(
    rows.map(({ id }) => id),
    ["request-2", "request-1", "request-0"],
  );
});

test("a file that is no database is refused and left as it is", () => {
  using place = temporary();
  mkdirSync(dirname(place.file));
  const content = "this is no database\n".repeat(100);
  writeFileSync(place.file, content, { mode: 0o600 });
  refusesWith(place.file, "not-a-database", /is not an SQLite database/);
  assert.equal(readFileSync(place.file, "utf8"), content);
});

test("a database of another program is refused", () => {
  using place = temporary();
  mkdirSync(dirname(place.file));
  writeFileSync(place.file, "", { mode: 0o600 });
  using other = new DatabaseSync(place.file);
  other.exec("CREATE TABLE recipes (name TEXT)");
  refusesWith(place.file, "foreign", /database of another program/);
});

test("a newer schema is refused", async () => {
  using place = temporary();
  await makeStore(place.file);
  {
    using other = new DatabaseSync(place.file);
    other.exec("PRAGMA user_version = 999");
  }
  refusesWith(place.file, "newer", /has schema 999, written by a newer version/);
});

test("a damaged page is found at start, whichever page it is", async () => {
  using place = temporary();
  await makeStore(place.file, 300);
  const whole = readFileSync(place.file);
  const pageSize = 4096;
  for (let page = 1; page < whole.length / pageSize; page += 1) {
    const damaged = Buffer.from(whole);
    damaged.fill(0xa5, page * pageSize, (page + 1) * pageSize);
    writeFileSync(place.file, damaged);
    refusesWith(place.file, "corrupt", /is damaged/);
    assert.deepEqual(readFileSync(place.file), damaged, `page ${page + 1} was changed`);
  }
});

test("a file that was cut short is found at start", async () => {
  using place = temporary();
  await makeStore(place.file, 300);
  truncateSync(place.file, 3 * 4096);
  refusesWith(place.file, "corrupt", /is damaged/);
});

test("a directory in the file's place is refused", () => {
  using place = temporary();
  mkdirSync(place.file, { recursive: true });
  refusesWith(place.file, "inaccessible", /not a regular file/);
});

test("a file in the directory's place is refused", () => {
  using place = temporary();
  writeFileSync(dirname(place.file), "");
  refusesWith(place.file, "inaccessible", /cannot be made or opened/);
});

test("a directory that one may not write to is refused with the reason", () => {
  using place = temporary();
  chmodSync(place.directory, 0o555);
  // The superuser may write everywhere, so the test becomes somebody else for a moment.
  const superuser = process.geteuid?.() === 0;
  if (superuser) process.seteuid?.(65_534);
  try {
    refusesWith(place.file, "inaccessible", /EACCES.*name a place that this user may write to/);
  } finally {
    if (superuser) process.seteuid?.(0);
    chmodSync(place.directory, 0o700);
  }
});

test("four processes that start at once on a missing file all open it", async () => {
  using place = temporary();
  const script = `
    await using store = openStore({ file, clock });
    console.log(store.keys.pepper().toString("hex"));
  `;
  const results = await Promise.all(Array.from({ length: 4 }, () => outputOf(runWithStore(script, place.file))));
  for (const { code, errors } of results) assert.equal(code, 0, errors);
  assert.equal(new Set(results.map(({ output }) => output)).size, 1, "each must see the same pepper");
});

test("a store in memory needs no file", async () => {
  await using store = openStore({ file: ":memory:", clock });
  store.check();
  store.ledger.append(ledgerRow());
  assert.equal((await store.ledger.recent(1)).length, 1);
});

test("the check throws once the store is closed or locked, and says so", async () => {
  using place = temporary();
  const store = openStore({ file: place.file, clock });
  store.check();
  {
    using other = new DatabaseSync(place.file);
    other.exec("BEGIN IMMEDIATE");
    assert.throws(() => store.check(), { name: "StoreError", trouble: "locked" });
  }
  store.check();
  await store[Symbol.asyncDispose]();
  assert.throws(() => store.check(), { name: "StoreError", trouble: "closed" });
  await store[Symbol.asyncDispose]();
});
