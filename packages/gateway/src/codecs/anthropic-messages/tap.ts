import type { Observation, Tap, TapVerdict, WireEvent } from "../../kernel/codec.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf } from "../shared/json.ts";
import { errorInside, readError } from "./errors.ts";
import { readStop } from "./finish.ts";
import { nameOf, noContent, noStop, notJson, startedAnew } from "./stream-decode.ts";
import { UsageTally } from "./usage.ts";

/** Watches the events of an answer. Judges completeness exactly as the decoder does. */
export class MessageTap implements Tap {
  readonly seen: Observation = { started: false, finished: false, done: false };
  readonly #tally = new UsageTally();
  #begun = false;
  #hasBlocks = false;
  #hasCalls = false;
  #raw = "";
  #sequence: string | undefined;

  event(event: WireEvent): TapVerdict {
    const { seen } = this;
    if (seen.failure !== undefined || seen.done) return "drop";
    const { data } = event;
    if (data === "" || (data.length < 16 && data.trim() === "[DONE]")) return "pass";
    let body: Json;
    try {
      body = JSON.parse(data);
    } catch {
      return this.#fail(failure("broken-stream", notJson));
    }
    return isJsonObject(body) ? this.#event(nameOf(event, body), body) : this.#fail(failure("broken-stream", notJson));
  }

  whole(body: JsonObject): void {
    const problem = errorInside(body);
    if (problem !== undefined) this.#fail(problem);
    else if (!Array.isArray(body["content"])) this.#fail(failure("bad-response", noContent));
    else {
      this.#message(body);
      this.#conclude();
    }
  }

  end(): string {
    const { seen } = this;
    if (seen.failure === undefined && !seen.done) this.#fail(failure("broken-stream", noStop));
    return "";
  }

  #fail(reason: Failure): TapVerdict {
    this.seen.failure = reason;
    return "drop";
  }

  #event(name: string, body: JsonObject): TapVerdict {
    switch (name) {
      case "content_block_delta":
        this.#delta(body["delta"]);
        return "pass";
      case "message_start":
        if (this.#begun && this.#hasBlocks) return this.#fail(failure("broken-stream", startedAnew));
        if (!this.#begun && isJsonObject(body["message"])) this.#message(body["message"]);
        this.#begun = true;
        return "pass";
      case "content_block_start":
        this.#block(body["content_block"]);
        return "pass";
      case "message_delta":
        this.#count(body["usage"]);
        if (isJsonObject(body["delta"])) this.#read(body["delta"]);
        return "pass";
      case "message_stop":
        this.#conclude();
        return "pass";
      case "content_block_stop":
      case "ping":
        return "pass";
      default: {
        const problem = name === "error" ? readError(0, body) : errorInside(body);
        return problem === undefined ? "pass" : this.#fail(problem);
      }
    }
  }

  #message(message: JsonObject): void {
    const { model } = message;
    if (typeof model === "string" && model !== "") this.seen.model = model;
    this.#count(message["usage"]);
    for (const block of arrayOf(message["content"])) this.#block(block);
    this.#read(message);
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

  #read(source: JsonObject): void {
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
