import { failure, failures } from "../kernel/failure.ts";
import type { Failure, FailureKind } from "../kernel/failure.ts";
import { afterFailure } from "../routing/after-failure.ts";
import type { Demand } from "../limits/demand.ts";
import type { Refusal } from "../limits/types.ts";
import type { FailoverSettings, PlannedAttempt } from "../routing/types.ts";
import { patienceWith } from "./patience.ts";
import type { TargetState } from "../routing/target-state.ts";
import { Room } from "./room.ts";
import { Turn } from "./turn.ts";
import type { ExchangeInput, RelayContext } from "./types.ts";

/** A target is asked again at most so often. */
const mostRetries = 2;

/** Before a target is asked again: a random time of up to this, twice as much the second time; milliseconds. */
const firstDelay = 250;

/** A pause of up to this is waited for before others are asked again that named no time; milliseconds. */
const shortPause = 1000;

/** Who waits for a pause to end waits longer by up to this share. */
const jitter = 0.1;

/** Whatever makes tries go on, an exchange has no more than so many. */
const mostTries = 24;

/** Failures after which another of the endpoint's credentials may do. */
const credentialKinds: ReadonlySet<FailureKind> = new Set<FailureKind>([
  "rate-limited",
  "quota-exhausted",
  "upstream-auth",
]);

/** How answers break off that would do so again. */
const silentOrFull: ReadonlySet<FailureKind> = new Set<FailureKind>(["timeout-idle", "context-overflow"]);

/** How a request goes on whose model says nothing of it. Ten seconds: most answers begin in less than five. */
const defaultFailover: FailoverSettings = { wait: 5000, stay: 0, patience: 10_000, adaptive: true };

/** The attempt that comes next. */
export interface NextTurn {
  readonly planned: PlannedAttempt;
  /** Milliseconds to wait before. */
  readonly wait: number;
}

/**
 * Who is asked next in one exchange: the plan's targets in their order and, when these are through, those of them again
 * that asked for a short pause or failed in a way that passes. A silent target is not asked again.
 */
export class Turns {
  readonly #input: ExchangeInput;
  readonly #context: RelayContext;
  /** What is still to be tried, in order. */
  readonly #queue: PlannedAttempt[];
  /** Absent where no target is limited. */
  readonly #room: Room | undefined;
  /** Who was tried, in order. */
  readonly #tried: PlannedAttempt[] = [];
  /** Who may be asked again. */
  readonly #again: PlannedAttempt[] = [];
  /** Who may well be at work on this request still, or would only fail again: nobody waits for them. */
  readonly #final: PlannedAttempt[] = [];
  /** Whose short pause is waited for although others are left. */
  #staying: PlannedAttempt | undefined;
  /** Stand-ins that were named, whether or not they could be tried in the end. */
  readonly #named: PlannedAttempt[] = [];
  /** The largest window that the request turned out to be too long for; 0 while none did. */
  #outgrown = 0;
  /** Who was tried once more for the sake of another credential only, which the model's `attempts` do not count. */
  readonly #changed: PlannedAttempt[] = [];

  /** @param demand What the request is foreseen to use, where that is counted. */
  constructor(input: ExchangeInput, context: RelayContext, demand: Demand | undefined) {
    this.#input = input;
    this.#context = context;
    this.#queue = [...input.plan.attempts];
    const { limits } = context;
    if (demand !== undefined && limits?.isLimiting === true) this.#room = new Room(limits, demand);
  }

  /** Attempts so far. */
  get count(): number {
    return this.#tried.length;
  }

  /** Attempts that the model still allows. */
  get #attemptsLeft(): number {
    return this.#input.plan.model.attempts - this.count + this.#changed.length;
  }

  /** The next target, if there is one. @param skipped Is told why a target that was left is not asked. */
  next(skipped: Failure[]): NextTurn | undefined {
    const { settings, plan, startedAt } = this.#input;
    const { health, clock } = this.#context;
    if (this.count >= mostTries) return undefined;
    const left = startedAt + settings.total - clock.monotonic();
    const { failover = defaultFailover } = plan.model;
    const longest = Math.min(failover.wait, left);
    for (let planned = this.#shift(skipped); planned !== undefined; planned = this.#shift(skipped)) {
      const wait = health.cooldown(planned.endpoint, planned.model);
      const room = this.#room?.wait(planned, clock.monotonic()) ?? 0;
      if (room > 0) {
        const next = this.#whenRoom(planned, { wait: Math.max(wait, room), longest, skipped });
        if (next === undefined) continue;
        return next;
      }
      if (wait <= longest) return { planned, wait: this.#late(wait) };
      const { why } = health.cooldowns.running(planned.endpoint, planned.model, 0) ?? {};
      skipped.push(coolingDown(planned.endpoint, wait, why));
    }
    if (this.#attemptsLeft <= 0) return undefined;
    const other = this.#other();
    if (other !== undefined) {
      this.#named.push(other);
      return { planned: other, wait: 0 };
    }
    const soon = this.#soonest(Math.min(longest, shortPause));
    return soon ?? this.#retry(left) ?? this.#soonest(longest);
  }

  /** A target that has no room now: others go before it, and then it is waited for, if that is not too long. */
  #whenRoom(
    planned: PlannedAttempt,
    { wait, longest, skipped }: { readonly wait: number; readonly longest: number; readonly skipped: Failure[] },
  ): NextTurn | undefined {
    const { health, clock } = this.#context;
    const now = clock.monotonic();
    if (this.#queue.some((other) => this.#room?.wait(other, now) === 0 && health.isFree(other))) {
      this.#queue.push(planned);
      return undefined;
    }
    if (wait > (this.#room?.left(longest, now) ?? longest)) {
      skipped.push(this.#room?.why(planned, wait) ?? coolingDown(planned.endpoint, wait));
      return undefined;
    }
    // Where only places are taken it waits in their queue.
    if (wait <= 1) return { planned, wait: 0 };
    this.#room?.waits(longest, now);
    return { planned, wait };
  }

  /**
   * A target turned out to have no room: it comes once more, behind the others, unless that would be too late. One that
   * has no place even in its queue, or is not for this key, is not asked again.
   */
  later(planned: PlannedAttempt, refusal: Refusal | undefined): boolean {
    if (this.#room === undefined || refusal === undefined || refusal.limit === "concurrent") {
      this.#note(planned, false);
      return false;
    }
    this.#room.refused(planned, refusal, this.#context.clock.monotonic());
    this.#queue.push(planned);
    return true;
  }

  /** Whether targets of the plan are left that were not asked. */
  get hasMore(): boolean {
    return this.#queue.length > 0;
  }

  /** An answer broke off in the middle: its target is asked again when nobody else is left, unless it fell silent. */
  broke(planned: PlannedAttempt, why: Failure): void {
    this.#reorder(planned, why);
    this.#note(planned, !silentOrFull.has(why.kind) && failures[why.kind].retry !== "never");
  }

  /** Whether a target may be asked again is what it did last that tells. */
  #note(planned: PlannedAttempt, isWorthIt: boolean): void {
    const place = this.#again.indexOf(planned);
    if (isWorthIt && place === -1) this.#again.push(planned);
    else if (!isWorthIt && place !== -1) this.#again.splice(place, 1);
    if (isWorthIt) this.#mayWait(planned);
    else this.#final.push(planned);
  }

  /** Puts a target before all others. */
  first(planned: PlannedAttempt): void {
    const place = this.#queue.indexOf(planned);
    if (place !== -1) this.#queue.splice(place, 1);
    this.#queue.unshift(planned);
  }

  /** An attempt begins now. @param stream Whether a streamed answer is asked for. */
  begin(planned: PlannedAttempt, credential: number, stream = this.#input.body.stream): Turn {
    const { health, clock } = this.#context;
    const { endpoint, model } = planned;
    const now = clock.monotonic();
    if (this.count === 0) health.budget.request(now);
    if (!this.#tried.includes(planned)) health.endpoint(endpoint).budget.request(now);
    this.#tried.push(planned);
    const target = health.target(endpoint, model);
    const { plan } = this.#input;
    const patience = this.#patience(planned, target, now);
    const probe = target.circuit.takeProbe(now);
    const circuit = plan.model.circuit ?? {};
    return new Turn(
      { planned, target, credential, patience, others: this, probe, sentAt: now, stream, circuit },
      health,
    );
  }

  /** An attempt failed before anything was sent to the client: notes whether its target is worth another one. */
  failed(planned: PlannedAttempt, why: Failure): void {
    const { health } = this.#context;
    const { endpoint, model } = planned;
    this.#reorder(planned, why);
    const pause = health.cooldown(endpoint, model);
    const others = health.endpoint(endpoint).credentials - 1;
    if (credentialKinds.has(why.kind) && pause === 0 && times(this.#changed, planned) < others) {
      this.#changed.push(planned);
      return this.first(planned);
    }
    const { failover = defaultFailover } = this.#input.plan.model;
    const isShort = pause > 0 && pause <= failover.stay;
    if (isShort && this.#attemptsLeft > 0 && this.#mayRetry(planned) && this.#spend(planned)) {
      this.#staying = planned;
      return this.first(planned);
    }
    this.#note(planned, passes(why));
    // Who asks for a pause answers after it.
    if (credentialKinds.has(why.kind)) this.#mayWait(planned);
  }

  #mayWait(planned: PlannedAttempt): void {
    for (let index = this.#final.length - 1; index >= 0; index--) {
      if (this.#final[index] === planned) this.#final.splice(index, 1);
    }
  }

  /** Some failures tell who else is worth asking. */
  #reorder(planned: PlannedAttempt, why: Failure): void {
    const { attempts, spare = [] } = this.#input.plan;
    const untried = [...spare, ...attempts].filter((each) => !this.#tried.includes(each));
    if (why.kind === "context-overflow") this.#outgrown = Math.max(this.#outgrown, planned.contextWindow ?? 0);
    const queue = afterFailure(
      why,
      { contextWindow: this.#outgrown },
      { queue: this.#queue, spare: untried, left: this.#attemptsLeft },
    );
    if (queue !== this.#queue) this.#queue.splice(0, this.#queue.length, ...queue);
  }

  /** An attempt is over, well if `why` is absent. */
  ended(turn: Turn, why?: Failure): void {
    turn.ended(this.#context.clock.monotonic(), why);
  }

  /** Milliseconds that a target has for beginning its answer while others are left. */
  #patience(planned: PlannedAttempt, target: TargetState, now: number): number {
    const { plan, body } = this.#input;
    const { failover = defaultFailover } = plan.model;
    if (!failover.adaptive) return Infinity;
    return patienceWith(target, {
      patience: failover.patience,
      stream: body.stream,
      reasoning: planned.reasoning === true,
      size: body.rope.length,
      now,
    });
  }

  /** Whether somebody else is left who can be asked at once. */
  hasOthers(planned: PlannedAttempt): boolean {
    const { health } = this.#context;
    const isOther = (other: PlannedAttempt) =>
      (other.endpoint !== planned.endpoint || other.model !== planned.model) &&
      health.healthy(other.endpoint) &&
      health.isFree(other);
    if (this.#queue.some(isOther)) return true;
    return this.#attemptsLeft > 0 && this.#other() !== undefined;
  }

  /** The first in the queue that may be asked; of those who all pause the soonest; if all circuits are open, the first. */
  #shift(skipped: Failure[]): PlannedAttempt | undefined {
    if (this.#queue.length === 0) return undefined;
    const { health } = this.#context;
    let best: PlannedAttempt | undefined;
    let shortest = Infinity;
    for (const each of this.#queue) {
      if (health.circuit(each.endpoint, each.model) === "open") continue;
      const wait = each === this.#staying ? 0 : health.cooldown(each.endpoint, each.model);
      if (best !== undefined && wait >= shortest) continue;
      best = each;
      shortest = wait;
      if (wait === 0) break;
    }
    this.#staying = undefined;
    if (best !== undefined) {
      this.#queue.splice(this.#queue.indexOf(best), 1);
      return best;
    }
    const planned = this.#queue.shift();
    // One try every request has; more of them at targets that are known to fail would make their trouble worse.
    if (planned === undefined || this.count === 0 || this.#spend(planned)) return planned;
    skipped.push(failure("overloaded", `${planned.endpoint} failed too often of late, and is not asked for now.`));
    return this.#shift(skipped);
  }

  /** When nobody else is left: a target that the plan did without, and that may be asked now. */
  #other(): PlannedAttempt | undefined {
    const { health } = this.#context;
    const { spare, unwell } = this.#input.plan;
    if (this.#named.length >= mostTries) return undefined;
    const isFree = (planned: PlannedAttempt) =>
      !this.#tried.includes(planned) &&
      !this.#named.includes(planned) &&
      (planned.contextWindow ?? Infinity) > this.#outgrown &&
      health.healthy(planned.endpoint) &&
      health.circuit(planned.endpoint, planned.model) !== "open" &&
      health.cooldown(planned.endpoint, planned.model) === 0;
    return unwell?.find(isFree) ?? spare?.find(isFree);
  }

  /** When nobody else is left: a target that failed in a way that may have passed. @param left Milliseconds. */
  #retry(left: number): NextTurn | undefined {
    const { health } = this.#context;
    for (const planned of this.#again) {
      if (!health.isFree(planned) || !this.#mayRetry(planned) || !this.#spend(planned)) continue;
      const wait = health.random() * firstDelay * 2 ** (times(this.#tried, planned) - 1);
      return wait < left ? { planned, wait } : undefined;
    }
    return undefined;
  }

  /** When nobody else is left: the target that asked for the shortest pause, if that is worth waiting for. */
  #soonest(longest: number): NextTurn | undefined {
    const { health } = this.#context;
    let best: NextTurn | undefined;
    for (const planned of this.#input.plan.attempts) {
      const wait = health.cooldown(planned.endpoint, planned.model);
      if (wait === 0 || wait > (best?.wait ?? longest) || this.#final.includes(planned)) continue;
      if (!this.#mayRetry(planned)) continue;
      best = { planned, wait };
    }
    if (best === undefined || !this.#spend(best.planned)) return undefined;
    return { planned: best.planned, wait: this.#late(best.wait) };
  }

  /** A pause and a little more, so that not everybody who waits comes back at once. */
  #late(wait: number): number {
    return wait * (1 + jitter * this.#context.health.random());
  }

  #mayRetry(planned: PlannedAttempt): boolean {
    return times(this.#tried, planned) - times(this.#changed, planned) <= mostRetries;
  }

  /** Takes one retry out of the gateway's and the endpoint's budgets, if both have one. */
  #spend({ endpoint }: PlannedAttempt): boolean {
    const { health, clock } = this.#context;
    const now = clock.monotonic();
    const own = health.endpoint(endpoint).budget;
    if (!own.has(now) || !health.budget.has(now)) {
      own.denied++;
      return false;
    }
    own.spend(now);
    health.budget.spend(now);
    return true;
  }
}

/**
 * Whether the same request may well succeed at the same target a moment later: it never got there, or the server said
 * that it failed. What was sent and not answered may still be at work, and is not sent there again.
 */
function passes({ kind, unsent, upstreamStatus = 0 }: Failure): boolean {
  return unsent === true || kind === "overloaded" || (kind === "upstream-error" && upstreamStatus >= 500);
}

/** How often somebody is in a list. */
function times(list: readonly PlannedAttempt[], planned: PlannedAttempt): number {
  return list.filter((each) => each === planned).length;
}

function coolingDown(endpoint: string, wait: number, why: FailureKind = "rate-limited"): Failure {
  const words =
    why === "quota-exhausted" ? "has used up its quota" : why === "overloaded" ? "is overloaded" : "asked for a pause";
  const message = `${endpoint} ${words}; it can be tried again in ${Math.ceil(wait / 1000)} s.`;
  return failure(why === "upstream-auth" ? "rate-limited" : why, message, { retryAfter: wait });
}
