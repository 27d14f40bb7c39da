import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "./support.test.ts";
import { Ticker } from "./ticker.ts";

test("everybody who is watched is asked once an interval, until they are no longer", (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const clock = new FakeClock();
  using ticker = new Ticker(clock, 50);
  const asked: string[] = [];
  const watched = (name: string) => ({ tick: (now: number) => void asked.push(`${name}${now}`) });
  const [one, two] = [watched("a"), watched("b")];
  ticker.watch(one);
  ticker.watch(two);
  clock.passed = 50;
  context.mock.timers.tick(50);
  ticker.unwatch(one);
  clock.passed = 100;
  context.mock.timers.tick(50);
  assert.deepEqual(asked.splice(0), ["a50", "b50", "b100"]);
  ticker.unwatch(two);
  context.mock.timers.tick(500);
  assert.deepEqual(asked, []);
  ticker.watch(one);
  context.mock.timers.tick(50);
  assert.equal(asked.length, 1, "it runs again after a lull");
});

test("whoever leaves while others are asked is not asked any more", (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  using ticker = new Ticker(new FakeClock(), 50);
  const asked: string[] = [];
  const second = { tick: () => void asked.push("second") };
  const first = {
    tick: () => {
      asked.push("first");
      ticker.unwatch(second);
      ticker.unwatch(first);
    },
  };
  ticker.watch(first);
  ticker.watch(second);
  context.mock.timers.tick(200);
  assert.deepEqual(asked, ["first"]);
});
