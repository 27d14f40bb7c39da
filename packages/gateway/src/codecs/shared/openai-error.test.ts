import assert from "node:assert/strict";
import { test } from "node:test";
import type { Failure, FailureKind } from "../../kernel/failure.ts";
import { failure, failures } from "../../kernel/failure.ts";
import type { Json } from "../../kernel/json.ts";
import { readError } from "./openai-error-read.ts";
import { writeError } from "./openai-error-write.ts";

const said = (message: string, rest: { readonly [name: string]: Json } = {}): Json => ({ error: { message, ...rest } });

const meanings: readonly (readonly [FailureKind, number, Json | undefined])[] = [
  ["context-overflow", 400, said("x", { code: "context_length_exceeded" })],
  [
    "context-overflow",
    400,
    said("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"),
  ],
  ["context-overflow", 400, said("prompt is too long: 200001 tokens > 200000 maximum")],
  ["context-overflow", 400, said("the request exceeds the available context size, try increasing it")],
  ["context-overflow", 400, { error: { code: 400, message: "x", type: "exceed_context_size_error" } }],
  ["context-overflow", 400, said("Input is too long for requested model.")],
  [
    "context-overflow",
    400,
    {
      object: "error",
      message: "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
      code: 400,
    },
  ],
  [
    "context-overflow",
    422,
    said("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"),
  ],
  ["context-overflow", 400, said("Please reduce the length of the messages or completion.")],
  ["context-overflow", 400, said("The input token count (9) exceeds the maximum number of tokens allowed (8).")],
  ["context-overflow", 400, said("input length and `max_tokens` exceed context limit: 9 + 9 > 10")],
  ["context-overflow", 400, said("Invalid request: Your request exceeded model token limit: 8192")],
  ["context-overflow", 400, said("Range of input length should be [1, 30720]")],
  [
    "context-overflow",
    400,
    said("This model's maximum prompt length is 131072 but the request contains 200000 tokens."),
  ],
  ["context-overflow", 500, said("prompt too long; exceeded max context length by 9 tokens")],
  [
    "context-overflow",
    400,
    said("Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"),
  ],
  [
    "foreign-state",
    400,
    said("The encrypted content for item rs_1 could not be verified.", { code: "invalid_encrypted_content" }),
  ],
  ["foreign-state", 400, said("messages.1.content.0: Invalid `signature` in `thinking` block")],
  ["foreign-state", 400, said("Thought signature is not valid.", { status: "INVALID_ARGUMENT" })],
  ["foreign-state", 400, said("Function call `look` in the 2. content block is missing a `thought_signature`.")],
  [
    "content-filter",
    400,
    said("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", {
      code: "content_filter",
    }),
  ],
  ["content-filter", 403, said("Your input was flagged", { code: 403 })],
  ["content-filter", 400, said("x", { code: "data_inspection_failed" })],
  ["quota-exhausted", 402, said("Insufficient Balance")],
  [
    "quota-exhausted",
    429,
    said("You exceeded your current quota", { type: "insufficient_quota", code: "insufficient_quota" }),
  ],
  ["quota-exhausted", 400, said("Your credit balance is too low to access the API.")],
  ["upstream-auth", 401, said("Incorrect API key provided", { code: "invalid_api_key" })],
  ["upstream-auth", 403, said("Country not supported", { code: "unsupported_country_region_territory" })],
  ["upstream-auth", 400, said("API key not valid. Please pass a valid API key.")],
  ["model-not-found", 404, said("The model `x` does not exist", { code: "model_not_found" })],
  ["model-not-found", 404, undefined],
  ["model-not-found", 403, said("Project does not have access to model x", { code: "model_not_found" })],
  ["model-not-found", 400, said("The model `x` has been decommissioned")],
  ["bad-request", 400, said("Unsupported parameter: 'temperature'", { code: "unsupported_parameter" })],
  ["bad-request", 409, undefined],
  ["bad-request", 413, undefined],
  ["bad-request", 422, { detail: [{ loc: ["body", "messages"], msg: "field required" }] }],
  ["bad-request", 418, undefined],
  ["upstream-error", 408, undefined],
  ["rate-limited", 429, said("Rate limit reached for requests", { type: "requests", code: "rate_limit_exceeded" })],
  ["rate-limited", 429, said("Too many tokens, please wait before trying again.")],
  ["overloaded", 503, undefined],
  ["overloaded", 529, undefined],
  ["overloaded", 500, said("The engine is currently overloaded")],
  ["upstream-error", 500, said("The server had an error")],
  ["upstream-error", 502, undefined],
  ["upstream-error", 504, undefined],
  ["upstream-error", 302, undefined],
];
for (const [kind, status, body] of meanings) {
  test(`status ${status} with ${JSON.stringify(body)?.slice(0, 90)} means ${kind}`, () => {
    assert.equal(readError(status, body).kind, kind);
  });
}

const messages: readonly (readonly [string, Json | undefined, string])[] = [
  ["an object", said("a b"), "a b"],
  ["a text", { error: "plain" }, "plain"],
  ["a list", [{ error: { message: "in a list" } }], "in a list"],
  ["a detail", { detail: "Not Found" }, "Not Found"],
  ["nothing", undefined, "The provider answered with status 500."],
  ["control and direction marks", said("a\u0000\n\u001b[31mb\u202e"), "a [31mb"],
  ["a page", said("<!DOCTYPE html><html><body>secret"), "The provider answered with status 500."],
  ["a page as the body", "<html>nginx</html>", "The provider answered with status 500."],
];
for (const [name, body, message] of messages) {
  test(`an error's message is found and cleaned: ${name}`, () => {
    assert.equal(readError(500, body).message, message);
  });
}

test("a message is at most 500 characters and always whole characters", () => {
  const { message } = readError(500, said(`${"x".repeat(498)}😀😀😀`));
  assert.ok(message.length <= 500 && message.isWellFormed());
});

test("the provider's own words are kept beside ours", () => {
  assert.deepEqual(readError(400, said("m", { type: "invalid_request_error", code: 1234, param: "messages" })), {
    kind: "bad-request",
    message: "m",
    param: "messages",
    upstreamCode: "1234",
    upstreamType: "invalid_request_error",
    upstreamStatus: 400,
  });
});

const isKind = (name: string): name is FailureKind => Object.hasOwn(failures, name);

test("every kind of failure has an error body with all four keys", () => {
  for (const kind of Object.keys(failures)) {
    assert.ok(isKind(kind));
    const body: { error: object } = JSON.parse(JSON.stringify(writeError(failure(kind, "m"))));
    assert.deepEqual(Object.keys(body.error), ["message", "type", "param", "code"]);
  }
});

const written: readonly (readonly [Failure, string, string])[] = [
  [failure("bad-request", "m"), "invalid_request_error", "bad-request"],
  [
    failure("bad-request", "m", { upstreamCode: "invalid_value", upstreamType: "their_type" }),
    "their_type",
    "invalid_value",
  ],
  [failure("unauthorized", "m"), "authentication_error", "invalid_api_key"],
  [failure("model-not-found", "m", { upstreamCode: "theirs" }), "invalid_request_error", "model_not_found"],
  [failure("context-overflow", "m"), "invalid_request_error", "context_length_exceeded"],
  [failure("rate-limited", "m", { upstreamType: "tokens" }), "tokens", "rate_limit_exceeded"],
  [failure("quota-exhausted", "m"), "insufficient_quota", "insufficient_quota"],
  [failure("upstream-auth", "m", { upstreamCode: "invalid_api_key" }), "server_error", "upstream-auth"],
  [failure("overloaded", "m"), "server_error", "server_is_overloaded"],
  [failure("timeout-idle", "m"), "timeout", "timeout-idle"],
  [failure("broken-stream", "m"), "server_error", "broken-stream"],
];
for (const [given, type, code] of written) {
  test(`${given.kind} is written as ${type} / ${code}`, () => {
    assert.deepEqual(writeError({ ...given, param: "p" }), { error: { message: "m", type, param: "p", code } });
  });
}
