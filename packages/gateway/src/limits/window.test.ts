import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Calendar, Window } from "./window.ts";

test("what was used counts for the whole window and up to a step more", () => {
  const window = new Window(60_000, 60);
  window.take(5, 500);
  assert.deepEqual([window.used(500), window.used(60_499), window.used(60_999), window.used(61_000)], [5, 5, 5, 0]);
});

test("a wait ends when there is room, and not before", () => {
  const window = new Window(60_000, 60);
  window.take(6, 0);
  window.take(4, 30_000);
  assert.equal(window.wait(10, 0, 30_000), 0);
  assert.equal(window.wait(10, 1, 30_000), 31_000);
  assert.equal(window.wait(10, 7, 30_000), 61_000);
  assert.equal(window.wait(10, 11, 30_000), Infinity);
  assert.equal(window.wait(10, 1, 61_000), 0);
});

test("less than foreseen was never used; more counts from when it is known", () => {
  const window = new Window(60_000, 60);
  const first = window.take(100, 0);
  const second = window.take(100, 1000);
  window.correct(first, -60, 5000);
  assert.equal(window.used(5000), 140);
  window.correct(second, 50, 59_000);
  assert.deepEqual([window.used(59_000), window.used(61_000), window.used(63_000)], [190, 150, 50]);
});

test("a correction for what no longer counts changes nothing, unless there was more", () => {
  const window = new Window(60_000, 60);
  const place = window.take(100, 0);
  window.correct(place, -100, 200_000);
  assert.equal(window.used(200_000), 0);
  window.correct(place, 30, 200_000);
  assert.equal(window.used(200_000), 30);
});

test("a clock that stands still or goes back takes nothing away", () => {
  const window = new Window(1000, 10);
  window.take(1, 5000);
  assert.equal(window.used(4000), 1);
});

test("no window anywhere ever holds more than the limit, and none is refused for longer than it must", () => {
  const length = 1000;
  const steps = 20;
  const moves = fc.array(
    fc.record({ after: fc.integer({ min: 0, max: 300 }), amount: fc.integer({ min: 1, max: 9 }) }),
    {
      maxLength: 200,
    },
  );
  fc.assert(
    fc.property(moves, fc.integer({ min: 9, max: 40 }), (all, limit) => {
      const window = new Window(length, steps);
      const taken: { at: number; amount: number }[] = [];
      const sum = (from: number, to: number) =>
        taken.reduce((total, { at, amount }) => total + (at > from && at <= to ? amount : 0), 0);
      let now = 10_000;
      for (const { after, amount } of all) {
        now += after;
        const wait = window.wait(limit, amount, now);
        if (wait > 0) {
          // One step more than the window, and nothing else.
          assert.ok(sum(now - length - length / steps, now) + amount > limit, "refused without need");
          assert.equal(window.wait(limit, amount, now + wait), 0, "the wait was too short");
          // Asking about a later time has moved the window on; so does the world.
          now += wait;
        }
        window.take(amount, now);
        taken.push({ at: now, amount });
        assert.ok(sum(now - length, now) <= limit, "over the limit");
      }
    }),
    { numRuns: 200 },
  );
});

const day = 86_400_000;
const noon = Date.UTC(2026, 0, 31, 12);

test("a day begins at midnight UTC, a month on its first", () => {
  for (const [period, next] of [
    ["calendar-day", Date.UTC(2026, 1, 1)],
    ["calendar-month", Date.UTC(2026, 1, 1)],
  ] as const) {
    const budget = new Calendar(period);
    budget.take(80, noon);
    assert.equal(budget.wait(100, 20, noon), 0);
    assert.equal(budget.wait(100, 21, noon), next - noon);
    assert.equal(budget.wait(100, 101, noon), Infinity);
    assert.equal(budget.used(next), 0);
  }
});

test("what began yesterday is charged to yesterday", () => {
  const budget = new Calendar("calendar-day");
  const place = budget.take(10, noon);
  budget.correct(place, 5, noon + 1000);
  assert.equal(budget.used(noon + 1000), 15);
  budget.correct(place, 100, noon + day);
  assert.equal(budget.used(noon + day), 0);
});

test("a wall clock that jumps back gives no money back and makes no negative wait", () => {
  const budget = new Calendar("calendar-day");
  budget.take(100, noon);
  assert.equal(budget.used(noon - 3 * day), 100);
  assert.ok(budget.wait(100, 1, noon - 3 * day) > 0);
});

test("a clock that was years ahead and is put right does not keep a budget closed for years", () => {
  const budget = new Calendar("calendar-day");
  budget.take(100, noon + 3650 * day);
  assert.equal(budget.used(noon), 100);
  assert.ok(budget.wait(100, 1, noon) <= day);
  assert.equal(budget.used(noon + day), 0);
});

test("a clock that goes back a little over midnight begins no day twice", () => {
  const budget = new Calendar("calendar-day");
  budget.take(100, noon);
  const midnight = Date.UTC(2026, 1, 1);
  budget.take(7, midnight + 1);
  assert.equal(budget.used(midnight - 1), 7);
  budget.take(2, midnight - 1);
  assert.equal(budget.used(midnight + 2), 9);
});
