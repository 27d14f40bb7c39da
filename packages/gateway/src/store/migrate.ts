import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "./store-error.ts";
import { migrations } from "./migrations/index.ts";

/** Marks a file as ours in SQLite's header: "pbay". */
const applicationId = 0x70626179;

function pragma(database: DatabaseSync, sql: string): number {
  const value = Object.values(database.prepare(sql).get() ?? {})[0];
  return typeof value === "number" ? value : 0;
}

/** True for a file that holds no table yet. */
export function isEmpty(database: DatabaseSync): boolean {
  return pragma(database, "SELECT count(*) FROM sqlite_schema") === 0;
}

/**
 * Refuses files of other programs and of newer versions.
 * @throws StoreError `foreign` or `newer`.
 */
export function checkIdentity(database: DatabaseSync, file: string): void {
  if (isEmpty(database)) return;
  if (pragma(database, "PRAGMA application_id") !== applicationId) {
    throw new StoreError("foreign", `The store ${file} is a database of another program; name another file.`);
  }
  const version = pragma(database, "PRAGMA user_version");
  if (version > migrations.length) {
    throw new StoreError(
      "newer",
      `The store ${file} has schema ${version}, written by a newer version; this one knows schema ${migrations.length}.`,
    );
  }
}

/** Applies the migrations that the file lacks, all or none. Two processes may do so at the same time. */
export function migrate(database: DatabaseSync, file: string): void {
  if (pragma(database, "PRAGMA user_version") === migrations.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    // Read again: another process may have been first while we waited for the lock.
    checkIdentity(database, file);
    const version = pragma(database, "PRAGMA user_version");
    for (const sql of migrations.slice(version)) database.exec(sql);
    // A pragma takes no bound parameters; both numbers are our own.
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
