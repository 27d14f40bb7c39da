import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Usage } from "../../kernel/usage.ts";
import { mergeAll, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import { objectOf } from "../shared/json.ts";
import { joinLogprobs } from "../shared/openai-decoder.ts";
import { writeStreamError } from "../shared/openai-error-write.ts";
import { writeFinish } from "../shared/openai-finish.ts";
import { doneEvent } from "../shared/openai-sse.ts";
import { writeUsage } from "../shared/openai-usage.ts";

const protocol = "openai-completions";

/** The head of a completion; chunks and whole answers have the same `object`. */
function headOf(context: AnswerContext, start: { id?: string; created?: number; model?: string }): JsonObject {
  return {
    id: start.id ?? `cmpl-${context.id}`,
    object: "text_completion",
    created: start.created ?? context.created,
    model: context.echoModel ?? start.model ?? context.model,
  };
}

/** What an answer begins with: the prompt itself, if the client wants it back. */
function echoed({ request }: AnswerContext): string {
  if (request["echo"] !== true) return "";
  const { prompt } = request;
  const text = Array.isArray(prompt) ? (prompt as readonly Json[])[0] : prompt;
  return typeof text === "string" ? text : "";
}

/** A `text_completion` from an answer's events, as JSON text. Reasoning has no place in one. */
export function writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  const choices = [...answer.candidates]
    .toSorted(([left], [right]) => left - right)
    .map(([index, candidate]): JsonObject => {
      const parts = candidate.parts.filter(({ head }) => head.type === "text" || head.type === "refusal");
      return {
        ...mergeAll(candidate.extras.map((extra) => vendorFields(extra, protocol, "choice"))),
        text: echoed(context) + parts.map((part) => part.text).join(""),
        index,
        logprobs: joinLogprobs(parts.flatMap((part) => part.logprobs)) ?? null,
        finish_reason: candidate.finish === undefined ? null : writeFinish(candidate.finish, "stop"),
      };
    });
  const extras = [...answer.extras, ...[...answer.candidates.values()].flatMap((each) => each.extras)];
  const usageRest = mergeAll(answer.usageExtras.map((extra) => vendorFields(extra, protocol, "usage")));
  const body: JsonObject = {
    ...mergeAll(extras.map((extra) => vendorFields(extra, protocol, "answer"))),
    ...headOf(context, answer),
    choices,
    ...(answer.usage && { usage: writeUsage(answer.usage, usageRest) }),
  };
  return JSON.stringify(body);
}

/** Writes the stream of a legacy completion. */
export class CompletionStreamEncoder implements Machine<AnswerEvent, string> {
  readonly #context: AnswerContext;
  readonly #withUsage: boolean;
  /** By candidate: whether it has finished. */
  readonly #candidates = new Map<number, boolean>();
  /** Parts that are written, as `candidate/part`. */
  readonly #parts = new Set<string>();
  #head: JsonObject;
  #usage: Usage | undefined;
  #usageRest: JsonObject = {};
  #over = false;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#withUsage = objectOf(context.request["stream_options"])?.["include_usage"] === true;
    this.#head = headOf(context, {});
  }

  push(event: AnswerEvent): readonly string[] {
    if (this.#over) return [];
    switch (event.type) {
      case "start":
        this.#head = {
          ...vendorFields(event.extra, protocol, "answer"),
          ...headOf(this.#context, event),
        };
        return [];
      case "part-start":
        if (event.head.type === "text" || event.head.type === "refusal") {
          this.#parts.add(`${event.candidate}/${event.part}`);
        }
        return this.#begin(event.candidate);
      case "part-delta":
        if (!this.#parts.has(`${event.candidate}/${event.part}`)) return [];
        return [this.#choice(event.candidate, { text: event.text, logprobs: event.logprobs ?? null })];
      case "usage":
        this.#usage = { ...this.#usage, ...event.usage };
        this.#usageRest = { ...this.#usageRest, ...vendorFields(event.extra, protocol, "usage") };
        return [];
      case "extra": {
        const fields = vendorFields(event.extra, protocol, "choice");
        return Object.keys(fields).length === 0
          ? []
          : [...this.#begin(event.candidate), this.#choice(event.candidate, fields)];
      }
      case "finish": {
        const begun = this.#begin(event.candidate);
        this.#candidates.set(event.candidate, true);
        return [...begun, this.#choice(event.candidate, { finish_reason: writeFinish(event.reason, "stop") })];
      }
      case "failure":
        this.#over = true;
        return [writeStreamError(event.failure)];
      default:
        return [];
    }
  }

  end(): readonly string[] {
    if (this.#over) return [];
    this.#over = true;
    const complete = this.#candidates.size > 0 && [...this.#candidates.values()].every(Boolean);
    if (!complete) return [writeStreamError(failure("broken-stream", "The answer ended before it was complete."))];
    if (!this.#withUsage || this.#usage === undefined) return [doneEvent];
    return [this.#chunk([], writeUsage(this.#usage, this.#usageRest)), doneEvent];
  }

  #begin(candidate: number): string[] {
    if (this.#candidates.has(candidate)) return [];
    this.#candidates.set(candidate, false);
    const text = echoed(this.#context);
    return text === "" ? [] : [this.#choice(candidate, { text })];
  }

  #choice(index: number, fields: JsonObject): string {
    return this.#chunk([{ text: "", index, logprobs: null, finish_reason: null, ...fields }], null);
  }

  #chunk(choices: readonly Json[], usage: JsonObject | null): string {
    const chunk = { ...this.#head, choices, ...(this.#withUsage ? { usage } : {}) };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  }
}
