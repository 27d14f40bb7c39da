import assert from "node:assert/strict";
import { test } from "node:test";
import fastCheck from "fast-check";
import { editDistance, nearest } from "./nearest.ts";

const cases: readonly (readonly [name: string, candidates: readonly string[], expected: readonly string[]])[] = [
  ["modles", ["models", "endpoints"], ["models"]],
  ["Models", ["models"], ["models"]],
  ["gpt4o", ["gpt-4o", "gpt-4o-mini", "o3"], ["gpt-4o"]],
  ["qwen-coder", ["qwen-3-coder", "coder"], ["qwen-3-coder"]],
  ["ab", ["ba", "xy"], ["ba"]],
  ["zzz", ["models", "endpoints"], []],
  ["w", ["v"], []],
  ["W", ["w"], ["w"]],
  ["", ["a"], []],
  ["x".repeat(200), ["x".repeat(200)], []],
];
for (const [name, candidates, expected] of cases) {
  test(`the nearest of ${candidates.join(", ").slice(0, 40)} to "${name.slice(0, 20)}" is ${expected.join() || "none"}`, () => {
    assert.deepEqual(nearest(name, candidates), expected);
  });
}

test("the limit bounds the answers, best first", () => {
  assert.deepEqual(nearest("model", ["modem", "models", "model"], 2), ["model", "modem"]);
});

test("the distance is zero exactly for equal texts, symmetric, and never more than the longer text", () => {
  const text = fastCheck.string({ maxLength: 12 });
  fastCheck.assert(
    fastCheck.property(text, text, (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length));
    }),
  );
});
