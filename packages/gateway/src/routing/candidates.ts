import { operations } from "../kernel/protocol.ts";
import type { Operation, Protocol } from "../kernel/protocol.ts";
import type { Catalog } from "./catalog.ts";
import { byPrice, costOf } from "./strategies/cheapest.ts";
import type { Exclusion, ModelFacts, Target, VirtualModel } from "./types.ts";

/** A target with all that plans ask of it. */
export interface Candidate {
  readonly endpoint: string;
  readonly model: string;
  /** `endpoint/model`. */
  readonly key: string;
  /** Where it stands, such as `first target`. */
  readonly place: string;
  readonly weight: number;
  readonly operations: ReadonlySet<Operation>;
  /** Tokens that the model can hold. */
  readonly contextWindow: number | undefined;
  /** Whether the model is known to think before it answers, and to go on with an answer that has begun. */
  readonly reasoning: boolean | undefined;
  readonly prefill: boolean | undefined;
  /** How many credentials its endpoint has. */
  readonly credentials: number;
  /** What it is known not to do. */
  readonly lacks: Lacks | undefined;
  /** What a million tokens cost, in US dollars; see `strategies/cheapest.ts`. */
  readonly cost: number | undefined;
  /** The other virtual models that it comes from; none where it is the model's own. */
  readonly owners: readonly string[];
}

export interface Lacks {
  readonly tools: boolean;
  readonly images: boolean;
  readonly jsonSchema: boolean;
}

/** A virtual model made ready for plans. */
export interface Prepared {
  readonly candidates: readonly Candidate[];
  /** What no request can be sent to. */
  readonly excluded: readonly Exclusion[];
  /** The smallest window of those that are known; what is smaller fits everywhere. */
  readonly smallestWindow: number;
  /** Something is known not to be done by some target. */
  readonly isLimited: boolean;
  /** A conversation stays with its target. */
  readonly isSticky: boolean;
  /** No target has credentials to choose from. */
  readonly isPlain: boolean;
}

type Sources = Pick<Catalog, "snapshot" | "facts" | "owned">;

/** What is known of a target, from the endpoint's list or, failing that, its type's own knowledge. */
export function factsOf(catalog: Pick<Catalog, "facts" | "snapshot">, target: Target): ModelFacts | undefined {
  return (
    catalog.facts.get(`${target.endpoint}/${target.model}`) ??
    catalog.snapshot.endpoints.get(target.endpoint)?.known?.(target.model)
  );
}

const servedOperations = new WeakMap<readonly Protocol[], ReadonlySet<Operation>>();

function operationsOf(serves: readonly Protocol[]): ReadonlySet<Operation> {
  let found = servedOperations.get(serves);
  if (found === undefined) {
    found = new Set(serves.map((protocol) => operations[protocol]));
    servedOperations.set(serves, found);
  }
  return found;
}

/** Looks up all that does not change from one request to the next. */
export function prepare(catalog: Sources, model: VirtualModel): Prepared {
  const candidates: Candidate[] = [];
  const excluded: Exclusion[] = [];
  for (const { target, owners } of targetsOf(catalog, model)) {
    const endpoint = catalog.snapshot.endpoints.get(target.endpoint);
    const { model: actual } = target;
    if (endpoint === undefined || !endpoint.enabled) {
      const reason = endpoint === undefined ? "no such endpoint" : "the endpoint is disabled";
      excluded.push({ endpoint: target.endpoint, model: actual, reason });
      continue;
    }
    // A model that stands in the document as it is, asked for by a name that nothing was taken from.
    if (actual.includes("*") && catalog.snapshot.models.includes(model)) {
      excluded.push({ endpoint: target.endpoint, model: actual, reason: "nothing is known to stand for its `*`" });
      continue;
    }
    const known = factsOf(catalog, target);
    const facts = { ...known, ...model.facts };
    const index = candidates.length + excluded.length;
    candidates.push({
      endpoint: endpoint.name,
      model: actual,
      key: `${endpoint.name}/${actual}`,
      place: index === 0 ? "first target" : owners[0] === undefined ? `backup ${index}` : `duplicate, of ${owners[0]}`,
      weight: target.weight ?? 1,
      operations: operationsOf(endpoint.serves),
      contextWindow: facts.contextWindow,
      reasoning: facts.reasoning,
      prefill: facts.prefill,
      credentials: endpoint.credentials ?? 1,
      lacks: lacksOf(facts),
      // The document's price of a virtual model is what its use is charged; it tells no target from another.
      cost: costOf(known?.price),
      owners,
    });
  }
  return {
    candidates: model.strategy === "cheapest" ? byPrice(candidates) : candidates,
    excluded,
    smallestWindow: Math.min(...candidates.map(({ contextWindow }) => contextWindow ?? Infinity)),
    isLimited: candidates.some(({ lacks }) => lacks !== undefined),
    isSticky: model.affinity ?? new Set(candidates.map((candidate) => candidate.model)).size < candidates.length,
    isPlain: candidates.every(({ credentials }) => credentials < 2),
  };
}

interface Offered {
  readonly target: Target;
  readonly owners: readonly string[];
}

/** Its own targets and, under `duplicate`, those of others that have the same actual model. */
function targetsOf({ owned }: Sources, { name, strategy, targets }: VirtualModel): readonly Offered[] {
  const own = targets.map((target): Offered => ({ target, owners: [] }));
  if (strategy !== "duplicate") return own;
  const known = new Set(targets.map(keyOf));
  const others = new Map<string, { readonly target: Target; readonly owners: string[] }>();
  const actual = new Set(targets.map(({ model }) => model));
  for (const { target, owner } of [...actual].flatMap((model) => owned.get(model) ?? [])) {
    const key = keyOf(target);
    if (owner === name || known.has(key)) continue;
    const other = others.get(key);
    if (other === undefined) others.set(key, { target, owners: [owner] });
    else if (!other.owners.includes(owner)) other.owners.push(owner);
  }
  return [...own, ...others.values()];
}

function keyOf({ endpoint, model }: Target): string {
  return `${endpoint}/${model}`;
}

function lacksOf({ tools, inputModalities, jsonSchema }: ModelFacts): Lacks | undefined {
  const lacks = {
    tools: tools === false,
    images: inputModalities !== undefined && inputModalities.length > 0 && !inputModalities.includes("image"),
    jsonSchema: jsonSchema === false,
  };
  return lacks.tools || lacks.images || lacks.jsonSchema ? lacks : undefined;
}
