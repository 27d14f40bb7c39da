import assert from "node:assert/strict";
import { test } from "node:test";
import { describedLimits, readLimits, shownLimits } from "./key-limits.ts";
import type { LimitFlags } from "./key-limits.ts";

const count = "takes a whole number from 1 to 1000000000000.";
const usd = "takes an amount of US dollars such as 5 or 0.50, at most a million.";

/** What is typed, and the limits that it means or what is said of it. */
const rows: readonly (readonly [LimitFlags, object | string | undefined])[] = [
  [{}, undefined],
  [
    { requestsPerMinute: "60", priority: "-5" },
    { requestsPerMinute: 60, priority: -5 },
  ],
  [
    { usdPerDay: "0.50", usdPerMonth: "10" },
    { microDollarsPerDay: 500_000, microDollarsPerMonth: 10_000_000 },
  ],
  [{ usdPerDay: "0.000001" }, { microDollarsPerDay: 1 }],
  [{ requestsPerMinute: "0" }, `--requests-per-minute ${count}`],
  [{ tokensPerMinute: "1.5" }, `--tokens-per-minute ${count}`],
  [{ tokensPerDay: "1e6" }, `--tokens-per-day ${count}`],
  [{ concurrent: "9999999999999" }, `--concurrent ${count}`],
  [{ usdPerDay: "0" }, `--usd-per-day ${usd}`],
  [{ usdPerMonth: "1000001" }, `--usd-per-month ${usd}`],
  [{ usdPerMonth: "$5" }, `--usd-per-month ${usd}`],
  [{ priority: "101" }, "--priority takes a whole number from -100 to 100."],
];
for (const [flags, expected] of rows) {
  test(`${JSON.stringify(flags)} is read`, () => assert.deepEqual(readLimits(flags), expected));
}

test("limits are shown in the words that they were given in", () => {
  const limits = { requestsPerMinute: 60, microDollarsPerDay: 500_000, priority: 3 };
  assert.equal(shownLimits(limits), "60 requests/min, 0.5 USD/day, priority 3");
  assert.equal(shownLimits(undefined), "none");
  assert.deepEqual(describedLimits(limits), { requestsPerMinute: 60, usdPerDay: 0.5, priority: 3 });
});
