import type { Clock } from "../kernel/clock.ts";
import { inWords, scopeName } from "./rules.ts";
import type { Period, Rule, Scope } from "./rules.ts";
import type { Actual, LimitStore, Outcome, Refusal, Reservation, Want } from "./types.ts";
import { Calendar, Window } from "./window.ts";
import type { Count } from "./window.ts";

/** The sliding windows: how long they are, in milliseconds, and into how many steps they are divided. */
export const windows = { minute: { length: 60_000, steps: 60 }, day: { length: 86_400_000, steps: 288 } } as const;

/** Whether a period is a sliding window, and not one of the calendar. */
export function isSliding(period: Period): period is keyof typeof windows {
  return period === "minute" || period === "day";
}

/** The monotonic clock begins with the process; so much before it can be told apart. */
const past = 2 * windows.day.length;

/** Most counts that are kept at hand before those that count nothing are let go. */
const mostCounts = 20_000;

/** Counts in this process. Lives as long as it does, by scope and name, whatever the configuration becomes. */
export class MemoryLimitStore implements LimitStore {
  readonly #clock: Clock;
  readonly #counts = new Map<string, { readonly count: Count; readonly period: Period }>();
  /** At how many counts idle ones are looked for again. */
  #sweepAt = mostCounts;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  reserve(wants: readonly Want[]): Outcome {
    const refusal = this.refusal(wants);
    if (refusal !== undefined) return { ok: false, refusal };
    return { ok: true, reservation: this.count(wants) };
  }

  /** Counts all wants, whether or not there is room. */
  count(wants: readonly Want[]): Reservation {
    const places = wants.map(({ scope, rule, amount }) => {
      return this.#count(scope, rule).take(fitting(rule, amount), this.#time(rule.period));
    });
    return { wants, places };
  }

  /** Everything that counts now, by the name of its limit, with milliseconds since it was used at the latest. */
  *used(): Iterable<{ readonly name: string; readonly period: Period; readonly amount: number; readonly age: number }> {
    for (const [name, { count, period }] of this.#counts) {
      for (const { amount, age } of count.parts(this.#time(period))) yield { name, period, amount, age };
    }
  }

  settle({ wants, places }: Reservation, actual: Actual): void {
    for (const [index, { scope, rule, amount }] of wants.entries()) {
      const used = actual[rule.unit];
      if (used === undefined) continue;
      const change = used - fitting(rule, amount);
      this.#count(scope, rule).correct(places[index] ?? 0, change, this.#time(rule.period));
    }
  }

  state(scope: Scope, rule: Rule): { readonly used: number; readonly rest: number } {
    const count = this.#count(scope, rule);
    const at = this.#time(rule.period);
    return { used: count.used(at), rest: count.rest(at) };
  }

  restore(scope: Scope, rule: Rule, { amount, age }: { readonly amount: number; readonly age: number }): void {
    const count = this.#count(scope, rule);
    const at = this.#time(rule.period);
    count.used(at);
    count.take(amount, at - age);
  }

  refusal(wants: readonly Want[]): Refusal | undefined {
    let longest: Refusal | undefined;
    for (const { scope, rule, amount } of wants) {
      const count = this.#count(scope, rule);
      const wait = count.wait(rule.limit, fitting(rule, amount), this.#time(rule.period));
      if (wait > (longest?.wait ?? 0)) longest = refusalOf(scope, rule, wait);
    }
    return longest;
  }

  #time(period: Period): number {
    return isSliding(period) ? this.#clock.monotonic() + past : this.#clock.now();
  }

  #count(scope: Scope, rule: Rule): Count {
    const name = nameOf(scope, rule);
    const known = this.#counts.get(name);
    if (known !== undefined) return known.count;
    if (this.#counts.size >= this.#sweepAt) this.#sweep();
    const count = newCount(rule.period);
    this.#counts.set(name, { count, period: rule.period });
    return count;
  }

  #sweep(): void {
    for (const [name, { count, period }] of this.#counts) {
      if (count.used(this.#time(period)) === 0) this.#counts.delete(name);
    }
    this.#sweepAt = Math.max(mostCounts, this.#counts.size * 2);
  }
}

/** What one limit of one scope is counted under. */
export function nameOf(scope: Scope, { name }: Rule): string {
  return `${scopeName(scope)}:${name}`;
}

function newCount(period: Period): Count {
  if (!isSliding(period)) return new Calendar(period);
  const { length, steps } = windows[period];
  return new Window(length, steps);
}

/** What keeps a request out for so many milliseconds. */
export function refusalOf({ kind, id }: Scope, rule: Rule, wait: number): Refusal {
  return { kind, id, limit: rule.name, words: inWords(rule), wait };
}

/**
 * What is counted of an amount. Tokens are an estimate, and one that is beyond the whole limit must not keep a request
 * out for ever: it then takes all there is. What money a request may cost is known better, and is not cut.
 */
export function fitting({ unit, limit }: Rule, amount: number): number {
  return unit === "money" ? amount : Math.min(amount, limit);
}
