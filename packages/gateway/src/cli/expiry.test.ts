import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExpiry } from "./expiry.ts";

const now = Date.UTC(2026, 10, 21, 12);

const cases: readonly (readonly [string, number | undefined])[] = [
  ["30d", now + 30 * 86_400_000],
  ["12h", now + 43_200_000],
  [" 90m ", now + 5_400_000],
  ["1.5h", now + 5_400_000],
  ["2027-01-31", Date.UTC(2027, 0, 31)],
  ["2027-01-31T18:30:00Z", Date.UTC(2027, 0, 31, 18, 30)],
  ["2027-01-31T18:30+02:00", Date.UTC(2027, 0, 31, 16, 30)],
  ["2028-02-29", Date.UTC(2028, 1, 29)],
  ["2027-02-29", undefined],
  ["2027-02-31", undefined],
  ["2027-13-01", undefined],
  ["2027-01-31T25:00Z", undefined],
  ["2027-01-31T18:30", undefined],
  ["30", undefined],
  ["30000", undefined],
  ["", undefined],
  ["never", undefined],
  ["-1d", undefined],
  ["1e3d", undefined],
  ["30 dd", undefined],
  ["tomorrow", undefined],
  ["Jan 31 2027", undefined],
];
for (const [text, expected] of cases) {
  test(`${JSON.stringify(text)} is ${expected === undefined ? "no time" : new Date(expected).toISOString()}`, () => {
    assert.equal(parseExpiry(text, now), expected);
  });
}
