import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Usage } from "../../kernel/usage.ts";
import { countOf, without } from "../shared/json.ts";

/**
 * Token counts of `usageMetadata`. Gemini counts thoughts beside the candidates, and what tools put into the prompt
 * beside the prompt; `promptTokenCount` includes what was cached.
 */
export function readUsage(usage: JsonObject): Usage {
  const prompt = countOf(usage["promptTokenCount"]);
  const tools = countOf(usage["toolUsePromptTokenCount"]);
  const thoughts = countOf(usage["thoughtsTokenCount"]);
  const candidates = countOf(usage["candidatesTokenCount"]);
  const total = countOf(usage["totalTokenCount"]);
  const input = prompt === undefined ? undefined : prompt + (tools ?? 0);
  const rest = input === undefined || total === undefined || total < input ? undefined : total - input;
  const written = candidates === undefined ? rest : candidates + (thoughts ?? 0);
  return compact({
    inputTokens: input,
    // While nothing is written yet, the count of candidates is left out, and the total is that of the prompt.
    outputTokens: written,
    cacheReadTokens: countOf(usage["cachedContentTokenCount"]),
    reasoningTokens: thoughts,
  });
}

const counted = new Set([
  "promptTokenCount",
  "candidatesTokenCount",
  "thoughtsTokenCount",
  "cachedContentTokenCount",
  "totalTokenCount",
]);

/** What `usageMetadata` holds beside the counts that `writeUsage` writes. */
export function usageRemainder(usage: JsonObject): JsonObject {
  return without(usage, counted);
}

/** `usageMetadata`. Counts that nobody knows are left out; `rest` holds the vendor's other fields. */
export function writeUsage(usage: Usage, rest: JsonObject): JsonObject {
  const { inputTokens, outputTokens, reasoningTokens } = usage;
  const tools = countOf(rest["toolUsePromptTokenCount"]) ?? 0;
  const known = inputTokens !== undefined && outputTokens !== undefined;
  return {
    ...rest,
    ...compact({
      promptTokenCount: inputTokens === undefined ? undefined : Math.max(0, inputTokens - tools),
      cachedContentTokenCount: usage.cacheReadTokens,
      candidatesTokenCount: outputTokens === undefined ? undefined : Math.max(0, outputTokens - (reasoningTokens ?? 0)),
      thoughtsTokenCount: reasoningTokens,
      totalTokenCount: known ? inputTokens + outputTokens : undefined,
    }),
  };
}
