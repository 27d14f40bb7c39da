import assert from "node:assert/strict";
import { test } from "node:test";
import { RetryBudget } from "./retry-budget.ts";

/** How many retries are to be had at a time. */
function drain(budget: RetryBudget, now: number): number {
  let count = 0;
  for (; budget.has(now) && count < 10_000; count++) budget.spend(now);
  return count;
}

test("a gateway with little to do may retry ten times in ten seconds", () => {
  const budget = new RetryBudget();
  assert.equal(drain(budget, 500), 10);
  assert.equal(drain(budget, 9999), 0);
  assert.equal(drain(budget, 10_000), 10);
});

test("with a thousand requests in ten seconds there are two hundred retries", () => {
  const budget = new RetryBudget();
  for (let index = 0; index < 1000; index++) budget.request(index * 10);
  assert.equal(drain(budget, 9999), 200);
  assert.equal(budget.spent, 200);
});

test("requests of more than ten seconds ago do not count", () => {
  const budget = new RetryBudget();
  for (let index = 0; index < 1000; index++) budget.request(0);
  assert.equal(drain(budget, 10_000), 10);
  const other = new RetryBudget();
  for (let index = 0; index < 1000; index++) other.request(0);
  assert.equal(drain(other, 1e9), 10);
});
