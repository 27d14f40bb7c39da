import assert from "node:assert/strict";
import { test } from "node:test";
import { Leases } from "./leases.ts";

function start(): { leases: Leases; pass: (milliseconds: number) => void } {
  let now = 0;
  return { leases: new Leases({ monotonic: () => now }), pass: (milliseconds) => (now += milliseconds) };
}
const stake = (requests: number, tokens: number, target = "e/m") => ({ target, requests, tokens });

test("what a provider says that is left is kept to until it is filled up", () => {
  const { leases, pass } = start();
  leases.quote("e/m", [{ unit: "requests", remaining: 1, reset: 5000 }]);
  assert.equal(leases.wait(stake(1, 10)), 0);
  leases.stake(stake(1, 10));
  assert.equal(leases.wait(stake(1, 10)), 5000);
  assert.equal(leases.wait(stake(1, 10, "e/other")), 0);
  pass(5000);
  assert.equal(leases.wait(stake(1, 10)), 0);
});

test("a request that was answered is in what the provider counted, those under way may not be", () => {
  const { leases } = start();
  leases.stake(stake(1, 10));
  leases.stake(stake(1, 10));
  leases.answered(stake(1, 10));
  leases.quote("e/m", [{ unit: "requests", remaining: 2, reset: 1000 }]);
  assert.equal(leases.wait(stake(1, 10)), 0);
  assert.equal(leases.wait(stake(2, 10)), 1000);
});

test("of a minute and a day, what is nearer to its end counts; an endless reset is cut to an hour", () => {
  const { leases } = start();
  leases.quote("e/m", [
    { unit: "tokens", remaining: 900, reset: 1e12 },
    { unit: "tokens", remaining: 0, reset: 1e12 },
    { unit: "tokens", remaining: 0, reset: 10 },
  ]);
  leases.stake(stake(1, 1));
  assert.equal(leases.wait(stake(1, 1)), 3_600_000);
});

test("an estimate beyond all that is left goes once nothing else is under way", () => {
  const { leases } = start();
  leases.quote("e/m", [{ unit: "tokens", remaining: 100, reset: 1000 }]);
  assert.equal(leases.wait(stake(1, 5000)), 0);
});

test("memory stays bounded, however many models are named", () => {
  const { leases, pass } = start();
  for (let index = 0; index < 30_000; index++) {
    leases.quote(`e/m${index}`, [{ unit: "requests", remaining: 0, reset: 10 }]);
    pass(1);
  }
  assert.equal(leases.wait(stake(1, 1, "e/m29999")), 9);
});
