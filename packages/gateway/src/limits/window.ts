/** Counts what was used in a time. Times are milliseconds of one clock that the caller keeps to. */
export interface Count {
  /** What counts at this time. */
  used(at: number): number;
  /** Counts an amount, and says where, for `correct`. */
  take(amount: number, at: number): number;
  /** Adds to what was taken at a place, or takes some of it back. */
  correct(place: number, change: number, at: number): void;
  /** Milliseconds until `amount` more stays within `limit`; 0 when it does now, Infinity when it never will. */
  wait(limit: number, amount: number, at: number): number;
  /** Milliseconds until nothing of what was used counts any more. */
  rest(at: number): number;
  /** What counts, with milliseconds since it was used at the latest. */
  parts(at: number): Iterable<{ readonly amount: number; readonly age: number }>;
}

/**
 * A sliding window in steps. What was used counts from its moment for the whole window and up to one step more, so that
 * no window of this length, wherever it begins, ever holds more than the limit. The price is that what was used counts
 * too long by at most one part of `steps`.
 */
export class Window implements Count {
  readonly #step: number;
  /** Amounts by step, as a ring; one step more than the window has, for the one that it covers in part. */
  readonly #amounts: Float64Array;
  /** Number of the newest step, counted from the clock's zero. */
  #newest = -1;
  #sum = 0;

  /** @param length Milliseconds. */
  constructor(length: number, steps: number) {
    this.#step = length / steps;
    this.#amounts = new Float64Array(steps + 1);
  }

  used(at: number): number {
    this.#advance(at);
    return this.#sum;
  }

  take(amount: number, at: number): number {
    this.#advance(at);
    // What was used before this process began is counted where it belongs.
    const place = Math.max(0, Math.min(this.#newest, Math.floor(at / this.#step)));
    if (place > this.#newest - this.#amounts.length) this.#add(place, amount);
    return place;
  }

  /** More than was foreseen counts from now on; less never counted. */
  correct(place: number, change: number, at: number): void {
    this.#advance(at);
    if (change >= 0) this.#add(this.#newest, change);
    else if (place > this.#newest - this.#amounts.length) this.#add(place, change);
  }

  wait(limit: number, amount: number, at: number): number {
    this.#advance(at);
    let excess = this.#sum + amount - limit;
    if (excess <= 0) return 0;
    for (let step = this.#newest - this.#amounts.length + 1; step <= this.#newest; step++) {
      excess -= this.#at(step);
      if (excess <= 0) return this.#expiry(step) - at;
    }
    return Infinity;
  }

  rest(at: number): number {
    this.#advance(at);
    for (let step = this.#newest; step > this.#newest - this.#amounts.length; step--) {
      if (this.#at(step) > 0) return this.#expiry(step) - at;
    }
    return 0;
  }

  *parts(at: number): Iterable<{ readonly amount: number; readonly age: number }> {
    this.#advance(at);
    for (let step = this.#newest - this.#amounts.length + 1; step <= this.#newest; step++) {
      const amount = this.#at(step);
      if (amount > 0) yield { amount, age: Math.max(0, at - (step + 1) * this.#step + 1) };
    }
  }

  /** When a step leaves the window. */
  #expiry(step: number): number {
    return (step + this.#amounts.length) * this.#step;
  }

  #at(step: number): number {
    return step < 0 ? 0 : (this.#amounts[step % this.#amounts.length] ?? 0);
  }

  #add(step: number, amount: number): void {
    const index = step % this.#amounts.length;
    this.#amounts[index] = (this.#amounts[index] ?? 0) + amount;
    this.#sum += amount;
  }

  /** Forgets the steps that have left the window. A clock that stands still or goes back moves nothing. */
  #advance(at: number): void {
    const step = Math.floor(at / this.#step);
    if (step <= this.#newest) return;
    const length = this.#amounts.length;
    if (step - this.#newest >= length || this.#sum === 0) {
      this.#amounts.fill(0);
      this.#sum = 0;
    } else {
      for (let old = this.#newest + 1; old <= step; old++) {
        const index = old % length;
        this.#sum -= this.#amounts[index] ?? 0;
        this.#amounts[index] = 0;
      }
    }
    this.#newest = step;
  }
}

/** What was used on a day or in a month of the calendar, in UTC. A clock that goes back gives nothing back. */
export class Calendar implements Count {
  readonly #isMonth: boolean;
  /** When the day or month that counts began, in milliseconds since 1970. */
  #begin = -Infinity;
  #sum = 0;

  constructor(period: "calendar-day" | "calendar-month") {
    this.#isMonth = period === "calendar-month";
  }

  used(at: number): number {
    this.#advance(at);
    return this.#sum;
  }

  take(amount: number, at: number): number {
    this.#advance(at);
    this.#sum += amount;
    return this.#begin;
  }

  /** What began yesterday is yesterday's, as in the ledger. */
  correct(place: number, change: number, at: number): void {
    this.#advance(at);
    if (place === this.#begin) this.#sum += change;
  }

  wait(limit: number, amount: number, at: number): number {
    this.#advance(at);
    if (this.#sum + amount <= limit) return 0;
    return amount > limit ? Infinity : this.rest(at);
  }

  rest(at: number): number {
    this.#advance(at);
    return Math.max(1, beginOf(this.#begin, this.#isMonth, 1) - at);
  }

  *parts(at: number): Iterable<{ readonly amount: number; readonly age: number }> {
    this.#advance(at);
    if (this.#sum > 0) yield { amount: this.#sum, age: 0 };
  }

  #advance(at: number): void {
    const begin = beginOf(at, this.#isMonth, 0);
    if (begin === this.#begin) return;
    if (begin > this.#begin) this.#sum = 0;
    // A clock that is put right by more than a day was in the future: what was used counts, and the next day comes in time.
    else if (beginOf(at, this.#isMonth, 1) >= this.#begin) return;
    this.#begin = begin;
  }
}

const day = 86_400_000;

/** When the day or month began that holds a time, or the one after it. */
export function beginOf(at: number, isMonth: boolean, after: 0 | 1): number {
  if (!isMonth) return (Math.floor(at / day) + after) * day;
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + after, 1);
}
