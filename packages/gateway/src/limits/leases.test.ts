import assert from "node:assert/strict";
import { test } from "node:test";
import type { Quote } from "../kernel/limit.ts";
import { Leases } from "./leases.ts";

/** Every answer is to the last request, unless told. */
function start() {
  let now = 0;
  const leases = new Leases({ monotonic: () => now });
  const quote = (target: string, quotes: readonly Quote[], sentAt = now) => leases.quote(target, quotes, sentAt);
  return { leases, quote, pass: (milliseconds: number) => (now += milliseconds) };
}
const stake = (requests: number, tokens: number, target = "e/m") => ({ target, requests, tokens });

test("what a provider says that is left is kept to until it is filled up", () => {
  const { leases, quote, pass } = start();
  quote("e/m", [{ unit: "requests", remaining: 1, reset: 5000 }]);
  assert.equal(leases.wait(stake(1, 10)), 0);
  leases.stake(stake(1, 10));
  assert.equal(leases.wait(stake(1, 10)), 5000);
  assert.equal(leases.wait(stake(1, 10, "e/other")), 0);
  pass(5000);
  assert.equal(leases.wait(stake(1, 10)), 0);
});

test("a request that was answered is in what the provider counted, those under way may not be", () => {
  const { leases, quote } = start();
  leases.stake(stake(1, 10));
  leases.stake(stake(1, 10));
  leases.answered(stake(1, 10));
  quote("e/m", [{ unit: "requests", remaining: 2, reset: 1000 }]);
  assert.equal(leases.wait(stake(1, 10)), 0);
  assert.equal(leases.wait(stake(2, 10)), 1000);
});

test("of a minute and a day, what is nearer to its end counts; an endless reset is cut to an hour", () => {
  const { leases, quote } = start();
  quote("e/m", [
    { unit: "tokens", remaining: 900, reset: 1e12 },
    { unit: "tokens", remaining: 0, reset: 1e12 },
    { unit: "tokens", remaining: 0, reset: 10 },
  ]);
  leases.stake(stake(1, 1));
  assert.equal(leases.wait(stake(1, 1)), 3_600_000);
});

test("an estimate beyond all that is left goes once nothing else is under way", () => {
  const { leases, quote } = start();
  quote("e/m", [{ unit: "tokens", remaining: 100, reset: 1000 }]);
  assert.equal(leases.wait(stake(1, 5000)), 0);
});

test("where no tokens at all are left, none are asked for until there are", () => {
  const { leases, quote, pass } = start();
  quote("e/m", [{ unit: "tokens", remaining: 0, reset: 1000 }]);
  assert.equal(leases.wait(stake(1, 5000)), 1000);
  pass(1000);
  assert.equal(leases.wait(stake(1, 5000)), 0);
});

test("memory stays bounded, however many models are named", () => {
  const { leases, quote, pass } = start();
  for (let index = 0; index < 30_000; index++) {
    quote(`e/m${index}`, [{ unit: "requests", remaining: 0, reset: 10 }]);
    pass(1);
  }
  assert.equal(leases.wait(stake(1, 1, "e/m29999")), 9);
});

test("an answer that comes late does not bring back what was used since, but may take more away", () => {
  const { leases, quote, pass } = start();
  pass(100);
  quote("e/m", [{ unit: "requests", remaining: 0, reset: 5000 }], 100);
  quote("e/m", [{ unit: "requests", remaining: 9, reset: 5000 }], 50);
  assert.equal(leases.wait(stake(1, 1)), 5000);
  quote("e/m", [{ unit: "requests", remaining: 9, reset: 5000 }], 101);
  quote("e/m", [{ unit: "requests", remaining: 3, reset: 5000 }], 40);
  assert.deepEqual([leases.wait(stake(3, 1)), leases.wait(stake(4, 1))], [0, 5000]);
});

test("when everything that was told is over, nothing is known any more", () => {
  const { leases, quote, pass } = start();
  assert.equal(leases.isEmpty, true);
  quote("e/m", [{ unit: "requests", remaining: 0, reset: 5000 }]);
  assert.equal(leases.isEmpty, false);
  pass(5000);
  assert.equal(leases.isEmpty, true);
});

test("when too many are told of that all still count, those that were told of longest ago are forgotten", () => {
  const { leases, quote } = start();
  for (let index = 0; index <= 10_000; index++) {
    quote(`e/m${index}`, [{ unit: "requests", remaining: 0, reset: 1000 }]);
  }
  assert.deepEqual([leases.wait(stake(1, 1, "e/m0")), leases.wait(stake(1, 1, "e/m10000"))], [0, 1000]);
});
