import type { DecodeContext, WireEvent } from "../../kernel/codec.ts";
import type { PartHead } from "../../kernel/event.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { EventDecoder, noFinish, notJson } from "../shared/event-decoder.ts";
import { parseExactObject } from "../shared/exact.ts";
import { ChangedFields, vendorExtra } from "../shared/extra.ts";
import { idStem } from "../shared/id-stem.ts";
import { arrayOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
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
export class LineDecoder extends EventDecoder {
  readonly #form: Form;
  readonly #stem: string;
  readonly #fields: ChangedFields;
  readonly #messageFields = new ChangedFields(new Set());
  #open: { readonly part: number; readonly type: "text" | "reasoning" } | undefined;
  #parts = 0;
  #calls = 0;
  #started = false;

  constructor(form: Form, context: DecodeContext) {
    super();
    this.#form = form;
    this.#stem = idStem(context.id);
    this.#fields = new ChangedFields(new Set([...lineFields, ...form.fields]));
  }

  protected readEvent(event: WireEvent): void {
    const line = parseExactObject(event.data);
    if (line === undefined) this.fail("broken-stream", notJson);
    else this.#line(line, line["done"] === true);
  }

  /** A whole answer is complete unless it says otherwise. */
  protected readWhole(body: JsonObject): void {
    const answers = this.#form.read(body) !== undefined;
    this.#line(body, body["done"] === true || (answers && (body["done"] ?? null) === null));
    if (!this.over) this.fail("bad-response", answers ? noFinish : noAnswer);
  }

  #line(line: JsonObject, done: boolean): void {
    const problem = errorIn(line);
    if (problem !== undefined) return this.failWith(problem);
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
      this.emit({ type: "start", ...compact(start) });
    } else if (extra !== undefined) {
      this.emit({ type: "extra", candidate: 0, extra });
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
    if (extra !== undefined) this.emit({ type: "extra", candidate: 0, extra });
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
    this.emit({ type: "part-delta", candidate: 0, part, text });
    this.emit({ type: "part-end", candidate: 0, part, ...compact({ keep }) });
  }

  #grow(type: "text" | "reasoning", text: string, logprobs: Json | undefined): void {
    if (this.#open?.type !== type) {
      this.#close();
      this.#open = { part: this.#start({ type }), type };
    }
    this.emit({ type: "part-delta", candidate: 0, part: this.#open.part, text, ...compact({ logprobs }) });
  }

  #start(head: PartHead): number {
    const part = this.#parts;
    this.#parts += 1;
    this.emit({ type: "part-start", candidate: 0, part, head });
    return part;
  }

  #close(): void {
    if (this.#open === undefined) return;
    this.emit({ type: "part-end", candidate: 0, part: this.#open.part });
    this.#open = undefined;
  }

  /** The durations, in nanoseconds, and what else the last line holds are kept. */
  #finish(line: JsonObject, fields: JsonObject): void {
    this.#close();
    const usage = readCounts(line);
    if (usage !== undefined) this.emit({ type: "usage", usage });
    const extra = vendorExtra(this.#form.protocol, { answer: fields });
    const reason = readDone(line, this.#calls > 0);
    this.emit({ type: "finish", candidate: 0, reason, ...compact({ extra }) });
    this.over = true;
  }
}
