import type { Health } from "../routing/health.ts";
import { percentiles } from "../routing/types.ts";
import type { Hedge } from "../routing/types.ts";
import type { Attempt } from "./attempt.ts";

/** How a race is run where its model says nothing, and how long a target has of which nothing is known. */
const defaultHedge = { after: 2000, inFlight: 2 } as const satisfies Hedge;

/**
 * The attempts of an exchange whose model races (`strategy: race`): when one has not begun its answer after a while,
 * the next target is asked too. Whoever has something to say first wins, and the others are stopped.
 */
export class Race<Runner extends Pick<Attempt, "planned" | "sentAt"> = Attempt> {
  readonly #hedge: Hedge;
  readonly #running = new Set<Runner>();
  readonly #health: Health;
  readonly #stream: boolean;
  #lastStart = 0;
  /** Milliseconds that the last one to be asked has. */
  #patience = 0;
  #isDecided = false;

  constructor(hedge: Hedge = defaultHedge, { health, stream }: { readonly health: Health; readonly stream: boolean }) {
    this.#hedge = hedge;
    this.#health = health;
    this.#stream = stream;
  }

  get running(): readonly Runner[] {
    return [...this.#running];
  }

  /** Somebody began to answer: from here on it is an exchange like any other. */
  get isDecided(): boolean {
    return this.#isDecided;
  }

  started(attempt: Runner): void {
    // Who mends the winner's answer races with nobody.
    if (this.#isDecided) return;
    this.#running.add(attempt);
    this.#lastStart = attempt.sentAt;
    this.#patience = this.#patienceWith(attempt);
  }

  /** An attempt is over. */
  ended(attempt: Runner): void {
    this.#running.delete(attempt);
  }

  /** Decides the race. Returns those who lost it. */
  win(winner: Runner): readonly Runner[] {
    this.#isDecided = true;
    const losers = this.running.filter((attempt) => attempt !== winner);
    this.#running.clear();
    return losers;
  }

  /**
   * Whether the next target is to be asked now beside those that are silent; true once in each while.
   *
   * @param now Monotonic milliseconds.
   */
  takesNext(now: number): boolean {
    const running = this.#running.size;
    if (this.#isDecided || running === 0 || running >= this.#hedge.inFlight) return false;
    if (now - this.#lastStart < this.#patience) return false;
    this.#lastStart = now;
    return true;
  }

  #patienceWith({ planned }: Runner): number {
    const { after } = this.#hedge;
    if (typeof after === "number") return after;
    const target = this.#health.target(planned.endpoint, planned.model);
    return target.history(this.#stream).beyond(percentiles[after]) ?? defaultHedge.after;
  }
}
