import type { AnswerContext, Codec } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import { failure, failures } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Machine } from "../kernel/machine.ts";
import type { CanonicalRequest, Message } from "../kernel/request.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import type { Attempt } from "./attempt.ts";
import { ObservedEncoder } from "./interpreter.ts";
import type { ClientEncoder } from "./interpreter.ts";
import { Join, mostEarly, Told } from "./rescue-join.ts";

type FailedAttempt = Pick<Attempt, "planned" | "prefix" | "firstAt">;

/**
 * `rescue: continue`: one answer to a client out of several attempts. It remembers what the client was told; when an
 * attempt breaks off, the next one is given that to go on with where its model is declared to do so (`prefill`), or
 * asked afresh, and joined where it agrees.
 */
export class Rescue {
  readonly #limit: number;
  readonly #told: Told;
  #machine: Machine<AnswerEvent, string> | undefined;
  /** Who did not go on behind a prefill. */
  readonly #unwilling = new Set<PlannedAttempt>();
  /** The last attempt took another course than what was told. */
  #deviated = false;
  /** What broke the first attempt that had told something. */
  broken: Failure | undefined;

  /** @param limit Most characters of an answer that are remembered. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#told = new Told(limit);
  }

  /** Whether another attempt may go on after a failure, when something was told already. */
  goesOn(why: Failure): boolean {
    // What somebody decided, such as a content filter, is not undone by asking somebody else.
    if (this.broken === undefined) {
      if (failures[why.kind].retry === "never") return false;
      this.broken = why;
    } else if (why.kind === "content-filter" || why.kind === "cancelled" || why.kind === "timeout-total") return false;
    return !this.#told.isBeyondJoining;
  }

  /** Whether the same target is asked once more, afresh: it refused what it was given to go on with, or ignored it. */
  asksAfresh({ planned, prefix, firstAt }: FailedAttempt, why: Failure): boolean {
    if (prefix === undefined || this.#unwilling.has(planned)) return false;
    const isRefused = firstAt === undefined && failures[why.kind].blame === "client";
    if (!isRefused && !this.#deviated) return false;
    this.#unwilling.add(planned);
    return true;
  }

  /**
   * What a target is given to go on with; undefined where nothing was told, or more than one text, or the model is not
   * declared to go on. Without the blanks at its end, which some vendors refuse and no tokenizer likes.
   */
  prefixFor(planned: PlannedAttempt): string | undefined {
    if (planned.prefill !== true || this.#unwilling.has(planned)) return undefined;
    const prefix = this.#told.onlyText?.trimEnd();
    return prefix === "" ? undefined : prefix;
  }

  /** Tells the client that its answer failed; undefined where it was told nothing yet. */
  failureEvent(why: Failure): Buffer | undefined {
    if (this.#machine === undefined) return undefined;
    return Buffer.from(this.#machine.push({ type: "failure", failure: why }).join(""));
  }

  /** The client's stream as one attempt tells it. */
  encoder(client: Codec, answer: () => AnswerContext, prefix: string | undefined): ClientEncoder {
    this.#deviated = false;
    return new RescuedEncoder({
      join: () => new Join(this.#told, { limit: this.#limit, prefix }),
      machine: () => (this.#machine ??= client.ingress.streamEncoder(answer())),
      deviated: () => {
        this.#deviated = true;
      },
    });
  }
}

/**
 * The request with words that its answer is to go on with.
 *
 * @param completes Client and backend complete a text, of which the answer is the next words.
 */
export function withPrefix(request: CanonicalRequest, prefix: string, completes: boolean): CanonicalRequest {
  if (request.operation !== "generate") return request;
  const last = request.messages.at(-1);
  const text = { type: "text", text: prefix } as const;
  // A client may have put the first words into the assistant's mouth itself.
  const isOwn = last !== undefined && (completes || last.role === "assistant");
  const message: Message = isOwn ? { ...last, parts: [...last.parts, text] } : { role: "assistant", parts: [text] };
  return { ...request, messages: [...(isOwn ? request.messages.slice(0, -1) : request.messages), message] };
}

/** Whether a model that is asked like this would go on with a prefill: one that reasons first begins anew. */
export function mayContinue(request: CanonicalRequest): boolean {
  if (request.operation !== "generate") return false;
  return request.reasoning === undefined || request.reasoning.effort === "none";
}

interface EncoderWays {
  readonly join: () => Join;
  /** The encoder of the client's stream, which all attempts share. */
  readonly machine: () => Machine<AnswerEvent, string>;
  /** The answer does not go on where the one before it ended. */
  readonly deviated: () => void;
}

/** One attempt's events as a piece of the client's stream, which began before and may go on after it. */
class RescuedEncoder extends ObservedEncoder {
  readonly #ways: EncoderWays;
  #join: Join | undefined;
  #early: AnswerEvent[] = [];

  constructor(ways: EncoderWays) {
    super();
    this.#ways = ways;
  }

  protected get machine(): Machine<AnswerEvent, string> {
    return this.#ways.machine();
  }

  push(events: readonly AnswerEvent[]): string {
    // What fails with its first words has told nothing yet: then anybody may begin.
    if (this.#join === undefined && this.#breaksWithin(events)) return "";
    let text = "";
    for (const event of events) {
      // After its finish the answer is whole, and its client may have read that: nothing takes it away.
      if (event.type === "failure" && this.seen.finished) break;
      this.observer.note(event);
      if (this.seen.failure !== undefined) break;
      text += this.#pass(event);
      // Set by what does not join.
      if (this.#failed()) break;
    }
    return text;
  }

  /** Whether these events end in a failure, and not behind a finish. Notes what they say. */
  #breaksWithin(events: readonly AnswerEvent[]): boolean {
    const end = events.findIndex(({ type }) => type === "failure" || type === "finish");
    if (events[end]?.type !== "failure") return false;
    for (const event of events.slice(0, end + 1)) this.observer.note(event);
    return true;
  }

  #failed(): boolean {
    return this.seen.failure !== undefined;
  }

  /** Nothing is told before the attempt has something to say: until then another one may take its place. */
  #pass(event: AnswerEvent): string {
    if (!this.seen.started) {
      this.#early.push(event);
      if (this.#early.length > mostEarly) {
        this.seen.failure = failure("bad-response", "The upstream sent events without any content.");
      }
      return "";
    }
    const events = this.#early.length === 0 ? [event] : [...this.#early, event];
    this.#early = [];
    let text = "";
    const join = (this.#join ??= this.#ways.join());
    for (const each of events) {
      for (const told of join.push(each)) {
        if (told.type === "failure") {
          this.seen.failure = told.failure;
          this.#ways.deviated();
          return text;
        }
        for (const piece of this.machine.push(told)) text += piece;
      }
    }
    return text;
  }
}
