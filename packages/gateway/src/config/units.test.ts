import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration, parseSize } from "./units.ts";

const durations: readonly (readonly [written: unknown, milliseconds: number | undefined])[] = [
  ["250ms", 250],
  ["5s", 5000],
  ["10m", 600_000],
  ["1h", 3_600_000],
  ["1d", 86_400_000],
  ["1.5s", 1500],
  ["5 S", 5000],
  [250, 250],
  ["250", 250],
  [0, 0],
  ["5", 5],
  ["-5s", undefined],
  [-5, undefined],
  [1.5, undefined],
  ["1m30s", undefined],
  ["", undefined],
  ["s", undefined],
  ["5 days", undefined],
  [true, undefined],
  [null, undefined],
  ["9".repeat(15) + "d", undefined],
];
for (const [written, expected] of durations) {
  test(`the duration ${JSON.stringify(written)} is ${expected ?? "none"}`, () =>
    assert.equal(parseDuration(written), expected));
}

const sizes: readonly (readonly [written: unknown, bytes: number | undefined])[] = [
  ["64KB", 64_000],
  ["64KiB", 65_536],
  ["50MB", 50_000_000],
  ["1 gb", 1_000_000_000],
  ["1GiB", 1_073_741_824],
  ["10B", 10],
  ["0.5MB", 500_000],
  [1024, 1024],
  ["5ms", undefined],
  ["50M", undefined],
  ["-1KB", undefined],
];
for (const [written, expected] of sizes) {
  test(`the size ${JSON.stringify(written)} is ${expected ?? "none"}`, () =>
    assert.equal(parseSize(written), expected));
}
