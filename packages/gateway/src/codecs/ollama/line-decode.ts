import type { DecodeContext, WireEvent } from "../../kernel/codec.ts";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { Failure } from "../../kernel/failure.ts";
import { failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Extra } from "../../kernel/request.ts";
import { parseExactObject } from "../shared/exact.ts";
import { ChangedFields, vendorExtra } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { noFinish, notJson } from "../shared/openai-decoder.ts";
import { readArguments } from "./arguments.ts";
import { errorIn } from "./errors.ts";
import { readCounts, readDone } from "./finish.ts";
import type { Form, Said } from "./forms.ts";
import { mediaTypeOf } from "./images.ts";
import { secondsOf } from "./time.ts";

const lineFields = [
  "model",
  "created_at",
  "done",
  "done_reason",
  "error",
  "logprobs",
  "prompt_eval_count",
  "eval_count",
];
const callFields = new Set(["id", "type", "function"]);
const functionFields = new Set(["index", "name", "arguments"]);

export const noAnswer = "The provider's answer has no message.";

/**
 * Decodes the lines of an answer. Only `done: true` is an end; what comes before it grows, but for calls, which come
 * whole, in one line or in several.
 */
export class LineDecoder implements Machine<WireEvent, AnswerEvent> {
  readonly #form: Form;
  readonly #stem: string;
  readonly #fields: ChangedFields;
  readonly #messageFields = new ChangedFields(new Set());
  #open: { readonly part: number; readonly type: "text" | "reasoning" } | undefined;
  #parts = 0;
  #calls = 0;
  #started = false;
  #over = false;
  #out: AnswerEvent[] = [];

  constructor(form: Form, context: DecodeContext) {
    this.#form = form;
    this.#stem = context.id.replace(/[^A-Za-z0-9_-]/g, "").slice(-40);
    this.#fields = new ChangedFields(new Set([...lineFields, ...form.fields]));
  }

  push(event: WireEvent): readonly AnswerEvent[] {
    if (this.#over || event.data === "") return [];
    const line = parseExactObject(event.data);
    if (line === undefined) this.#fail(failure("broken-stream", notJson));
    else this.#line(line, line["done"] === true);
    return this.#take();
  }

  end(): readonly AnswerEvent[] {
    if (!this.#over) this.#fail(failure("broken-stream", noFinish));
    return this.#take();
  }

  /** The events of an unstreamed answer, which is whole unless it says otherwise. */
  whole(body: JsonObject): readonly AnswerEvent[] {
    const answers = this.#form.read(body) !== undefined;
    this.#line(body, body["done"] === true || (answers && (body["done"] ?? null) === null));
    if (!this.#over) this.#fail(failure("bad-response", answers ? noFinish : noAnswer));
    return this.#take();
  }

  #take(): readonly AnswerEvent[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #fail(reason: Failure): void {
    this.#over = true;
    this.#out.push({ type: "failure", failure: reason });
  }

  #line(line: JsonObject, done: boolean): void {
    const problem = errorIn(line);
    if (problem !== undefined) return this.#fail(problem);
    const said = this.#form.read(line);
    // Progress of another kind, such as that of a pull, is no answer.
    if (said === undefined && !done) return;
    const fields = this.#fields.of(line) ?? {};
    this.#tell(line, done ? {} : fields);
    if (said !== undefined) this.#say(said, line["logprobs"]);
    if (done) this.#finish(line, fields);
  }

  /** Starts the answer, or tells what fields have come since. What the last line adds goes with the finish. */
  #tell(line: JsonObject, fields: JsonObject): void {
    const extra = vendorExtra(this.#form.protocol, { answer: fields });
    if (!this.#started) {
      this.#started = true;
      const start = { model: textOf(line["model"]), created: secondsOf(line["created_at"]), extra };
      this.#out.push({ type: "start", ...compact(start) });
    } else if (extra !== undefined) {
      this.#out.push({ type: "extra", candidate: 0, extra });
    }
  }

  #say(said: Said, given: Json | undefined): void {
    const list = arrayOf(given);
    // In the form of OpenAI's, whose entries are the same.
    let logprobs: Json | undefined = list.length === 0 ? undefined : { content: list };
    const grow = (type: "text" | "reasoning", text: string) => {
      this.#grow(type, text, logprobs);
      logprobs = undefined;
    };
    const thinking = textOf(said.thinking);
    if (thinking !== undefined) grow("reasoning", thinking);
    const text = textOf(said.text);
    if (text !== undefined) grow("text", text);
    // Tokens of calls have probabilities but no text.
    if (logprobs !== undefined) grow("text", "");
    for (const image of arrayOf(said.images)) this.#image(textOf(image));
    for (const call of arrayOf(said.calls)) this.#call(objectOf(call));
    const rest = this.#messageFields.of(said.rest);
    const extra = rest && vendorExtra(this.#form.protocol, { message: rest });
    if (extra !== undefined) this.#out.push({ type: "extra", candidate: 0, extra });
  }

  #image(base64: string | undefined): void {
    if (base64 !== undefined) this.#whole({ type: "image", mediaType: mediaTypeOf(base64) }, base64, undefined);
  }

  /** A call without a name is no call. */
  #call(call: JsonObject | undefined): void {
    const called = objectOf(call?.["function"]);
    const name = textOf(called?.["name"]);
    if (call === undefined || called === undefined || name === undefined) return;
    const id = textOf(call["id"]) ?? `call_${this.#stem}_${this.#calls}`;
    this.#calls += 1;
    const inner = unlessEmpty(without(called, functionFields));
    const rest = unlessEmpty({ ...without(call, callFields), ...(inner && { function: inner }) });
    const keep = rest && { [this.#form.protocol]: rest };
    this.#whole({ type: "tool-call", id, name, tool: "function" }, readArguments(called["arguments"]), keep);
  }

  #whole(head: PartHead, text: string, keep: Extra | undefined): void {
    this.#close();
    const part = this.#start(head);
    this.#out.push({ type: "part-delta", candidate: 0, part, text });
    this.#out.push({ type: "part-end", candidate: 0, part, ...compact({ keep }) });
  }

  #grow(type: "text" | "reasoning", text: string, logprobs: Json | undefined): void {
    if (this.#open?.type !== type) {
      this.#close();
      this.#open = { part: this.#start({ type }), type };
    }
    this.#out.push({ type: "part-delta", candidate: 0, part: this.#open.part, text, ...compact({ logprobs }) });
  }

  #start(head: PartHead): number {
    const part = this.#parts;
    this.#parts += 1;
    this.#out.push({ type: "part-start", candidate: 0, part, head });
    return part;
  }

  #close(): void {
    if (this.#open === undefined) return;
    this.#out.push({ type: "part-end", candidate: 0, part: this.#open.part });
    this.#open = undefined;
  }

  /** The durations, in nanoseconds, and what else the last line holds are kept. */
  #finish(line: JsonObject, fields: JsonObject): void {
    this.#close();
    const usage = readCounts(line);
    if (usage !== undefined) this.#out.push({ type: "usage", usage });
    const extra = vendorExtra(this.#form.protocol, { answer: fields });
    const reason = readDone(line, this.#calls > 0);
    this.#out.push({ type: "finish", candidate: 0, reason, ...compact({ extra }) });
    this.#over = true;
  }
}
