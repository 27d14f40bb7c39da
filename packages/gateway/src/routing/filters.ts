import { operations } from "../kernel/protocol.ts";
import type { Candidate, Prepared } from "./candidates.ts";
import type { Exclusion, RequestTraits, RoutingFacts, TargetHealth } from "./types.ts";

/** A target that can take the request after a pause. */
export interface Waiting {
  readonly candidate: Candidate;
  /** Milliseconds; Infinity when its limits will never have room for this request. */
  readonly wait: number;
  readonly why: string;
}

/** A target that is left out for a reason that may be wrong, or over by now. */
export interface LeftOut {
  readonly candidate: Candidate;
  readonly why: string;
  /** Less is better: what failed before may work, what is too small will hardly do, what is unable will not. */
  readonly hope: 1 | 2 | 3;
  readonly isTooSmall: boolean;
}

export interface Sieved {
  readonly ready: readonly Candidate[];
  readonly waiting: readonly Waiting[];
  readonly leftOut: readonly LeftOut[];
  readonly excluded: readonly Exclusion[];
}

/**
 * Who can take a request. What is not known of a target is not held against it. Neither is anything looked up in the
 * request that no target of the model is known to lack.
 */
export function sieve(prepared: Prepared, facts: RoutingFacts, health: TargetHealth): Sieved {
  const ready: Candidate[] = [];
  const waiting: Waiting[] = [];
  const leftOut: LeftOut[] = [];
  const excluded: Exclusion[] = [...prepared.excluded];
  const operation = operations[facts.protocol];
  const tokens = tokensOf(prepared, facts.request);
  const needs = prepared.isLimited ? facts.request : undefined;
  for (const candidate of prepared.candidates) {
    const { endpoint, model, owners } = candidate;
    const barred = !candidate.operations.has(operation)
      ? `the endpoint has no ${operation === "embed" ? "embeddings" : "text generation"}`
      : isForbidden(owners, facts)
        ? `the key may not use ${owners.join(" or ")}`
        : undefined;
    if (barred !== undefined) {
      excluded.push({ endpoint, model, reason: barred });
      continue;
    }
    const unable = lacking(candidate, needs);
    if (unable !== undefined) {
      leftOut.push({ candidate, why: unable, hope: 3, isTooSmall: false });
      continue;
    }
    if (tokens > (candidate.contextWindow ?? Infinity)) {
      const why = `holds ${candidate.contextWindow} tokens, and the request has about ${Math.round(tokens)}`;
      leftOut.push({ candidate, why, hope: 2, isTooSmall: true });
      continue;
    }
    const sick = !health.healthy(endpoint)
      ? "its health check fails"
      : health.circuit(endpoint, model) === "open"
        ? "its circuit is open"
        : undefined;
    if (sick !== undefined) {
      leftOut.push({ candidate, why: sick, hope: 1, isTooSmall: false });
      continue;
    }
    const pause = Math.ceil(health.cooldown(endpoint, model));
    const limit = Math.ceil(health.limited(endpoint, model, tokens));
    if (pause === 0 && limit === 0) ready.push(candidate);
    else waiting.push({ candidate, wait: Math.max(pause, limit), why: pauseText(pause, limit) });
  }
  return { ready, waiting, leftOut, excluded };
}

/** A target of other virtual models is for those who may use one of these. */
function isForbidden(owners: readonly string[], { allows }: RoutingFacts): boolean {
  return owners.length > 0 && allows !== undefined && !owners.some(allows);
}

/** About how many tokens the request has; looked at closely only where that may make a difference. */
function tokensOf({ smallestWindow }: Prepared, request: RequestTraits | undefined): number {
  if (request === undefined) return 0;
  return request.tokens > smallestWindow ? request.textTokens : request.tokens;
}

function lacking({ lacks }: Candidate, needs: RequestTraits | undefined): string | undefined {
  if (lacks === undefined || needs === undefined) return undefined;
  if (lacks.tools && needs.tools) return "the model cannot call tools";
  if (lacks.images && needs.images) return "the model takes no images";
  if (lacks.jsonSchema && needs.jsonSchema) return "the model cannot be held to a JSON schema";
  return undefined;
}

function pauseText(pause: number, limit: number): string {
  if (pause >= limit) return `cooling down for ${pause} ms`;
  return limit === Infinity ? "its limits are smaller than the request" : `at its limits for ${limit} ms`;
}
