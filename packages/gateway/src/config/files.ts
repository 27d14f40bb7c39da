import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** A little more than any text that we take, so that too long stays too long. */
const mostBytes = 1024 * 1024 + 1024;

/**
 * The text of a file, cut off after 1 MiB and 1 KiB. Of a pipe too (`--config <(...)`), whose writer is waited for.
 * Throws node:fs's errors, and a TypeError when it is no UTF-8; their `code` says why.
 */
export function readTextFile(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    return readAll(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The same of a regular file only, for a process that serves: opening a pipe or a device would stop it until somebody
 * writes there, and a pipe that was read once is empty.
 */
export function readRegularFile(path: string): string {
  // A file does not know the flag; without it, the opening itself would wait.
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = fstatSync(descriptor);
    if (stats.isFile()) return readAll(descriptor);
    throw Object.assign(new Error("not a regular file"), {
      code: stats.isDirectory() ? "EISDIR" : "not a regular file",
    });
  } finally {
    closeSync(descriptor);
  }
}

function readAll(descriptor: number): string {
  const buffer = Buffer.allocUnsafe(mostBytes);
  let length = 0;
  while (length < mostBytes) {
    const count = readSync(descriptor, buffer, length, mostBytes - length, null);
    if (count === 0) break;
    length += count;
  }
  try {
    // A text that was cut within a character is refused for its length anyway.
    return new TextDecoder("utf-8", { fatal: length < mostBytes }).decode(buffer.subarray(0, length));
  } catch {
    throw Object.assign(new TypeError("not UTF-8"), { code: "not UTF-8" });
  }
}
