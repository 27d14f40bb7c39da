import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf } from "./json.ts";

/** Joins the log probabilities that came in pieces: lists are joined, anything else is replaced. */
export function joinLogprobs(pieces: readonly Json[]): JsonObject | undefined {
  const joined = new Map<string, Json>();
  for (const piece of pieces) {
    for (const [name, value] of Object.entries(objectOf(piece) ?? {})) {
      const before = joined.get(name);
      joined.set(name, Array.isArray(before) && Array.isArray(value) ? [...arrayOf(before), ...arrayOf(value)] : value);
    }
  }
  return joined.size === 0 ? undefined : Object.fromEntries(joined);
}

/** Log probabilities as chat tells them, `{content: [{token, logprob, bytes, top_logprobs}]}`, also from completions. */
export function chatLogprobs(value: Json): Json {
  const object = objectOf(value);
  if (object === undefined || !Array.isArray(object["tokens"])) return value;
  const [numbers, tops] = [arrayOf(object["token_logprobs"]), arrayOf(object["top_logprobs"])];
  const content = arrayOf(object["tokens"]).map((token, place): JsonObject => {
    const top = Object.entries(objectOf(tops[place]) ?? {});
    return {
      ...entry(token, numbers[place]),
      top_logprobs: top.map(([name, logprob]) => entry(name, logprob)),
    };
  });
  return { content, refusal: null };
}

function entry(token: Json, logprob: Json | undefined): JsonObject {
  return { token, logprob: logprob ?? null, bytes: typeof token === "string" ? [...Buffer.from(token)] : null };
}

/**
 * Log probabilities as legacy completions tell them, `{tokens, token_logprobs, top_logprobs, text_offset}`, also from
 * chat. `offset` is the length of the text before them.
 */
export function completionLogprobs(value: Json, offset: number): Json {
  const content = objectOf(value)?.["content"];
  if (!Array.isArray(content)) return value;
  const entries = arrayOf(content).map((item) => objectOf(item) ?? {});
  let at = offset;
  const offsets = entries.map(({ token }) => {
    const here = at;
    if (typeof token === "string") at += token.length;
    return here;
  });
  return {
    tokens: entries.map(({ token }) => token ?? ""),
    token_logprobs: entries.map(({ logprob }) => logprob ?? null),
    top_logprobs: entries.map((each) =>
      Object.fromEntries(
        arrayOf(each["top_logprobs"]).flatMap((item): [string, Json][] => {
          const top = objectOf(item);
          return typeof top?.["token"] === "string" ? [[top["token"], top["logprob"] ?? null]] : [];
        }),
      ),
    ),
    text_offset: offsets,
  };
}
