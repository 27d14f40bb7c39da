import type { Exclusion, Plan, Strategy, Understood } from "./types.ts";

/** A target that was to be asked, and why in this place. */
export interface RecordedAttempt {
  readonly endpoint: string;
  readonly model: string;
  readonly reason: string;
  /** Milliseconds before it may be asked; absent is none. */
  readonly wait?: number;
}

/** Why a request goes where it goes: what `route explain` tells, and what is kept of every exchange. */
export interface RouteRecord {
  /** The virtual model. */
  readonly model: string;
  readonly understood?: Understood;
  readonly strategy: Strategy;
  readonly maxAttempts: number;
  /** `endpoint/model` of the target that is asked first; of an exchange, of the one that answered. */
  readonly winner?: string;
  readonly attempts: readonly RecordedAttempt[];
  readonly excluded: readonly Exclusion[];
  /** How many more were left out than `excluded` names. */
  readonly more?: number;
}

/** The record of a plan. @param most So many of those that were left out are named. */
export function recordOf({ model, attempts, excluded, spare = [], understood }: Plan, most = Infinity): RouteRecord {
  const [first] = attempts;
  const left = excluded.length + spare.length;
  return {
    model: model.name,
    ...(understood === undefined ? undefined : { understood }),
    strategy: model.strategy,
    maxAttempts: model.attempts,
    ...(first === undefined ? undefined : { winner: `${first.endpoint}/${first.model}` }),
    attempts: attempts.map(({ endpoint, model: target, reason, wait }) =>
      wait > 0 ? { endpoint, model: target, reason, wait } : { endpoint, model: target, reason },
    ),
    excluded: left === 0 ? nobody : [...excluded, ...spared(spare, model.attempts)].slice(0, most),
    ...(left > most ? { more: left - most } : undefined),
  };
}

const nobody: readonly Exclusion[] = [];

function spared(spare: NonNullable<Plan["spare"]>, attempts: number): readonly Exclusion[] {
  const reason = `not tried: failover.attempts is ${attempts}`;
  return spare.map(({ endpoint, model }) => ({ endpoint, model, reason }));
}
