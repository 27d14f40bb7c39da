import type { Failure, FailureKind } from "../../kernel/failure.ts";
import { failure, failures } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { compact } from "../../kernel/json.ts";
import { objectOf } from "../shared/json.ts";
import { readError as readShared, saysError } from "../shared/openai-error-read.ts";

/** Error types of Anthropic's API (`ErrorType` of its SDK, and `request_too_large` of its documentation). */
const types: ReadonlySet<string> = new Set([
  "invalid_request_error",
  "authentication_error",
  "billing_error",
  "permission_error",
  "not_found_error",
  "request_too_large",
  "rate_limit_error",
  "timeout_error",
  "api_error",
  "overloaded_error",
]);

const typeOf: { readonly [kind in FailureKind]?: string } = {
  unauthorized: "authentication_error",
  forbidden: "permission_error",
  "not-found": "not_found_error",
  "model-not-found": "not_found_error",
  "too-large": "request_too_large",
  "over-limit": "rate_limit_error",
  "over-budget": "rate_limit_error",
  "rate-limited": "rate_limit_error",
  "quota-exhausted": "rate_limit_error",
  overloaded: "overloaded_error",
  overwhelmed: "overloaded_error",
  draining: "overloaded_error",
  "timeout-connect": "timeout_error",
  "timeout-first-token": "timeout_error",
  "timeout-idle": "timeout_error",
  "timeout-total": "timeout_error",
};

/**
 * The meaning of an error answer; `status` 0 stands for an error inside an answer that had begun with 200.
 * Compatible vendors answer in each other's shapes, so the shared reader listens.
 */
export function readError(status: number, body: Json | undefined): Failure {
  const read = readShared(status, body);
  return read.upstreamType === "request_too_large" ? { ...read, kind: "too-large" } : read;
}

/** The error inside an answer of status 200: a body or event of type `error`, or one that bears an `error`. */
export function errorInside(answer: JsonObject): Failure | undefined {
  return answer["type"] === "error" || saysError(answer["error"]) ? readError(0, answer) : undefined;
}

/** Why a body of status 200 is no answer. */
export function refusalOf(body: JsonObject): Failure | undefined {
  const problem = errorInside(body);
  if (problem !== undefined || Array.isArray(body["content"])) return problem;
  return failure("bad-response", "The provider's answer has no content.");
}

/** Clients compact the conversation when they read these words of Anthropic's. */
const overflowWords = /prompt is too long/i;

/** An error body in Anthropic's shape. `code`, which Anthropic has not, is our kind. */
export function writeError(why: Failure): JsonObject {
  const row = failures[why.kind];
  // Whose fault it is decides whose words are used: the provider's complaint about our own key is not the client's.
  const theirs = row.blame === "client" || row.status === 429 ? why.upstreamType : undefined;
  const ours = typeOf[why.kind] ?? (row.status >= 500 && row.status !== 501 ? "api_error" : "invalid_request_error");
  const type = theirs !== undefined && types.has(theirs) ? theirs : ours;
  const isUnknownOverflow = why.kind === "context-overflow" && !overflowWords.test(why.message);
  const message = isUnknownOverflow ? `prompt is too long: ${why.message}` : why.message;
  const error = compact({ type, message, code: why.kind, param: why.param });
  return { type: "error", error: objectOf(error as Json) ?? {} };
}

/** The event that ends a stream in failure. */
export function writeStreamError(why: Failure): string {
  return namedEvent("error", writeError(why));
}

/** An SSE event with its name, by which the official SDKs go. JSON text has no line breaks of its own. */
export function namedEvent(name: string, value: JsonObject): string {
  return `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`;
}
