import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExact, parseExactObject } from "./exact.ts";

const kept = [
  '{"a":9007199254740993}',
  '{"a":[-12345678901234567890],"b":1.5}',
  '{"a":0.123456789012345678901}',
  '{"__proto__":{"x":9007199254740993}}',
];
for (const text of kept) {
  test(`its digits survive: ${text}`, () => assert.equal(JSON.stringify(parseExact(text)), text));
}

const plain: readonly (readonly [string, number])[] = [
  ["1.2345678901234568e-07", 1.234_567_890_123_456_8e-7],
  ["1000000000000000000", 1e18],
  ["9007199254740992", 9_007_199_254_740_992],
  ["1.0", 1],
];
for (const [text, value] of plain) {
  test(`a number that a double holds stays a number: ${text}`, () => {
    assert.deepEqual(parseExact(`{"a":${text}}`), { a: value });
  });
}

test("everything else is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json(), (text) => assert.deepEqual(parseExact(text), JSON.parse(text))),
    { numRuns: 300 },
  );
});

test("what is no object is none, also a number that is kept as its text", () => {
  assert.equal(parseExactObject("12345678901234567891"), undefined);
  assert.equal(parseExactObject("[1]"), undefined);
  assert.equal(parseExactObject("{"), undefined);
});

test("digits survive wherever a number may stand, and those of a text are none", () => {
  const long = "9007199254740993";
  const text = `{ "a" :\t${long},\n"b": [${long},-${long} , 12.${long}0] ,"id": "call_${long} ${long}" }`;
  const number = JSON.stringify(parseExact(text));
  assert.equal(number, `{"a":${long},"b":[${long},-${long},12.${long}0],"id":"call_${long} ${long}"}`);
});
