import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import { nearest } from "../kernel/nearest.ts";
import type { Result } from "../kernel/result.ts";
import type { Candidate, Prepared } from "./candidates.ts";
import { offeredNames, preparedFor } from "./catalog.ts";
import type { Catalog } from "./catalog.ts";
import { sieve } from "./filters.ts";
import type { LeftOut, Waiting } from "./filters.ts";
import { resolveName } from "./names.ts";
import { choose } from "./strategies/index.ts";
import type { Exclusion, Plan, PlannedAttempt, RoutingFacts, RoutingState } from "./types.ts";

/**
 * The ordered attempts for one request, with reasons. Pure: the same facts, catalog and state give the same plan, so
 * that whoever explains a route asks the same question as who takes it. Who carries a plan out tells `Rota` of it.
 *
 * 1. Names: what the model's name stands for, and whether the caller may use it.
 * 2. Filters: what cannot take the request is left out, with the reason.
 * 3. Strategy: in which order the others are tried.
 * 4. What must be waited for comes behind them, soonest ready first; whether to wait is the relay's to decide. Only
 *    where nothing at all is left, what was left out for a reason that may be wrong or over is tried after all.
 */
export function plan(facts: RoutingFacts, catalog: Catalog, state: RoutingState): Result<Plan> {
  const resolution = resolveName(catalog, facts.model);
  const asked = resolution?.understood?.as ?? facts.model;
  if (facts.allows?.(asked) === false) return { ok: false, failure: forbidden(facts.model) };
  if (resolution === undefined) return { ok: false, failure: unknownModel(facts, catalog) };
  const { model, understood } = resolution;
  const prepared = preparedFor(catalog, model);
  const { ready, waiting, leftOut, excluded } = sieve(prepared, facts, state.health);
  const choice = choose(ready, { model, prepared, facts, state });
  // Where nothing is amiss and targets are taken as they stand, the plan is that of the request before.
  const isUsual =
    prepared.isPlain &&
    understood === undefined &&
    ready.length === prepared.candidates.length &&
    choice.order === ready;
  const usual = isUsual ? usualPlans.get(prepared) : undefined;
  if (usual !== undefined) return usual;
  const attempts: PlannedAttempt[] = [];
  const spare: PlannedAttempt[] = [];
  const planned = (candidate: Candidate, reason: string, wait: number): PlannedAttempt => {
    const { endpoint, model: actual, contextWindow, reasoning, prefill } = candidate;
    const credential = credentialFor(candidate, facts);
    return { endpoint, model: actual, reason, wait, contextWindow, reasoning, prefill, credential };
  };
  const add = (candidate: Candidate, reason: string, wait: number) => {
    const list = attempts.length < model.attempts ? attempts : spare;
    list.push(planned(candidate, reason, wait));
  };
  for (const candidate of choice.order) {
    add(candidate, attempts.length === 0 ? (choice.why ?? candidate.place) : candidate.place, 0);
  }
  for (const { candidate, wait, why } of waiting.toSorted(soonest)) add(candidate, `${candidate.place}, ${why}`, wait);
  const isLast = attempts.length === 0;
  if (isLast)
    for (const { candidate, why } of lastResort(leftOut)) add(candidate, `${why}, but nothing else is left`, 0);
  if (attempts.length === 0) return { ok: false, failure: nowhere(facts, [...excluded]) };
  const unwell = isLast ? [] : leftOut.filter(({ hope }) => hope === 1);
  const value: Plan = {
    model,
    attempts,
    excluded: isLast ? [...excluded, ...rest(leftOut)] : [...excluded, ...leftOut.map(exclusion)],
    ...(spare.length === 0 ? {} : { spare }),
    ...(unwell.length === 0 ? {} : { unwell: unwell.map(({ candidate, why }) => planned(candidate, why, 0)) }),
    ...(understood === undefined ? {} : { understood }),
    ...(choice.entry === undefined ? {} : { entry: choice.entry }),
  };
  const result = { ok: true, value } as const;
  if (isUsual) usualPlans.set(prepared, result);
  return result;
}

const usualPlans = new WeakMap<Prepared, Result<Plan>>();

/**
 * The credential that a conversation stays with, so that the upstream's cache of its prompt stays warm. Its first request
 * goes to whoever has room.
 */
function credentialFor({ credentials }: Candidate, { request }: RoutingFacts): number | undefined {
  const session = credentials < 2 ? undefined : request?.session;
  if (session?.begun !== true) return undefined;
  let sum = 0;
  for (let index = 0; index < session.key.length; index++) sum = (sum * 31 + session.key.charCodeAt(index)) >>> 0;
  return sum % credentials;
}

function soonest(a: Waiting, b: Waiting): number {
  // Two that never have room are as far away as each other.
  return a.wait === b.wait ? 0 : a.wait - b.wait;
}

/** Of what was left out, that with the best chance; larger windows first where all are too small. */
function lastResort(leftOut: readonly LeftOut[]): readonly LeftOut[] {
  const best = Math.min(...leftOut.map(({ hope }) => hope));
  return leftOut.filter(({ hope }) => hope === best).toSorted((a, b) => window(b) - window(a));
}

function rest(leftOut: readonly LeftOut[]): readonly Exclusion[] {
  const taken = new Set(lastResort(leftOut));
  return leftOut.filter((each) => !taken.has(each)).map(exclusion);
}

function window({ candidate, isTooSmall }: LeftOut): number {
  return isTooSmall ? (candidate.contextWindow ?? 0) : 0;
}

function exclusion({ candidate: { endpoint, model }, why }: LeftOut): Exclusion {
  return { endpoint, model, reason: why };
}

function nowhere({ model }: RoutingFacts, excluded: readonly Exclusion[]): Failure {
  const reasons = excluded.map(({ endpoint, model: actual, reason }) => `${endpoint}/${actual}: ${reason}`);
  const message = `no target of model '${shown(model)}' can take this request (${reasons.join("; ")})`;
  return failure("unsupported", message, { param: "model" });
}

function forbidden(name: string): Failure {
  return failure("forbidden", `This key may not use the model '${shown(name)}'.`, { param: "model" });
}

function unknownModel({ model: name, allows }: RoutingFacts, catalog: Catalog): Failure {
  const every = offeredNames(catalog);
  // Names that the key may not use are not to be learnt by asking for something like them.
  const names = allows === undefined ? every : every.filter(allows);
  const close = nearest(name, names);
  const hint =
    close.length > 0
      ? `Did you mean ${close.map((candidate) => `'${candidate}'`).join(" or ")}?`
      : names.length > 0
        ? `GET /v1/models lists the ${names.length} that exist.`
        : every.length > 0
          ? "No model that is listed is for this key."
          : "No model is configured.";
  return failure("model-not-found", `The model '${shown(name)}' does not exist. ${hint}`, { param: "model" });
}

function shown(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}
