import type { Quote } from "../kernel/limit.ts";

/** How long a quote without a reset counts, and the longest that one does; milliseconds. */
const usualReset = 10_000;
const longestReset = 3_600_000;

/** Most targets that are kept, but for those with something pending. */
const mostTargets = 10_000;

interface Target {
  requests: Lease | undefined;
  tokens: Lease | undefined;
  /** What was sent and not yet answered. */
  pending: { requests: number; tokens: number };
}

interface Lease {
  /** Left, before what is pending. */
  readonly remaining: number;
  readonly until: number;
  /** When the request was sent that was answered so. */
  readonly sentAt: number;
}

/** Part of what is pending at a target with one of its credentials. */
export interface Stake {
  readonly target: string;
  readonly requests: number;
  readonly tokens: number;
}

/**
 * What providers say that is left, by target and credential. It only ever takes away from what our own limits allow: an
 * answer tells what was left when its request was counted, and what else was under way then may or may not be counted in.
 */
export class Leases {
  readonly #clock: { monotonic(): number };
  readonly #targets = new Map<string, Target>();
  /** When the last of all leases is over. */
  #until = -Infinity;

  constructor(clock: { monotonic(): number }) {
    this.#clock = clock;
  }

  /** Nothing is known of any target that still counts. */
  get isEmpty(): boolean {
    return this.#until === -Infinity || this.#until <= this.#clock.monotonic();
  }

  /** Milliseconds until a target has so much left; 0 when it has it now. */
  wait({ target, requests, tokens }: Stake): number {
    const known = this.#targets.get(target);
    if (known === undefined) return 0;
    const at = this.#clock.monotonic();
    return Math.max(
      missing(known.requests, known.pending.requests + requests, at),
      // An estimate beyond what is ever left must not keep a request out for ever, unless nothing at all is left.
      missing(known.tokens, known.pending.tokens + Math.min(tokens, Math.max(1, known.tokens?.remaining ?? 0)), at),
    );
  }

  /** What is sent counts until it is answered. */
  stake({ target, requests, tokens }: Stake): void {
    const known = this.#target(target);
    known.pending.requests += requests;
    known.pending.tokens += tokens;
  }

  /** It was answered, or never will be. */
  answered({ target, requests, tokens }: Stake): void {
    const known = this.#targets.get(target);
    if (known === undefined) return;
    known.pending.requests = Math.max(0, known.pending.requests - requests);
    known.pending.tokens = Math.max(0, known.pending.tokens - tokens);
  }

  /**
   * Takes over what an answer says. One that was sent before the last that told counts only where it says less: answers
   * come in another order than their requests were counted in.
   *
   * @param sentAt Monotonic milliseconds.
   */
  quote(target: string, quotes: readonly Quote[], sentAt: number): void {
    const known = this.#target(target);
    const at = this.#clock.monotonic();
    for (const unit of ["requests", "tokens"] as const) {
      const quote = narrowest(quotes, unit);
      if (quote === undefined) continue;
      const remaining = Math.max(0, quote.remaining);
      const old = known[unit];
      if (old !== undefined && old.until > at && sentAt < old.sentAt && remaining >= old.remaining) continue;
      const until = at + Math.min(Math.max(quote.reset ?? usualReset, 0), longestReset);
      known[unit] = { remaining, until, sentAt };
      this.#until = Math.max(this.#until, until);
    }
  }

  /** Forgets what was told of these targets. */
  forget(isMeant: (target: string) => boolean): void {
    for (const [name, target] of this.#targets) if (isMeant(name)) target.requests = target.tokens = undefined;
  }

  #target(name: string): Target {
    const known = this.#targets.get(name);
    if (known !== undefined) return known;
    if (this.#targets.size >= mostTargets) this.#sweep();
    const made: Target = { requests: undefined, tokens: undefined, pending: { requests: 0, tokens: 0 } };
    this.#targets.set(name, made);
    return made;
  }

  /** Forgets what is over and, if that is too little, what was told longest ago. */
  #sweep(): void {
    const at = this.#clock.monotonic();
    for (const [name, { requests, tokens, pending }] of this.#targets) {
      const isOver = Math.max(requests?.until ?? 0, tokens?.until ?? 0) <= at;
      if (isOver && pending.requests === 0) this.#targets.delete(name);
    }
    // Clients may name any model; were nobody let go, everybody who comes would be looked through for each of them.
    for (const [name, { pending }] of this.#targets) {
      if (this.#targets.size <= mostTargets / 2) break;
      if (pending.requests === 0) this.#targets.delete(name);
    }
  }
}

/** Of one answer, such as for a minute and for a day, what is nearest to its end counts. */
function narrowest(quotes: readonly Quote[], unit: Quote["unit"]): Quote | undefined {
  let found: Quote | undefined;
  for (const quote of quotes) {
    if (quote.unit !== unit) continue;
    const isNarrower = found === undefined || quote.remaining < found.remaining;
    const isLonger = quote.remaining === found?.remaining && (quote.reset ?? 0) > (found.reset ?? 0);
    if (isNarrower || isLonger) found = quote;
  }
  return found;
}

function missing(lease: Lease | undefined, wanted: number, at: number): number {
  return lease === undefined || lease.until <= at || wanted <= lease.remaining ? 0 : lease.until - at;
}
