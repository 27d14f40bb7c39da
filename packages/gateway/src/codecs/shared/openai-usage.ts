import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Usage } from "../../kernel/usage.ts";
import { arrayOf, countOf, objectOf, unlessEmpty, without } from "./json.ts";

/**
 * The `usage` object of an answer or chunk, wherever the backend put it: at the top (OpenAI), in `x_groq`
 * (Groq), or in the first choice (Moonshot).
 */
export function findUsage(answer: JsonObject): JsonObject | undefined {
  return (
    objectOf(answer["usage"]) ??
    objectOf(objectOf(answer["x_groq"])?.["usage"]) ??
    objectOf(objectOf(arrayOf(answer["choices"])[0])?.["usage"])
  );
}

/**
 * Token counts of an OpenAI-like `usage`. Understands DeepSeek's cache fields, old RunPod workers' `input` and
 * `output`, and xAI, which counts reasoning beside `completion_tokens` instead of within it.
 */
export function readUsage(usage: JsonObject): Usage {
  const input = objectOf(usage["prompt_tokens_details"]) ?? {};
  const output = objectOf(usage["completion_tokens_details"]) ?? {};
  const inputTokens = first(usage["prompt_tokens"], usage["input_tokens"], usage["input"]);
  const written = first(usage["completion_tokens"], usage["output_tokens"], usage["output"]);
  const reasoningTokens = first(output["reasoning_tokens"], usage["reasoning_tokens"]);
  return compact({
    inputTokens,
    outputTokens: wholeOutput({
      inputTokens,
      written,
      reasoningTokens,
      total: countOf(usage["total_tokens"]),
    }),
    cacheReadTokens: first(input["cached_tokens"], usage["prompt_cache_hit_tokens"]),
    cacheWriteTokens: first(input["cache_write_tokens"]),
    reasoningTokens,
  });
}

/** The first value that is a count. */
function first(...values: readonly (Json | undefined)[]): number | undefined {
  return values.map(countOf).find((value) => value !== undefined);
}

interface Counts {
  readonly inputTokens: number | undefined;
  readonly written: number | undefined;
  readonly reasoningTokens: number | undefined;
  readonly total: number | undefined;
}

/** Only the total tells whether reasoning was counted within the output or beside it. */
function wholeOutput({ inputTokens, written, reasoningTokens, total }: Counts): number | undefined {
  if (inputTokens === undefined || written === undefined || reasoningTokens === undefined) return written;
  const beside = inputTokens + written + reasoningTokens;
  return total === beside ? written + reasoningTokens : written;
}

const counted = new Set([
  "prompt_tokens",
  "completion_tokens",
  "total_tokens",
  "prompt_tokens_details",
  "completion_tokens_details",
]);

/** What a `usage` object holds beside the counts that `writeUsage` writes. */
export function usageRemainder(usage: JsonObject): JsonObject {
  const details = (name: string, known: string) => {
    const rest = without(objectOf(usage[name]) ?? {}, new Set([known, "cache_write_tokens"]));
    return unlessEmpty(rest) && { [name]: rest };
  };
  return {
    ...without(usage, counted),
    ...details("prompt_tokens_details", "cached_tokens"),
    ...details("completion_tokens_details", "reasoning_tokens"),
  };
}

/**
 * OpenAI's `usage`; `rest` holds the vendor's other fields. Its shape demands the three main counts, and Zed refuses a
 * chunk without one of them: a count that nobody knows is 0 there, if another one is known; undefined if none is.
 */
export function writeUsage(usage: Usage | undefined, rest: JsonObject): JsonObject | undefined {
  if (usage?.inputTokens === undefined && usage?.outputTokens === undefined) return undefined;
  const { inputTokens = 0, outputTokens = 0 } = usage;
  const input = {
    ...objectOf(rest["prompt_tokens_details"]),
    ...compact({
      cached_tokens: usage.cacheReadTokens,
      cache_write_tokens: usage.cacheWriteTokens,
    }),
  } as JsonObject;
  const output = {
    ...objectOf(rest["completion_tokens_details"]),
    ...compact({ reasoning_tokens: usage.reasoningTokens }),
  } as JsonObject;
  return {
    ...rest,
    ...compact({
      prompt_tokens: inputTokens,
      completion_tokens: outputTokens,
      total_tokens: inputTokens + outputTokens,
      prompt_tokens_details: unlessEmpty(input),
      completion_tokens_details: unlessEmpty(output),
    }),
  };
}
