import assert from "node:assert/strict";
import { test } from "node:test";
import type { FailureKind } from "../../kernel/failure.ts";
import { failure, failures } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { readError, writeError } from "./errors.ts";

const type = "type.googleapis.com/google.rpc.";
const retry = { "@type": `${type}RetryInfo`, retryDelay: "34.4s" };
const quota = (quotaId: string) => ({ "@type": `${type}QuotaFailure`, violations: [{ quotaId }] });
const limit = "You exceeded your current quota, please check your plan and billing details.";

const cases: readonly (readonly [status: number, word: string, message: string, kind: FailureKind, details?: Json])[] =
  [
    [400, "INVALID_ARGUMENT", "Invalid value at 'contents'.", "bad-request"],
    [400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "upstream-auth"],
    [
      400,
      "INVALID_ARGUMENT",
      "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
      "context-overflow",
    ],
    [400, "FAILED_PRECONDITION", "User location is not supported for the API use.", "upstream-auth"],
    [401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", "upstream-auth"],
    [402, "RESOURCE_EXHAUSTED", "Your prepaid credits are gone.", "quota-exhausted"],
    [
      403,
      "PERMISSION_DENIED",
      "Generative Language API has not been used in project 1 before or it is disabled.",
      "upstream-auth",
    ],
    [404, "NOT_FOUND", "models/x is not found for API version v1beta.", "model-not-found"],
    [
      429,
      "RESOURCE_EXHAUSTED",
      limit,
      "rate-limited",
      [quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"), retry],
    ],
    [
      429,
      "RESOURCE_EXHAUSTED",
      limit,
      "quota-exhausted",
      [quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), retry],
    ],
    [429, "RESOURCE_EXHAUSTED", limit, "quota-exhausted"],
    [429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", "rate-limited"],
    [499, "CANCELLED", "The operation was cancelled.", "upstream-error"],
    [500, "INTERNAL", "An internal error has occurred.", "upstream-error"],
    [503, "UNAVAILABLE", "The model is overloaded. Please try again later.", "overloaded"],
    [504, "DEADLINE_EXCEEDED", "The request timed out.", "upstream-error"],
  ];
for (const [status, word, message, kind, details] of cases) {
  test(`${status} ${word} "${message.slice(0, 40)}" ${details === undefined ? "" : "with details "}is ${kind}`, () => {
    const error = { code: status, message, status: word, ...(details === undefined ? {} : { details }) };
    for (const read of [readError(status, { error }), readError(status, [{ error }]), readError(0, { error })]) {
      assert.equal(read.kind, kind);
      assert.equal(read.message, message);
      assert.equal(read.upstreamCode, word);
      assert.equal(read.upstreamStatus, status);
    }
  });
}

test("the wait of RetryInfo is read and written", () => {
  const error = { code: 429, message: limit, status: "RESOURCE_EXHAUSTED", details: [retry] };
  const read = readError(429, { error });
  assert.equal(read.retryAfter, 34_400);
  assert.ok(JSON.stringify(writeError(read)).includes('"retryDelay":"34.4s"'));
});

test("an error in any other shape is read as far as it goes", () => {
  assert.equal(readError(503, undefined).kind, "overloaded");
  assert.equal(readError(400, { error: { details: [5, { "@type": 1, violations: 3 }] } }).kind, "bad-request");
  assert.equal(
    readError(429, { error: { details: [{ "@type": `${type}RetryInfo`, retryDelay: "soon" }] } }).retryAfter,
    undefined,
  );
});

test("every kind of failure has a status of Google's, and its own word as the reason", () => {
  for (const kind of Object.keys(failures) as FailureKind[]) {
    const { error } = writeError(failure(kind, "Why.", { param: "contents" })) as { error: JsonObject };
    assert.equal(error["code"], failures[kind].status);
    assert.match(String(error["status"]), /^[A-Z_]+$/);
    assert.equal(error["message"], "Why.");
    assert.ok(JSON.stringify(error["details"]).includes(kind.replaceAll("-", "_").toUpperCase()));
    assert.ok(JSON.stringify(error["details"]).includes('"field":"contents"'));
  }
});

test("a wait is written as a duration that our own reader takes, whatever fraction of a millisecond it has", () => {
  for (const retryAfter of [29_928.9294541, 1e-7, 0.5, 3_600_000]) {
    const written = writeError(failure("rate-limited", "Wait.", { retryAfter }));
    assert.equal(readError(429, written).retryAfter, Math.ceil(retryAfter), JSON.stringify(written));
  }
});
