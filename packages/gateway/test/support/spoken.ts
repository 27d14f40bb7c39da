import { parseExact } from "../../src/codecs/shared/exact.ts";
import { foldAnswer } from "../../src/codecs/shared/fold.ts";
import type { FoldedPart } from "../../src/codecs/shared/fold.ts";
import type { AnswerEvent, FinishWord } from "../../src/kernel/event.ts";
import type { FailureKind } from "../../src/kernel/failure.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Usage } from "../../src/kernel/usage.ts";
import type { Generating } from "./pipeline.ts";
import { chat } from "./vendors/chat.ts";
import { anthropic } from "./vendors/anthropic.ts";
import { gemini } from "./vendors/gemini.ts";
import { ollama } from "./vendors/ollama.ts";
import { responses } from "./vendors/responses.ts";
import { pieces } from "./vendors/scene.ts";
import type { Answer, Seen, VendorProtocol } from "./vendors/scene.ts";

/** An answer in no protocol's words. */
export interface Spoken {
  readonly text: string;
  readonly refusal: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finish: FinishWord | undefined;
  readonly stopSequence: string | undefined;
  readonly usage: Usage | undefined;
  readonly failure: FailureKind | undefined;
}

/** What the first candidate of an answer says. */
export function spoken(events: readonly AnswerEvent[]): Spoken {
  const { candidates, usage } = foldAnswer(events);
  const { parts = [], finish } = candidates.get(0) ?? {};
  const last = events.at(-1);
  return {
    text: textOf(parts, "text"),
    refusal: textOf(parts, "refusal"),
    reasoning: textOf(parts, "reasoning"),
    calls: parts.flatMap(({ head, text }) =>
      head.type === "tool-call" ? [{ id: head.id, name: head.name, arguments: text }] : [],
    ),
    finish: finish?.unified,
    stopSequence: finish?.stopSequence,
    usage,
    failure: last?.type === "failure" ? last.failure.kind : undefined,
  };
}

function textOf(parts: readonly FoldedPart[], type: string): string {
  return parts
    .filter(({ head }) => head.type === type)
    .map(({ text }) => text)
    .join("");
}

const seen: Seen = {
  model: "real",
  stream: true,
  system: "",
  turns: [],
  tools: [],
  body: { stream_options: { include_usage: true } },
  headers: {},
};

const base = { id: "cmpl-1", object: "text_completion", created: 1_700_000_000, model: "real" };
const line = { model: "real", created_at: "2025-10-26T17:15:24.097767Z" };

/** Completions know only text. */
const completions: Pick<VendorProtocol, "stream" | "whole"> = {
  stream(answer) {
    const event = (value: object) => `data: ${JSON.stringify({ ...base, ...value })}\n\n`;
    const choice = (text: string, finish: string | null = null) =>
      event({ choices: [{ index: 0, text, logprobs: null, finish_reason: finish }] });
    return [
      ...pieces(answer.text ?? "").map((text) => choice(text)),
      choice("", answer.finish ?? "stop"),
      event({ choices: [], usage: completionUsage(answer) }),
      "data: [DONE]\n\n",
    ];
  },
  whole: (answer) => ({
    ...base,
    choices: [{ index: 0, text: answer.text ?? "", logprobs: null, finish_reason: answer.finish ?? "stop" }],
    usage: completionUsage(answer),
  }),
};

function completionUsage({ usage = { input: 1, output: 1 } }: Answer): JsonObject {
  const { input, output, cached = 0 } = usage;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
  };
}

/** Ollama's `/api/generate` knows text and thinking. */
const generate: Pick<VendorProtocol, "stream" | "whole"> = {
  stream(answer) {
    const one = (value: object) => `${JSON.stringify({ ...line, ...value })}\n`;
    return [
      ...pieces(answer.reasoning ?? "").map((thinking) => one({ response: "", thinking, done: false })),
      ...pieces(answer.text ?? "").map((response) => one({ response, done: false })),
      one({ response: "", ...generateEnd(answer) }),
    ];
  },
  whole: (answer) => ({
    ...line,
    response: answer.text ?? "",
    ...(answer.reasoning !== undefined && { thinking: answer.reasoning }),
    ...generateEnd(answer),
  }),
};

function generateEnd({ finish = "stop", usage }: Answer): JsonObject {
  const counts = usage === undefined ? {} : { prompt_eval_count: usage.input, eval_count: usage.output };
  return { done: true, done_reason: finish, total_duration: 5, ...counts };
}

const vendors: { readonly [P in Generating]: Pick<VendorProtocol, "stream" | "whole"> } = {
  "openai-chat": chat,
  "openai-responses": responses,
  "openai-completions": completions,
  "anthropic-messages": anthropic,
  gemini,
  ollama,
  "ollama-generate": generate,
};

/** An answer as a vendor of this protocol streams it, in whole events. */
export function vendorStream(protocol: Generating, answer: Answer): readonly string[] {
  return vendors[protocol].stream(answer, seen, "1");
}

/** An answer as a vendor of this protocol gives it unstreamed. */
export function vendorWhole(protocol: Generating, answer: Answer): JsonObject {
  return vendors[protocol].whole(answer, seen, "1");
}

/** What the answers of a protocol have room for. */
export interface Room {
  readonly reasoning: boolean;
  readonly calls: boolean;
  readonly cached: boolean;
  /** Calls bear ids. */
  readonly ids: boolean;
}

export const rooms: { readonly [P in Generating]: Room } = {
  "openai-chat": { reasoning: true, calls: true, cached: true, ids: true },
  "openai-responses": { reasoning: true, calls: true, cached: true, ids: true },
  "openai-completions": { reasoning: false, calls: false, cached: true, ids: false },
  "anthropic-messages": { reasoning: true, calls: true, cached: true, ids: true },
  gemini: { reasoning: true, calls: true, cached: true, ids: true },
  ollama: { reasoning: true, calls: true, cached: false, ids: true },
  "ollama-generate": { reasoning: true, calls: false, cached: false, ids: false },
};

/** What can be compared of an answer that a client of this protocol has; arguments are JSON with all its digits. */
export function comparable(said: Spoken, client: Generating): object {
  const { reasoning, calls, cached } = rooms[client];
  const { usage } = said;
  // Of calls, clients of `/api/generate` hear, although none of its vendors make any.
  const hearsCalls = calls || client === "ollama-generate";
  return {
    text: said.text,
    refusal: said.refusal,
    reasoning: reasoning ? said.reasoning : "",
    calls: hearsCalls
      ? said.calls.map((call) => ({ ...call, arguments: JSON.stringify(parseExact(call.arguments)) }))
      : [],
    finish: hearsCalls || said.finish !== "tool-calls" ? said.finish : "stop",
    usage: [usage?.inputTokens, usage?.outputTokens, cached ? (usage?.cacheReadTokens ?? 0) : 0],
    failure: said.failure,
  };
}
