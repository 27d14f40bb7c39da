import type { Failure } from "../kernel/failure.ts";
import type { Demand } from "../limits/demand.ts";
import { quotaOf } from "../limits/limits.ts";
import type { Limits } from "../limits/limits.ts";
import type { Refusal } from "../limits/types.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { refusedBy } from "./limited.ts";

/** What is asked of the limits. */
type Counted = Pick<Limits, "isLimiting" | "limited" | "refusalOf">;

/** How long targets of one exchange have no room, and how long that is waited for: once in all, not for each of them. */
export class Room {
  readonly #limits: Counted;
  /** What the request is foreseen to use. */
  readonly #demand: Pick<Demand, "tokens">;
  /** Targets that turned out to have none, and until when. */
  readonly #until = new Map<PlannedAttempt, number>();
  /** Credentials that turned out to have none. */
  readonly #full = new Set<string>();
  #deadline: number | undefined;

  constructor(limits: Counted, demand: Pick<Demand, "tokens">) {
    this.#limits = limits;
    this.#demand = demand;
  }

  /** Milliseconds until a target has room; 0 when it has it now, and 1 when it has a queue for it. */
  wait(planned: PlannedAttempt, now: number): number {
    const refused = (this.#until.get(planned) ?? now) - now;
    if (refused <= 0 && !this.#limits.isLimiting) return 0;
    return Math.max(refused, this.#limits.limited(planned.endpoint, planned.model, this.#demand.tokens()));
  }

  /** Milliseconds that are left for waiting. @param longest If the wait begins now. */
  left(longest: number, now: number): number {
    return (this.#deadline ?? now + longest) - now;
  }

  /** It is waited for. */
  waits(longest: number, now: number): void {
    this.#deadline ??= now + longest;
  }

  /** A target turned out to have none. Another credential of its endpoint may have: it is asked once more at once. */
  refused(planned: PlannedAttempt, { kind, id, wait }: Refusal, now: number): void {
    if (kind === "credential" && !this.#full.has(id)) this.#full.add(id);
    else this.#until.set(planned, now + Math.max(1, wait));
  }

  /** Why a target is not asked that would have to be waited for. */
  why({ endpoint, model }: PlannedAttempt, wait: number): Failure {
    const refusal = this.#limits.refusalOf(endpoint, model, this.#demand.tokens());
    return refusedBy(refusal ?? quotaOf(endpoint, wait));
  }
}
