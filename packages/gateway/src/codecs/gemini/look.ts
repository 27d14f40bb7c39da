import type { Failure } from "../../kernel/failure.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, countOf, objectOf, textOf } from "../shared/json.ts";
import { saysError } from "../shared/openai-error-read.ts";
import { readError } from "./errors.ts";

export const noCandidates = "The provider's answer has no candidates.";

/** An event's JSON; undefined for what is none. Errors come as lists too, of which the first counts. */
export function readChunk(data: string): JsonObject | undefined {
  let value: Json;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  return objectOf(Array.isArray(value) ? arrayOf(value)[0] : value);
}

/** The error inside an answer that bears status 200. */
export function errorInside(chunk: JsonObject): Failure | undefined {
  return saysError(chunk["error"]) ? readError(0, chunk) : undefined;
}

/** Why the prompt was blocked, in which case there is no candidate. */
export function blockReason(chunk: JsonObject): string | undefined {
  return textOf(objectOf(chunk["promptFeedback"])?.["blockReason"]);
}

/** The number of a candidate: its `index`, or its place in the list where it was left out. */
export function candidateIndex(candidate: JsonObject, place: number): number {
  return countOf(candidate["index"]) ?? place;
}

/** Whether a part is content, not only a mark. */
export function isMeaningful(part: Json): boolean {
  if (!isJsonObject(part)) return false;
  if (typeof part["text"] === "string") return part["text"] !== "" || isJsonObject(part["inlineData"]);
  return Object.keys(part).length > 0;
}
