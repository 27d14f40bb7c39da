/** How long requests and retries count, in buckets of a second. */
const buckets = 10;
const bucketLength = 1000;

/** Share of retries among requests. */
const share = 0.2;

/** So many retries are allowed in any case, so that a gateway with little to do can retry too. */
const least = 10;

/**
 * Keeps retries from making an outage worse: in ten seconds at most a fifth of the requests, and at least ten
 * (both figures as in Envoy's retry budgets, of which the second is three there).
 */
export class RetryBudget {
  readonly #requests = new Int32Array(buckets);
  readonly #retries = new Int32Array(buckets);
  #second = 0;
  /** Retries so far, and those that were denied. */
  spent = 0;
  denied = 0;

  /** Notes a request's first attempt. @param now Monotonic milliseconds. */
  request(now: number): void {
    this.#turn(now);
    const index = this.#second % buckets;
    this.#requests[index] = (this.#requests[index] ?? 0) + 1;
  }

  has(now: number): boolean {
    this.#turn(now);
    return sum(this.#retries) < Math.max(least, share * sum(this.#requests));
  }

  /** Notes a retry. */
  spend(now: number): void {
    this.#turn(now);
    this.spent++;
    const index = this.#second % buckets;
    this.#retries[index] = (this.#retries[index] ?? 0) + 1;
  }

  /** Empties the buckets whose time is over. */
  #turn(now: number): void {
    const second = Math.floor(now / bucketLength);
    const passed = Math.min(second - this.#second, buckets);
    for (let step = 1; step <= passed; step++) {
      const index = (second - passed + step) % buckets;
      this.#requests[index] = 0;
      this.#retries[index] = 0;
    }
    if (passed > 0) this.#second = second;
  }
}

function sum(counts: Int32Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
