import type { Clock } from "../kernel/clock.ts";
import { Roster } from "../kernel/roster.ts";

/** Something with deadlines of its own. */
export interface Ticking {
  /** @param now Monotonic milliseconds. */
  tick(now: number): void;
}

/**
 * One timer for everything that must not last for ever: no request carries a timer of its own. Each watcher is asked
 * once per interval, so deadlines are kept to within one interval. Runs only while something is watched.
 */
export class Ticker implements Disposable {
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #watched = new Roster<Ticking>();
  #timer: NodeJS.Timeout | undefined;

  /** @param interval Milliseconds. */
  constructor(clock: Clock, interval: number) {
    this.#clock = clock;
    this.#interval = interval;
  }

  watch(ticking: Ticking): void {
    this.#watched.add(ticking);
    // The timer survives short lulls: starting and stopping it for each lone request would cost more than it saves.
    this.#timer ??= setInterval(() => this.#tick(), this.#interval).unref();
  }

  unwatch(ticking: Ticking): void {
    this.#watched.delete(ticking);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    if (this.#watched.size === 0) {
      this[Symbol.dispose]();
      return;
    }
    const now = this.#clock.monotonic();
    for (const ticking of this.#watched) ticking.tick(now);
  }
}
