import type { AnswerEvent } from "../kernel/event.ts";
import type { Failure } from "../kernel/failure.ts";
import { Attempt, tooLarge } from "./attempt.ts";
import type { AttemptParts } from "./attempt.ts";
import { writeWhole } from "./interpreter.ts";
import type { ClientEncoder } from "./interpreter.ts";
import type { PreparedCall } from "./prepare.ts";

/** What an event counts for beside its text, in bytes, when a whole answer is gathered from events. */
const eventSize = 64;

/** An attempt at a backend that yields events itself. */
export class EventAttempt extends Attempt {
  readonly #call: Extract<PreparedCall, { kind: "events" }>;
  readonly #encoder: ClientEncoder | undefined;
  #events: AnswerEvent[] = [];
  #size = 0;

  constructor(parts: AttemptParts, call: Extract<PreparedCall, { kind: "events" }>) {
    super(parts, call);
    this.#call = call;
    if (this.input.body.stream) {
      this.#encoder = this.encoder(call);
      this.seen = this.#encoder.seen;
    }
  }

  start(): void {
    const flow = this.#call.backend.run(this.#call.request, {
      event: (event) => {
        try {
          this.#event(event);
        } catch (error) {
          this.caught(error);
        }
      },
      end: () => {
        this.callOver = true;
        if (!this.over) this.finish();
      },
    });
    this.hold(flow);
  }

  failureEvent(why: Failure): Buffer {
    return this.#encoder?.fail(why) ?? Buffer.from(this.input.codec.ingress.writeStreamError(why));
  }

  protected ended(): void {
    if (this.#encoder === undefined)
      return this.passWhole(writeWhole(this.input.codec, this.#events, this.#call.answer()));
    this.passLast(Buffer.from(this.#encoder.end()));
  }

  #event(event: AnswerEvent): void {
    if (this.over) return;
    this.lastAt = this.context.clock.monotonic();
    if (this.#encoder !== undefined) return this.pass(Buffer.from(this.#encoder.push([event])));
    this.#events.push(event);
    this.#size += eventSize + (event.type === "part-delta" ? event.text.length : 0);
    if (event.type === "failure") this.giveUp(event.failure);
    else if (this.#size > this.input.settings.answer) this.giveUp(tooLarge(this.input.settings.answer));
  }
}
