import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../kernel/failure.ts";
import type { FailureKind } from "../../kernel/failure.ts";
import type { RequestView } from "../../kernel/codec.ts";
import { seal } from "../shared/carrier.ts";
import { anthropicMessages } from "./index.ts";
import { eventsOf } from "./support.test.ts";

const { egress, ingress } = anthropicMessages;
const dialect = { streamUsage: true, developerRole: true };

const read: readonly (readonly [status: number, type: string, message: string, kind: FailureKind])[] = [
  [400, "invalid_request_error", "max_tokens: Field required", "bad-request"],
  [400, "invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum", "context-overflow"],
  [400, "invalid_request_error", "Your credit balance is too low to access the API", "quota-exhausted"],
  [401, "authentication_error", "invalid x-api-key", "upstream-auth"],
  [402, "billing_error", "x", "quota-exhausted"],
  [403, "permission_error", "x", "upstream-auth"],
  [404, "not_found_error", "model: claude-x", "model-not-found"],
  [413, "request_too_large", "x", "too-large"],
  [429, "rate_limit_error", "x", "rate-limited"],
  [500, "api_error", "Internal server error", "upstream-error"],
  [504, "timeout_error", "x", "upstream-error"],
  [529, "overloaded_error", "Overloaded", "overloaded"],
];
for (const [status, type, message, kind] of read) {
  test(`${status} ${type} is ${kind}: ${message}`, () => {
    const body = { type: "error", error: { type, message }, request_id: "req_1" };
    const { kind: read, message: said, upstreamType } = egress.readError(status, body);
    assert.deepEqual([read, said, upstreamType], [kind, message, type]);
  });
}

const written: readonly (readonly [kind: FailureKind, type: string])[] = [
  ["bad-request", "invalid_request_error"],
  ["unauthorized", "authentication_error"],
  ["forbidden", "permission_error"],
  ["model-not-found", "not_found_error"],
  ["too-large", "request_too_large"],
  ["unsupported", "invalid_request_error"],
  ["rate-limited", "rate_limit_error"],
  ["overloaded", "overloaded_error"],
  ["timeout-idle", "timeout_error"],
  ["upstream-auth", "api_error"],
  ["broken-stream", "api_error"],
];
for (const [kind, type] of written) {
  test(`${kind} is told as ${type}`, () => {
    assert.deepEqual(ingress.writeError(failure(kind, "m")), {
      type: "error",
      error: { type, message: "m", code: kind },
    });
  });
}

test("the provider's own type is told where the fault is the client's and the type is Anthropic's", () => {
  const typeOf = (kind: FailureKind, upstreamType: string) =>
    JSON.stringify(ingress.writeError(failure(kind, "m", { upstreamType })));
  assert.match(typeOf("quota-exhausted", "billing_error"), /"billing_error"/);
  assert.match(typeOf("upstream-auth", "authentication_error"), /"api_error"/);
  assert.match(typeOf("rate-limited", "tokens"), /"rate_limit_error"/);
});

test("an overflow is told in the words that clients look for", () => {
  const say = (message: string) => JSON.stringify(ingress.writeError(failure("context-overflow", message)));
  assert.match(say("maximum context length is 8192"), /prompt is too long: maximum context length is 8192/);
  assert.equal(say("prompt is too long: 2 > 1").match(/too long/g)?.length, 1);
});

test("the error of a stream is a named event", () => {
  const [event] = eventsOf(ingress.writeStreamError(failure("overloaded", "a\nb")));
  assert.equal(event?.event, "error");
  assert.deepEqual(JSON.parse(event?.data ?? ""), {
    type: "error",
    error: { type: "overloaded_error", message: "a\nb", code: "overloaded" },
  });
});

test("a request passes unchanged unless it carries another vendor's state", () => {
  const view = (body: string): RequestView => ({
    field: () => undefined,
    roles: new Set(),
    contains: (text) => body.includes(text),
  });
  assert.deepEqual(egress.passThrough(view("{}"), dialect), { edits: [], tap: { dropUsageEvent: false } });
  assert.equal(egress.passThrough(view(JSON.stringify({ signature: seal({}) })), dialect), undefined);
});
