import type { AnswerEvent, FinishReason } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import type { GenerationRequest, Part } from "../../kernel/request.ts";
import { hashText, seededRandom } from "./random.ts";
import { sampleFor } from "./sample-json.ts";
import { textCallFormats, writeTextCall } from "./text-calls.ts";

/** One thing that the simulator does, after a pause in milliseconds. */
export type Step =
  | { readonly delay?: number; readonly event: AnswerEvent }
  /** Nothing more comes, and the answer does not end. */
  | { readonly hang: true };

export interface BehaviourContext {
  readonly request: GenerationRequest;
  readonly seed: number;
  /** Milliseconds before the first token of `slow`. */
  readonly firstToken: number;
  /** Tokens per second of `slow`. */
  readonly rate: number;
  /** True the first time that this very request is seen. */
  readonly firstTime: boolean;
}

type Behaviour = (context: BehaviourContext) => Iterable<Step>;

const words =
  "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua".split(
    " ",
  );

/** What each model name does. `tool-text:<format>` is added per format. */
const table: { readonly [model: string]: Behaviour } = {
  echo: (context) => say(context, lastUserText(context.request)),
  lorem: (context) => say(context, lorem(context, 60)),
  slow: (context) => say(context, lorem(context, 60), { delay: context.firstToken, pace: 1000 / context.rate }),
  tool: (context) => callTool(context),
  reasoning: (context) => think(context),
  json: (context) => say(context, JSON.stringify(jsonAnswer(context.request))),
  huge: (context) => say(context, lorem(context, 200_000)),
  "fail-429": () =>
    refuse(failure("rate-limited", "The simulator was asked to be rate limited.", { retryAfter: 1000 })),
  "fail-500": () => refuse(failure("upstream-error", "The simulator was asked to fail.", { upstreamStatus: 500 })),
  "fail-once": (context) =>
    context.firstTime
      ? refuse(failure("upstream-error", "The simulator fails each request once.", { upstreamStatus: 500 }))
      : say(context, lorem(context, 20)),
  cut: (context) => cutShort(context, failure("broken-stream", "The simulator cut its answer, as it was asked to.")),
  malformed: (context) =>
    cutShort(context, failure("broken-stream", "The simulator sent a malformed event, as it was asked to.")),
  stall: (context) => stall(context),
};

/** Every model name of the simulator. */
export const simulatorModels: readonly string[] = [
  ...Object.keys(table),
  ...textCallFormats.map((format) => `tool-text:${format}`),
];

/** What the simulator does for a request; undefined for a model name that it does not know. */
export function behave(context: BehaviourContext): Iterable<Step> | undefined {
  const { model, tools } = context.request;
  if (model.startsWith("tool-text:")) {
    const format = model.slice("tool-text:".length);
    const tool = tools[0];
    if (!textCallFormats.includes(format)) return undefined;
    if (tool === undefined) return say(context, lorem(context, 20));
    return say(context, writeTextCall(format, tool.name, sampleFor(tool.parameters)));
  }
  return Object.hasOwn(table, model) ? table[model]?.(context) : undefined;
}

function* say(context: BehaviourContext, text: string, timing?: { delay: number; pace: number }): Iterable<Step> {
  const { request } = context;
  const tokens = text.match(/\s*\S+|\s+/g) ?? [];
  const most = request.maxOutputTokens ?? Infinity;
  const candidates = request.candidates ?? 1;
  yield start(context);
  for (let candidate = 0; candidate < candidates; candidate++) {
    yield { event: { type: "part-start", candidate, part: 0, head: { type: "text" } } };
    for (const [index, token] of tokens.slice(0, most).entries()) {
      const delay = timing === undefined ? 0 : index === 0 ? timing.delay : timing.pace;
      yield { delay, event: { type: "part-delta", candidate, part: 0, text: token } };
    }
    yield { event: { type: "part-end", candidate, part: 0 } };
    yield finish(
      candidate,
      tokens.length > most ? { unified: "length", raw: "length" } : { unified: "stop", raw: "stop" },
    );
  }
  yield usage(request, Math.min(tokens.length, most) * candidates);
}

function* callTool(context: BehaviourContext): Iterable<Step> {
  const { request } = context;
  const tool = request.tools[0];
  // A tool whose result is already there is not called again, so that agent loops end.
  const answered = request.messages.at(-1)?.role === "tool";
  if (tool === undefined || answered || request.toolChoice?.type === "none") {
    yield* say(context, answered ? "The tool has answered." : lorem(context, 20));
    return;
  }
  const text = tool.tool === "custom" ? "sample" : JSON.stringify(sampleFor(tool.parameters));
  const id = `call_${hashText(JSON.stringify(request.messages)).toString(16).padStart(8, "0")}`;
  yield start(context);
  yield {
    event: {
      type: "part-start",
      candidate: 0,
      part: 0,
      head: { type: "tool-call", id, name: tool.name, tool: tool.tool },
    },
  };
  for (const piece of text.match(/.{1,8}/gsu) ?? []) {
    yield { event: { type: "part-delta", candidate: 0, part: 0, text: piece } };
  }
  yield { event: { type: "part-end", candidate: 0, part: 0 } };
  yield finish(0, { unified: "tool-calls", raw: "tool_calls" });
  yield usage(request, estimate(text));
}

function* think(context: BehaviourContext): Iterable<Step> {
  const thought = "The question is simple. An answer of a few words will do.";
  const answer = lorem(context, 12);
  yield start(context);
  yield { event: { type: "part-start", candidate: 0, part: 0, head: { type: "reasoning" } } };
  for (const text of thought.match(/\s*\S+/g) ?? [])
    yield { event: { type: "part-delta", candidate: 0, part: 0, text } };
  yield { event: { type: "part-end", candidate: 0, part: 0 } };
  yield { event: { type: "part-start", candidate: 0, part: 1, head: { type: "text" } } };
  for (const text of answer.match(/\s*\S+/g) ?? [])
    yield { event: { type: "part-delta", candidate: 0, part: 1, text } };
  yield { event: { type: "part-end", candidate: 0, part: 1 } };
  yield finish(0, { unified: "stop", raw: "stop" });
  const counted = usage(context.request, estimate(thought) + estimate(answer), estimate(thought));
  yield counted;
}

function* cutShort(context: BehaviourContext, why: Failure): Iterable<Step> {
  yield* beginning(context);
  yield { event: { type: "failure", failure: why } };
}

function* stall(context: BehaviourContext): Iterable<Step> {
  yield* beginning(context);
  yield { hang: true };
}

/** The first five tokens of an answer that does not come to its end. */
function* beginning(context: BehaviourContext): Iterable<Step> {
  yield start(context);
  yield { event: { type: "part-start", candidate: 0, part: 0, head: { type: "text" } } };
  for (const text of lorem(context, 5).match(/\s*\S+/g) ?? []) {
    yield { event: { type: "part-delta", candidate: 0, part: 0, text } };
  }
}

function* refuse(why: Failure): Iterable<Step> {
  yield { event: { type: "failure", failure: why } };
}

function start(context: BehaviourContext): Step {
  return { event: { type: "start", model: context.request.model } };
}

function finish(candidate: number, reason: FinishReason): Step {
  return { event: { type: "finish", candidate, reason } };
}

function usage(request: GenerationRequest, outputTokens: number, reasoningTokens?: number): Step {
  const inputTokens = request.messages.reduce((sum, message) => sum + estimate(textOf(message.parts)), 0);
  return {
    event: {
      type: "usage",
      usage: { inputTokens, outputTokens, ...(reasoningTokens === undefined ? {} : { reasoningTokens }) },
    },
  };
}

/** The simulator's tokens are its words. */
function estimate(text: string): number {
  return (text.match(/\S+/g) ?? []).length;
}

function lorem(context: BehaviourContext, count: number): string {
  const random = seededRandom(context.seed ^ hashText(lastUserText(context.request)));
  return Array.from({ length: count }, () => words[Math.floor(random() * words.length)] ?? "lorem").join(" ");
}

function lastUserText(request: GenerationRequest): string {
  const message = request.messages.findLast(({ role }) => role === "user") ?? request.messages.at(-1);
  return message === undefined ? "" : textOf(message.parts);
}

function textOf(parts: readonly Part[]): string {
  return parts
    .map((part) => (part.type === "text" ? part.text : part.type === "tool-result" ? textOf(part.content) : ""))
    .join("");
}

function jsonAnswer(request: GenerationRequest) {
  return request.output?.type === "json-schema" ? sampleFor(request.output.schema) : { answer: "sample", ok: true };
}
