import type { Clock } from "../kernel/clock.ts";
import type { TargetHealth } from "./types.ts";

/** Which targets asked to be left alone, and until when. Lives as long as the process; bounded by its targets. */
export class Cooldowns implements TargetHealth {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #until = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** @param duration Milliseconds from now; a longer one that already runs is kept. */
  start(endpoint: string, model: string, duration: number): void {
    const name = `${endpoint}/${model}`;
    const until = this.#clock.monotonic() + duration;
    if (until > (this.#until.get(name) ?? 0)) this.#until.set(name, until);
    if (this.#until.size > 10_000) this.#sweep();
  }

  cooldown(endpoint: string, model: string): number {
    if (this.#until.size === 0) return 0;
    const name = `${endpoint}/${model}`;
    const until = this.#until.get(name);
    if (until === undefined) return 0;
    const left = until - this.#clock.monotonic();
    if (left > 0) return left;
    this.#until.delete(name);
    return 0;
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [name, until] of this.#until) if (until <= now) this.#until.delete(name);
  }
}
