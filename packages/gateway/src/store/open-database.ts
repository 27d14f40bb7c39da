import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { prepareFile } from "./files.ts";
import { checkIdentity, isEmpty, migrate } from "./migrate.ts";
import { StoreError, toStoreError } from "./store-error.ts";

/** How long starting waits for another process that is starting too, in milliseconds. */
const startPatience = 2_000;
/** While serving, SQLite's wait blocks the event loop: milliseconds. */
const servingPatience = 50;
/** Up to this size the whole file is checked at start (about 1.3 ms a megabyte); above it, only the small tables. */
const wholeCheckBytes = 4 * 1024 * 1024;

function pragma(database: DatabaseSync, sql: string): unknown {
  return Object.values(database.prepare(sql).get() ?? {})[0];
}

/** The check itself throws on some damage and reports other damage as a row. */
function checkSoundness(database: DatabaseSync, file: string): void {
  const pages = Number(pragma(database, "PRAGMA page_count"));
  const size = pages * Number(pragma(database, "PRAGMA page_size"));
  const checks =
    size <= wholeCheckBytes
      ? ["PRAGMA quick_check(1)"]
      : ["PRAGMA quick_check(keys)", "PRAGMA quick_check(settings)", "PRAGMA quick_check(counters)"];
  for (const check of checks) {
    const verdict = pragma(database, check);
    if (verdict === "ok") continue;
    throw new StoreError(
      "corrupt",
      `The store ${file} is damaged (${String(verdict).replaceAll(/\s+/g, " ")}); restore it from a backup, or move it away to start anew.`,
    );
  }
}

/**
 * Opens a database that is ready to serve: ours, sound, of the newest schema, in WAL mode, readable by its owner only.
 * Commits are durable against power loss (`synchronous=FULL`); who can do with less says so (`withQuickCommits`).
 * @param file a file name or `:memory:`.
 * @throws StoreError
 */
export function openDatabase(file: string): DatabaseSync {
  const path = file === ":memory:" ? file : resolve(file);
  if (path !== ":memory:") prepareFile(path);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, {
      timeout: startPatience,
      enableForeignKeyConstraints: true,
    });
    checkIdentity(database, path);
    // Takes effect only before the first page is written.
    if (isEmpty(database)) database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216");
    migrate(database, path);
    checkSoundness(database, path);
    database.exec(`PRAGMA busy_timeout = ${servingPatience}`);
    return database;
  } catch (error) {
    if (database?.isOpen === true) database.close();
    throw toStoreError(path, error);
  }
}

/**
 * Runs one write transaction whose loss by a power cut is bearable (a kill of the process loses nothing), and which
 * does not wait for a lock at all, since waiting would block the event loop.
 * @throws whatever SQLite throws; then nothing is written.
 */
export function withQuickCommits(database: DatabaseSync, write: () => void): void {
  database.exec("PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 0");
  let began = false;
  try {
    database.exec("BEGIN IMMEDIATE");
    began = true;
    write();
    database.exec("COMMIT");
  } catch (error) {
    // SQLite has already rolled back after some errors, such as a full disk.
    if (began && database.isTransaction) database.exec("ROLLBACK");
    throw error;
  } finally {
    if (database.isOpen) database.exec(`PRAGMA busy_timeout = ${servingPatience}; PRAGMA synchronous = FULL`);
  }
}
