import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent, FinishReason, PartHead } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Extra } from "../../kernel/request.ts";
import type { Usage } from "../../kernel/usage.ts";
import { cutAnswer } from "../shared/cut-answer.ts";
import { opaqueName, vendorFields } from "../shared/extra.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { objectArguments } from "../shared/object-arguments.ts";
import { SerialParts } from "../shared/serial.ts";
import { writeStreamError } from "./errors.ts";
import { writeCounts, writeDone } from "./finish.ts";
import type { Form, Saying } from "./forms.ts";
import { timeOf } from "./time.ts";

/** The part that is being told. Calls and images grow here until they are whole. */
interface Growing {
  readonly head: PartHead;
  text: string;
}

/** The fields that every line begins with. */
export function headOf(
  context: AnswerContext,
  start: { readonly model?: string; readonly created?: number },
): JsonObject {
  return {
    model: context.echoModel ?? start.model ?? context.model,
    created_at: timeOf(start.created ?? context.created),
  };
}

/** What we measured ourselves; in milliseconds. */
export interface Measured {
  readonly total?: number | undefined;
  /** Until the first word. */
  readonly first?: number | undefined;
}

/**
 * The fields of the last line. Durations are those that the backend told (`rest`); where it told none they are what the
 * gateway measured, as far as it could.
 */
export function lastFields(
  reason: FinishReason,
  usage: Usage | undefined,
  { measured, rest }: { readonly measured: Measured; readonly rest: JsonObject },
): JsonObject {
  const own = rest["total_duration"] === undefined ? writeDurations(measured) : {};
  return { ...own, ...rest, done: true, done_reason: writeDone(reason), ...writeCounts(usage) };
}

function nanoseconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 1_000_000));
}

function writeDurations({ total, first }: Measured): JsonObject {
  if (total === undefined) return {};
  return {
    total_duration: nanoseconds(total),
    ...(first !== undefined && {
      prompt_eval_duration: nanoseconds(first),
      eval_duration: nanoseconds(total - first),
    }),
  };
}

/** One entry of `tool_calls`, whose arguments clients insist to be an object. */
export function writeCall(
  head: Extract<PartHead, { readonly type: "tool-call" }>,
  { text, index, keep }: { readonly text: string; readonly index: number; readonly keep: JsonObject },
  lost: (loss: Loss) => void,
): JsonObject {
  const { value, isSame } = objectArguments({ tool: head.tool, arguments: text });
  if (!isSame) lost({ field: "tool-call.arguments", reason: "approximated" });
  const called = { ...objectOf(keep["function"]), index, name: head.name, arguments: value };
  return { ...keep, id: head.id, function: called };
}

/** The loss that a part is, if it is one. */
export function lossOf(head: PartHead, keep: Extra | undefined): Loss | undefined {
  if (head.type === "opaque") return { field: opaqueName(keep), reason: "unsupported" };
  return head.type === "refusal" ? { field: "refusal", reason: "approximated" } : undefined;
}

/**
 * Writes lines that the strictest measured client accepts: each has model, created_at, a message with role and text,
 * and done. A call comes whole in a line of its own. The last line waits for the end, since counts may come late.
 */
export class LineEncoder implements Machine<AnswerEvent, string> {
  readonly #context: AnswerContext;
  readonly #form: Form;
  readonly #serial: SerialParts;
  #head: JsonObject;
  /** Fields that the next line bears: beside its message, and within it. */
  #once: JsonObject = {};
  #message: JsonObject = {};
  #open: Growing | undefined;
  #calls = 0;
  #usage: Usage | undefined;
  #finish: FinishReason | undefined;
  #over = false;
  /** When the first part began, in milliseconds since the request came. */
  #first: number | undefined;

  constructor(form: Form, context: AnswerContext) {
    this.#form = form;
    this.#context = context;
    this.#serial = new SerialParts(context.lost);
    this.#head = headOf(context, {});
  }

  push(event: AnswerEvent): readonly string[] {
    if (this.#over) return [];
    if (event.type !== "failure") return this.#serial.push(event).flatMap((each) => this.#event(each));
    this.#over = true;
    return [writeStreamError(event.failure)];
  }

  end(): readonly string[] {
    if (this.#over) return [];
    this.#over = true;
    const reason = this.#finish;
    if (reason === undefined) return [writeStreamError(cutAnswer())];
    // What the backend told of its last line is among the fields that wait.
    const rest = this.#once;
    this.#once = {};
    const measured = { total: this.#context.elapsed?.(), first: this.#first };
    return [this.#line({}, lastFields(reason, this.#usage, { measured, rest }))];
  }

  #event(event: AnswerEvent): readonly string[] {
    switch (event.type) {
      case "start":
        this.#head = headOf(this.#context, event);
        this.#fields(event.extra);
        return [];
      case "part-start":
        this.#first ??= this.#context.elapsed?.();
        this.#open = { head: event.head, text: "" };
        return [];
      case "part-delta":
        return this.#delta(event.text, event.logprobs);
      case "part-end":
        return this.#partEnd(event.keep);
      case "extra":
        this.#fields(event.extra);
        return [];
      case "usage":
        this.#usage = { ...this.#usage, ...event.usage };
        return [];
      case "finish":
        this.#finish ??= event.reason;
        if (event.reason.unified === "content-filter") this.#context.lost({ field: "finish", reason: "approximated" });
        this.#fields(event.extra);
        return [];
      default:
        return [];
    }
  }

  #fields(extra: Extra | undefined): void {
    const { protocol } = this.#form;
    this.#once = { ...this.#once, ...vendorFields(extra, protocol, "answer") };
    this.#message = { ...this.#message, ...vendorFields(extra, protocol, "message") };
  }

  #line(saying: Saying, last: JsonObject = { done: false }): string {
    const rest = this.#message;
    const once = this.#once;
    this.#message = {};
    this.#once = {};
    return `${JSON.stringify({ ...this.#head, ...this.#form.write({ ...saying, rest }), ...once, ...last })}\n`;
  }

  #delta(text: string, given: Json | undefined): readonly string[] {
    const type = this.#open?.head.type;
    if (this.#open === undefined || this.#finish !== undefined) return [];
    const list = arrayOf(objectOf(given)?.["content"]);
    if (list.length > 0) this.#once = { ...this.#once, logprobs: list };
    if (type === "tool-call" || type === "image") {
      this.#open.text += text;
      return [];
    }
    if (type === "opaque" || (text === "" && list.length === 0)) return [];
    return [this.#line(type === "reasoning" ? { thinking: text } : { text })];
  }

  #partEnd(keep: Extra | undefined): readonly string[] {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined || this.#finish !== undefined) return [];
    const { head, text } = open;
    const loss = lossOf(head, keep);
    if (loss !== undefined) this.#context.lost(loss);
    if (head.type === "image") return text === "" ? [] : [this.#line({ images: [text] })];
    if (head.type !== "tool-call") return [];
    const index = this.#calls;
    this.#calls += 1;
    const own = keep?.[this.#form.protocol] ?? {};
    return [this.#line({ calls: [writeCall(head, { text, index, keep: own }, this.#context.lost)] })];
  }
}
