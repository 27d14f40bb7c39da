import type { Flow } from "../backends/types.ts";
import type { Observation } from "../kernel/codec.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Entry } from "../limits/entry.ts";
import type { Loss } from "../kernel/loss.ts";
import { sumOf } from "../kernel/usage.ts";
import type { Usage } from "../kernel/usage.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { EncodedStream } from "./interpreter.ts";
import type { ClientEncoder, WholeAnswer } from "./interpreter.ts";
import { actualOf } from "./limited.ts";
import type { LimitedExchange } from "./limited.ts";
import { newObservation } from "./observer.ts";
import type { PreparedCall } from "./prepare.ts";
import type { Rescue } from "./rescue.ts";
import type { Sight } from "./sight.ts";
import type { Ticking } from "./ticker.ts";
import type { Turn } from "./turn.ts";
import type { ExchangeInput, RelayContext, RelayEndpoint } from "./types.ts";

/** Most bytes that may come before the first meaningful event. */
const pendingLimit = 1_048_576;

/** How long an upstream may take to close after its terminal event, in milliseconds. */
const closingTime = 1000;

/** Whom an attempt reports to. After `finished` or `failed` it is silent. */
export interface AttemptOwner {
  /** Bytes of a stream, from the first meaningful event on. */
  deliver(bytes: Buffer): void;
  /** The answer is complete; these are its last bytes (or, unstreamed, all). */
  finished(bytes: Buffer): void;
  failed(failure: Failure, from: Attempt): void;
  /** The first meaningful event has come. */
  began(from: Attempt): void;
}

/** One try at one target. */
export abstract class Attempt implements Ticking {
  readonly planned: PlannedAttempt;
  readonly endpoint: RelayEndpoint;
  readonly losses: readonly Loss[];
  /** The attempt as its target's state sees it. */
  readonly turn: Turn | undefined;
  /** What its target's limits have counted for it. */
  readonly entry: Entry | undefined;
  readonly sight: Sight;
  /** What the answer was told to go on with. */
  readonly prefix: string | undefined;
  readonly sentAt: number;
  /** Monotonic time of the first meaningful event. */
  firstAt: number | undefined;
  seen: Observation = newObservation();

  protected readonly input: ExchangeInput;
  protected readonly context: RelayContext;
  protected readonly owner: AttemptOwner;
  protected flow: Flow | undefined;
  /** The owner has been told the outcome, or wants to hear none. */
  over = false;
  /** How it ended, if not well. */
  failure: Failure | undefined;
  /** The call has ended by itself. */
  protected callOver = false;
  /** When the upstream was last heard of; undefined until it is. */
  protected lastAt: number | undefined;
  readonly #rescue: Rescue | undefined;
  readonly #limited: LimitedExchange | undefined;
  readonly #members: Usage | undefined;
  #paused = false;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #finishedAt: number | undefined;
  #completedAt: number | undefined;

  constructor(parts: AttemptParts, call: PreparedCall) {
    this.planned = parts.planned;
    this.endpoint = parts.endpoint;
    this.input = parts.input;
    this.context = parts.context;
    this.owner = parts.owner;
    this.turn = parts.turn;
    this.entry = parts.entry;
    this.#rescue = parts.rescue;
    this.#limited = parts.limited;
    this.#members = parts.members;
    this.losses = call.losses;
    this.sight = call.sight;
    this.prefix = call.prefix;
    this.sentAt = parts.context.clock.monotonic();
  }

  abstract start(): void;

  /** The protocol that is spoken with the backend; absent where it yields events itself. */
  get protocol(): Protocol | undefined {
    return undefined;
  }

  /** The encoder of a translated stream for the client: one for every attempt, unless they tell an answer together. */
  protected encoder(call: PreparedCall): ClientEncoder {
    const { codec } = this.input;
    return this.#rescue?.encoder(codec, call.answer, call.prefix) ?? new EncodedStream(codec, call.answer());
  }

  /** Tells a client whose stream has begun that it failed. */
  abstract failureEvent(why: Failure): Buffer;

  /** Stops the attempt; its owner hears nothing more. */
  cancel(): void {
    this.over = true;
    this.failure ??= cancelled;
    this.#settle();
    this.flow?.cancel();
  }

  /** Tells the target's limits what it used. */
  #settle(): void {
    if (this.entry === undefined) return;
    const { tokens } = actualOf(this.#usedAlone);
    const booked = (this.#tellsMembers ? actualOf(this.#members).tokens : undefined) ?? 0;
    this.entry.settle(tokens === undefined ? {} : { tokens: Math.max(0, tokens - booked) });
  }

  /** What its exchange is charged: what it used, and a council's members before it; undefined where nobody knows. */
  get used(): Usage | undefined {
    const used = this.#usedAlone;
    return this.#members === undefined || this.#tellsMembers || used === undefined
      ? used
      : sumOf([used, this.#members]);
  }

  /** What is known of its own answer's usage, or is estimated. */
  get #usedAlone(): Usage | undefined {
    return this.#limited?.used(this.seen, this.failure);
  }

  /** A judge's answer that tells its usage has the members' in it. */
  get #tellsMembers(): boolean {
    return this.seen.usage?.inputTokens !== undefined;
  }

  /** Takes the reins of a call, which may have said a good deal before it handed them out. */
  protected hold(flow: Flow): void {
    this.flow = flow;
    if (this.over) flow.cancel();
    else if (this.#paused) flow.pause();
  }

  pause(): void {
    this.#paused = true;
    this.flow?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.lastAt !== undefined) this.lastAt = this.context.clock.monotonic();
    this.flow?.resume();
  }

  /** Checks the deadlines. */
  tick(now: number): void {
    if (this.over) {
      if (this.#completedAt !== undefined && now - this.#completedAt > closingTime) {
        this.flow?.cancel();
        this.released();
      }
      return;
    }
    if (this.#paused) return;
    const { timeouts } = this.endpoint;
    if (this.#finishedAt !== undefined) {
      if (now - this.#finishedAt > closingTime) {
        this.finish();
        this.flow?.cancel();
        this.released();
      }
    } else if (this.firstAt === undefined) {
      const { stream } = this.input.body;
      const configured = stream ? timeouts.firstToken : this.lastAt === undefined ? timeouts.firstByte : Infinity;
      const after = now - this.sentAt;
      if (after > configured || (configured !== Infinity && this.turn?.isTooLate(after) === true)) {
        const what = stream ? "begin its answer" : "answer";
        const limit = after > configured ? configured : (this.turn?.patience ?? 0);
        this.giveUp(
          failure("timeout-first-token", `${this.endpoint.name} did not ${what} within ${Math.round(limit)} ms.`),
        );
      } else this.#checkIdle(now);
    } else this.#checkIdle(now);
  }

  /** The upstream's bytes or events are over. */
  protected abstract ended(): void;

  /** Judges the answer when nothing more comes. */
  protected finish(): void {
    try {
      this.ended();
    } catch (error) {
      this.caught(error);
    }
  }

  /**
   * Codecs do not throw. That the stack ends in deeply nested JSON cannot be foreseen, though, and no answer may end
   * the process or leave its client waiting.
   */
  protected caught(error: unknown): void {
    if (error instanceof RangeError) {
      return this.giveUp(failure("bad-response", "The upstream's answer is nested too deeply."));
    }
    this.context.observer.threw(error);
    this.giveUp(failure("internal", "The gateway failed to read the upstream's answer."));
  }

  /** Ends the attempt with a failure of ours, and the call with it. */
  protected giveUp(why: Failure): void {
    if (this.over) return;
    this.failure = why;
    this.cancel();
    this.owner.failed(why, this);
  }

  /** Ends the attempt well. The call is let run out for a moment, so that its connection can be used again. */
  protected complete(bytes: Buffer): void {
    this.over = true;
    this.#settle();
    if (!this.callOver) {
      this.#completedAt = this.context.clock.monotonic();
      this.context.ticker.watch(this);
    }
    this.owner.finished(bytes);
  }

  /** The call of a completed attempt is over too. */
  protected released(): void {
    this.context.ticker.unwatch(this);
  }

  /** Holds bytes back until the first meaningful event; from then on they go to the owner. */
  protected pass(bytes: Buffer): void {
    const { seen } = this;
    if (this.firstAt === undefined) {
      if (seen.failure !== undefined && !this.#isTold(bytes)) return this.giveUp(seen.failure);
      this.#pending.push(bytes);
      this.#pendingBytes += bytes.length;
      if (!seen.started) {
        if (this.#pendingBytes > pendingLimit) this.giveUp(tooLarge(pendingLimit));
        return;
      }
      this.#begin();
      bytes = this.#pending.length === 1 ? bytes : Buffer.concat(this.#pending);
      this.#pending = [];
    }
    if (seen.failure !== undefined) {
      if (bytes.length > 0) this.owner.deliver(bytes);
      return this.giveUp(seen.failure);
    }
    if (seen.done) return this.complete(bytes);
    // A further candidate may begin after the one before it was finished.
    if (!seen.finished) this.#finishedAt = undefined;
    else this.#finishedAt ??= this.context.clock.monotonic();
    if (bytes.length > 0) this.owner.deliver(bytes);
  }

  /** The stream is over: `bytes` are its last. */
  protected passLast(bytes: Buffer): void {
    const { seen } = this;
    if (seen.failure === undefined && (seen.started || seen.finished)) {
      if (this.firstAt === undefined) {
        this.#begin();
        bytes = Buffer.concat([...this.#pending, bytes]);
      }
      return this.complete(bytes);
    }
    if (this.firstAt === undefined && this.#isTold(bytes)) this.#begin();
    if (this.firstAt !== undefined && bytes.length > 0) this.owner.deliver(bytes);
    this.giveUp(
      seen.failure ?? failure("broken-stream", `${this.endpoint.name} ended its answer before it was complete.`),
    );
  }

  protected passWhole(answer: WholeAnswer): void {
    this.seen = answer.seen;
    if (answer.seen.failure !== undefined) return this.giveUp(answer.seen.failure);
    if (this.firstAt === undefined) this.#begin();
    this.complete(answer.bytes);
  }

  /** Where several attempts tell one answer, what was written down as told must reach the client. */
  #isTold(bytes: Buffer): boolean {
    return this.#rescue !== undefined && bytes.length > 0;
  }

  #begin(): void {
    this.firstAt = this.context.clock.monotonic();
    this.turn?.began(this.firstAt - this.sentAt, this.firstAt);
    this.owner.began(this);
  }

  #checkIdle(now: number): void {
    const { idle } = this.endpoint.timeouts;
    if (this.lastAt !== undefined && now - this.lastAt > idle) {
      this.giveUp(
        failure("timeout-idle", `${this.endpoint.name} sent nothing for ${idle} ms in the middle of its answer.`),
      );
    }
  }
}

export interface AttemptParts {
  readonly planned: PlannedAttempt;
  readonly endpoint: RelayEndpoint;
  readonly input: ExchangeInput;
  readonly context: RelayContext;
  readonly owner: AttemptOwner;
  /** The try before this one was lost with a connection that had gone stale. */
  readonly again: boolean;
  /** Absent for an answer that was had before: nothing is learned from it. */
  readonly turn: Turn | undefined;
  /** What the client's stream is told by, where several attempts may tell it. */
  readonly rescue?: Rescue | undefined;
  /** Absent where its target is not limited. */
  readonly entry?: Entry | undefined;
  readonly limited?: LimitedExchange | undefined;
  /** What a council's members used, which were counted where they were asked. */
  readonly members?: Usage | undefined;
}

const cancelled = failure("cancelled", "The attempt was stopped.");

/** An answer beyond what is taken. @param limit Bytes. */
export function tooLarge(limit: number): Failure {
  return failure("bad-response", `The upstream's answer is larger than ${limit} bytes.`);
}
