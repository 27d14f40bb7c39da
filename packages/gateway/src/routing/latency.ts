/** After so many milliseconds little more than a third (1/e) of a peak is left. */
const decay = 30_000;

/** Weights of the running mean and of the running deviation; those of TCP's round-trip estimate (RFC 6298). */
const meanWeight = 1 / 8;
const deviationWeight = 1 / 4;

/** How long a target takes, from what it took of late. All times are milliseconds. */
export class Latency {
  #peak: number | undefined;
  #peakAt = 0;
  #mean: number | undefined;
  #deviation = 0;
  /** It was given up early: one attempt may take longer from this monotonic time on. Undefined if it was not. */
  stretchAt: number | undefined;

  /** @param now Monotonic. */
  observe(value: number, now: number): void {
    const peak = this.peak(now);
    this.#peak = peak === undefined ? value : Math.max(value, peak);
    this.#peakAt = now;
    if (this.#mean === undefined) {
      this.#mean = value;
      this.#deviation = value / 2;
    } else {
      this.#deviation += deviationWeight * (Math.abs(value - this.#mean) - this.#deviation);
      this.#mean += meanWeight * (value - this.#mean);
    }
  }

  /**
   * Peak EWMA (as of Twitter's Finagle): it rises at once, and falls with time to the running mean, also while nothing
   * is observed, so that one slow answer does not count for ever. Undefined while nothing is known.
   */
  peak(now: number): number | undefined {
    if (this.#peak === undefined || this.#mean === undefined) return undefined;
    const rest = Math.min(this.#peak, this.#mean);
    return rest + (this.#peak - rest) * Math.exp((this.#peakAt - now) / decay);
  }

  /** The mean and so many mean deviations; undefined while nothing is known. */
  beyond(deviations: number): number | undefined {
    return this.#mean === undefined ? undefined : this.#mean + deviations * this.#deviation;
  }

  /** What nearly no answer exceeds, as far as the history tells: mean and three deviations. */
  get tail(): number | undefined {
    return this.beyond(3);
  }
}
