import type { AnswerContext, Codec, Observation } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import { failure, failures } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Machine } from "../kernel/machine.ts";
import type { CanonicalRequest, Message } from "../kernel/request.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import type { Attempt } from "./attempt.ts";
import type { ClientEncoder } from "./interpreter.ts";
import { Observer } from "./observer.ts";
import { Join, Told } from "./rescue-join.ts";
import type { Turns } from "./turns.ts";

type FailedAttempt = Pick<Attempt, "planned" | "prefix" | "firstAt">;

/** Most events that may come before the first meaningful one. */
const mostEarlyEvents = 10_000;

/**
 * `rescue: continue`: one answer to a client out of several attempts. It remembers what the client was told; when an
 * attempt breaks off, the next one is given that to go on with where its model is declared to do so (`prefill`), or
 * asked afresh, and joined where it agrees.
 */
export class Rescue {
  readonly #limit: number;
  readonly #told: Told;
  #machine: Machine<AnswerEvent, string> | undefined;
  #unwilling: PlannedAttempt | undefined;
  /** What broke the first attempt that had told something. */
  broken: Failure | undefined;

  /** @param limit Most characters of an answer that are remembered. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#told = new Told(limit);
  }

  /** An attempt at the answer failed after something of it was told. Sees to who is next, or says that nobody may. */
  takesOver(why: Failure, { planned, prefix, firstAt }: FailedAttempt, turns: Turns): boolean {
    if (!this.#goesOn(why)) return false;
    if (prefix !== undefined && firstAt === undefined && failures[why.kind].blame === "client") {
      // The target refused the prefill: it is asked afresh.
      this.#unwilling = planned;
      turns.first(planned);
    } else if (!turns.hasMore && mayTryAgain(why)) turns.once(planned);
    return true;
  }

  #goesOn(why: Failure): boolean {
    // What somebody decided, such as a content filter, is not undone by asking somebody else.
    if (this.broken === undefined) {
      if (failures[why.kind].retry === "never") return false;
      this.broken = why;
    } else if (why.kind === "content-filter" || why.kind === "cancelled" || why.kind === "timeout-total") return false;
    return !this.#told.isBeyondJoining;
  }

  /**
   * What a target is given to go on with; undefined where nothing was told, or more than one text, or the model is not
   * declared to go on. Without the blanks at its end, which some vendors refuse and no tokenizer likes.
   */
  prefixFor(planned: PlannedAttempt): string | undefined {
    if (planned.prefill !== true || planned === this.#unwilling) return undefined;
    const prefix = this.#told.openText?.trimEnd();
    return prefix === "" ? undefined : prefix;
  }

  /** Tells the client that its answer failed; undefined where it was told nothing yet. */
  failureEvent(why: Failure): Buffer | undefined {
    if (this.#machine === undefined) return undefined;
    return Buffer.from(this.#machine.push({ type: "failure", failure: why }).join(""));
  }

  /** The client's stream as one attempt tells it. */
  encoder(client: Codec, answer: () => AnswerContext, prefix: string | undefined): ClientEncoder {
    const join = () => new Join(this.#told, { limit: this.#limit, prefix });
    return new RescuedEncoder(join, () => (this.#machine ??= client.ingress.streamEncoder(answer())));
  }
}

/** Whether the same target may be asked again where nobody else is left: not one that fell silent. */
function mayTryAgain({ kind }: Failure): boolean {
  return kind !== "timeout-idle" && kind !== "timeout-first-token" && failures[kind].retry !== "never";
}

/** The request with words that its answer is to go on with. */
export function withPrefix(request: CanonicalRequest, prefix: string): CanonicalRequest {
  if (request.operation !== "generate") return request;
  const last = request.messages.at(-1);
  const text = { type: "text", text: prefix } as const;
  // A client may have put the first words into the assistant's mouth itself.
  const isOwn = last?.role === "assistant";
  const message: Message = isOwn ? { ...last, parts: [...last.parts, text] } : { role: "assistant", parts: [text] };
  return { ...request, messages: [...(isOwn ? request.messages.slice(0, -1) : request.messages), message] };
}

/** Whether a model that is asked like this would go on with a prefill: one that reasons first begins anew. */
export function mayContinue(request: CanonicalRequest): boolean {
  if (request.operation !== "generate") return false;
  return request.reasoning === undefined || request.reasoning.effort === "none";
}

/** One attempt's events as a piece of the client's stream, which began before and may go on after it. */
class RescuedEncoder implements ClientEncoder {
  readonly seen: Observation;
  readonly #observer = new Observer();
  readonly #newJoin: () => Join;
  readonly #machine: () => Machine<AnswerEvent, string>;
  #join: Join | undefined;
  #early: AnswerEvent[] = [];

  constructor(join: () => Join, machine: () => Machine<AnswerEvent, string>) {
    this.seen = this.#observer.seen;
    this.#newJoin = join;
    this.#machine = machine;
  }

  push(events: readonly AnswerEvent[]): string {
    let text = "";
    for (const event of events) {
      this.#observer.note(event);
      if (this.seen.failure !== undefined) break;
      text += this.#pass(event);
      // Set by what does not join.
      if (this.#failed()) break;
    }
    return text;
  }

  end(): string {
    if (this.seen.failure !== undefined) return "";
    if (!this.seen.finished) {
      this.seen.failure = failure("broken-stream", "The upstream ended its answer before it was complete.");
      return "";
    }
    return this.#machine().end().join("");
  }

  fail(why: Failure): Buffer {
    return Buffer.from(this.#machine().push({ type: "failure", failure: why }).join(""));
  }

  #failed(): boolean {
    return this.seen.failure !== undefined;
  }

  /** Nothing is told before the attempt has something to say: until then another one may take its place. */
  #pass(event: AnswerEvent): string {
    if (!this.seen.started) {
      this.#early.push(event);
      if (this.#early.length > mostEarlyEvents) {
        this.seen.failure = failure("bad-response", "The upstream sent events without any content.");
      }
      return "";
    }
    const events = this.#early.length === 0 ? [event] : [...this.#early, event];
    this.#early = [];
    let text = "";
    const join = (this.#join ??= this.#newJoin());
    for (const each of events) {
      for (const told of join.push(each)) {
        if (told.type === "failure") {
          this.seen.failure = told.failure;
          return text;
        }
        for (const piece of this.#machine().push(told)) text += piece;
      }
    }
    return text;
  }
}
