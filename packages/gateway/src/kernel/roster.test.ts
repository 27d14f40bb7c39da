import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Roster } from "./roster.ts";

test("a roster has whom a set has, in the same order, whoever comes and goes", () => {
  const members = Array.from({ length: 12 }, (_, name) => ({ name }));
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 11 }), { maxLength: 300 }), (changes) => {
      const roster = new Roster<{ name: number }>();
      const set = new Set<{ name: number }>();
      for (const change of changes) {
        const member = members[change] ?? assert.fail();
        if (set.delete(member)) roster.delete(member);
        else {
          set.add(member);
          roster.add(member);
        }
        assert.equal(roster.size, set.size);
        assert.deepEqual([...roster], [...set]);
      }
    }),
  );
});

test("who leaves while a roster is read is not told of, who comes is, and nobody is told of twice", () => {
  const [a, b, c, d] = [{ name: "a" }, { name: "b" }, { name: "c" }, { name: "d" }];
  const roster = new Roster<{ name: string }>();
  for (const member of [a, b, c]) roster.add(member);
  const told: string[] = [];
  for (const { name } of roster) {
    told.push(name);
    if (name !== "a") continue;
    for (const member of [a, b]) roster.delete(member);
    roster.add(d);
  }
  assert.deepEqual(told, ["a", "c", "d"]);
  for (const member of roster) {
    assert.equal(member, c);
    break;
  }
  roster.delete(a);
  assert.deepEqual([roster.size, [...roster]], [2, [c, d]]);
});
