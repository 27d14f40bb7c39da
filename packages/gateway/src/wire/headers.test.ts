import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { headerText, isPlainId, longestRetryAfter, readRetryAfter } from "./headers.ts";

const now = Date.UTC(2026, 0, 2, 3, 4, 5);

function retryAfter(headers: { readonly [name: string]: string }): number | undefined {
  return readRetryAfter((name) => headers[name], now);
}

const waits: readonly (readonly [retryAfter: string, expected: number | undefined])[] = [
  ["0", 0],
  ["5", 5000],
  [" 5 ", 5000],
  ["007", 7000],
  ["1.5", 1500],
  ["0.0001", 1],
  ["3600", longestRetryAfter],
  ["3601", longestRetryAfter],
  ["99999999999", longestRetryAfter],
  ["9".repeat(400), longestRetryAfter],
  ["", undefined],
  [" ", undefined],
  ["-5", undefined],
  ["+5", undefined],
  [".5", undefined],
  ["5.", undefined],
  ["5,6", undefined],
  ["1e3", undefined],
  ["0x10", undefined],
  ["5s", undefined],
  ["1m30s", undefined],
  ["NaN", undefined],
  ["Infinity", undefined],
  ["soon", undefined],
  ["try again in 5", undefined],
  ["May 5", undefined],
  ["abc 12", undefined],
  ["2026-01-02", undefined],
  ["Fri, 02 Jan 2026 03:04:15 GMT", 10_000],
  [" Fri, 02 Jan 2026 03:04:15 GMT ", 10_000],
  ["Fri, 02 Jan 2026 03:04:05 GMT", 0],
  ["Fri, 02 Jan 2026 03:00:00 GMT", 0],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ["Sat, 03 Jan 2026 03:04:05 GMT", longestRetryAfter],
  ["Fri, 99 Jan 2026 03:04:15 GMT", undefined],
  ["Fri, 02 Foo 2026 03:04:15 GMT", undefined],
  ["Fri, 02 Jan 2026 03:04:15", undefined],
  ["Friday, 02-Jan-26 03:04:15 GMT", 10_000],
  ["Fri Jan  2 03:04:15 2026", 10_000],
  ["2026-01-02T03:04:15Z", 10_000],
  ["2026-01-02T03:04:15.250Z", 10_250],
  ["2026-01-02T04:04:15+01:00", 10_000],
  ["2026-01-02T03:04:15", undefined],
];

for (const [text, expected] of waits) {
  test(`retry-after ${JSON.stringify(text.slice(0, 40))} is ${expected} ms`, () => {
    assert.equal(retryAfter({ "retry-after": text }), expected);
  });
}

const both: readonly (readonly [ms: string, seconds: string | undefined, expected: number | undefined])[] = [
  ["250", undefined, 250],
  ["250.2", undefined, 251],
  ["250", "9", 250],
  ["0", "9", 0],
  ["99999999999", undefined, longestRetryAfter],
  ["", "9", 9000],
  ["-1", "9", 9000],
  ["soon", "9", 9000],
  ["soon", undefined, undefined],
  ["Fri, 02 Jan 2026 03:04:15 GMT", undefined, undefined],
];

for (const [ms, seconds, expected] of both) {
  test(`retry-after-ms ${JSON.stringify(ms)} beside retry-after ${seconds} is ${expected} ms`, () => {
    const headers = {
      "retry-after-ms": ms,
      ...(seconds === undefined ? {} : { "retry-after": seconds }),
    };
    assert.equal(retryAfter(headers), expected);
  });
}

test("without headers there is no wait", () => assert.equal(retryAfter({}), undefined));

test("any text gives a whole number of milliseconds up to an hour, or none", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.double().map(String)), (text) => {
      const wait = retryAfter({ "retry-after": text });
      assert.ok(wait === undefined || (Number.isInteger(wait) && wait >= 0 && wait <= longestRetryAfter));
    }),
  );
});

const texts: readonly (readonly [text: string, expected: string])[] = [
  ["", ""],
  ["gpt-4o", "gpt-4o"],
  ["a b", "a b"],
  ["  a  ", "a"],
  ["100%", "100%25"],
  ["a\r\nSet-Cookie: x", "a%0D%0ASet-Cookie: x"],
  ["a\u0000b", "a%00b"],
  ["\t", "%09"],
  ["\u007f", "%7F"],
  ["模型", "%E6%A8%A1%E5%9E%8B"],
  ["😀", "%F0%9F%98%80"],
  ["a\ud800b", "a%EF%BF%BDb"],
  ["\udc00", "%EF%BF%BD"],
  ["é\u2028", "%C3%A9%E2%80%A8"],
  ["x".repeat(256), "x".repeat(256)],
  ["x".repeat(257), "x".repeat(256)],
  ["x".repeat(9000), "x".repeat(256)],
  [`${"x".repeat(254)}é`, "x".repeat(254)],
  ["é".repeat(9000), "%C3%A9".repeat(42)],
];

for (const [text, expected] of texts) {
  test(`header text of ${JSON.stringify(text.slice(0, 20))}`, () => assert.equal(headerText(text), expected));
}

test("any text becomes a valid header value, of at most 256 characters, and readable back unless cut", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary", maxLength: 300 }),
        fc.array(fc.integer({ max: 0xffff, min: 0 })).map((units) => String.fromCharCode(...units)),
      ),
      (text) => {
        const safe = headerText(text);
        assert.equal(new Headers([["x-test", safe]]).get("x-test"), safe);
        assert.ok(safe.length <= 256);
        assert.match(safe, /^[\x20-\x7e]*$/);
        if (safe.length < 245) assert.equal(decodeURIComponent(safe), text.toWellFormed().replace(/^ +| +$/g, ""));
      },
    ),
  );
});

const identifiers: readonly (readonly [text: string, plain: boolean])[] = [
  ["a", true],
  ["3f2b-Ab_c.d:e", true],
  ["x".repeat(128), true],
  ["x".repeat(129), false],
  ["x".repeat(9000), false],
  ["", false],
  ["a b", false],
  ["a\n", false],
  ["\na", false],
  ["a\r\nb", false],
  ["a\u0000", false],
  ["é", false],
  ["😀", false],
  ["\ud800", false],
  ["a/b", false],
  ["a%0a", false],
  ["<a>", false],
  ["\u001b[31m", false],
];

for (const [text, plain] of identifiers) {
  test(`${JSON.stringify(text.slice(0, 20))} is ${plain ? "" : "not "}a plain id`, () =>
    assert.equal(isPlainId(text), plain));
}
