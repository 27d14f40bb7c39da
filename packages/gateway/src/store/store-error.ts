/** What keeps the store from working, by meaning. */
export type StoreTrouble =
  /** The file, or its directory, cannot be made or opened. */
  | "inaccessible"
  /** Others on this machine may read the file. */
  | "exposed"
  | "not-a-database"
  /** An SQLite file of another program. */
  | "foreign"
  /** Written by a newer version of this program. */
  | "newer"
  | "corrupt"
  | "read-only"
  | "full"
  /** Another process holds the write lock. */
  | "locked"
  /** The device failed. */
  | "device"
  /** The store was closed. */
  | "closed"
  /** A value that the schema does not take. */
  | "refused";

/** Trouble with the store: `message` is one sentence for the operator, with the remedy where there is one. */
export class StoreError extends Error {
  readonly trouble: StoreTrouble;

  constructor(trouble: StoreTrouble, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "StoreError";
    this.trouble = trouble;
  }
}

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html). */
const troubles: ReadonlyMap<number, readonly [StoreTrouble, string]> = new Map([
  [5, ["locked", "is locked by another process"]],
  [6, ["locked", "is locked by another connection"]],
  [8, ["read-only", "cannot be written to; check its permissions and its file system"]],
  [10, ["device", "cannot be read or written: the device reports an error"]],
  [11, ["corrupt", "is damaged; restore it from a backup, or move it away to start anew"]],
  [13, ["full", "cannot grow: the disk is full"]],
  [14, ["inaccessible", "cannot be opened; check its permissions and those of its directory"]],
  [18, ["refused", "does not take a value of this size"]],
  [19, ["refused", "does not take this row: it breaks a rule of the schema"]],
  [20, ["refused", "does not take this value: it is of the wrong type"]],
  [26, ["not-a-database", "is not an SQLite database; move it away, or name another file"]],
]);

/** The primary SQLite code of an error that `node:sqlite` threw; undefined for any other error. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
}

/** Gives an error that `node:sqlite` threw about `file` its meaning. A StoreError stays as it is. */
export function toStoreError(file: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const known = troubles.get(sqliteCode(error) ?? -1);
  if (known !== undefined) return new StoreError(known[0], `The store ${file} ${known[1]}.`, error);
  const detail = error instanceof Error ? error.message : "unknown error";
  if (detail === "database is not open") return new StoreError("closed", `The store ${file} is closed.`, error);
  return new StoreError("device", `The store ${file} failed: ${detail}.`, error);
}
