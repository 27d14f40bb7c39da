import type { DecodedRequest, Dialect } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { CanonicalRequest, GenerationRequest, Sampling } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { estimateText } from "../shared/estimate.ts";
import { foreignLosses } from "../shared/extra.ts";
import { objectOf, unlessEmpty, without } from "../shared/json.ts";
import {
  fittingSampling,
  readSampling,
  readStreamOptions,
  writeSampling,
  writeStreamOptions,
} from "../shared/openai-sampling.ts";
import { writePrompt } from "./prompt.ts";

/** Most alternatives to a token that a completion tells. */
const mostLogprobs = 5;

/**
 * Reads a legacy completion request as one message of the user's. Only what a conversation can say is accepted;
 * several prompts, token ids, `suffix` and a `best_of` beyond `n` can be served without translation only.
 */
export function readRequest(body: JsonObject): Result<DecodedRequest> {
  const complaints = new Complaints();
  const request = readBody(body, complaints);
  return complaints.result({ request, losses: [] });
}

function readBody(body: JsonObject, complaints: Complaints): GenerationRequest {
  const { model, prompt, suffix, best_of, logprobs, echo, max_tokens, n, stream, ...afterLimits } = body;
  const { stream_options, user, ...afterUser } = afterLimits;
  const { sampling, rest } = readSampling(afterUser, complaints);
  const name = complaints.requiredString(model, "model");
  const text = readPrompt(prompt, complaints);
  const candidates = complaints.integer(n, "n", { least: 1, most: 128 });
  if ((complaints.string(suffix, "suffix") ?? "") !== "") complaints.untranslatable("suffix");
  const best = complaints.integer(best_of, "best_of", { least: 0, most: 20 });
  // The best of as many as are wanted are all of them.
  if (best !== undefined && best > (candidates ?? 1)) complaints.untranslatable("best_of");
  const topLogprobs = complaints.integer(logprobs, "logprobs", { least: 0, most: mostLogprobs });
  // Echoing is the encoder's task, which sees the client's body.
  complaints.boolean(echo, "echo");
  const streamRest = readStreamOptions(stream_options, complaints);
  const extra = unlessEmpty({
    ...rest,
    ...(streamRest && { stream_options: streamRest }),
    // Who says nothing in this protocol wants its default: a mark for our own writer, and no loss elsewhere.
    ...((max_tokens ?? null) === null && { max_tokens: null }),
  });
  return {
    operation: "generate",
    model: name ?? "",
    messages: [{ role: "user", parts: [{ type: "text", text }] }],
    tools: [],
    sampling: { ...sampling, ...(topLogprobs !== undefined && { logprobs: true, topLogprobs }) },
    stream: complaints.boolean(stream, "stream") ?? false,
    ...compact({
      maxOutputTokens: complaints.integer(max_tokens, "max_tokens", { least: 0 }),
      candidates,
      user: complaints.string(user, "user"),
      extra: extra && { "openai-completions": extra },
    }),
  };
}

/** The prompt's text. The protocol's default prompt is its end-of-text mark, which no chat backend understands. */
function readPrompt(prompt: Json | undefined, complaints: Complaints): string {
  if (prompt === undefined || prompt === null) return complaints.missing("prompt") ?? "";
  if (typeof prompt === "string") return prompt;
  if (!Array.isArray(prompt)) return complaints.wrongType("prompt", "one of a string or array", prompt) ?? "";
  const list = prompt as readonly Json[];
  const [first] = list;
  if (list.length === 0) return complaints.add("Invalid 'prompt': empty array.", "prompt") ?? "";
  if (list.length === 1 && typeof first === "string") return first;
  const what = typeof first === "string" ? "Several prompts in one request" : "Prompts of token ids";
  complaints.add(`${what} cannot be translated for this model's backend. Send one prompt as a string.`, "prompt");
  return "";
}

/** Extra fields that are written as part of another one. */
const woven = new Set(["stream_options", "max_tokens"]);

/** So many stop sequences everybody takes, OpenAI no more. */
const usualStops = 4;

/** Most tokens of an answer that nobody has limited: base models seldom know where to stop. */
const mostTokens = 4096;

/** The same where the model's window is unknown: a quarter of the smallest that is still served, 4,096. */
const fewTokens = 1024;

/** Tokens that a tokenizer may put before a prompt, with room to spare. */
const addedTokens = 8;

/** What the protocol itself takes where a request has no limit. */
const defaultTokens = 16;

/** Writes a legacy completion request; `prompt.ts` says how a conversation becomes its prompt. */
export function writeRequest(
  request: CanonicalRequest,
  dialect: Dialect,
): { readonly body: JsonObject; readonly losses: readonly Loss[] } {
  if (request.operation !== "generate") throw new TypeError(`A completion request cannot ${request.operation}.`);
  const own = request.extra?.["openai-completions"] ?? {};
  // The broad ones first: a header has room for few.
  const losses: Loss[] = [...foreignLosses(request.extra, "openai-completions", ""), ...unsaid(request)];
  const { logprobs, topLogprobs = 0 } = request.sampling;
  if (logprobs === true && topLogprobs > mostLogprobs)
    losses.push({ field: "sampling.topLogprobs", reason: "approximated" });
  const { text: prompt, stop } = writePrompt(request.messages, losses);
  const sampling = fittingSampling(request.sampling, dialect, losses);
  const body = {
    ...without(own, woven),
    model: request.model,
    prompt,
    ...writeSampling({ ...sampling, ...withStop(sampling, stop, losses) }),
    ...compact({
      max_tokens: Object.hasOwn(own, "max_tokens") ? undefined : limitOf(request, dialect, prompt),
      logprobs: logprobs === true ? Math.min(topLogprobs, mostLogprobs) : undefined,
      n: request.candidates,
      user: request.user,
      stream: request.stream || undefined,
      stream_options: writeStreamOptions(request.stream && dialect.streamUsage, objectOf(own["stream_options"])),
    }),
  } as JsonObject;
  return { body, losses };
}

/** The stop sequences with the prompt's own, which may end an answer where the client did not say so. */
function withStop({ stop = [] }: Sampling, added: string | undefined, losses: Loss[]): Pick<Sampling, "stop"> {
  if (added === undefined || stop.length >= usualStops || stop.includes(added)) return {};
  losses.push({ field: "sampling.stop", reason: "approximated" });
  return { stop: [...stop, added] };
}

/**
 * A client of another protocol that says nothing means "as many as it takes", and here it would get 16 (openai-openapi;
 * vllm-project/vllm-ascend#15931). `null` does not say it either: vLLM answers it with 500 (vllm-project/vllm#19862).
 */
function limitOf({ maxOutputTokens }: GenerationRequest, { contextWindow }: Dialect, prompt: string): number {
  if (maxOutputTokens !== undefined) return maxOutputTokens;
  if (contextWindow === undefined) return fewTokens;
  // Prompt and limit together must fit, or the backend refuses both. No token is shorter than a byte; where that says
  // too little, half of what the estimate leaves, which may be as wrong as that: text that is not English.
  const certain = contextWindow - Buffer.byteLength(prompt) - addedTokens;
  const likely = Math.floor((contextWindow - estimateText(prompt)) / 2);
  return Math.max(defaultTokens, Math.min(mostTokens, Math.max(certain, likely)));
}

/** What a conversation can say and a completion cannot. */
function unsaid(request: GenerationRequest): readonly Loss[] {
  const fields = {
    tools: request.tools.length > 0,
    toolChoice: request.toolChoice !== undefined && request.toolChoice.type !== "none",
    parallelToolCalls: request.parallelToolCalls !== undefined && request.tools.length > 0,
    reasoning: request.reasoning !== undefined && request.reasoning.effort !== "none",
    output: request.output !== undefined && request.output.type !== "text",
    verbosity: request.verbosity !== undefined,
  };
  return Object.entries(fields).flatMap(([field, given]) => (given ? [{ field, reason: "unsupported" as const }] : []));
}
