import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { test } from "node:test";
import { readRegularFile, readTextFile } from "./files.ts";
import { watchDocument } from "./watch.ts";
import type { WatchOptions } from "./watch.ts";

interface Watched extends Disposable {
  readonly directory: string;
  readonly file: string;
  readonly seen: (string | undefined)[];
}

function watched(options: WatchOptions = {}): Watched {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-watch-"));
  const file = join(directory, "patchbay.yaml");
  writeFileSync(file, "first");
  const seen: (string | undefined)[] = [];
  const watcher = watchDocument(file, (text) => seen.push(text), options);
  return {
    directory,
    file,
    seen,
    [Symbol.dispose]() {
      watcher[Symbol.dispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 4000;
  while (!condition() && performance.now() < deadline) await wait(10);
}

test("a file that is written or renamed over, as editors do, is seen once each", { concurrency: true }, async () => {
  using watching = watched();
  writeFileSync(watching.file, "second");
  await until(() => watching.seen.length === 1);
  writeFileSync(`${watching.file}.swp`, "third");
  renameSync(`${watching.file}.swp`, watching.file);
  await until(() => watching.seen.length === 2);
  unlinkSync(watching.file);
  await wait(150);
  writeFileSync(watching.file, "fourth");
  await until(() => watching.seen.length === 3);
  await wait(150);
  assert.deepEqual(watching.seen, ["second", "third", "fourth"]);
});

test("neighbours, touches and equal content are no change", async () => {
  using watching = watched();
  writeFileSync(join(watching.directory, "other.yaml"), "x");
  writeFileSync(watching.file, "first");
  await wait(250);
  assert.deepEqual(watching.seen, []);
});

test("writes in a row are seen as one, with the last content", async () => {
  using watching = watched();
  for (const text of ["a", "ab", "abc"]) {
    writeFileSync(watching.file, text);
    await wait(20);
  }
  await until(() => watching.seen.length > 0);
  assert.deepEqual(watching.seen, ["abc"]);
});

test("a change is seen though the directory is never quiet", async () => {
  using watching = watched();
  writeFileSync(watching.file, "second");
  const began = performance.now();
  while (watching.seen.length === 0 && performance.now() - began < 3000) {
    writeFileSync(join(watching.directory, "noise"), String(performance.now()));
    await wait(30);
  }
  assert.deepEqual(watching.seen, ["second"]);
});

test("a change between loading and watching is seen", async () => {
  using watching = watched({ text: "older" });
  await until(() => watching.seen.length > 0);
  assert.deepEqual(watching.seen, ["first"]);
});

test("a volume that swaps a link is seen", async () => {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-volume-"));
  for (const [version, text] of [
    ["1", "first"],
    ["2", "second"],
  ] as const) {
    mkdirSync(join(directory, version));
    writeFileSync(join(directory, version, "patchbay.yaml"), text);
  }
  symlinkSync("1", join(directory, "data"));
  symlinkSync("data/patchbay.yaml", join(directory, "patchbay.yaml"));
  const seen: (string | undefined)[] = [];
  using _watcher = watchDocument(join(directory, "patchbay.yaml"), (text) => seen.push(text));
  symlinkSync("2", join(directory, "next"));
  renameSync(join(directory, "next"), join(directory, "data"));
  await until(() => seen.length > 0);
  rmSync(directory, { recursive: true });
  assert.deepEqual(seen, ["second"]);
});

test("nothing is heard after disposal", async () => {
  const watching = watched();
  const { seen, file } = watching;
  writeFileSync(file, "second");
  await wait(20);
  watching[Symbol.dispose]();
  await wait(200);
  assert.deepEqual(seen, []);
});

test("a file is read to a little over 1 MiB, and bytes that are no UTF-8 are refused", () => {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-read-"));
  const file = join(directory, "f");
  writeFileSync(file, "ä".repeat(1024 * 1024));
  const { length } = Buffer.from(readTextFile(file));
  assert.ok(length > 1024 * 1024 && length < 1024 * 1024 + 2048);
  writeFileSync(file, Buffer.from([0x61, 0xff]));
  assert.throws(() => readTextFile(file), TypeError);
  rmSync(directory, { recursive: true });
});

/** What may take the document's place without being one. */
const impostors: readonly (readonly [name: string, make: (file: string) => void])[] = [
  ["a directory", (file) => mkdirSync(file)],
  ["a pipe that nobody writes to", (file) => void execFileSync("mkfifo", [file])],
  ["an endless device", (file) => symlinkSync("/dev/zero", file)],
  ["bytes that are no UTF-8", (file) => writeFileSync(file, Buffer.from([0x61, 0xff]))],
];

for (const [name, make] of impostors) {
  test(`${name} in the file's place is told once, and the next file is read`, { timeout: 10_000 }, async () => {
    using watching = watched();
    rmSync(watching.file);
    make(watching.file);
    await until(() => watching.seen.length > 0);
    writeFileSync(join(watching.directory, "noise"), "x");
    await wait(250);
    assert.deepEqual(watching.seen, [undefined]);
    rmSync(watching.file, { recursive: true });
    await wait(150);
    writeFileSync(watching.file, "first");
    await until(() => watching.seen.length > 1);
    assert.deepEqual(watching.seen, [undefined, "first"]);
  });
}

test("a file that comes back with the same text is heard of, since something may have gone wrong without it", async () => {
  using watching = watched();
  rmSync(watching.file);
  await wait(250);
  writeFileSync(watching.file, "first");
  await until(() => watching.seen.length > 0);
  assert.deepEqual(watching.seen, ["first"]);
});

test("no endless file is read to its end, and no pipe by a process that serves", () => {
  assert.ok(readTextFile("/dev/zero").length < 1024 * 1024 + 2048);
  for (const path of ["/dev/zero", "/dev/null"]) {
    assert.throws(() => readRegularFile(path), { code: "not a regular file" });
  }
});
