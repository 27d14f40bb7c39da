import { closeSync, openSync, readSync } from "node:fs";

/** A little more than any text that we take, so that too long stays too long. */
const mostBytes = 1024 * 1024 + 1024;

/** The text of a file, cut off after 1 MiB and 1 KiB. Throws node:fs's errors, and a TypeError when it is no UTF-8. */
export function readTextFile(path: string): string {
  const descriptor = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(mostBytes);
    let length = 0;
    while (length < mostBytes) {
      const count = readSync(descriptor, buffer, length, mostBytes - length, null);
      if (count === 0) break;
      length += count;
    }
    // A text that was cut within a character is refused for its length anyway.
    return new TextDecoder("utf-8", { fatal: length < mostBytes }).decode(buffer.subarray(0, length));
  } finally {
    closeSync(descriptor);
  }
}
