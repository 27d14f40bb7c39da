import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { newInflater } from "./inflate.ts";

const plain = Buffer.from(
  Array.from({ length: 5000 }, (_, index) => `line ${index} ${(index * 7919) % 1000}\n`).join(""),
);
const codings = [
  ["gzip", gzipSync(plain)],
  ["x-gzip", gzipSync(plain)],
  ["br", brotliCompressSync(plain)],
] as const;

interface Heard {
  readonly bytes: Buffer;
  readonly end: "end" | "fail";
}

function inflate(coding: string, pieces: readonly Buffer[]): Promise<Heard> {
  const inflater = newInflater(coding);
  assert.ok(inflater !== undefined);
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const tell = (end: Heard["end"]) => resolve({ bytes: Buffer.concat(chunks), end });
    inflater.listen({
      data: (chunk) => chunks.push(chunk),
      end: () => tell("end"),
      fail: () => tell("fail"),
      drained: () => {},
    });
    for (const piece of pieces) inflater.write(piece);
    inflater.end();
  });
}

for (const [coding, packed] of codings) {
  test(`${coding}: inflates what comes in one piece or byte by byte`, async () => {
    for (const pieces of [[packed], Array.from(packed, (byte) => Buffer.from([byte]))]) {
      const { bytes, end } = await inflate(coding, pieces);
      assert.equal(end, "end");
      assert.ok(bytes.equals(plain));
    }
  });

  test(`${coding}: a body that is cut anywhere is an error`, async () => {
    for (let length = 1; length < packed.length; length += Math.ceil(packed.length / 40)) {
      const { end } = await inflate(coding, [packed.subarray(0, length)]);
      assert.equal(end, "fail", `cut at ${length} of ${packed.length}`);
    }
    assert.equal((await inflate(coding, [packed.subarray(0, -1)])).end, "fail");
  });

  test(`${coding}: what is not compressed is an error`, async () => {
    assert.equal((await inflate(coding, [plain])).end, "fail");
  });

  test(`${coding}: says when it has enough, and when it wants more`, async () => {
    const inflater = newInflater(coding);
    assert.ok(inflater !== undefined);
    let drained = 0;
    let size = 0;
    const over = new Promise<void>((resolve) => {
      inflater.listen({
        data: (chunk) => (size += chunk.length),
        end: resolve,
        fail: resolve,
        drained: () => (drained += 1),
      });
    });
    inflater.pause();
    const bomb = coding === "br" ? brotliCompressSync(Buffer.alloc(10_000_000)) : gzipSync(Buffer.alloc(10_000_000));
    let took = true;
    for (let at = 0; at < bomb.length && took; at += 4096) took = inflater.write(bomb.subarray(at, at + 4096));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(size < 1_000_000, `${size} bytes came although it was paused`);
    inflater.resume();
    inflater.end();
    await over;
    assert.ok(size > 0);
    if (!took) assert.ok(drained > 0);
  });
}

test("other codings are unknown", () => {
  for (const coding of ["deflate", "zstd", "compress", "gzip, br", "", "GZIP", "identity"]) {
    assert.equal(newInflater(coding), undefined, coding);
  }
});
