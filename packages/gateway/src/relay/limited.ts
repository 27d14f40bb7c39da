import type { Observation } from "../kernel/codec.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure, FailureKind } from "../kernel/failure.ts";
import { costOf } from "../kernel/usage.ts";
import type { Usage } from "../kernel/usage.ts";
import type { Demand } from "../limits/demand.ts";
import type { Entry } from "../limits/entry.ts";
import type { Stake } from "../limits/leases.ts";
import { quotaOf, stakeOf } from "../limits/limits.ts";
import type { Limits } from "../limits/limits.ts";
import type { Scope } from "../limits/rules.ts";
import type { Actual, Refusal } from "../limits/types.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { Foreseen } from "./foresee.ts";
import { quotaHeaders } from "./quota-headers.ts";
import type { ExchangeInput, RelayContext } from "./types.ts";

/** How an entry goes on, at once or later. Nothing is called for one that has left, or whose exchange is over. */
export interface Admission {
  go(entry: Entry | undefined): void;
  refused(why: Failure, refusal?: Refusal): void;
}

/** Whose use an exchange is charged for. */
export interface Spender {
  readonly planned: PlannedAttempt;
  /** Undefined where nobody knows. */
  readonly used: Usage | undefined;
}

/** What an attempt is about to send. */
interface Sending {
  readonly planned: PlannedAttempt;
  /** Requests that go to the upstream side by side. */
  readonly requests: number;
  readonly stake: Stake;
}

/** An entry that may have to wait. */
interface Waiter {
  /** Monotonic milliseconds. */
  readonly until: number;
  /** Whom it leads to; absent for the exchange's own. */
  readonly planned: PlannedAttempt | undefined;
}

/** One exchange and its attempts as the limits see them. */
export class LimitedExchange {
  readonly #input: ExchangeInput;
  readonly #context: RelayContext;
  readonly #limits: Limits;
  readonly #foreseen: Foreseen;
  readonly #scopes: readonly Scope[] | undefined;
  /** Of the key and the virtual model. */
  #own: Entry | undefined;
  /** Its key may cost so much and no more. */
  readonly #hasBudget: boolean;
  /** Every entry that is not over. */
  readonly #entries = new Map<Entry, Waiter>();
  #isOver = false;

  private constructor(input: ExchangeInput, context: RelayContext, limits: Limits) {
    this.#input = input;
    this.#context = context;
    this.#limits = limits;
    this.#foreseen = new Foreseen(input, limits.price);
    this.#scopes = limits.exchangeScopes(input.caller.limited, input.plan.model);
    this.#hasBudget = this.#scopes?.some(({ rules }) => rules.some(({ unit }) => unit === "money")) ?? false;
  }

  /** Undefined where nothing is limited, as for most. */
  static of(input: ExchangeInput, context: RelayContext): LimitedExchange | undefined {
    const { limits } = context;
    if (limits === undefined) return undefined;
    const isFree = input.caller.limited === undefined && input.plan.model.limits === undefined && !limits.isLimiting;
    return isFree ? undefined : new LimitedExchange(input, context, limits);
  }

  /** What the request is foreseen to use. */
  get demand(): Demand {
    return this.#foreseen;
  }

  /** Whether an attempt waits for a place, or for a store to say that it may begin. */
  get isWaiting(): boolean {
    return [...this.#entries].some(([entry, { planned }]) => planned !== undefined && entry.state === "waiting");
  }

  /** The way into the limits of the key and of the virtual model. */
  admit(admission: Admission): void {
    if (this.#scopes === undefined) return admission.go(undefined);
    this.#enter(this.#scopes, admission);
  }

  /** The way into the limits of a target. */
  enter(
    planned: PlannedAttempt,
    { credential, requests }: { readonly credential: number; readonly requests: number },
    admission: Admission,
  ): void {
    const { endpoint, model } = planned;
    if (this.#hasBudget && !this.#foreseen.isPriced(planned)) return admission.refused(unpriced(planned));
    const scopes = this.#limits.attemptScopes(endpoint, credential);
    if (scopes === undefined && this.#limits.leases.isEmpty) return admission.go(undefined);
    const tokens = this.#foreseen.tokens();
    const stake = stakeOf({ endpoint, model, credential }, { requests, tokens });
    const wait = this.#limits.leases.wait(stake);
    if (wait > 0) {
      const refusal = quotaOf(endpoint, wait);
      this.#limits.refused(refusal);
      return admission.refused(refusedBy(refusal), refusal);
    }
    this.#enter(scopes ?? [], admission, { planned, requests, stake });
  }

  /** Ends waits that have lasted too long. */
  tick(now: number): void {
    for (const [entry, { until }] of this.#entries) if (entry.state === "waiting" && now > until) entry.giveUp();
  }

  /** Attempts that wait, at all targets or at one, give their places in queues to others. Returns their targets. */
  leaveQueues(target?: PlannedAttempt): readonly PlannedAttempt[] {
    return [...this.#entries].flatMap(([entry, { planned }]) => {
      if (planned === undefined || planned !== (target ?? planned) || entry.state !== "waiting") return [];
      this.#entries.delete(entry);
      entry.leave();
      return [planned];
    });
  }

  /** The exchange is over: its key and model are charged, and whatever was left open. @param spender If anybody was asked. */
  settle(spender: Spender | undefined): void {
    this.#isOver = true;
    const used = spender === undefined ? none : spender.used;
    // What nobody knows stays as it was foreseen.
    const money = used === none ? 0 : spender && costOf(used, this.#foreseen.price(spender.planned));
    this.#own?.settle({ ...actualOf(used), money });
    for (const entry of this.#entries.keys()) entry.leave();
    this.#entries.clear();
  }

  /** What an attempt used, or has used until it was cut off. */
  used(seen: Seen, why: Failure | undefined): Usage | undefined {
    return usedBy(seen, why, this.#input.body.stream ? this.#foreseen.input : undefined);
  }

  /** What the caller is told of its own key's limits. */
  headers(): readonly string[] {
    const key = this.#scopes?.find(({ kind }) => kind === "key");
    return key === undefined ? [] : quotaHeaders(key, this.#limits, this.#input.codec.protocol, this.#context.clock);
  }

  #enter(scopes: readonly Scope[], admission: Admission, sent?: Sending): void {
    const { caller } = this.#input;
    const { tokens, money } = this.#foreseen;
    const decided = () => {
      try {
        this.#decided(entry, admission);
      } catch (error) {
        // Nothing below throws. If something does, this request ends and no other.
        this.#context.observer.threw(error);
        admission.refused(failure("internal", "The gateway failed to send the request."));
      }
    };
    const entry = this.#limits.entry({
      scopes,
      demand: sent === undefined ? this.#foreseen : { requests: sent.requests, tokens, money },
      who: caller.keyId ?? "",
      priority: caller.limited?.limits.priority ?? 0,
      stake: sent?.stake,
      decided,
    });
    const planned = sent?.planned;
    this.#entries.set(entry, { until: Infinity, planned });
    // Before it begins: all of the exchange may be over when that returns.
    if (sent === undefined) this.#own = entry;
    entry.begin();
    if (entry.state !== "waiting") return this.#decided(entry, admission);
    this.#entries.set(entry, { until: this.#context.clock.monotonic() + entry.patience, planned });
  }

  #decided(entry: Entry, admission: Admission): void {
    if (this.#isOver) return entry.leave();
    const { refusal } = entry;
    if (refusal === undefined) return admission.go(entry);
    this.#entries.delete(entry);
    admission.refused(refusedBy(refusal), refusal);
  }
}

/** What an upstream refused, it did not charge. */
const none: Usage = { inputTokens: 0, outputTokens: 0 };

/** Failures after which an upstream may have read and charged the request all the same. */
const charged: ReadonlySet<FailureKind> = new Set<FailureKind>([
  "cancelled",
  "timeout-first-token",
  "timeout-idle",
  "timeout-total",
  "broken-stream",
]);

/** What was seen of an answer that tells what it used. */
type Seen = Pick<Observation, "pieces" | "letters"> & { readonly usage?: Usage | undefined };

/** Letters of an answer for each token of it. */
const lettersPerToken = 4;

/**
 * What an answer used; undefined where nobody knows. Of one that was cut off the usage that was told is the one of its
 * beginning, or none, so that it is taken to be what has come of it: who hangs up before the end does not get it free.
 *
 * @param input Tokens that a stream's request is foreseen to have.
 */
export function usedBy(
  { usage, pieces = 0, letters = 0 }: Seen,
  why: Failure | undefined,
  input: (() => number) | undefined,
): Usage | undefined {
  if (why === undefined || !charged.has(why.kind))
    return usage?.inputTokens === undefined && why !== undefined ? none : usage;
  if (input === undefined) return undefined;
  const written = Math.max(pieces, Math.ceil(letters / lettersPerToken));
  return {
    ...usage,
    inputTokens: usage?.inputTokens ?? input(),
    outputTokens: Math.max(usage?.outputTokens ?? 0, written),
  };
}

/** Tokens that count. Requests do, whatever became of them. */
export function actualOf(usage: Usage | undefined): Actual {
  return usage?.inputTokens === undefined ? {} : { tokens: usage.inputTokens + (usage.outputTokens ?? 0) };
}

/** A budget is kept only where every price is known: unknown is not zero. */
function unpriced({ endpoint, model }: PlannedAttempt): Failure {
  const target = `${endpoint}/${model}`;
  return failure(
    "forbidden",
    `This key has a budget, and the price of ${target} is not known. Its price can be set in the document (0 if it is free).`,
  );
}

/** What a caller is told who is kept out. Whose key, or how much others use, is nobody's business. */
export function refusedBy({ kind, id, limit, words, wait }: Refusal): Failure {
  const whose =
    kind === "key"
      ? "This key has"
      : kind === "model"
        ? `The model '${id}' has`
        : `The endpoint ${id.split("#", 1)[0] ?? ""} has`;
  const isOver = wait === Infinity;
  const again = isOver
    ? "The request is larger than that."
    : wait >= 120_000
      ? `There is room again in ${Math.ceil(wait / 60_000)} minutes.`
      : `There is room again in ${Math.ceil(wait / 1000)} s.`;
  const isMoney = limit === "usdPerDay" || limit === "usdPerMonth";
  return failure(isMoney ? "over-budget" : "over-limit", `${whose} reached its limit ${limit} (${words}). ${again}`, {
    limit: `${kind}.${limit}`,
    ...(isOver ? {} : { retryAfter: Math.ceil(wait) }),
  });
}
