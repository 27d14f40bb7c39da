import type { WireEvent } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure, FailureKind } from "../../kernel/failure.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";

export const noFinish = "The provider's answer ended before it was complete.";
export const notJson = "The provider sent an event that is not a JSON object.";

/**
 * What the decoders of all protocols share: events are handed out as they come, nothing follows a failure, and a stream
 * that is over before its answer is asked what became of it.
 */
export abstract class EventDecoder implements Machine<WireEvent, AnswerEvent> {
  /** The answer has come to its end, or to a failure. */
  protected over = false;
  #out: AnswerEvent[] = [];

  push(event: WireEvent): readonly AnswerEvent[] {
    if (this.over || event.data === "") return [];
    this.readEvent(event);
    return this.#take();
  }

  end(): readonly AnswerEvent[] {
    if (!this.over) this.ended();
    return this.#take();
  }

  /** The events of an unstreamed answer. */
  whole(body: JsonObject): readonly AnswerEvent[] {
    this.readWhole(body);
    return this.#take();
  }

  /** Reads an event of the stream that says something. */
  protected abstract readEvent(event: WireEvent): void;
  protected abstract readWhole(body: JsonObject): void;

  /** The stream ended while the answer was not over. */
  protected ended(): void {
    this.fail("broken-stream", noFinish);
  }

  protected emit(event: AnswerEvent): void {
    this.#out.push(event);
  }

  protected fail(kind: FailureKind, message: string): void {
    this.failWith(failure(kind, message));
  }

  protected failWith(reason: Failure): void {
    this.over = true;
    this.emit({ type: "failure", failure: reason });
  }

  #take(): readonly AnswerEvent[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}
