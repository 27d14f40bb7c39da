import assert from "node:assert/strict";
import { test } from "node:test";
import { Cooldowns } from "./cooldowns.ts";

function start(): { cooldowns: Cooldowns; pass: (milliseconds: number) => void } {
  let now = 0;
  return { cooldowns: new Cooldowns({ monotonic: () => now }), pass: (milliseconds) => (now += milliseconds) };
}

test("a target cools down for its time, and nobody else does", () => {
  const { cooldowns, pass } = start();
  cooldowns.start({ endpoint: "a", model: "m" }, 1000, "overloaded");
  const left = () => [cooldowns.left("a", "m", 0), cooldowns.left("a", "n", 0), cooldowns.left("b", "m", 0)];
  assert.deepEqual(left(), [1000, 0, 0]);
  pass(400);
  assert.deepEqual(left(), [600, 0, 0]);
  pass(600);
  assert.deepEqual(left(), [0, 0, 0]);
});

/** Who is kept from being asked by a pause of each scope: `model`/`credential`. */
const scopes: readonly (readonly [scope: { model?: string; credential?: number }, kept: string])[] = [
  [{}, "m/0 m/1 n/0 n/1"],
  [{ model: "m" }, "m/0 m/1"],
  [{ credential: 1 }, "m/1 n/1"],
  [{ model: "m", credential: 1 }, "m/1"],
];
for (const [scope, kept] of scopes) {
  test(`a pause of ${JSON.stringify(scope)} keeps ${kept} from being asked`, () => {
    const { cooldowns } = start();
    cooldowns.start({ endpoint: "a", ...scope }, 1000, "rate-limited");
    const all = ["m", "n"].flatMap((model) => [0, 1].map((credential) => [model, credential] as const));
    const found = all.filter(([model, credential]) => cooldowns.left("a", model, credential) > 0);
    assert.equal(found.map((pair) => pair.join("/")).join(" "), kept);
    assert.deepEqual(
      cooldowns.all().map(({ why, until }) => [why, until]),
      [["rate-limited", 1000]],
    );
  });
}

test("the longer of two pauses counts, and the longest of all scopes", () => {
  const { cooldowns } = start();
  cooldowns.start({ endpoint: "a", model: "m" }, 1000, "overloaded");
  cooldowns.start({ endpoint: "a", model: "m" }, 200, "overloaded");
  assert.equal(cooldowns.left("a", "m", 0), 1000);
  cooldowns.start({ endpoint: "a", credential: 0 }, 3000, "quota-exhausted");
  assert.equal(cooldowns.left("a", "m", 0), 3000);
  assert.equal(cooldowns.running("a", "m", 0)?.why, "quota-exhausted");
});

test("a pause of no length is none", () => {
  const { cooldowns } = start();
  cooldowns.start({ endpoint: "a", model: "m" }, 0, "rate-limited");
  assert.deepEqual(cooldowns.all(), []);
});

test("pauses can be ended: a target's, an endpoint's, all", () => {
  const { cooldowns } = start();
  for (const endpoint of ["a", "b"]) {
    for (const model of ["m", "n"]) cooldowns.start({ endpoint, model }, 1000, "rate-limited");
  }
  const names = () => cooldowns.all().map(({ endpoint, model }) => `${endpoint}/${model}`);
  cooldowns.reset("a", "m");
  assert.deepEqual(names(), ["a/n", "b/m", "b/n"]);
  cooldowns.reset("b");
  assert.deepEqual(names(), ["a/n"]);
  cooldowns.reset();
  assert.deepEqual(names(), []);
});

test("pauses that are over are forgotten, however many models were named", () => {
  const { cooldowns, pass } = start();
  for (let index = 0; index < 50_000; index++) {
    cooldowns.start({ endpoint: "a", model: `m${index}` }, 5, "rate-limited");
    pass(1);
  }
  assert.equal(cooldowns.left("a", "m49999", 0), 4);
  assert.equal(cooldowns.left("a", "m0", 0), 0);
});

test("there are only so many pauses, even if none is over", () => {
  const { cooldowns } = start();
  for (let index = 0; index < 50_000; index++) {
    cooldowns.start({ endpoint: "a", model: `m${index}` }, 60_000, "rate-limited");
  }
  assert.ok(cooldowns.all().length <= 10_000);
  assert.equal(cooldowns.left("a", "m49999", 0), 60_000);
});
