import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Usage } from "../../kernel/usage.ts";
import { countOf, objectOf, unlessEmpty, without } from "../shared/json.ts";

/** Anthropic's counts as they were last told: a later one that is null or absent leaves the earlier as it is. */
interface Counts {
  readonly input?: number;
  readonly read?: number;
  readonly written?: number;
  readonly output?: number;
  readonly thinking?: number;
}

const counted = new Set([
  "input_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "output_tokens",
  "output_tokens_details",
]);

/**
 * Adds up what the events of one answer say of its usage. `input_tokens` excludes what was read from and written to
 * the cache, so our `inputTokens` is the sum of three.
 */
export class UsageTally {
  #counts: Counts = {};

  /** Takes one `usage` object; the whole of what is known so far. */
  add(usage: JsonObject): Usage {
    this.#counts = {
      ...this.#counts,
      ...compact({
        input: countOf(usage["input_tokens"]),
        read: countOf(usage["cache_read_input_tokens"]),
        written: countOf(usage["cache_creation_input_tokens"]),
        output: countOf(usage["output_tokens"]),
        thinking: countOf(objectOf(usage["output_tokens_details"])?.["thinking_tokens"]),
      }),
    };
    const { input, read, written, output, thinking } = this.#counts;
    return compact({
      inputTokens: input === undefined ? undefined : input + (read ?? 0) + (written ?? 0),
      outputTokens: output,
      cacheReadTokens: read,
      cacheWriteTokens: written,
      reasoningTokens: thinking,
    });
  }
}

/** What a `usage` object holds beside the counts: null is nothing. */
export function usageRemainder(usage: JsonObject): JsonObject {
  const details = unlessEmpty(without(objectOf(usage["output_tokens_details"]) ?? {}, new Set(["thinking_tokens"])));
  const rest = Object.entries(without(usage, counted)).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(rest), ...(details && { output_tokens_details: details }) };
}

/**
 * Anthropic's `usage`. Clients break without the two main counts, so an unknown one is 0 here; cache counts that
 * nobody knows are left out. What does not add up is never negative.
 */
export function writeUsage(usage: Usage | undefined, rest: JsonObject): JsonObject {
  const read = usage?.cacheReadTokens;
  const written = usage?.cacheWriteTokens;
  const details = {
    ...objectOf(rest["output_tokens_details"]),
    ...compact({ thinking_tokens: usage?.reasoningTokens }),
  };
  const counts: { readonly [name: string]: Json | undefined } = {
    input_tokens: Math.max(0, (usage?.inputTokens ?? 0) - (read ?? 0) - (written ?? 0)),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    output_tokens: usage?.outputTokens ?? 0,
    output_tokens_details: unlessEmpty(details),
  };
  return { ...rest, ...(compact(counts) as JsonObject) };
}
