import assert from "node:assert/strict";
import { test } from "node:test";
import { Cooldowns } from "./cooldowns.ts";

function start(): { cooldowns: Cooldowns; pass: (milliseconds: number) => void } {
  let now = 0;
  return { cooldowns: new Cooldowns({ monotonic: () => now }), pass: (milliseconds) => (now += milliseconds) };
}

test("a target cools down for its time, and nobody else does", () => {
  const { cooldowns, pass } = start();
  cooldowns.start("a", "m", 1000);
  assert.deepEqual(
    [cooldowns.cooldown("a", "m"), cooldowns.cooldown("a", "n"), cooldowns.cooldown("b", "m")],
    [1000, 0, 0],
  );
  pass(400);
  assert.equal(cooldowns.cooldown("a", "m"), 600);
  pass(600);
  assert.equal(cooldowns.cooldown("a", "m"), 0);
});

test("the longer of two pauses counts", () => {
  const { cooldowns } = start();
  cooldowns.start("a", "m", 1000);
  cooldowns.start("a", "m", 200);
  assert.equal(cooldowns.cooldown("a", "m"), 1000);
  cooldowns.start("a", "m", 3000);
  assert.equal(cooldowns.cooldown("a", "m"), 3000);
});

test("a pause of no length is none", () => {
  const { cooldowns } = start();
  cooldowns.start("a", "m", 0);
  assert.equal(cooldowns.cooldown("a", "m"), 0);
});

test("pauses that are over are forgotten, however many models were named", () => {
  const { cooldowns, pass } = start();
  for (let index = 0; index < 50_000; index++) {
    cooldowns.start("a", `m${index}`, 5);
    pass(1);
  }
  assert.equal(cooldowns.cooldown("a", "m49999"), 4);
  assert.equal(cooldowns.cooldown("a", "m0"), 0);
});
