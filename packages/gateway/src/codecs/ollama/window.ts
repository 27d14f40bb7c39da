import type { Dialect, RequestView } from "../../kernel/codec.ts";
import type { Edit } from "../../kernel/edit.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { compact } from "../../kernel/json.ts";
import { givenOptions } from "./options.ts";

/** Few enough for code and for scripts without spaces; prose has more. */
const bytesPerToken = 3;
/** Models that cut images into tiles take up to about this many. */
const tokensPerImage = 2048;
/** Kept free for an answer whose length nobody limits. */
const usualAnswer = 4096;
/** Agents name limits that they never come near; each token of them would cost memory. */
const longestAnswer = 16_384;
const least = 8192;

/** The fields of a request that the model reads. */
const read = ["messages", "tools", "prompt", "system", "suffix", "template", "context", "input"] as const;

/**
 * Tokens of context to ask for, `num_ctx`. Without it Ollama holds 4096 and silently forgets what does not fit; but it
 * pays for every token in memory, used or not, and loads the model anew when the number changes. So the need is
 * estimated generously and rounded up to a power of two, which a growing conversation reaches seldom, and never more
 * than the model can hold.
 */
function windowFor(body: JsonObject, answer: number | undefined, contextWindow: number): number {
  const { bytes, images } = measure(body);
  const prompt = Math.ceil(bytes / bytesPerToken) + images * tokensPerImage;
  const need = prompt + Math.min(answer ?? usualAnswer, longestAnswer);
  return Math.min(contextWindow, Math.max(least, 2 ** Math.ceil(Math.log2(need))));
}

/** Bytes of what the model reads, as JSON, and the images beside it. */
function measure(body: JsonObject): { readonly bytes: number; readonly images: number } {
  let images = 0;
  const text = JSON.stringify(
    compact(Object.fromEntries(read.map((name) => [name, body[name]]))),
    (name, value: Json) => {
      if (name !== "images" || !Array.isArray(value)) return value;
      images += value.length;
      return undefined;
    },
  );
  const beside = body["images"];
  return { bytes: Buffer.byteLength(text), images: images + (Array.isArray(beside) ? beside.length : 0) };
}

/** The edit that gives a request which passes unread its window, where the client named none and we know the model's. */
export function windowEdits(request: RequestView, dialect: Dialect): readonly Edit[] {
  const { contextWindow } = dialect;
  const options = givenOptions(request.field("options"));
  if (contextWindow === undefined || options === undefined || isGiven(options["num_ctx"])) return [];
  const body = Object.fromEntries([...read, "images"].map((name) => [name, request.field(name) as Json]));
  const predict = options["num_predict"];
  const answer = typeof predict === "number" && predict >= 1 ? predict : undefined;
  return [{ kind: "set", field: "options", value: { ...options, num_ctx: windowFor(body, answer, contextWindow) } }];
}

/** Whether options hold an integer that parsing has changed, so that they must not be written back from its result. */
export function hasLongInteger(value: unknown): boolean {
  const options = givenOptions(value) ?? {};
  return Object.values(options).some((option) => Number.isInteger(option) && !Number.isSafeInteger(option));
}

/**
 * The fields that give a translated request its window. Where the model's own is the limit, an error is better than a
 * prompt cut short, or an answer that forgets its beginning: no other protocol's client expects either.
 */
export function windowFields(body: JsonObject, options: JsonObject, dialect: Dialect): JsonObject {
  const { contextWindow } = dialect;
  if (contextWindow === undefined || isGiven(options["num_ctx"])) return writeOptionsField(options);
  const predict = options["num_predict"];
  const answer = typeof predict === "number" && predict >= 1 ? predict : undefined;
  const window = windowFor(body, answer, contextWindow);
  return { truncate: false, shift: false, ...writeOptionsField({ ...options, num_ctx: window }) };
}

function writeOptionsField(options: JsonObject): JsonObject {
  return Object.keys(options).length === 0 ? {} : { options };
}

function isGiven(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}
