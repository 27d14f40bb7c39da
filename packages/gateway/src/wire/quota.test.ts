import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readQuotes, readReset } from "./quota.ts";

const now = Date.UTC(2026, 0, 31);

/** What a reset means, in milliseconds from now. */
const resets: readonly (readonly [text: string, expected: number | undefined])[] = [
  ["59.7", 59_700],
  ["0", 0],
  ["12ms", 12],
  ["6s", 6000],
  ["1m30s", 90_000],
  ["1m30.5s", 90_500],
  ["6m0s", 360_000],
  ["1h2m", 3_720_000],
  ["7d", 604_800_000],
  [String(now / 1000 + 30), 30_000],
  [String(now + 30), 30],
  [String(now / 1000 - 30), 0],
  ["2026-01-31T00:01:00Z", 60_000],
  ["2026-01-31T01:00:00+01:00", 0],
  ["2025-01-31T00:00:00Z", 0],
  ["", undefined],
  ["soon", undefined],
  ["-5", undefined],
  ["1e5", undefined],
  ["5 s", undefined],
  ["2026-99-31T00:01:00Z", undefined],
];
for (const [text, expected] of resets) {
  test(`a reset of '${text}' is ${expected ?? "nothing"}`, () => assert.equal(readReset(text, now), expected));
}

/** Headers of a vendor's answer, and what they say that is left. */
const answers: readonly (readonly [
  vendor: string,
  headers: { readonly [name: string]: string },
  expected: object[],
])[] = [
  ["nobody", { "content-type": "application/json" }, []],
  [
    "OpenAI",
    {
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-remaining-tokens": "149984",
      "x-ratelimit-reset-tokens": "6m0s",
    },
    [
      { unit: "requests", remaining: 59, reset: 1000 },
      { unit: "tokens", remaining: 149_984, reset: 360_000 },
    ],
  ],
  [
    "Cerebras",
    {
      "x-ratelimit-remaining-requests-day": "14399",
      "x-ratelimit-reset-requests-day": "33011.382867",
      "x-ratelimit-remaining-tokens-minute": "0",
      "x-ratelimit-reset-tokens-minute": "11.38",
    },
    [
      { unit: "tokens", remaining: 0, reset: 11_380 },
      { unit: "requests", remaining: 14_399, reset: 33_011_383 },
    ],
  ],
  ["Mistral", { "x-ratelimit-remaining-req-minute": "5" }, [{ unit: "requests", remaining: 5, reset: undefined }]],
  [
    "Anthropic",
    {
      "anthropic-ratelimit-requests-remaining": "3",
      "anthropic-ratelimit-requests-reset": "2026-01-31T00:00:10Z",
      "anthropic-ratelimit-input-tokens-remaining": "7000",
      "anthropic-ratelimit-input-tokens-reset": "2026-01-31T00:00:20Z",
    },
    [
      { unit: "requests", remaining: 3, reset: 10_000 },
      { unit: "tokens", remaining: 7000, reset: 20_000 },
    ],
  ],
  [
    "an Anthropic subscription that is used up",
    { "anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": String(now / 1000 + 5) },
    [{ unit: "requests", remaining: 0, reset: 5000 }],
  ],
  ["an Anthropic subscription in order", { "anthropic-ratelimit-unified-status": "allowed" }, []],
  [
    "Codex, with one window used up",
    {
      "x-codex-primary-used-percent": "100",
      "x-codex-primary-reset-at": String(now / 1000 + 60),
      "x-codex-secondary-used-percent": "12",
    },
    [{ unit: "requests", remaining: 0, reset: 60_000 }],
  ],
  ["one that writes nonsense", { "x-ratelimit-remaining-requests": "lots", "x-codex-primary-used-percent": "" }, []],
];
for (const [vendor, headers, expected] of answers) {
  test(`the headers of ${vendor} are read`, () => {
    assert.deepEqual(
      readQuotes((name) => headers[name], now),
      expected,
    );
  });
}

test("nothing that a header may hold makes a negative or endless figure", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const reset = readReset(text, now);
      assert.ok(reset === undefined || (reset >= 0 && Number.isFinite(reset)));
      for (const quote of readQuotes(() => text, now)) assert.ok(quote.remaining >= 0);
    }),
    { numRuns: 200 },
  );
});
