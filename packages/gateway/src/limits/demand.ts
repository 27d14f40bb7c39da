import type { Scope, Unit } from "./rules.ts";
import type { Want } from "./types.ts";

/** What a request is foreseen to use. Functions, since most of it is asked by few limits only. */
export interface Demand {
  readonly requests: number;
  /** Input and output. */
  readonly tokens: () => number;
  /** Micro-dollars; 0 where no price is known. */
  readonly money: () => number;
}

/** What a request counts for in each limit of a scope. */
export function wantsOf(scope: Scope, demand: Demand): readonly Want[] {
  return scope.rules.map((rule) => ({ scope, rule, amount: amountOf(rule.unit, demand) }));
}

function amountOf(unit: Unit, demand: Demand): number {
  return unit === "requests" ? demand.requests : demand[unit]();
}
