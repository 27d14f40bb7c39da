import type { Failure } from "../kernel/failure.ts";
import type { PlannedAttempt } from "./types.ts";

/** What is left of a plan. */
export interface Remainder {
  readonly queue: readonly PlannedAttempt[];
  readonly spare: readonly PlannedAttempt[];
  /** How many attempts are still allowed. */
  readonly left: number;
}

/**
 * What is to be tried after a failure at a target. A request that was too long for a model goes to models that hold
 * more, the largest first, then to those of unknown size; never to one that is known to hold no more.
 */
export function afterFailure(
  { kind }: Failure,
  { contextWindow }: Pick<PlannedAttempt, "contextWindow">,
  { queue, spare, left }: Remainder,
): readonly PlannedAttempt[] {
  if (kind !== "context-overflow") return queue;
  const all = [...queue, ...spare.filter((planned) => !queue.includes(planned))];
  const larger = all.filter((planned) => (planned.contextWindow ?? 0) > (contextWindow ?? 0));
  const unknown = all.filter((planned) => planned.contextWindow === undefined);
  return [...larger.toSorted((a, b) => size(b) - size(a)), ...unknown].slice(0, Math.max(0, left));
}

function size({ contextWindow }: PlannedAttempt): number {
  return contextWindow ?? 0;
}
