import { failure } from "../kernel/failure.ts";
import { nearest } from "../kernel/nearest.ts";
import { operations } from "../kernel/protocol.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Result } from "../kernel/result.ts";
import { offeredNames, resolve } from "./catalog.ts";
import type { Catalog } from "./catalog.ts";
import type { Exclusion, Plan, PlannedAttempt, RoutingFacts, TargetHealth } from "./types.ts";

/**
 * The ordered attempts for one request, with reasons. Pure: the same facts, catalog and health give the same plan, so
 * that whoever explains a route asks the same question as who takes it.
 *
 * Targets that are cooling down go to the end, soonest ready first; whether to wait for them is the relay's to decide.
 */
export function plan(facts: RoutingFacts, catalog: Catalog, health: TargetHealth): Result<Plan> {
  const model = resolve(catalog, facts.model);
  if (model === undefined) return { ok: false, failure: unknownModel(facts.model, catalog) };
  const attempts: PlannedAttempt[] = [];
  const cooling: PlannedAttempt[] = [];
  const excluded: Exclusion[] = [];
  for (const [index, target] of model.targets.entries()) {
    const endpoint = catalog.snapshot.endpoints.get(target.endpoint);
    const why =
      endpoint === undefined
        ? "no such endpoint"
        : !endpoint.enabled
          ? "the endpoint is disabled"
          : canServe(endpoint.serves, facts)
            ? undefined
            : `the endpoint has no ${operations[facts.protocol] === "embed" ? "embeddings" : "text generation"}`;
    if (why !== undefined) {
      excluded.push({ endpoint: target.endpoint, model: target.model, reason: why });
      continue;
    }
    const wait = Math.ceil(health.cooldown(target.endpoint, target.model));
    const contextWindow =
      model.facts.contextWindow ?? catalog.facts.get(`${target.endpoint}/${target.model}`)?.contextWindow;
    const place = index === 0 ? "first target" : `backup ${index}`;
    if (wait === 0)
      attempts.push({ endpoint: target.endpoint, model: target.model, reason: place, wait, contextWindow });
    else {
      const reason = `${place}, cooling down for ${wait} ms`;
      cooling.push({ endpoint: target.endpoint, model: target.model, reason, wait, contextWindow });
    }
  }
  cooling.sort((a, b) => a.wait - b.wait);
  attempts.push(...cooling);
  if (attempts.length === 0) {
    const reasons = excluded.map((exclusion) => `${exclusion.endpoint}/${exclusion.model}: ${exclusion.reason}`);
    return {
      ok: false,
      failure: failure(
        "unsupported",
        `no target of model '${facts.model}' can take this request (${reasons.join("; ")})`,
        {
          param: "model",
        },
      ),
    };
  }
  return { ok: true, value: { model, attempts: attempts.slice(0, model.attempts), excluded } };
}

function canServe(serves: readonly Protocol[], { protocol }: RoutingFacts): boolean {
  return serves.some((served) => operations[served] === operations[protocol]);
}

function unknownModel(name: string, catalog: Catalog) {
  const names = offeredNames(catalog);
  const close = nearest(name, names);
  const hint =
    close.length > 0
      ? `Did you mean ${close.map((candidate) => `'${candidate}'`).join(" or ")}?`
      : names.length > 0
        ? `GET /v1/models lists the ${names.length} that exist.`
        : "No model is configured.";
  const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return failure("not-found", `The model '${shown}' does not exist. ${hint}`, {
    param: "model",
    upstreamCode: "model_not_found",
  });
}
