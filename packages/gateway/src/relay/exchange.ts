import { failure, failures } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Entry } from "../limits/entry.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import type { Attempt, AttemptOwner, AttemptParts } from "./attempt.ts";
import { errorAnswer, summarize } from "./error-answer.ts";
import { EventAttempt } from "./event-attempt.ts";
import { convene } from "./council.ts";
import type { Council } from "./council.ts";
import { LimitedExchange } from "./limited.ts";
import { traceHeaders } from "./head.ts";
import { Lessons } from "./lessons.ts";
import { prepare } from "./prepare.ts";
import type { PreparedCall } from "./prepare.ts";
import { Race } from "./race.ts";
import { attemptReport, fromAttempt, triedTarget } from "./reports.ts";
import { Reply } from "./reply.ts";
import type { ReplyOwner } from "./reply.ts";
import { Rescue } from "./rescue.ts";
import type { Ticking } from "./ticker.ts";
import { Turns } from "./turns.ts";
import { WireAttempt } from "./wire-attempt.ts";
import type { ExchangeInput, RelayContext, RelayEndpoint, TriedTarget } from "./types.ts";

/**
 * One client request, from its plan to its last byte.
 *
 * Life of an exchange:
 *  1. server: match the surface, read the body within limits, scan its top level for `model` and `stream`.
 *  2. auth: who is asking, and may it use this model.
 *  3. routing: the plan, with reasons.
 *  4. here: the limits of its key and of its model count it, or have it wait. Under `council` the members are asked.
 *  5. for each attempt, in the order of `Turns`: prepare the request for the target (splice or translate), count it in
 *     the target's limits, send it, wait for the first meaningful event. A failure before that goes to the next attempt,
 *     under `race` silence too; the head goes out only then, or when the client has waited in silence for one keepalive
 *     interval.
 *  6. stream through (relay, tap or translate) with backpressure and keepalives; abort the upstream when the client
 *     leaves or stops reading. What becomes of an answer that breaks off here is the model's `rescue`.
 *  7. settle exactly once, before the last bytes go out: limits, ledger, metrics, log. Whatever happened.
 */
export class Exchange implements AttemptOwner, ReplyOwner, Ticking {
  readonly #input: ExchangeInput;
  readonly #context: RelayContext;
  readonly #failures: Failure[] = [];
  /** Attempts that did not answer, in the order of their ends. */
  readonly #tried: TriedTarget[] = [];
  /** Who is asked next. */
  readonly #turns: Turns;
  /** What counts it; absent where nothing is limited. */
  readonly #limited: LimitedExchange | undefined;
  /** What was learned from the attempts so far. */
  readonly #lessons: Lessons;
  #attempt: Attempt | undefined;
  /** Several attempts that together tell one answer (`rescue: continue`). */
  #rescue: Rescue | undefined;
  /** What the client gets. */
  readonly #reply: Reply;
  #isRescued = false;
  /** Who broke off behind what the client had been told. */
  #broken: Attempt | undefined;
  readonly #race: Race | undefined;
  #council: Council | undefined;
  /** The target that is waited for, and until when in monotonic milliseconds. */
  #waiting: { readonly planned: PlannedAttempt; readonly until: number } | undefined;
  #settled = false;
  #firstAt: number | undefined;

  constructor(input: ExchangeInput, context: RelayContext) {
    this.#input = input;
    this.#context = context;
    this.#limited = LimitedExchange.of(input, context);
    this.#turns = new Turns(input, context, this.#limited?.demand);
    this.#lessons = new Lessons(context);
    this.#reply = new Reply(input, this, context.clock);
    const { rescue, strategy, hedge } = input.plan.model;
    if (input.body.stream && rescue === "continue") this.#rescue = new Rescue(input.settings.answer);
    if (strategy === "race") this.#race = new Race(hedge, { health: context.health, stream: input.body.stream });
    // Not assigned as it stands: decision 0021.
    const gone = () => this.#clientGone();
    input.client.onGone = gone;
  }

  start(): void {
    this.#context.ticker.watch(this);
    if (this.#limited === undefined) return this.#enter();
    this.#limited.admit({ go: () => this.#enter(), refused: (why) => this.#refuse(why) });
  }

  #enter(): void {
    if (this.#input.plan.model.strategy !== "council") return this.#begin();
    const about = { input: this.#input, context: this.#context, turns: this.#turns, limited: this.#limited };
    this.#council = convene({ ...about, learned: this.#lessons.learned, assembled: () => this.#begin() });
    if (this.#council === undefined) return this.#begin();
    this.#turns.first(this.#council.judge);
    this.#council.start();
  }

  deliver(bytes: Buffer): void {
    this.#answered();
    this.#reply.send(bytes);
  }

  finished(last: Buffer): void {
    this.#answered();
    const bytes = this.#reply.withHeld(last);
    if (this.#attempt !== undefined) this.#reportAttempt(this.#attempt);
    this.#settle(200, bytes.length);
    // The head of a stream that was mended named who had begun it.
    this.#reply.end(bytes, this.#reply.isCommitted && this.#isRescued ? this.trace() : undefined);
  }

  /** In a race, whoever begins has won it. */
  began(attempt: Attempt): void {
    if (this.#race === undefined || this.#race.isDecided) return;
    this.#attempt = attempt;
    this.#stopWaiting();
    for (const planned of this.#limited?.leaveQueues() ?? []) this.#turns.first(planned);
    for (const loser of this.#race.win(attempt)) {
      this.#stop(loser, failure("cancelled", "Another target began to answer first."));
    }
    if (this.#reply.isStalled) attempt.pause();
  }

  failed(why: Failure, attempt: Attempt): void {
    this.#failures.push(why);
    this.#reportAttempt(attempt, why);
    if (this.#race?.isDecided === false) {
      this.#attempt = attempt;
      this.#race.ended(attempt);
    }
    if (this.#reply.isCommitted) {
      if (attempt.firstAt !== undefined) this.#broken = attempt;
      if (this.#rescue?.goesOn(why) !== true) return this.#refuse(why);
      this.#isRescued = true;
    } else if (this.#reply.forget()) this.#isRescued = true;
    this.#after(why, attempt);
  }

  /** Sees to it that somebody is asked who may still answer. */
  #after(why: Failure, attempt: Attempt): void {
    const { planned, firstAt } = attempt;
    const { retry } = failures[why.kind];
    const isAfresh = this.#rescue?.asksAfresh(attempt, why) === true;
    if (isAfresh || (retry === "same" && this.#lessons.help(attempt, why))) {
      this.#turns.first(planned);
      return this.#begin();
    }
    if (!this.#reply.isCommitted) {
      const standing = why.kind === "content-filter" ? undefined : this.#council?.fallback();
      if (standing !== undefined) return this.#attend({ ...standing, turn: undefined });
      if (retry === "never") return this.#refuse(why);
      this.#turns.failed(planned, why);
    } else if (firstAt === undefined) this.#turns.failed(planned, why);
    else this.#turns.broke(planned, why);
    this.#begin();
  }

  #answered(): void {
    this.#firstAt ??= this.#attempt?.firstAt;
    if (!this.#reply.isCommitted && this.#attempt !== undefined) this.#lessons.answered(this.#attempt);
  }

  tick(now: number): void {
    const { settings, startedAt, client } = this.#input;
    if (now - startedAt > settings.total) {
      return this.abandon(failure("timeout-total", `The request was not answered within ${settings.total} ms.`));
    }
    if (this.#reply.isAbandoned(now)) {
      this.#leave(`The client read nothing for ${settings.stall} ms.`);
      return client.destroy();
    }
    const waiting = this.#waiting;
    if (waiting !== undefined && now >= waiting.until) {
      this.#waiting = undefined;
      this.#try(waiting.planned);
    }
    this.#council?.tick(now);
    this.#limited?.tick(now);
    if (this.#race !== undefined) this.#tickRace(this.#race, now);
    this.#attempt?.tick(now);
    // What passes unread may have stopped in the middle of an event.
    if (!this.#settled) this.#reply.keepAlive(now, this.#attempt?.sight !== "relay");
  }

  #tickRace(race: Race, now: number): void {
    for (const attempt of race.running) if (attempt !== this.#attempt) attempt.tick(now);
    if (!this.#isComing && this.#turns.hasMore && race.takesNext(now)) this.#begin();
  }

  /** A target is waited for, or its images are, or a place with it: in a race, when others are being asked or failed. */
  get #isComing(): boolean {
    return this.#waiting !== undefined || this.#lessons.fetches > 0 || this.#limited?.isWaiting === true;
  }

  /** Somebody may still answer. */
  get #isOpen(): boolean {
    return this.#attempt?.over === false || this.#isComing;
  }

  /** Ends an exchange that is under way, such as at the end of the grace time when the gateway stops. */
  abandon(why: Failure): void {
    if (this.#settled) return;
    this.#stop(this.#attempt, why);
    this.#refuse(why);
  }

  /** Begins the next attempt, after waiting for its target where that asked for a pause and the wait is short. */
  #begin(): void {
    if (this.#attempt?.over === true) this.#attempt = this.#race?.running[0] ?? this.#attempt;
    const next = this.#turns.next(this.#failures);
    if (next === undefined) return this.#giveUp();
    const { planned, wait } = next;
    const until = this.#context.clock.monotonic() + wait;
    // In a race somebody may be waited for already: who is ready sooner goes first.
    if (this.#waiting !== undefined && this.#waiting.until < until) return this.#turns.first(planned);
    this.#stopWaiting();
    if (wait === 0) return this.#try(planned);
    this.#waiting = { planned, until };
  }

  /** Who is waited for can still be asked later. */
  #stopWaiting(): void {
    if (this.#waiting !== undefined) this.#turns.first(this.#waiting.planned);
    this.#waiting = undefined;
  }

  #try(planned: PlannedAttempt): void {
    const endpoint = this.#input.endpoints.get(planned.endpoint);
    if (endpoint === undefined) return this.#giveUp();
    try {
      this.#send(planned, endpoint);
    } catch (error) {
      // Nothing below throws. If something does, this request ends and no other.
      this.#context.observer.threw(error);
      this.abandon(failure("internal", "The gateway failed to send the request."));
    }
  }

  #send(planned: PlannedAttempt, endpoint: RelayEndpoint): void {
    const { health } = this.#context;
    const credential = health.pick(planned, endpoint.credentials, this.#limited?.demand);
    const about = { context: this.#context, learned: this.#lessons.learned };
    const wish = this.#rescue === undefined ? undefined : { prefix: this.#rescue.prefixFor(planned) };
    const council = this.#council?.wish();
    const prepared = prepare(
      this.#input,
      { planned, endpoint, credential },
      wish === undefined && council === undefined ? about : { ...about, wish: { ...wish, ...council } },
    );
    if (!prepared.ok) {
      const why = prepared.failure;
      this.#failures.push(why);
      const goesOn = this.#reply.isCommitted || failures[why.kind].retry === "elsewhere";
      return goesOn ? this.#begin() : this.#refuse(why);
    }
    const call = prepared.value;
    if (call.kind === "media") return void this.#fetchMedia(call.urls, planned);
    const go = (entry?: Entry) => this.#attend({ planned, call, turn: this.#turns.begin(planned, credential), entry });
    if (this.#limited === undefined) return go();
    const { requests = 1 } = call;
    this.#limited.enter(
      planned,
      { credential, requests },
      {
        go,
        refused: (why, refusal) => {
          if (!this.#turns.later(planned, refusal)) this.#failures.push(why);
          this.#begin();
        },
      },
    );
  }

  /** Begins an attempt. */
  #attend(next: Pick<AttemptParts, "planned" | "turn" | "entry"> & { readonly call: PreparedCall }): void {
    const { planned, call, turn, entry } = next;
    const endpoint = this.#input.endpoints.get(planned.endpoint);
    if (endpoint === undefined) return this.#giveUp();
    const parts: AttemptParts = {
      planned,
      endpoint,
      input: this.#input,
      context: this.#context,
      owner: this,
      again: planned === this.#lessons.triedAgain,
      turn,
      entry,
      limited: this.#limited,
      members: this.#council?.told,
      rescue: this.#rescue,
    };
    this.#attempt = call.kind === "wire" ? new WireAttempt(parts, call) : new EventAttempt(parts, call);
    this.#race?.started(this.#attempt);
    this.#attempt.start();
  }

  /** Fetches images that the client named by URL, and then tries the target again; without them, the next one. */
  async #fetchMedia(urls: readonly string[], planned: PlannedAttempt): Promise<void> {
    const missing = await this.#lessons.fetchMedia(urls);
    if (this.#settled) return;
    // The race may have been decided meanwhile.
    if (this.#race?.isDecided === true && this.#isOpen) return this.#turns.first(planned);
    if (missing !== undefined) {
      this.#failures.push(missing);
      return this.#begin();
    }
    this.#stopWaiting();
    this.#try(planned);
  }

  #giveUp(): void {
    if (this.#isOpen) return;
    const standing = this.#reply.isCommitted ? undefined : this.#council?.fallback();
    if (standing !== undefined) return this.#attend({ ...standing, turn: undefined });
    this.#refuse(this.#rescue?.broken ?? summarize(this.#failures) ?? failure("internal", "The plan had no attempts."));
  }

  /** Tells the client of a failure, as a whole answer or, once a stream has begun, as its last event. */
  #refuse(why: Failure): void {
    const { client, codec, plan } = this.#input;
    if (this.#reply.isCommitted && plan.model.rescue === "off") {
      this.#settle(failures[why.kind].status, 0, why);
      return client.destroy();
    }
    if (this.#reply.isOpen) {
      const event =
        this.#rescue?.failureEvent(why) ??
        this.#attempt?.failureEvent(why) ??
        Buffer.from(codec.ingress.writeStreamError(why));
      this.#settle(failures[why.kind].status, event.length, why);
      return this.#reply.end(event);
    }
    const answer = errorAnswer(codec.ingress, why);
    this.#settle(answer.status, answer.body.length, why);
    this.#reply.refuse(answer);
  }

  pause(): void {
    this.#attempt?.pause();
  }

  resume(): void {
    this.#attempt?.resume();
  }

  /** What the client is told of who answers, and of its limits. */
  trace(): string[] {
    const headers = traceHeaders(this.#turns.count, this.#attempt, this.#isRescued);
    if (this.#limited !== undefined) headers.push(...this.#limited.headers());
    return headers;
  }

  #clientGone(): void {
    if (!this.#settled) this.#leave("The client closed the connection before the answer was complete.");
  }

  /** Nobody is there to be told. */
  #leave(message: string): void {
    const why = failure("cancelled", message);
    this.#stop(this.#attempt, why);
    this.#settle(failures.cancelled.status, 0, why);
  }

  /** Ends an attempt, if it has not ended by itself. */
  #stop(attempt: Attempt | undefined, why: Failure): void {
    if (attempt === undefined || attempt.over) return;
    attempt.cancel();
    this.#reportAttempt(attempt, why);
  }

  #reportAttempt(attempt: Attempt, why?: Failure): void {
    if (attempt.turn === undefined) return;
    this.#turns.ended(attempt.turn, why);
    const before = this.#tried.findLast(({ failure: kind }) => kind !== "cancelled");
    if (why !== undefined) this.#tried.push(triedTarget(attempt, why));
    const about = { now: this.#context.clock.monotonic(), failure: why, before };
    this.#context.observer.attempted(attemptReport(this.#input, attempt, about));
  }

  #settle(status: number, lastBytes: number, why?: Failure): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#context.ticker.unwatch(this);
    this.#lessons.over();
    this.#council?.cancel();
    const attempt = this.#attempt;
    const usage = attempt === undefined ? this.#council?.spent?.used : attempt.seen.usage;
    // Before all that is left open in the limits is taken for never sent.
    for (const rival of this.#race?.running ?? []) {
      this.#stop(rival, failure("cancelled", "The request was over before this target had answered."));
    }
    // Who was to go on and told nothing is not whose answer the client got.
    const paid = attempt?.firstAt === undefined ? (this.#broken ?? attempt) : attempt;
    this.#limited?.settle(paid ?? this.#council?.spent);
    this.#context.observer.settled({
      ...fromAttempt(attempt),
      usage,
      input: this.#input,
      status,
      attempts: this.#turns.count,
      rescued: this.#isRescued && why === undefined,
      failure: why,
      tried: this.#tried,
      duration: this.#context.clock.monotonic() - this.#input.startedAt,
      timeToFirstToken: this.#firstAt === undefined ? undefined : this.#firstAt - this.#input.startedAt,
      bytesOut: this.#reply.bytes + lastBytes,
    });
  }
}
