import type { Failure } from "../kernel/failure.ts";
import { quotaOf } from "../limits/limits.ts";
import type { Limits } from "../limits/limits.ts";
import type { Refusal } from "../limits/types.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { Foreseen } from "./foresee.ts";
import { refusedBy } from "./limited.ts";
import type { ExchangeInput } from "./types.ts";

/** What is asked of the limits. */
type Counted = Pick<Limits, "isLimiting" | "limited" | "price" | "refusalOf">;

/** How long targets of one exchange have no room, and how long that is waited for: once in all, not for each of them. */
export class Room {
  readonly #limits: Counted;
  readonly #foreseen: Foreseen;
  /** Targets that turned out to have none, and until when. */
  readonly #until = new Map<PlannedAttempt, number>();
  /** Credentials that turned out to have none. */
  readonly #full = new Set<string>();
  #deadline: number | undefined;

  constructor(input: ExchangeInput, limits: Counted) {
    this.#limits = limits;
    this.#foreseen = new Foreseen(input, limits.price);
  }

  /** Milliseconds until a target has room; 0 when it has it now, and 1 when it has a queue for it. */
  wait(planned: PlannedAttempt, now: number): number {
    const refused = (this.#until.get(planned) ?? now) - now;
    if (refused <= 0 && !this.#limits.isLimiting) return 0;
    return Math.max(refused, this.#limits.limited(planned.endpoint, planned.model, this.#foreseen.tokens()));
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
    const refusal = this.#limits.refusalOf(endpoint, model, this.#foreseen.tokens());
    return refusedBy(refusal ?? quotaOf(endpoint, wait));
  }
}
