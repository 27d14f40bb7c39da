import type { TapVerdict, WireEvent } from "../../kernel/codec.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { EventTap } from "../shared/event-tap.ts";
import { arrayOf } from "../shared/json.ts";
import { isDone } from "../shared/openai-sse.ts";
import { errorInside, readError, refusalOf } from "./errors.ts";
import { readStop } from "./finish.ts";
import { nameOf, startedAnew } from "./stream-decode.ts";
import { UsageTally } from "./usage.ts";

/** Watches the events of an answer. Judges completeness exactly as the decoder does. */
export class MessageTap extends EventTap {
  readonly #tally = new UsageTally();
  #begun = false;
  #hasBlocks = false;
  #hasCalls = false;
  #raw = "";
  #sequence: string | undefined;

  protected lookAt(event: WireEvent): TapVerdict {
    if (isDone(event.data)) return "pass";
    const body = this.parse(event.data);
    return body === undefined ? "drop" : this.#event(nameOf(event, body), body);
  }

  whole(body: JsonObject): void {
    const problem = refusalOf(body);
    if (problem !== undefined) this.failWith(problem);
    else {
      this.#message(body);
      this.#conclude();
    }
  }

  #event(name: string, body: JsonObject): TapVerdict {
    switch (name) {
      case "content_block_delta":
        this.#delta(body["delta"]);
        return "pass";
      case "message_start":
        if (this.#begun && this.#hasBlocks) return this.fail("broken-stream", startedAnew);
        if (!this.#begun && isJsonObject(body["message"])) this.#message(body["message"]);
        this.#begun = true;
        return "pass";
      case "content_block_start":
        this.#block(body["content_block"]);
        return "pass";
      case "message_delta":
        this.#count(body["usage"]);
        if (isJsonObject(body["delta"])) this.#noteStop(body["delta"]);
        return "pass";
      case "message_stop":
        this.#conclude();
        return "pass";
      case "content_block_stop":
      case "ping":
        return "pass";
      default: {
        const problem = name === "error" ? readError(0, body) : errorInside(body);
        return problem === undefined ? "pass" : this.failWith(problem);
      }
    }
  }

  #message(message: JsonObject): void {
    const { model } = message;
    if (typeof model === "string" && model !== "") this.seen.model = model;
    this.#count(message["usage"]);
    for (const block of arrayOf(message["content"])) this.#block(block);
    this.#noteStop(message);
  }

  /** A block of text or thinking says something by its text; any other is something itself. */
  #block(block: Json | undefined): void {
    this.#hasBlocks = true;
    if (!isJsonObject(block)) return;
    const { type } = block;
    if (type === "text" || type === "thinking") {
      if (isText(block[type])) this.seen.started = true;
      return;
    }
    if (type === "tool_use" && !isText(block["name"])) return;
    this.seen.started = true;
    if (type === "tool_use") this.#hasCalls = true;
  }

  #delta(delta: Json | undefined): void {
    if (this.seen.started || !isJsonObject(delta)) return;
    if (!isText(delta["text"]) && !isText(delta["thinking"])) return;
    this.seen.started = true;
    this.#hasBlocks = true;
  }

  #noteStop(source: JsonObject): void {
    const raw = source["stop_reason"];
    if (!isText(raw)) return;
    this.seen.started = true;
    this.#raw = raw;
    const sequence = source["stop_sequence"];
    this.#sequence = isText(sequence) ? sequence : undefined;
    this.seen.finish = readStop(raw, this.#hasCalls, this.#sequence);
  }

  #count(usage: Json | undefined): void {
    if (isJsonObject(usage)) this.seen.usage = this.#tally.add(usage);
  }

  #conclude(): void {
    this.seen.started = true;
    this.seen.finish = readStop(this.#raw, this.#hasCalls, this.#sequence);
    this.seen.finished = true;
    this.seen.done = true;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
