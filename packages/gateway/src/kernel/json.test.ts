import assert from "node:assert/strict";
import { test } from "node:test";
import { compact } from "./json.ts";

test("what is undefined is left out, and nothing else", () => {
  const entries = { none: undefined, nothing: null, no: false, zero: 0, empty: "", list: [undefined] };
  assert.deepEqual(compact(entries), { nothing: null, no: false, zero: 0, empty: "", list: [undefined] });
});

test("an own __proto__ stays an ordinary entry", () => {
  const entries = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as { readonly [name: string]: unknown };
  const result = compact(entries);
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
  assert.deepEqual(Object.entries(result), [
    ["__proto__", { polluted: true }],
    ["a", 1],
  ]);
});
