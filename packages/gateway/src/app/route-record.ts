import type { ExchangeReport } from "../relay/types.ts";
import { recordOf } from "../routing/record.ts";
import type { Plan } from "../routing/types.ts";

/** Targets that were left out; of more, only the number is kept, so that a row stays small. */
const mostExcluded = 20;

const usual = new WeakMap<Plan, string>();

/**
 * Where an exchange was to go and went, as JSON: what `route explain` tells of its plan, but with the target that
 * answered as the winner, or none, and with what became of those that did not.
 */
export function routeRecord({ input, endpoint, targetModel, failure, rescued, tried }: ExchangeReport): string {
  const { plan } = input;
  const [first] = plan.attempts;
  const isAnswered = failure === undefined && endpoint !== undefined;
  const isUsual = isAnswered && tried.length === 0 && endpoint === first?.endpoint && targetModel === first.model;
  // Most requests of a model have the very same plan, and go as it says.
  const before = isUsual ? usual.get(plan) : undefined;
  if (before !== undefined) return before;
  const { winner: _planned, ...planned } = recordOf(plan, mostExcluded);
  const record = JSON.stringify({
    ...planned,
    winner: isAnswered ? `${endpoint}/${targetModel ?? ""}` : undefined,
    rescued: rescued === true ? true : undefined,
    failed: tried.length === 0 ? undefined : tried,
  });
  if (isUsual) usual.set(plan, record);
  return record;
}
