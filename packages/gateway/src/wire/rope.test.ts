import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { scanObject } from "./json-scan.ts";
import { splice, splicePieces } from "./json-splice.ts";
import { Rope } from "./rope.ts";

function cutInto(bytes: Buffer, sizes: readonly number[]): Rope {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  chunks.push(bytes.subarray(at));
  return new Rope(chunks);
}

const arbitraryBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
const sizes = fc.array(fc.nat(20), { maxLength: 6 });

test("a rope is its chunks, however they were cut", () => {
  fc.assert(
    fc.property(arbitraryBytes, sizes, fc.nat(70), fc.nat(70), (bytes, cuts, start, end) => {
      const rope = cutInto(bytes, cuts);
      assert.equal(rope.length, bytes.length);
      assert.deepEqual(Buffer.concat(rope.pieces(start, end)), bytes.subarray(start, Math.max(start, end)));
      assert.deepEqual(
        rope.withBytes((all) => Buffer.from(all)),
        bytes,
      );
      assert.equal(rope.text(start, end), bytes.subarray(start, Math.max(start, end)).toString("utf8"));
      assert.deepEqual(rope.bytes, bytes);
      assert.deepEqual(Buffer.concat(rope.pieces(0, bytes.length)), bytes);
    }),
  );
});

test("a body of one chunk is never copied", () => {
  const chunk = Buffer.from("{}");
  const rope = new Rope([chunk]);
  assert.equal(rope.bytes, chunk);
  assert.equal(
    rope.withBytes((bytes) => bytes),
    chunk,
  );
});

for (const count of [2, 20]) {
  test(`a body of ${count} chunks is copied for the first look, and again only after another body`, () => {
    const chunks = Array.from({ length: count }, (_, index) => Buffer.alloc(65_536, index));
    const whole = Buffer.concat(chunks);
    const rope = new Rope(chunks);
    const show = (bytes: Buffer) => bytes;
    const first = rope.withBytes(show);
    assert.deepEqual(first, whole);
    assert.equal(rope.withBytes(show), first);
    new Rope(chunks.toReversed()).withBytes((bytes) => assert.notDeepEqual(bytes, whole));
    assert.deepEqual(rope.withBytes(show), whole);
    assert.deepEqual(rope.bytes, whole);
  });
}

test("what is spliced from chunks is what is spliced from the whole", () => {
  const bytes = Buffer.from('{"model":"a","messages":[{"role":"user","content":"é\\" x"}],"stream":true}');
  const scan = scanObject(bytes, 64);
  assert.ok(scan.ok);
  const { object } = scan;
  const edits = [
    { kind: "set", field: "model", value: "other" },
    { kind: "set", field: "new", value: 1 },
    { kind: "remove", field: "stream" },
  ] as const;
  const expected = splice(bytes, object, edits);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    assert.deepEqual(Buffer.concat(splicePieces(cutInto(bytes, [cut]), object, edits)), expected);
  }
});

test("a text is found where it stands, however the bytes were cut", () => {
  const letters = fc.array(fc.constantFrom("a", "b"), { maxLength: 30 }).map((all) => all.join(""));
  fc.assert(
    fc.property(letters, sizes, letters, fc.nat(35), fc.nat(35), (text, cuts, sought, start, end) => {
      const rope = cutInto(Buffer.from(text), cuts);
      assert.equal(rope.includes(sought.slice(0, 3)), text.includes(sought.slice(0, 3)));
      const within = text.slice(start, Math.max(start, end));
      assert.equal(rope.includes(sought.slice(0, 3), start, Math.max(start, end)), within.includes(sought.slice(0, 3)));
    }),
  );
});
