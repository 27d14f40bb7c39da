import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Extra } from "../../kernel/request.ts";
import { mergeAll, opaqueName, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import { arrayOf, countOf } from "../shared/json.ts";
import { ChunkEncoder } from "../shared/openai-encoder.ts";
import { writeFinish } from "../shared/openai-finish.ts";
import { completionLogprobs, joinLogprobs } from "../shared/openai-logprobs.ts";
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

/**
 * What an answer begins with: the prompt itself, if the client wants it back. The answers to several prompts come one
 * prompt after the other, `n` of each.
 */
function echoed({ request }: AnswerContext, candidate: number): string {
  if (request["echo"] !== true) return "";
  const prompts = Array.isArray(request["prompt"]) ? arrayOf(request["prompt"]) : [request["prompt"] ?? ""];
  const each = Math.max(1, countOf(request["n"]) ?? 1);
  const text = prompts[Math.floor(candidate / each)] ?? prompts[0];
  return typeof text === "string" ? text : "";
}

/** What a completion says of a part. It has text alone: anything else is lost, but for a refusal, which is told as text. */
function lossOf(head: PartHead, keep: Extra | undefined): Loss | undefined {
  switch (head.type) {
    case "text":
      return undefined;
    case "refusal":
      return { field: "refusal", reason: "approximated" };
    case "opaque":
      return { field: opaqueName(keep), reason: "unsupported" };
    default:
      return { field: head.type, reason: "unsupported" };
  }
}

function isText(head: PartHead | undefined): boolean {
  return head?.type === "text" || head?.type === "refusal";
}

/** A `text_completion` from an answer's events, as JSON text. */
export function writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  const choices = [...answer.candidates]
    .toSorted(([left], [right]) => left - right)
    .map(([index, candidate]): JsonObject => {
      for (const loss of candidate.parts.flatMap(({ head, keep }) => lossOf(head, keep) ?? [])) context.lost(loss);
      let text = echoed(context, index);
      const logprobs: Json[] = [];
      for (const part of candidate.parts.filter(({ head }) => isText(head))) {
        const joined = joinLogprobs(part.logprobs);
        if (joined !== undefined) logprobs.push(completionLogprobs(joined, text.length));
        text += part.text;
      }
      return {
        ...mergeAll(candidate.extras.map((extra) => vendorFields(extra, protocol, "choice"))),
        text,
        index,
        logprobs: joinLogprobs(logprobs) ?? null,
        finish_reason: candidate.finish === undefined ? null : writeFinish(candidate.finish, "stop"),
      };
    });
  const extras = [...answer.extras, ...[...answer.candidates.values()].flatMap((each) => each.extras)];
  const usageRest = mergeAll(answer.usageExtras.map((extra) => vendorFields(extra, protocol, "usage")));
  const usage = writeUsage(answer.usage, usageRest);
  const body: JsonObject = {
    ...mergeAll(extras.map((extra) => vendorFields(extra, protocol, "answer"))),
    ...headOf(context, answer),
    choices,
    ...(usage && { usage }),
  };
  return JSON.stringify(body);
}

/** Writes the stream of a legacy completion. */
export class CompletionStreamEncoder extends ChunkEncoder {
  readonly #context: AnswerContext;
  /** By candidate: the length of what was told, for the places of tokens. */
  readonly #told = new Map<number, number>();
  /** What the parts are, by `candidate/part`. */
  readonly #heads = new Map<string, PartHead>();

  constructor(context: AnswerContext) {
    super(protocol, context);
    this.#context = context;
    this.base = headOf(context, {});
  }

  protected write(event: AnswerEvent): readonly string[] {
    switch (event.type) {
      case "start":
        this.base = {
          ...vendorFields(event.extra, protocol, "answer"),
          ...headOf(this.#context, event),
        };
        return [];
      case "part-start":
        this.#heads.set(`${event.candidate}/${event.part}`, event.head);
        return this.#begin(event.candidate);
      case "part-delta":
        return this.#delta(event);
      case "part-end": {
        const head = this.#heads.get(`${event.candidate}/${event.part}`);
        const loss = head && lossOf(head, event.keep);
        if (loss !== undefined) this.#context.lost(loss);
        return [];
      }
      case "extra": {
        const fields = vendorFields(event.extra, protocol, "choice");
        return Object.keys(fields).length === 0
          ? []
          : [...this.#begin(event.candidate), this.#choice(event.candidate, fields)];
      }
      case "finish": {
        const begun = this.#begin(event.candidate);
        if (this.completeness.isFinished(event.candidate)) return [];
        this.completeness.finish(event.candidate);
        return [...begun, this.#choice(event.candidate, { finish_reason: writeFinish(event.reason, "stop") })];
      }
      default:
        return [];
    }
  }

  #begin(candidate: number): string[] {
    if (!this.completeness.see(candidate)) return [];
    const text = echoed(this.#context, candidate);
    this.#told.set(candidate, text.length);
    return text === "" ? [] : [this.#choice(candidate, { text })];
  }

  #delta(event: Extract<AnswerEvent, { type: "part-delta" }>): string[] {
    const { candidate, part, text } = event;
    if (!isText(this.#heads.get(`${candidate}/${part}`)) || this.completeness.isFinished(candidate)) return [];
    const offset = this.#told.get(candidate) ?? 0;
    this.#told.set(candidate, offset + text.length);
    const logprobs = event.logprobs === undefined ? null : completionLogprobs(event.logprobs, offset);
    return [this.#choice(candidate, { text, logprobs })];
  }

  #choice(index: number, fields: JsonObject): string {
    return this.chunk([{ text: "", index, logprobs: null, finish_reason: null, ...fields }]);
  }
}
