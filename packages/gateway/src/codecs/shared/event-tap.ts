import type { Observation, Tap, TapVerdict, WireEvent } from "../../kernel/codec.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure, FailureKind } from "../../kernel/failure.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { noFinish, notJson } from "./event-decoder.ts";

/** What the taps of all protocols share: nothing passes behind a failure or the end, and silence is no end. */
export abstract class EventTap implements Tap {
  readonly seen: Observation = { started: false, finished: false, done: false };

  event(event: WireEvent): TapVerdict {
    if (this.isOver) return "drop";
    return event.data === "" ? "pass" : this.lookAt(event);
  }

  end(): string {
    return this.isOver ? "" : this.ended();
  }

  abstract whole(body: JsonObject): void;

  /** Looks at an event that says something. */
  protected abstract lookAt(event: WireEvent): TapVerdict;

  /** The stream ended while the answer was not over. */
  protected ended(): string {
    this.fail("broken-stream", noFinish);
    return "";
  }

  /** An event's JSON; undefined, with a failure, for what is no object. Numbers may lose digits: nobody repeats them. */
  protected parse(data: string): JsonObject | undefined {
    try {
      const value: unknown = JSON.parse(data);
      if (isJsonObject(value)) return value;
    } catch {
      // Said below.
    }
    this.fail("broken-stream", notJson);
    return undefined;
  }

  protected get isOver(): boolean {
    return this.seen.failure !== undefined || this.seen.done;
  }

  protected fail(kind: FailureKind, message: string): TapVerdict {
    return this.failWith(failure(kind, message));
  }

  protected failWith(reason: Failure): TapVerdict {
    this.seen.failure = reason;
    return "drop";
  }
}
