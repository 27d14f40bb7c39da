import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent, FinishReason } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Usage } from "../../kernel/usage.ts";
import { vendorFields } from "../shared/extra.ts";
import { objectOf } from "../shared/json.ts";
import { noFinish } from "../shared/event-decoder.ts";
import { SerialParts } from "../shared/serial.ts";
import { incompleteReason } from "./finish.ts";
import { openItem } from "./item-encode.ts";
import type { ItemStatus, ItemWriter, Left, Place } from "./item-encode.ts";
import { nameFinder } from "./names.ts";
import { protocol } from "./own.ts";
import { echoOf, errorFields, errorOf, responseId, sse } from "./response.ts";
import { writeUsage } from "./usage.ts";

/**
 * The events of a response, each an object with its type and number. Items come one after the other; an item is closed
 * when the next one begins or the response ends, as only the end tells whether its last item is whole.
 */
export class ResponseWriter implements Machine<AnswerEvent, JsonObject> {
  readonly #context: AnswerContext;
  readonly #serial: SerialParts;
  readonly #findName: Place["findName"];
  readonly #output: JsonObject[] = [];
  #head: JsonObject = {};
  #stem = "";
  #echo: JsonObject | undefined;
  /** What the backend said of the request. */
  #told: JsonObject = {};
  #open: ItemWriter | undefined;
  #left: Left = {};
  #usage: Usage = {};
  #usageRest: JsonObject = {};
  #finish: FinishReason | undefined;
  #started = false;
  #over = false;
  #sequence = 0;
  #out: JsonObject[] = [];

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#serial = new SerialParts(context.lost);
    this.#findName = nameFinder(context.request);
  }

  push(event: AnswerEvent): readonly JsonObject[] {
    if (this.#over) return [];
    for (const next of this.#serial.push(event)) this.#event(next);
    return this.#take();
  }

  end(): readonly JsonObject[] {
    if (this.#over) return [];
    for (const next of this.#serial.end()) this.#event(next);
    if (this.#finish === undefined) this.#fail(failure("broken-stream", noFinish));
    else this.#conclude(this.#finish);
    return this.#take();
  }

  #take(): readonly JsonObject[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  readonly #emit = (type: string, fields: JsonObject): void => {
    this.#out.push({ type, sequence_number: this.#sequence, ...fields });
    this.#sequence += 1;
  };

  #event(event: AnswerEvent): void {
    switch (event.type) {
      case "start":
        return this.#start(event);
      case "part-start":
        this.#start({ type: "start" });
        this.#close("completed");
        this.#open = openItem(event.head, this.#place());
        return;
      case "part-delta":
        if (event.text !== "" || event.logprobs !== undefined) this.#open?.delta(event.text, event.logprobs);
        return;
      case "part-end":
        this.#left = compact({ keep: event.keep, origin: event.origin });
        return;
      case "extra":
        return this.#tell(vendorFields(event.extra, protocol, "answer"));
      case "usage":
        this.#usage = { ...this.#usage, ...event.usage };
        this.#usageRest = { ...this.#usageRest, ...vendorFields(event.extra, protocol, "usage") };
        return;
      case "finish":
        this.#finish ??= event.reason;
        return this.#tell(vendorFields(event.extra, protocol, "answer"));
      case "failure":
        return this.#fail(event.failure);
    }
  }

  #tell(fields: JsonObject): void {
    this.#told = { ...this.#told, ...fields };
    this.#echo = undefined;
  }

  #start(start: Extract<AnswerEvent, { readonly type: "start" }>): void {
    if (this.#started) return;
    this.#started = true;
    const { id, created, model, echoModel } = this.#context;
    const own = responseId(start.id, start.extra?.[protocol] !== undefined, id);
    this.#head = {
      id: own,
      object: "response",
      created_at: start.created ?? created,
      model: echoModel ?? start.model ?? model,
    };
    this.#stem = own.replace(/^resp_/, "");
    this.#tell(vendorFields(start.extra, protocol, "answer"));
    const response = this.#response("in_progress", {});
    this.#emit("response.created", { response });
    this.#emit("response.in_progress", { response });
  }

  /** The response as it stands. */
  #response(status: string, fields: JsonObject): JsonObject {
    this.#echo ??= echoOf(this.#context.request, this.#told);
    const own: JsonObject = {
      ...this.#head,
      status,
      completed_at: null,
      error: null,
      incomplete_details: null,
      output: [...this.#output],
      usage: null,
      ...fields,
    };
    // First what people look for; nothing that is repeated replaces it.
    return { ...own, ...this.#echo, ...own };
  }

  #place(): Place {
    const { length: index } = this.#output;
    return { context: this.#context, stem: this.#stem, index, findName: this.#findName, emit: this.#emit };
  }

  #close(status: ItemStatus): void {
    const item = this.#open?.close(this.#left, status);
    if (item !== undefined) this.#output.push(item);
    this.#open = undefined;
    this.#left = {};
  }

  #fail(reason: Failure): void {
    this.#over = true;
    this.#start({ type: "start" });
    const { code, message } = errorOf(reason);
    this.#emit("error", errorFields(reason));
    this.#emit("response.failed", { response: this.#response("failed", { error: { code, message } }) });
  }

  #conclude(finish: FinishReason): void {
    this.#over = true;
    this.#start({ type: "start" });
    const reason = incompleteReason(finish);
    const status = reason === undefined ? "completed" : "incomplete";
    this.#close(status);
    const created = this.#head["created_at"];
    const response = this.#response(status, {
      usage: writeUsage(this.#usage, this.#usageRest),
      ...(reason === undefined
        ? { completed_at: Math.max(Number(created), this.#context.created) }
        : { incomplete_details: { reason } }),
    });
    this.#emit(`response.${status}`, { response });
  }
}

/** Writes a Responses stream that the strictest measured client accepts, an event a piece. */
export class ResponseStreamEncoder implements Machine<AnswerEvent, string> {
  readonly #writer: ResponseWriter;

  constructor(context: AnswerContext) {
    this.#writer = new ResponseWriter(context);
  }

  push(event: AnswerEvent): readonly string[] {
    return this.#writer.push(event).map(sse);
  }

  end(): readonly string[] {
    return this.#writer.end().map(sse);
  }
}

/** A response from an answer's events, as JSON text: the one that the stream of the same events ends with. */
export function writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string {
  const writer = new ResponseWriter(context);
  for (const event of events) writer.push(event);
  return JSON.stringify(objectOf(writer.end().at(-1)?.["response"]) ?? {});
}
