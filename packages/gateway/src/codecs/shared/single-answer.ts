import type { AnswerContext, Observation, Tap, TapVerdict, WireEvent } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Usage } from "../../kernel/usage.ts";
import { cutAnswer } from "./cut-answer.ts";
import { noFinish } from "./event-decoder.ts";
import { parseExactObject } from "./exact.ts";
import { isDone } from "./openai-sse.ts";

const notJson = "The provider's answer is not a JSON object.";

/** A protocol whose answers are never streamed: should a stream be asked for, the whole answer is its only event. */
export interface SingleAnswer {
  read(body: JsonObject): readonly AnswerEvent[];
  /** The body as JSON text. No `failure` event is among the events. */
  write(events: readonly AnswerEvent[], context: AnswerContext): string;
  /** JSON text as the event of a stream, with its framing. */
  frame(json: string): string;
  writeStreamError(failure: Failure): string;
  /** Why the body is no answer, or what it tells of itself. */
  look(body: JsonObject): Failure | { readonly model?: string; readonly usage?: Usage };
}

export class SingleEncoder implements Machine<AnswerEvent, string> {
  readonly #protocol: SingleAnswer;
  readonly #context: AnswerContext;
  readonly #events: AnswerEvent[] = [];
  #over = false;

  constructor(protocol: SingleAnswer, context: AnswerContext) {
    this.#protocol = protocol;
    this.#context = context;
  }

  push(event: AnswerEvent): readonly string[] {
    if (this.#over) return [];
    this.#events.push(event);
    if (event.type !== "failure") return [];
    this.#over = true;
    return [this.#protocol.writeStreamError(event.failure)];
  }

  end(): readonly string[] {
    if (this.#over) return [];
    this.#over = true;
    if (this.#events.some(({ type }) => type === "embedding")) {
      return [this.#protocol.frame(this.#protocol.write(this.#events, this.#context))];
    }
    return [this.#protocol.writeStreamError(cutAnswer())];
  }
}

export class SingleDecoder implements Machine<WireEvent, AnswerEvent> {
  readonly #protocol: SingleAnswer;
  #over = false;

  constructor(protocol: SingleAnswer) {
    this.#protocol = protocol;
  }

  push(event: WireEvent): readonly AnswerEvent[] {
    if (this.#over || event.data === "" || isDone(event.data)) return [];
    this.#over = true;
    const body = parseExactObject(event.data);
    if (body !== undefined) return this.#protocol.read(body);
    return [{ type: "failure", failure: failure("bad-response", notJson) }];
  }

  end(): readonly AnswerEvent[] {
    if (this.#over) return [];
    this.#over = true;
    return [{ type: "failure", failure: failure("broken-stream", noFinish) }];
  }
}

export class SingleTap implements Tap {
  readonly seen: Observation = { started: false, finished: false, done: false };
  readonly #protocol: SingleAnswer;

  constructor(protocol: SingleAnswer) {
    this.#protocol = protocol;
  }

  event(event: WireEvent): TapVerdict {
    if (event.data === "" || isDone(event.data)) return "pass";
    const body = parseExactObject(event.data);
    if (body === undefined) this.seen.failure = failure("bad-response", notJson);
    else this.whole(body);
    return this.seen.failure === undefined ? "pass" : "drop";
  }

  whole(body: JsonObject): void {
    const { seen } = this;
    const told = this.#protocol.look(body);
    if ("kind" in told) {
      seen.failure = told;
      return;
    }
    seen.started = true;
    seen.finished = true;
    seen.done = true;
    if (told.model !== undefined) seen.model = told.model;
    if (told.usage !== undefined) seen.usage = told.usage;
  }

  end(): string {
    if (!this.seen.finished) this.seen.failure ??= failure("broken-stream", noFinish);
    return "";
  }
}

/** A vector as JSON has it. A number with more digits than a double holds counts for what a double holds of it. */
export function readVector(values: readonly unknown[]): readonly number[] | undefined {
  const numbers = values.map((value) =>
    typeof value === "object" && value !== null ? Number(JSON.stringify(value)) : value,
  );
  return numbers.length > 0 && numbers.every((value) => typeof value === "number" && Number.isFinite(value))
    ? (numbers as readonly number[])
    : undefined;
}
