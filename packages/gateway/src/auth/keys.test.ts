import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { createKey, keyProblem, parseKey } from "./keys.ts";

const pepper = Buffer.alloc(32, 1);
const now = 1_700_000_000_000;

test("a key is made with what the store keeps of it, which does not hold its secret", () => {
  const { key, stored } = createKey({
    name: "laptop",
    models: ["gpt-*"],
    expiresAt: now + 1,
    now,
    pepper,
  });
  const parsed = parseKey(key);
  assert.ok(parsed !== undefined);
  assert.deepEqual(stored, {
    id: parsed.id,
    name: "laptop",
    hash: createHmac("sha256", pepper).update(parsed.secret).digest("hex"),
    createdAt: now,
    expiresAt: now + 1,
    models: ["gpt-*"],
  });
  assert.ok(!JSON.stringify(stored).includes(parsed.secret));
});

test("what was not wished for is absent", () => {
  const { stored } = createKey({ name: "laptop", now, pepper });
  assert.deepEqual(Object.keys(stored), ["id", "name", "hash", "createdAt"]);
});

test("no two keys are alike", () => {
  const keys = Array.from({ length: 200 }, () => createKey({ name: "a", now, pepper }));
  assert.equal(new Set(keys.map(({ key }) => key)).size, 200);
  assert.equal(new Set(keys.map(({ stored }) => stored.id)).size, 200);
});

test("bytes that would favour some digits are thrown away", () => {
  let next = 0;
  const random = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => next++ % 256));
  const counts = new Map<string, number>();
  // Every byte value comes equally often, so every digit must.
  for (let round = 0; round < 248 * 8; round += 1) {
    const parsed = parseKey(createKey({ name: "a", now, pepper, random }).key);
    for (const digit of `${parsed?.id}${parsed?.secret}`) counts.set(digit, (counts.get(digit) ?? 0) + 1);
  }
  assert.equal(counts.size, 62);
  assert.ok(Math.max(...counts.values()) - Math.min(...counts.values()) <= 8, JSON.stringify([...counts]));
});

const wishes: readonly (readonly [string, Parameters<typeof keyProblem>[0], RegExp])[] = [
  ["no name", { name: " ", now }, /needs a name/],
  ["a long name", { name: "a".repeat(101), now }, /at most 100/],
  ["a name with an escape sequence", { name: "a\u001b[31m", now }, /control characters/],
  ["no model", { name: "a", now, models: [] }, /no model/],
  ["an empty model", { name: "a", now, models: [""] }, /empty/],
  ["two stars", { name: "a", now, models: ["*a*"] }, /more than one \*/],
  ["an expiry in the past", { name: "a", now, expiresAt: now }, /already passed/],
  ["an expiry that is no time", { name: "a", now, expiresAt: Number.NaN }, /not a time/],
];
for (const [name, wish, message] of wishes) {
  test(`${name}: no key`, () => {
    assert.match(keyProblem(wish) ?? "", message);
    assert.throws(() => createKey({ ...wish, pepper }), RangeError);
  });
}
