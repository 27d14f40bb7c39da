import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent, FinishReason, PartHead } from "../../kernel/event.ts";
import type { Failure } from "../../kernel/failure.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Extra } from "../../kernel/request.ts";
import type { Usage } from "../../kernel/usage.ts";
import { cutAnswer } from "../shared/cut-answer.ts";
import { vendorFields } from "../shared/extra.ts";
import { SerialParts } from "../shared/serial.ts";
import { isText, textPart, wholePart } from "./answer-parts.ts";
import { writeError } from "./errors.ts";
import { writeFinish } from "./finish.ts";
import type { Framing } from "./framing.ts";
import { blockReason } from "./look.ts";
import { writeLogprobs } from "./logprobs.ts";
import { writeUsage } from "./usage.ts";

interface Candidate {
  readonly serial: SerialParts;
  head: PartHead | undefined;
  /** What has come of a part that is told whole. */
  held: string;
  hasParts: boolean;
  fields: JsonObject;
  finish: FinishReason | undefined;
}

/**
 * Writes Gemini's chunks. Texts go out as they come, calls and images whole. Why the candidates ended, the usage, and
 * what came beside the content stand in one last chunk, as clients expect them.
 */
export class GeminiStreamEncoder implements Machine<AnswerEvent, string> {
  readonly #context: AnswerContext;
  readonly #framing: Framing;
  readonly #candidates = new Map<number, Candidate>();
  #base: JsonObject;
  #fields: JsonObject = {};
  #usage: Usage | undefined;
  #usageRest: JsonObject = {};
  #over = false;

  constructor(context: AnswerContext, framing: Framing) {
    this.#context = context;
    this.#framing = framing;
    this.#base = this.#head({ type: "start" });
  }

  push(event: AnswerEvent): readonly string[] {
    if (this.#over) return [];
    switch (event.type) {
      case "start":
        this.#base = this.#head(event);
        this.#fields = { ...this.#fields, ...vendorFields(event.extra, "gemini", "answer") };
        // Every chunk tells when the answer was begun, where the backend does.
        if (this.#fields["createTime"] !== undefined)
          this.#base = { ...this.#base, createTime: this.#fields["createTime"] };
        return [];
      case "part-start":
      case "part-delta":
      case "part-end":
        return this.#part(event);
      case "extra":
        this.#extra(event.candidate, event.extra);
        return [];
      case "usage":
        this.#usage = { ...this.#usage, ...event.usage };
        this.#usageRest = { ...this.#usageRest, ...vendorFields(event.extra, "gemini", "usage") };
        return [];
      case "finish": {
        const candidate = this.#candidate(event.candidate);
        const rest = candidate.serial.end().flatMap((each) => this.#write(event.candidate, candidate, each));
        candidate.finish ??= event.reason;
        this.#extra(event.candidate, event.extra);
        return rest;
      }
      case "failure":
        return [this.#fail(event.failure)];
      default:
        return [];
    }
  }

  end(): readonly string[] {
    if (this.#over) return [];
    const candidates = [...this.#candidates].toSorted(([left], [right]) => left - right);
    const complete = candidates.length > 0 && candidates.every(([, { finish }]) => finish !== undefined);
    if (!complete) return [this.#fail(cutAnswer())];
    this.#over = true;
    const isBlocked = blockReason(this.#fields) !== undefined && !candidates.some(([, { hasParts }]) => hasParts);
    const ends = candidates.map(([index, { finish, fields }]) => ({
      content: { parts: [{ text: "" }], role: "model" },
      ...(finish && { finishReason: writeFinish(finish) }),
      index,
      ...fields,
    }));
    const last = { ...(!isBlocked && { candidates: ends }), ...this.#fields, ...this.#counts(), ...this.#base };
    return [this.#framing.value(last) + this.#framing.end];
  }

  #head(start: Extract<AnswerEvent, { type: "start" }>): JsonObject {
    const { id, model, echoModel } = this.#context;
    return { modelVersion: echoModel ?? start.model ?? model, responseId: start.id ?? id };
  }

  #fail(reason: Failure): string {
    this.#over = true;
    return this.#framing.value(writeError(reason)) + this.#framing.end;
  }

  #counts(): JsonObject {
    return this.#usage === undefined ? {} : { usageMetadata: writeUsage(this.#usage, this.#usageRest) };
  }

  #extra(index: number, extra: Extra | undefined): void {
    if (extra?.gemini === undefined) return;
    this.#fields = { ...this.#fields, ...vendorFields(extra, "gemini", "answer") };
    const candidate = this.#candidate(index);
    candidate.fields = { ...candidate.fields, ...vendorFields(extra, "gemini", "choice") };
  }

  #candidate(index: number): Candidate {
    let candidate = this.#candidates.get(index);
    if (candidate === undefined) {
      const serial = new SerialParts(this.#context.lost);
      candidate = { serial, head: undefined, held: "", hasParts: false, fields: {}, finish: undefined };
      this.#candidates.set(index, candidate);
    }
    return candidate;
  }

  #part(event: Extract<AnswerEvent, { readonly part: number }>): string[] {
    const candidate = this.#candidate(event.candidate);
    if (candidate.finish !== undefined) return [];
    // Each candidate's parts are put in a row of their own, which knows of one candidate.
    const alone = event.candidate === 0 ? event : { ...event, candidate: 0 };
    return candidate.serial.push(alone).flatMap((each) => this.#write(event.candidate, candidate, each));
  }

  #write(index: number, candidate: Candidate, event: AnswerEvent): string[] {
    if (event.type === "part-start") {
      candidate.head = event.head;
      candidate.held = "";
      candidate.hasParts = true;
      if (event.head.type === "refusal") this.#context.lost({ field: "refusal", reason: "approximated" });
      return [];
    }
    const { head } = candidate;
    if (head === undefined) return [];
    if (event.type === "part-delta") {
      if (isText(head)) {
        const logprobs = event.logprobs === undefined ? undefined : writeLogprobs([event.logprobs]);
        if (event.text === "" && logprobs === undefined) return [];
        return [this.#chunk(index, textPart(head, event.text), logprobs && { logprobsResult: logprobs })];
      }
      candidate.held += event.text;
      return [];
    }
    if (event.type !== "part-end") return [];
    candidate.head = undefined;
    const ended = { keep: event.keep, origin: event.origin };
    if (!isText(head)) {
      const part = wholePart(head, candidate.held, { ...ended, lost: this.#context.lost });
      return part === undefined ? [] : [this.#chunk(index, part)];
    }
    // The state of a text stands on its last piece, which is empty.
    const last = textPart(head, "", ended);
    return Object.keys(last).length > (last["thought"] === true ? 2 : 1) ? [this.#chunk(index, last)] : [];
  }

  #chunk(index: number, part: JsonObject, beside?: JsonObject): string {
    const candidate = { content: { parts: [part], role: "model" }, index, ...beside };
    return this.#framing.value({ candidates: [candidate], ...this.#base });
  }
}
