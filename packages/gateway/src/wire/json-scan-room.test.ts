import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { renderedObject } from "./json-arbitrary.test-data.ts";
import { commonSize, roomWith } from "./json-scan-room.ts";
import { scanObject } from "./json-scan.ts";
import { Rope } from "./rope.ts";

test("a text in chunks scans as it does in one, wherever it is cut", () => {
  fc.assert(
    fc.property(renderedObject, fc.array(fc.nat(), { maxLength: 4 }), ({ text }, cuts) => {
      const bytes = Buffer.from(text);
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      assert.deepEqual(
        new Rope(chunks).withBytes((all) => scanObject(all, 64)),
        scanObject(Buffer.from(text), 64),
      );
    }),
  );
});

test("what an earlier text left behind the end of a shorter one closes nothing", () => {
  const whole = Buffer.from(`{"role":"user","a":[1,2,{"b":"${"x".repeat(80)}"}],"c":12345,"d":true}`);
  for (let length = 0; length < whole.length; length++) {
    assert.ok(scanObject(whole, 64).ok);
    const short = scanObject(whole.subarray(0, length), 64);
    assert.ok(!short.ok, `cut at ${length}`);
    assert.ok(short.offset <= length);
  }
});

test("a part of a text that stands in the room scans as that part", () => {
  const rope = new Rope([Buffer.from('{"a":{"b":1}'), Buffer.from("}")]);
  rope.withBytes((bytes) => {
    assert.deepEqual(scanObject(bytes.subarray(5, 12), 64), scanObject(Buffer.from('{"b":1}'), 64));
  });
});

for (const size of [commonSize - 1, commonSize, commonSize + 1, 3 * commonSize + 7]) {
  test(`a text of ${size} bytes is scanned to its end, in one and in chunks`, () => {
    const text = Buffer.from(`{"a":"${"é\\n".repeat(size)}`).subarray(0, size - 3);
    const padded = Buffer.concat([text, Buffer.from('n"}')]);
    padded[size - 4] = 92;
    const object = scanObject(padded, 2);
    assert.ok(object.ok);
    assert.equal(object.object.close, size - 1);
    const halves = [padded.subarray(0, 1000), padded.subarray(1000)];
    assert.deepEqual(
      new Rope(halves).withBytes((all) => scanObject(all, 2)),
      object,
    );
  });
}

for (const size of [1000, commonSize + 70_000]) {
  test(`texts of ${size} bytes stand in one room one after another, and are not put together besides`, () => {
    const long = [Buffer.alloc(size, "a"), Buffer.alloc(size, "b")];
    const { text } = roomWith(long, 2 * size);
    new Rope([Buffer.alloc(size, "c"), Buffer.from("d")]).withBytes((bytes) => {
      assert.equal(bytes.buffer, text.buffer);
      assert.equal(roomWith([bytes], bytes.length).text, bytes, "it stands there already");
    });
  });

  test(`what an earlier text left behind the end of one of ${size} bytes closes nothing, and is no role`, () => {
    const opened = `{"a":[{"text":"${"x".repeat(size)}"},{"role":"`;
    const secret = Buffer.from(`${opened}secret"}],"b":1}`);
    for (let cut = opened.length - 12; cut < secret.length; cut++) {
      assert.ok(scanObject(secret, 64).ok);
      const outcome = scanObject(secret.subarray(0, cut), 64);
      assert.ok(!outcome.ok, `cut at ${cut}`);
      assert.ok(outcome.offset <= cut);
    }
  });
}
