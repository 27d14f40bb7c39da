import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf } from "../shared/json.ts";

/** `logprobsResult` in chat's words, `{content: [{token, logprob, bytes, top_logprobs}]}`; undefined if it is empty. */
export function readLogprobs(value: Json | undefined): JsonObject | undefined {
  const result = objectOf(value);
  const tops = arrayOf(result?.["topCandidates"]);
  const content = arrayOf(result?.["chosenCandidates"]).map((chosen, place): JsonObject => {
    const top = arrayOf(objectOf(tops[place])?.["candidates"]);
    return { ...readEntry(chosen), top_logprobs: top.map(readEntry) };
  });
  return content.length === 0 ? undefined : { content, refusal: null };
}

function readEntry(value: Json): JsonObject {
  const { token, logProbability, tokenId } = objectOf(value) ?? {};
  return {
    token: typeof token === "string" ? token : "",
    // Gemini leaves out what is 0, as protojson does: a token that was certain.
    logprob: typeof logProbability === "number" ? logProbability : 0,
    bytes: typeof token === "string" ? [...Buffer.from(token)] : null,
    ...compact({ token_id: tokenId }),
  };
}

/** `logprobsResult` from pieces in chat's words; undefined if they hold none. */
export function writeLogprobs(pieces: readonly Json[]): JsonObject | undefined {
  const entries = pieces
    .flatMap((piece) => arrayOf(objectOf(piece)?.["content"]))
    .map((entry) => objectOf(entry) ?? {});
  if (entries.length === 0) return undefined;
  const tops = entries.map((entry) => arrayOf(entry["top_logprobs"]).map(writeEntry));
  return {
    ...(tops.some((top) => top.length > 0) && { topCandidates: tops.map((candidates) => ({ candidates })) }),
    chosenCandidates: entries.map(writeEntry),
  };
}

function writeEntry(value: Json): JsonObject {
  const { token, logprob, token_id } = objectOf(value) ?? {};
  return compact({ token, tokenId: token_id, logProbability: logprob }) as JsonObject;
}
