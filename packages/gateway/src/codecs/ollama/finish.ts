import type { FinishReason } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { compact } from "../../kernel/json.ts";
import type { Usage } from "../../kernel/usage.ts";
import { countOf, textOf } from "../shared/json.ts";
import { readFinish } from "../shared/openai-finish.ts";

/** Words that `done_reason` is known to have. */
const words = new Set(["stop", "length", "load", "unload"]);

/** Why a turn ended. Ollama says `stop` after calls too, and old servers say nothing. */
export function readDone(line: JsonObject, hasCalls: boolean): FinishReason {
  return readFinish(textOf(line["done_reason"]) ?? "", hasCalls);
}

/** The backend's word where it is one of Ollama's that means the same, else the nearest of them. */
export function writeDone(reason: FinishReason): string {
  const { raw, unified } = reason;
  if (words.has(raw) && readFinish(raw, unified === "tool-calls").unified === unified) return raw;
  return unified === "length" ? "length" : "stop";
}

/** Token counts of a last line. They are left out when they are 0, or when the prompt was in the cache. */
export function readCounts(line: JsonObject): Usage | undefined {
  const usage = compact({
    inputTokens: countOf(line["prompt_eval_count"]),
    outputTokens: countOf(line["eval_count"]),
  });
  return usage.inputTokens === undefined && usage.outputTokens === undefined ? undefined : usage;
}

export function writeCounts(usage: Usage | undefined): JsonObject {
  return compact({ prompt_eval_count: usage?.inputTokens, eval_count: usage?.outputTokens }) as JsonObject;
}
