import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { migrate } from "./migrate.ts";
import { migrations } from "./migrations/index.ts";

/** A line is added with each migration, and none is ever changed: databases in the field have run them. */
const released = ["9e48571953f5eaad", "7551553aa8e8ea6a", "ac915d5e7818bfc0"];

test("migrations are append-only", () => {
  const hashes = migrations.map((sql) => createHash("sha256").update(sql).digest("hex").slice(0, 16));
  assert.deepEqual(hashes, released);
});

test("migrating twice changes nothing", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database, ":memory:");
  const schema = database.prepare("SELECT sql FROM sqlite_schema").all();
  migrate(database, ":memory:");
  assert.deepEqual(database.prepare("SELECT sql FROM sqlite_schema").all(), schema);
});

test("a migration that fails leaves nothing behind", () => {
  using database = new DatabaseSync(":memory:");
  // The first migration makes this table, so it must fail after having made others.
  database.exec("CREATE TABLE ledger (a); PRAGMA application_id = 0x70626179");
  assert.throws(() => migrate(database, ":memory:"), /already exists/);
  assert.equal(database.isTransaction, false);
  assert.deepEqual(
    database
      .prepare("SELECT name FROM sqlite_schema")
      .all()
      .map(({ name }) => name),
    ["ledger"],
  );
  assert.equal(database.prepare("PRAGMA user_version").get()?.["user_version"], 0);
});
