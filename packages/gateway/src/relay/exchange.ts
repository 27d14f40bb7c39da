import { failure, failures } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { headerText } from "../wire/headers.ts";
import type { Attempt, AttemptOwner, AttemptParts } from "./attempt.ts";
import { errorAnswer, summarize } from "./error-answer.ts";
import { EventAttempt } from "./event-attempt.ts";
import { prepare } from "./prepare.ts";
import type { Learned } from "./prepare.ts";
import type { Sight } from "./sight.ts";
import type { Ticking } from "./ticker.ts";
import { WireAttempt } from "./wire-attempt.ts";
import type { AttemptReport, ExchangeInput, RelayContext, RelayEndpoint } from "./types.ts";

/**
 * One client request, from its plan to its last byte.
 *
 * Life of an exchange:
 *  1. server: match the surface, read the body within limits, scan its top level for `model` and `stream`.
 *  2. auth: who is asking, and may it use this model.
 *  3. routing: the plan, with reasons.
 *  4. here, for each attempt: prepare the request for the target (splice or translate), send it, wait for the first
 *     meaningful event. A failure before that goes to the next attempt; the head goes out only then, or when the
 *     client has waited in silence for one keepalive interval.
 *  5. stream through (relay, tap or translate) with backpressure and keepalives; abort the upstream when the client
 *     leaves or stops reading.
 *  6. settle exactly once, before the last bytes go out: ledger, metrics, log. Whatever happened.
 */
export class Exchange implements AttemptOwner, Ticking {
  readonly #input: ExchangeInput;
  readonly #context: RelayContext;
  readonly #failures: Failure[] = [];
  /** What is still to be tried, in order. */
  readonly #queue: PlannedAttempt[];
  #tries = 0;
  /** What was tried a second time because its connection had gone stale. */
  #triedAgain: PlannedAttempt | undefined;
  #learned = nothingLearned;
  #failedBefore: AttemptReport["after"];
  #attempt: Attempt | undefined;
  #sight: Sight | undefined;
  /** The target that is waited for, and until when in monotonic milliseconds. */
  #waiting: { readonly planned: PlannedAttempt; readonly until: number } | undefined;
  /** The head has been sent. */
  #opened = false;
  /** Content has been sent: from here on nobody else can answer. */
  #committed = false;
  #settled = false;
  #lastWriteAt: number;
  #stalledAt: number | undefined;
  #firstAt: number | undefined;
  #bytesOut = 0;

  constructor(input: ExchangeInput, context: RelayContext) {
    this.#input = input;
    this.#context = context;
    this.#queue = [...input.plan.attempts];
    this.#lastWriteAt = input.startedAt;
    input.client.onGone = () => this.#clientGone();
    input.client.onDrained = () => this.#drained();
  }

  start(): void {
    this.#context.ticker.watch(this);
    this.#begin();
  }

  deliver(bytes: Buffer): void {
    this.#firstAt ??= this.#attempt?.firstAt;
    this.#open(200);
    this.#committed = true;
    this.#write(bytes);
  }

  finished(bytes: Buffer): void {
    const attempt = this.#attempt;
    this.#firstAt ??= attempt?.firstAt;
    if (attempt !== undefined) this.#reportAttempt(attempt);
    this.#settle(200, bytes.length);
    this.#open(200, this.#input.body.stream ? undefined : bytes.length);
    this.#input.client.end(bytes, this.#input.settings.stall);
  }

  failed(why: Failure): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    if (why.retryAfter !== undefined && (why.kind === "rate-limited" || why.kind === "overloaded")) {
      this.#context.cooldowns.start(attempt.planned.endpoint, attempt.planned.model, why.retryAfter);
    }
    this.#failures.push(why);
    this.#reportAttempt(attempt, why);
    const { retry } = failures[why.kind];
    if (this.#committed || retry === "never") return this.#refuse(why);
    if (retry === "same" && this.#helps(attempt, why)) this.#queue.unshift(attempt.planned);
    this.#begin();
  }

  /** Whether the same target is worth another try, and what is to be different then. */
  #helps(attempt: Attempt, why: Failure): boolean {
    const { planned, protocol } = attempt;
    if (why.kind === "unserved" && protocol !== undefined) {
      const { backend } = attempt.endpoint;
      return backend.kind === "wire" && this.#context.unserved.note(planned.endpoint, protocol, backend.serves);
    }
    if (this.#triedAgain === planned) return false;
    this.#triedAgain = planned;
    if (why.kind === "foreign-state") this.#learned = { ...this.#learned, stateless: true };
    return true;
  }

  tick(now: number): void {
    const { settings, startedAt, client, codec, body } = this.#input;
    if (now - startedAt > settings.total) {
      return this.abandon(failure("timeout-total", `The request was not answered within ${settings.total} ms.`));
    }
    if (this.#stalledAt !== undefined && now - this.#stalledAt > settings.stall) {
      this.#leave(`The client read nothing for ${settings.stall} ms.`);
      return client.destroy();
    }
    if (this.#waiting !== undefined && now >= this.#waiting.until) this.#try(this.#waiting.planned);
    this.#attempt?.tick(now);
    if (
      !this.#settled &&
      body.stream &&
      settings.keepalive > 0 &&
      codec.ingress.keepalive !== "" &&
      now - this.#lastWriteAt >= settings.keepalive &&
      this.#stalledAt === undefined &&
      // What passes unread may have stopped in the middle of an event.
      !(this.#committed && this.#sight === "relay")
    ) {
      this.#open(200);
      this.#write(Buffer.from(codec.ingress.keepalive));
    }
  }

  /** Ends an exchange that is under way, such as at the end of the grace time when the gateway stops. */
  abandon(why: Failure): void {
    if (this.#settled) return;
    this.#stop(why);
    this.#refuse(why);
  }

  /** Begins the next attempt, after waiting for its target where that asked for a pause and the wait is short. */
  #begin(): void {
    const planned = this.#queue.shift() ?? this.#soonest();
    if (planned === undefined) return this.#giveUp();
    const wait = this.#context.cooldowns.cooldown(planned.endpoint, planned.model);
    if (wait === 0) return this.#try(planned);
    if (wait > this.#input.settings.wait) {
      this.#failures.push(coolingDown(planned.endpoint, wait));
      return this.#begin();
    }
    this.#waiting = { planned, until: this.#context.clock.monotonic() + wait };
  }

  /** When nothing else is left: the target that asked for the shortest pause, if that is worth waiting for. */
  #soonest(): PlannedAttempt | undefined {
    const { plan, settings } = this.#input;
    if (this.#tries >= plan.model.attempts) return undefined;
    let best: PlannedAttempt | undefined;
    let shortest = settings.wait;
    for (const planned of plan.attempts) {
      const wait = this.#context.cooldowns.cooldown(planned.endpoint, planned.model);
      if (wait === 0 || wait > shortest) continue;
      best = planned;
      shortest = wait;
    }
    return best;
  }

  #try(planned: PlannedAttempt): void {
    this.#waiting = undefined;
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
    const prepared = prepare(this.#input, { planned, endpoint }, { context: this.#context, learned: this.#learned });
    if (!prepared.ok) {
      const why = prepared.failure;
      this.#failures.push(why);
      return failures[why.kind].retry === "elsewhere" ? this.#begin() : this.#refuse(why);
    }
    const call = prepared.value;
    if (call.kind === "media") return this.#fetchMedia(call.urls, planned);
    this.#tries++;
    this.#sight = call.sight;
    const parts: AttemptParts = {
      planned,
      endpoint,
      input: this.#input,
      context: this.#context,
      owner: this,
      again: planned === this.#triedAgain,
    };
    this.#attempt = call.kind === "wire" ? new WireAttempt(parts, call) : new EventAttempt(parts, call);
    this.#attempt.start();
  }

  /** Fetches images that the client named by URL, and then tries the target again. */
  #fetchMedia(urls: readonly string[], planned: PlannedAttempt): void {
    const { media } = this.#context;
    void Promise.all(urls.map(async (url) => [url, await media.get(url)] as const)).then((answers) => {
      if (this.#settled) return;
      const fetched = new Map(this.#learned.fetched);
      for (const [url, answer] of answers) {
        if (!answer.ok) return this.#refuse(answer.failure);
        fetched.set(url, answer.value);
      }
      this.#learned = { ...this.#learned, fetched };
      this.#try(planned);
    });
  }

  #giveUp(): void {
    this.#refuse(summarize(this.#failures) ?? failure("internal", "The plan had no attempts."));
  }

  /** Tells the client of a failure, as a whole answer or, once a stream has begun, as its last event. */
  #refuse(why: Failure): void {
    const { client, codec, settings } = this.#input;
    if (this.#opened) {
      const event = this.#attempt?.failureEvent(why) ?? Buffer.from(codec.ingress.writeStreamError(why));
      this.#settle(failures[why.kind].status, event.length, why);
      return client.end(event, settings.stall);
    }
    const answer = errorAnswer(codec.ingress, why);
    this.#settle(answer.status, answer.body.length, why);
    this.#opened = true;
    client.open(answer.status, [...answer.headers, ...this.#traceHeaders()]);
    client.end(answer.body, settings.stall);
  }

  /** Sends the head if it has not been sent. @param length Bytes of an unstreamed answer. */
  #open(status: number, length?: number): void {
    if (this.#opened) return;
    this.#opened = true;
    const { client, codec, body } = this.#input;
    const headers = body.stream
      ? // The last keeps reverse proxies of the nginx family from holding events back.
        ["content-type", codec.ingress.streamContentType, "cache-control", "no-store", "x-accel-buffering", "no"]
      : ["content-type", "application/json; charset=utf-8"];
    if (length !== undefined) headers.push("content-length", String(length));
    client.open(status, [...headers, ...this.#traceHeaders()]);
  }

  /** Who answered, as far as it is known when the head goes out. */
  #traceHeaders(): string[] {
    const headers = ["x-patchbay-attempts", String(this.#tries)];
    const attempt = this.#attempt;
    if (attempt?.firstAt !== undefined) {
      headers.push("x-patchbay-endpoint", headerText(attempt.planned.endpoint));
      headers.push("x-patchbay-model", headerText(attempt.planned.model));
      const losses = attempt.losses.map(({ field }) => field).join(",");
      if (losses !== "") headers.push("x-patchbay-loss", headerText(losses));
    }
    return headers;
  }

  #write(bytes: Buffer): void {
    this.#bytesOut += bytes.length;
    this.#lastWriteAt = this.#context.clock.monotonic();
    if (!this.#input.client.write(bytes) && this.#stalledAt === undefined) {
      this.#stalledAt = this.#lastWriteAt;
      this.#attempt?.pause();
    }
  }

  #drained(): void {
    if (this.#stalledAt === undefined) return;
    this.#stalledAt = undefined;
    this.#attempt?.resume();
  }

  #clientGone(): void {
    if (!this.#settled) this.#leave("The client closed the connection before the answer was complete.");
  }

  /** Nobody is there to be told. */
  #leave(message: string): void {
    const why = failure("cancelled", message);
    this.#stop(why);
    this.#settle(failures.cancelled.status, 0, why);
  }

  #stop(why: Failure): void {
    this.#waiting = undefined;
    const attempt = this.#attempt;
    if (attempt === undefined || attempt.over) return;
    attempt.cancel();
    this.#reportAttempt(attempt, why);
  }

  #reportAttempt(attempt: Attempt, why?: Failure): void {
    const before = this.#failedBefore;
    const { endpoint } = attempt.planned;
    if (why !== undefined) this.#failedBefore = { endpoint, failure: why };
    this.#context.observer.attempted({
      input: this.#input,
      endpoint,
      model: attempt.planned.model,
      stream: this.#input.body.stream,
      duration: this.#context.clock.monotonic() - attempt.sentAt,
      failure: why,
      timeToFirstToken: attempt.firstAt === undefined ? undefined : attempt.firstAt - attempt.sentAt,
      after: before?.endpoint === endpoint ? undefined : before,
    });
  }

  #settle(status: number, lastBytes: number, why?: Failure): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#context.ticker.unwatch(this);
    const attempt = this.#attempt;
    const seen = attempt?.seen;
    this.#context.observer.settled({
      input: this.#input,
      status,
      attempts: this.#tries,
      endpoint: attempt?.planned.endpoint,
      targetModel: attempt?.planned.model,
      actualModel: seen?.model ?? attempt?.planned.model,
      sight: this.#sight,
      failure: why,
      finish: seen?.finish,
      usage: seen?.usage,
      losses: attempt?.losses ?? [],
      duration: this.#context.clock.monotonic() - this.#input.startedAt,
      timeToFirstToken: this.#firstAt === undefined ? undefined : this.#firstAt - this.#input.startedAt,
      bytesOut: this.#bytesOut + lastBytes,
    });
  }
}

const nothingLearned: Learned = { fetched: new Map(), stateless: false };

function coolingDown(endpoint: string, wait: number): Failure {
  return failure(
    "rate-limited",
    `${endpoint} asked for a pause; it can be tried again in ${Math.ceil(wait / 1000)} s.`,
    {
      retryAfter: wait,
    },
  );
}
