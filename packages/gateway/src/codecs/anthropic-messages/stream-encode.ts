import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent, FinishReason, PartHead } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Extra } from "../../kernel/request.ts";
import type { Usage } from "../../kernel/usage.ts";
import { cutAnswer } from "../shared/cut-answer.ts";
import { opaqueName, vendorFields } from "../shared/extra.ts";
import { objectOf, unlessEmpty, without } from "../shared/json.ts";
import { SerialParts } from "../shared/serial.ts";
import { callId, carriesState, citationsOf, ownFields, redactedData, signatureFor } from "./block-encode.ts";
import type { Ending } from "./block-encode.ts";
import { namedEvent, writeStreamError } from "./errors.ts";
import { writeStop } from "./finish.ts";
import { protocol } from "./keep.ts";
import { messageHead } from "./answer.ts";
import { writeUsage } from "./usage.ts";

/** The part that speaks. Its block starts with its first word, for only then is it known to be needed. */
interface Speaking {
  readonly head: PartHead;
  isStarted: boolean;
  hasText: boolean;
  /** The free text of a custom tool, which the protocol has no room for but within JSON. */
  held: string;
}

/** Fields of `message_delta` that stand within its `delta`. */
const withinDelta = new Set(["container"]);

/**
 * Writes the events that the strictest measured client accepts: named, one message_start with id and usage, blocks
 * with rising indexes that never overlap, one message_delta with a stop reason and the whole usage, message_stop. The
 * last two wait for the end of the answer, since usage may come late.
 */
export class MessageEncoder implements Machine<AnswerEvent, string> {
  readonly #context: AnswerContext;
  readonly #serial: SerialParts;
  #head: Extract<AnswerEvent, { type: "start" }> = { type: "start" };
  #isOpen = false;
  #index = -1;
  #speaking: Speaking | undefined;
  #calls = 0;
  #hasRefusal = false;
  #usage: Usage | undefined;
  #usageRest: JsonObject = {};
  #late: JsonObject = {};
  #details: JsonObject = {};
  #finish: FinishReason | undefined;
  #over = false;
  #out: string[] = [];

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#serial = new SerialParts((loss) => context.lost(loss));
  }

  push(event: AnswerEvent): readonly string[] {
    for (const each of this.#serial.push(event)) this.#event(each);
    return this.#take();
  }

  end(): readonly string[] {
    if (!this.#over) {
      for (const each of this.#serial.end()) this.#event(each);
      if (this.#finish === undefined) this.#fail(cutAnswer());
      else this.#conclude(this.#finish);
    }
    return this.#take();
  }

  #take(): readonly string[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #send(type: string, fields: JsonObject): void {
    this.#out.push(namedEvent(type, { type, ...fields }));
  }

  #event(event: AnswerEvent): void {
    if (this.#over) return;
    switch (event.type) {
      case "start":
        this.#head = event;
        return;
      case "usage":
        this.#usage = { ...this.#usage, ...event.usage };
        this.#usageRest = { ...this.#usageRest, ...vendorFields(event.extra, protocol, "usage") };
        return;
      case "extra":
        return this.#extra(event.extra);
      case "part-start":
        if (this.#finish === undefined) this.#begin(event.head, event.keep);
        return;
      case "part-delta":
        return this.#grow(event.text);
      case "part-end":
        return this.#end(event);
      case "finish":
        this.#finish ??= event.reason;
        return this.#extra(event.extra);
      case "failure":
        return this.#fail(event.failure);
      default:
    }
  }

  #fail(reason: Parameters<typeof writeStreamError>[0]): void {
    this.#over = true;
    this.#out.push(writeStreamError(reason));
  }

  #extra(extra: Extra | undefined): void {
    this.#late = { ...this.#late, ...vendorFields(extra, protocol, "answer") };
    this.#details = { ...this.#details, ...vendorFields(extra, protocol, "choice") };
  }

  /** The message's own start, once there is something to say: the usage of its input is known by then. */
  #open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const usage = writeUsage(this.#usage, this.#usageRest);
    this.#send("message_start", {
      message: {
        ...messageHead(this.#head, this.#context),
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage,
      },
    });
  }

  #begin(head: PartHead, keep: Extra | undefined): void {
    const speaking: Speaking = { head, isStarted: false, hasText: false, held: "" };
    this.#speaking = speaking;
    if (head.type === "refusal") this.#hasRefusal = true;
    if (head.type === "image") this.#context.lost({ field: "image", reason: "unsupported" });
    if (head.type === "text" || head.type === "refusal")
      this.#start(speaking, { ...ownFields(keep), type: "text", text: "" });
    if (head.type !== "tool-call") return;
    // A call without a name is no call.
    if (head.name === "") this.#speaking = undefined;
    else {
      const id = callId(head.id, this.#context.id, this.#calls);
      this.#calls += 1;
      this.#start(speaking, { ...ownFields(keep), type: "tool_use", id, name: head.name, input: {} });
    }
  }

  #start(speaking: Speaking, block: JsonObject): void {
    this.#open();
    speaking.isStarted = true;
    this.#index += 1;
    this.#send("content_block_start", { index: this.#index, content_block: block });
  }

  #delta(delta: JsonObject): void {
    this.#send("content_block_delta", { index: this.#index, delta });
  }

  #grow(text: string): void {
    const speaking = this.#speaking;
    if (speaking === undefined || text === "") return;
    const { head } = speaking;
    speaking.hasText = true;
    switch (head.type) {
      case "text":
      case "refusal":
        return this.#delta({ type: "text_delta", text });
      case "reasoning":
        if (!speaking.isStarted) this.#start(speaking, { type: "thinking", thinking: "", signature: "" });
        return this.#delta({ type: "thinking_delta", thinking: text });
      case "tool-call":
        if (head.tool === "custom") speaking.held += text;
        else this.#delta({ type: "input_json_delta", partial_json: text });
        return;
      default:
    }
  }

  #end(ending: Ending): void {
    const speaking = this.#speaking;
    this.#speaking = undefined;
    if (speaking === undefined) return;
    switch (speaking.head.type) {
      case "text":
        for (const citation of citationsOf(ending.keep)) this.#delta({ type: "citations_delta", citation });
        break;
      case "reasoning":
        this.#endReasoning(speaking, ending);
        break;
      case "tool-call": {
        const isCustom = speaking.head.tool === "custom";
        const whole = isCustom ? JSON.stringify({ input: speaking.held }) : "";
        // The API itself sends an empty piece where there are no arguments.
        if (isCustom || !speaking.hasText) this.#delta({ type: "input_json_delta", partial_json: whole });
        break;
      }
      case "opaque":
        this.#endOpaque(speaking, ending);
        break;
      default:
    }
    if (speaking.isStarted) this.#send("content_block_stop", { index: this.#index });
  }

  #endReasoning(speaking: Speaking, ending: Ending): void {
    const data = redactedData(ending);
    if (data !== undefined && !speaking.hasText) {
      return this.#start(speaking, { ...ownFields(ending.keep), type: "redacted_thinking", data });
    }
    if (!speaking.hasText && !carriesState(ending)) return;
    if (!speaking.isStarted) this.#start(speaking, { type: "thinking", thinking: "", signature: "" });
    this.#delta({ type: "signature_delta", signature: signatureFor(ending) });
  }

  /** A block of this protocol's own that we have no word for; its input goes the way of a call's. */
  #endOpaque(speaking: Speaking, ending: Ending): void {
    const block = unlessEmpty(ownFields(ending.keep));
    if (block === undefined) return this.#context.lost({ field: opaqueName(ending.keep), reason: "unsupported" });
    const input = objectOf(block["input"]);
    this.#start(speaking, input === undefined ? block : { ...block, input: {} });
    if (input !== undefined) this.#delta({ type: "input_json_delta", partial_json: JSON.stringify(input) });
  }

  #conclude(reason: FinishReason): void {
    this.#over = true;
    this.#open();
    const stop = writeStop(reason, { hasCalls: this.#calls > 0, hasRefusal: this.#hasRefusal });
    const inner = Object.fromEntries(Object.entries(this.#late).filter(([name]) => withinDelta.has(name)));
    this.#send("message_delta", {
      ...without(this.#late, withinDelta),
      delta: { ...inner, ...this.#details, ...stop },
      usage: writeUsage(this.#usage, this.#usageRest),
    });
    this.#send("message_stop", {});
  }
}
