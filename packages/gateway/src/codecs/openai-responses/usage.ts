import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Usage } from "../../kernel/usage.ts";
import { countOf, objectOf, unlessEmpty, without } from "../shared/json.ts";

const counted = new Set([
  "input_tokens",
  "output_tokens",
  "total_tokens",
  "input_tokens_details",
  "output_tokens_details",
]);
const inputDetails = new Set(["cached_tokens", "cache_write_tokens"]);
const outputDetails = new Set(["reasoning_tokens"]);

/** Token counts of a response's `usage`: its totals include what was cached and what was reasoning. */
export function readUsage(usage: JsonObject): Usage {
  const input = objectOf(usage["input_tokens_details"]) ?? {};
  const output = objectOf(usage["output_tokens_details"]) ?? {};
  return compact({
    inputTokens: countOf(usage["input_tokens"]),
    outputTokens: countOf(usage["output_tokens"]),
    cacheReadTokens: countOf(input["cached_tokens"]),
    cacheWriteTokens: countOf(input["cache_write_tokens"]),
    reasoningTokens: countOf(output["reasoning_tokens"]),
  });
}

/** What a `usage` object holds beside the counts that `writeUsage` writes. */
export function usageRemainder(usage: JsonObject): JsonObject {
  const details = (name: string, known: ReadonlySet<string>) => {
    const rest = unlessEmpty(without(objectOf(usage[name]) ?? {}, known));
    return rest && { [name]: rest };
  };
  return {
    ...without(usage, counted),
    ...details("input_tokens_details", inputDetails),
    ...details("output_tokens_details", outputDetails),
  };
}

/**
 * A response's `usage`. Its shape demands numbers, and clients need it: opencode repeats its request without end when
 * a response has none. So what nobody knows is 0 here, but for what was written to a cache, which many a response of
 * OpenAI's own leaves out.
 */
export function writeUsage(usage: Usage, rest: JsonObject): JsonObject {
  const { inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens, reasoningTokens = 0 } = usage;
  return {
    ...rest,
    input_tokens: inputTokens,
    input_tokens_details: {
      ...objectOf(rest["input_tokens_details"]),
      cached_tokens: cacheReadTokens,
      ...compact({ cache_write_tokens: cacheWriteTokens }),
    },
    output_tokens: outputTokens,
    output_tokens_details: { ...objectOf(rest["output_tokens_details"]), reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}
