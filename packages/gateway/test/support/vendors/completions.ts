import type { JsonObject } from "../../../src/kernel/json.ts";
import { chat, usageOf, wantsUsage } from "./chat.ts";
import { must, pieces } from "./scene.ts";
import type { Answer, Seen, VendorProtocol } from "./scene.ts";

/** OpenAI's own arguments, and two that the servers of base models know (vLLM, llama.cpp). */
const known = new Set(
  "model prompt suffix max_tokens temperature top_p n best_of stream stream_options logprobs echo stop presence_penalty frequency_penalty logit_bias seed user top_k min_p".split(
    " ",
  ),
);

/** A whole number between two, where one is given. */
function mustBeWithin(body: JsonObject, name: string, least: number, most: number): void {
  const value = body[name] ?? least;
  must(Number.isInteger(value), `Invalid type for '${name}': expected an integer.`);
  must(
    Number(value) >= least && Number(value) <= most,
    `Invalid '${name}': expected a value from ${least} to ${most}.`,
  );
}

function read(path: string, body: JsonObject, headers: Seen["headers"]): Seen | undefined {
  if (path !== "/completions") return undefined;
  const { model, prompt, stop } = body;
  must(typeof model === "string", "Missing required parameter: 'model'.");
  for (const name of Object.keys(body)) must(known.has(name), `Unrecognized request argument supplied: ${name}`);
  must(typeof prompt === "string", "Missing required parameter: 'prompt'.");
  mustBeWithin(body, "max_tokens", 0, Infinity);
  mustBeWithin(body, "logprobs", 0, 5);
  mustBeWithin(body, "n", 1, 128);
  mustBeWithin(body, "best_of", 0, 20);
  must(
    body["best_of"] === undefined || Number(body["best_of"]) >= Number(body["n"] ?? 1),
    "best_of must be at least n.",
  );
  const stream = body["stream"] === true;
  must(
    !stream || Number(body["best_of"] ?? 1) === 1,
    "You requested that the server stream the best of several results.",
  );
  must(stream || body["stream_options"] === undefined, "'stream_options' is only allowed when 'stream' is enabled.");
  must(!Array.isArray(stop) || stop.length <= 4, "Invalid 'stop': expected an array with maximum length 4.");
  return {
    model,
    stream,
    // It knows of no roles: whatever a client said is one text.
    system: "",
    turns: [{ role: "user", text: prompt, reasoning: "", state: [], images: [], calls: [], results: [] }],
    tools: [],
    body,
    headers,
  };
}

/** Without a limit it gives 16 tokens, which is about so many characters. */
const defaultLength = 64;

function said({ text = "", finish = "stop" }: Answer, { body }: Seen): { text: string; finish: string } {
  if (typeof body["max_tokens"] === "number" || text.length <= defaultLength) return { text, finish };
  return { text: text.slice(0, defaultLength), finish: "length" };
}

const headOf = (seen: Seen, id: string) => ({
  id: `cmpl-${id}`,
  object: "text_completion",
  created: 1_700_000_000,
  model: seen.model,
});

/** OpenAI's legacy completions: text in, text out, and nothing else. */
export const completions: VendorProtocol = {
  read,
  key: "authorization",
  streamType: "text/event-stream",
  stream(answer, seen, id) {
    const asked = wantsUsage(seen);
    const event = (value: object) => `data: ${JSON.stringify({ ...headOf(seen, id), ...value })}\n\n`;
    const choice = (words: string, finish: string | null) =>
      event({
        choices: [{ text: words, index: 0, logprobs: null, finish_reason: finish }],
        ...(asked && { usage: null }),
      });
    const { text, finish } = said(answer, seen);
    const usage = usageOf(answer);
    return [
      ...pieces(text).map((piece) => choice(piece, null)),
      choice("", finish),
      ...(usage !== undefined && asked ? [event({ choices: [], usage })] : []),
      "data: [DONE]\n\n",
    ];
  },
  whole(answer, seen, id) {
    const { text, finish } = said(answer, seen);
    const usage = usageOf(answer);
    return {
      ...headOf(seen, id),
      choices: [{ text, index: 0, logprobs: null, finish_reason: finish }],
      ...(usage === undefined ? {} : { usage }),
    };
  },
  error: (status, kind, message) => chat.error(status, kind, message),
  models: chat.models,
};
