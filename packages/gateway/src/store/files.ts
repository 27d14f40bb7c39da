import { closeSync, constants, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "./store-error.ts";

const groupAndOthers = 0o077;

function code(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function inaccessible(file: string, error: unknown): StoreError {
  const reason = error instanceof Error ? error.message : "unknown error";
  return new StoreError(
    "inaccessible",
    `The store ${file} cannot be made or opened (${reason}); name a place that this user may write to.`,
    error,
  );
}

/** Windows keeps access rights elsewhere: its mode bits say nothing. */
function isExposed(mode: number): boolean {
  return process.platform !== "win32" && (mode & groupAndOthers) !== 0;
}

function refuseExposed(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !isExposed(stats.mode)) return;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, "0");
  throw new StoreError(
    "exposed",
    `The store ${path} is open to other users of this machine (mode ${mode}). Run: chmod 600 ${path}`,
  );
}

/**
 * Makes the database file with mode 0600 before SQLite does so with 0644; SQLite gives its `-wal` and `-shm` files
 * the mode of the database. Missing directories are made with mode 0700.
 * @throws StoreError `inaccessible`, or `exposed` when the group or others may use an existing file.
 */
export function prepareFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw inaccessible(file, error);
  }
  try {
    closeSync(openSync(file, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600));
  } catch (error) {
    if (code(error) !== "EEXIST") throw inaccessible(file, error);
  }
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile()) {
    throw new StoreError("inaccessible", `The store ${file} is not a regular file; name another one.`);
  }
  for (const suffix of ["", "-wal", "-shm"]) refuseExposed(file + suffix);
}
