import type { Failure, FailureKind } from "../../kernel/failure.ts";
import { failures } from "../../kernel/failure.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { dataEvent } from "./openai-sse.ts";

/** OpenAI's word where it has one; the failure's own key is the code elsewhere. */
const codes: { readonly [kind in FailureKind]?: string } = {
  unauthorized: "invalid_api_key",
  "model-not-found": "model_not_found",
  "context-overflow": "context_length_exceeded",
  "content-filter": "content_filter",
  "over-limit": "rate_limit_exceeded",
  "over-budget": "insufficient_quota",
  "rate-limited": "rate_limit_exceeded",
  "quota-exhausted": "insufficient_quota",
  overloaded: "server_is_overloaded",
};

const types: { readonly [kind in FailureKind]?: string } = {
  unauthorized: "authentication_error",
  forbidden: "permission_error",
  "over-limit": "rate_limit_error",
  "over-budget": "insufficient_quota",
  "rate-limited": "rate_limit_error",
  "quota-exhausted": "insufficient_quota",
};

/** An error body in OpenAI's shape, with all four keys. */
export function writeError(failure: Failure): JsonObject {
  const row = failures[failure.kind];
  // Whose fault it is decides whose words are used: the provider's complaint about our own key is not the client's.
  const theirs = row.blame === "client" || row.status === 429;
  const ours = {
    type: types[failure.kind] ?? typeOf(row.status),
    code: codes[failure.kind] ?? failure.kind,
  };
  return {
    error: {
      message: failure.message,
      type: (theirs ? failure.upstreamType : undefined) ?? ours.type,
      param: failure.param ?? null,
      code: (theirs ? failure.upstreamCode : undefined) ?? ours.code,
    },
  };
}

function typeOf(status: number): string {
  if (status === 504) return "timeout";
  return status >= 500 && status !== 501 ? "server_error" : "invalid_request_error";
}

/** The event that ends a stream in failure. openai-node throws on any event that has an `error`. */
export function writeStreamError(failure: Failure): string {
  return dataEvent(writeError(failure));
}
