import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { leastFirst } from "./least.ts";
import { orderOfTurns, sharesOf } from "./rotation.ts";

/** Who has each of so many turns. */
function turns(weights: readonly number[], count: number): readonly number[] {
  const shares = sharesOf(weights);
  const due = weights.map(() => 0);
  return Array.from({ length: count }, () => {
    const [taken = -1] = orderOfTurns(shares, due, 1);
    for (const [index, share] of shares.entries()) due[index] = (due[index] ?? 0) + share - (index === taken ? 1 : 0);
    return taken;
  });
}

const rows: readonly (readonly [weights: readonly number[], turns: string])[] = [
  [[1, 1, 1], "012012012"],
  [[2, 1], "010010010"],
  [[5, 1, 1], "00010200001020"],
  [[1, 0], "0000"],
  [[0, 0], "0101"],
  [[3], "000"],
];
for (const [weights, expected] of rows) {
  test(`weights of ${weights.join(", ")} have these turns: ${expected}`, () => {
    assert.equal(turns(weights, expected.length).join(""), expected);
  });
}

test("after every turn nobody had a whole turn more or less than its share", () => {
  const weights = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 1000 })), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 300 }), (given, count) => {
      const shares = sharesOf(given);
      const had = given.map(() => 0);
      for (const [turn, taken] of turns(given, count).entries()) {
        had[taken] = (had[taken] ?? 0) + 1;
        for (const [index, share] of shares.entries()) {
          const off = (had[index] ?? 0) - share * (turn + 1);
          assert.ok(Math.abs(off) < 1, `after ${turn + 1} turns target ${index} is off by ${off}`);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test("the rest stands in for the first in the order in which its turns come", () => {
  assert.deepEqual(orderOfTurns([0.25, 0.25, 0.5], [0, 0, 0], 3), [2, 0, 1]);
  assert.deepEqual(orderOfTurns([0.5, 0.5, 0], [-0.5, 0.5, 0], 3), [1, 0, 2]);
});

test("whoever has no share now has no turn, whatever it was owed before the document changed", () => {
  assert.deepEqual(orderOfTurns([0, 0.5, 0.5], [0.9, -0.9, -0.6], 3), [2, 1, 0]);
});

test("of scores the least come first, as many as are asked for, and the others stay as they stand", () => {
  assert.deepEqual(leastFirst([5, 3, 4, 1, 3], 3), [3, 1, 4, 0, 2]);
  assert.deepEqual(leastFirst([2, 2, 1], 9), [2, 0, 1]);
  assert.deepEqual(leastFirst([], 3), []);
});
