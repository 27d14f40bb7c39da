import type { WireEvent } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { EventDecoder, notJson } from "../shared/event-decoder.ts";
import { parseExactObject } from "../shared/exact.ts";
import { vendorExtra } from "../shared/extra.ts";
import { arrayOf, countOf, objectOf, textOf, without } from "../shared/json.ts";
import { isDone } from "../shared/openai-sse.ts";
import { BlockTable } from "./block-decode.ts";
import { errorInside, readError, refusalOf } from "./errors.ts";
import { readStop } from "./finish.ts";
import { protocol } from "./keep.ts";
import { usageRemainder, UsageTally } from "./usage.ts";

const messageFields = new Set([
  "type",
  "id",
  "role",
  "model",
  "content",
  "usage",
  "stop_reason",
  "stop_sequence",
  "stop_details",
]);
const deltaFields = new Set(["stop_reason", "stop_sequence", "stop_details"]);
const deltaEventFields = new Set(["type", "delta", "usage"]);

export const startedAnew = "The provider began its answer anew in the midst of it.";

/** The name of an event: the body's `type`, else SSE's. */
export function nameOf(event: WireEvent, body: JsonObject): string {
  return textOf(body["type"]) ?? event.event;
}

/**
 * Decodes the events of an answer, liberally, or a whole one. Only `message_stop` makes it complete; until then
 * nothing is said of its finish.
 */
export class MessageDecoder extends EventDecoder {
  readonly #blocks: BlockTable;
  readonly #tally = new UsageTally();
  #stop: { readonly raw: string; readonly sequence: string | undefined } | undefined;
  #details: JsonObject | undefined;
  #latest = 0;
  #started = false;

  /** @param id Makes ids for calls that have none. */
  constructor(id: string) {
    super();
    this.#blocks = new BlockTable(id, (event) => this.emit(event));
  }

  protected readEvent(event: WireEvent): void {
    // Some compatible vendors end their streams like OpenAI's.
    if (isDone(event.data)) return;
    const body = parseExactObject(event.data);
    if (body === undefined) this.fail("broken-stream", notJson);
    else this.#event(nameOf(event, body), body);
  }

  protected readWhole(body: JsonObject): void {
    const problem = refusalOf(body);
    if (problem !== undefined) this.failWith(problem);
    else {
      this.#message(body);
      this.#conclude();
    }
  }

  #event(name: string, body: JsonObject): void {
    switch (name) {
      case "message_start":
        return this.#begin(objectOf(body["message"]) ?? {});
      case "content_block_start":
        this.#latest = countOf(body["index"]) ?? this.#latest + 1;
        return this.#blocks.start(this.#latest, objectOf(body["content_block"]) ?? {});
      case "content_block_delta":
        this.#latest = countOf(body["index"]) ?? this.#latest;
        return this.#blocks.delta(this.#latest, objectOf(body["delta"]) ?? {});
      case "content_block_stop":
        return this.#blocks.stop(countOf(body["index"]) ?? this.#latest);
      case "message_delta":
        return this.#delta(body);
      case "message_stop":
        return this.#conclude();
      case "ping":
        return;
      case "error":
        return this.failWith(readError(0, body));
      default: {
        const problem = errorInside(body);
        if (problem !== undefined) this.failWith(problem);
      }
    }
  }

  /** A start that is only repeated is nothing; one after content means that the first answer was given up. */
  #begin(message: JsonObject): void {
    if (!this.#started) return this.#message(message);
    if (this.#blocks.hasParts) this.fail("broken-stream", startedAnew);
  }

  /** The message of a start, which may hold whole blocks already, or of an unstreamed answer. */
  #message(message: JsonObject): void {
    this.#started = true;
    const extra = vendorExtra(protocol, { answer: told(without(message, messageFields)) });
    this.emit({
      type: "start",
      ...compact({ id: textOf(message["id"]), model: textOf(message["model"]), extra }),
    });
    this.#count(message["usage"]);
    for (const item of arrayOf(message["content"])) {
      const block = objectOf(item);
      if (block === undefined) continue;
      // Blocks of the stream that follows are numbered from 0 on their own.
      this.#blocks.start(-1, block);
      this.#blocks.stop(-1);
    }
    this.#noteStop(message);
  }

  #delta(body: JsonObject): void {
    const delta = objectOf(body["delta"]) ?? {};
    const answer = { ...told(without(body, deltaEventFields)), ...told(without(delta, deltaFields)) };
    const extra = vendorExtra(protocol, { answer });
    if (extra !== undefined) this.emit({ type: "extra", candidate: 0, extra });
    this.#count(body["usage"]);
    this.#noteStop(delta);
  }

  #noteStop(source: JsonObject): void {
    const raw = textOf(source["stop_reason"]);
    if (raw !== undefined) this.#stop = { raw, sequence: textOf(source["stop_sequence"]) };
    this.#details = objectOf(source["stop_details"]) ?? this.#details;
  }

  #count(value: Json | undefined): void {
    const usage = objectOf(value);
    if (usage === undefined) return;
    const extra = vendorExtra(protocol, { usage: usageRemainder(usage) });
    this.emit({ type: "usage", usage: this.#tally.add(usage), ...compact({ extra }) });
  }

  #conclude(): void {
    this.#blocks.close();
    this.over = true;
    const reason = readStop(this.#stop?.raw ?? "", this.#blocks.calls > 0, this.#stop?.sequence);
    const extra = this.#details && vendorExtra(protocol, { choice: { stop_details: this.#details } });
    this.emit({ type: "finish", candidate: 0, reason, ...compact({ extra }) });
  }
}

/** Null is nothing. */
function told(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
