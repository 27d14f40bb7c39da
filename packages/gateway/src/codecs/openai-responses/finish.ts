import type { FinishReason } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { objectOf, textOf } from "../shared/json.ts";
import { readError } from "../shared/openai-error-read.ts";

/** How a response ended: in a failure, or with the word for why there is no more of it. */
export type Ending = { readonly failure: Failure } | { readonly word: string; readonly incomplete: boolean };

/**
 * The end that a response tells of.
 *
 * @param said The status that the event's name tells, where the response itself tells none.
 */
export function readEnding(response: JsonObject, said: string): Ending {
  const { error } = response;
  const status = textOf(response["status"]) ?? said;
  if (status === "failed" || (objectOf(error) !== undefined && status !== "incomplete")) {
    return { failure: readError(0, { error: error ?? null }) };
  }
  if (status === "cancelled") return { failure: failure("upstream-error", "The provider cancelled the response.") };
  if (status === "incomplete" || said === "incomplete") {
    const reason = textOf(objectOf(response["incomplete_details"])?.["reason"]);
    return { word: reason ?? "incomplete", incomplete: true };
  }
  return { word: "completed", incomplete: false };
}

/** Whatever cut a response short, it is not whole: an unknown reason counts as a limit. */
export function finishOf(
  { word, incomplete }: Extract<Ending, { readonly word: string }>,
  hasCalls: boolean,
): FinishReason {
  if (!incomplete) return { unified: hasCalls ? "tool-calls" : "stop", raw: word };
  return { unified: word === "content_filter" ? "content-filter" : "length", raw: word };
}

/** The reason of `incomplete_details`; undefined for a response that is complete. */
export function incompleteReason(reason: FinishReason): string | undefined {
  switch (reason.unified) {
    case "length":
      return "max_output_tokens";
    case "content-filter":
      return "content_filter";
    default:
      return undefined;
  }
}

/** The failure that an `error` event tells of: OpenAI wraps it in `error`, its specification does not. */
export function readErrorEvent(event: JsonObject): Failure {
  const { code, message, param } = event;
  const inner = objectOf(event["error"]);
  return readError(0, {
    error: inner ?? { code: code ?? null, message: message ?? event["error"] ?? null, param: param ?? null },
  });
}
