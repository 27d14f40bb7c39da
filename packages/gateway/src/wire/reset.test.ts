import assert from "node:assert/strict";
import { test } from "node:test";
import fastCheck from "fast-check";
import { readBodyWait, readWait } from "./reset.ts";

const now = Date.parse("2026-01-02T03:04:05Z");

const rows: readonly (readonly [what: string, headers: { readonly [name: string]: string }, expected?: number])[] = [
  ["nothing", {}],
  [
    "OpenAI's duration of the limit that is used up",
    {
      "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-reset-requests": "6m0s",
      "x-ratelimit-remaining-tokens": "10",
      "x-ratelimit-reset-tokens": "1h",
    },
    360_000,
  ],
  ["OpenAI's milliseconds", { "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms" }, 120],
  ["a mixed duration", { "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s" }, 62_500],
  ["a negative rest", { "x-ratelimit-remaining-tokens": "-7", "x-ratelimit-reset-tokens": "2s" }, 2000],
  ["limits that have room", { "x-ratelimit-remaining-tokens": "3", "x-ratelimit-reset-tokens": "120ms" }],
  [
    "Cerebras' seconds, the longest of two",
    {
      "x-ratelimit-remaining-tokens-minute": "0",
      "x-ratelimit-reset-tokens-minute": "12.4",
      "x-ratelimit-remaining-requests-day": "0",
      "x-ratelimit-reset-requests-day": "33011.38",
    },
    3_600_000,
  ],
  [
    "Anthropic's date",
    {
      "anthropic-ratelimit-input-tokens-remaining": "0",
      "anthropic-ratelimit-input-tokens-reset": "2026-01-02T03:04:35Z",
    },
    30_000,
  ],
  [
    "Codex' used-up window",
    {
      "x-codex-primary-used-percent": "100.0",
      "x-codex-primary-reset-after-seconds": "90",
      "x-codex-secondary-used-percent": "20",
      "x-codex-secondary-reset-after-seconds": "900",
    },
    90_000,
  ],
  [
    "Codex' moment",
    { "x-codex-primary-used-percent": "100", "x-codex-primary-reset-at": String(now / 1000 + 7) },
    7000,
  ],
  ["seconds since 1970", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(now / 1000 + 5) }, 5000],
  ["milliseconds since 1970", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(now + 5) }, 5],
  ["a moment that is over", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(now / 1000 - 5) }, 0],
  ["nonsense", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon" }],
];
for (const [what, headers, expected] of rows) {
  test(`the wait is read from ${what}`, () =>
    assert.equal(
      readWait((name) => headers[name], now),
      expected,
    ));
}

test("a refusal's body tells the wait", () => {
  const error = { type: "usage_limit_reached", resets_at: now / 1000 + 60 };
  assert.equal(readBodyWait({ error }, now), 60_000);
  assert.equal(readBodyWait({ resets_in_seconds: 9 }, now), 9000);
  for (const other of [undefined, null, 1, "x", [], {}, { error: null }, { error: { resets_at: "soon" } }]) {
    assert.equal(readBodyWait(other, now), undefined);
  }
});

test("whatever headers say, the wait is from 0 to an hour", () => {
  const text = fastCheck.oneof(fastCheck.string(), fastCheck.double().map(String), fastCheck.constant("0"));
  fastCheck.assert(
    fastCheck.property(text, text, (left, reset) => {
      for (const names of [
        ["x-ratelimit-remaining", "x-ratelimit-reset"],
        ["x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
      ]) {
        const headers = new Map([
          [names[0], left],
          [names[1], reset],
        ]);
        const wait = readWait((name) => headers.get(name), now) ?? 0;
        assert.ok(wait >= 0 && wait <= 3_600_000);
      }
    }),
    { numRuns: 200 },
  );
});
