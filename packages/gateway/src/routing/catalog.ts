import { factsOf, prepare } from "./candidates.ts";
import type { Prepared } from "./candidates.ts";
import type { EndpointView, ModelFacts, RoutingSnapshot, Target, VirtualModel } from "./types.ts";

interface Pattern {
  readonly before: string;
  readonly after: string;
  readonly model: VirtualModel;
}

/** A target of a virtual model, and whose it is. */
export interface OwnedTarget {
  readonly target: Target;
  readonly owner: string;
}

/** A snapshot made ready for lookups. Built once per reload. */
export interface Catalog {
  readonly snapshot: RoutingSnapshot;
  /** Enabled endpoints, those with greater priority first. */
  readonly endpoints: readonly EndpointView[];
  readonly exact: ReadonlyMap<string, VirtualModel>;
  /** Longer patterns first. */
  readonly patterns: readonly Pattern[];
  /** Which endpoints list a model under this bare name, in order of priority. */
  readonly listed: ReadonlyMap<string, readonly EndpointView[]>;
  /** Names in small letters, and how they are written. */
  readonly folded: ReadonlyMap<string, string>;
  /** What is known of `endpoint/model`. */
  readonly facts: ReadonlyMap<string, ModelFacts>;
  /** By actual model, all targets of enabled virtual models. */
  readonly owned: ReadonlyMap<string, readonly OwnedTarget[]>;
  /** What plans are made from; of models whose names are looked up, once they were asked for. */
  readonly prepared: WeakMap<VirtualModel, Prepared>;
}

/** What plans for a virtual model are made from. */
export function preparedFor(catalog: Catalog, model: VirtualModel): Prepared {
  let prepared = catalog.prepared.get(model);
  if (prepared === undefined) catalog.prepared.set(model, (prepared = prepare(catalog, model)));
  return prepared;
}

export function buildCatalog(snapshot: RoutingSnapshot): Catalog {
  const endpoints = [...snapshot.endpoints.values()]
    .filter((endpoint) => endpoint.enabled)
    .sort((a, b) => b.priority - a.priority);
  const exact = new Map<string, VirtualModel>();
  const patterns: Pattern[] = [];
  for (const model of snapshot.models) {
    if (!model.enabled) continue;
    for (const name of [model.name, ...model.aliases]) {
      const star = name.indexOf("*");
      if (star === -1) exact.set(name, model);
      else patterns.push({ before: name.slice(0, star), after: name.slice(star + 1), model });
    }
  }
  patterns.sort((a, b) => b.before.length + b.after.length - (a.before.length + a.after.length));
  const listed = new Map<string, EndpointView[]>();
  const facts = new Map<string, ModelFacts>();
  for (const endpoint of endpoints) {
    for (const model of endpoint.catalog) {
      facts.set(`${endpoint.name}/${model.id}`, model.facts);
      const holders = listed.get(model.id);
      if (holders === undefined) listed.set(model.id, [endpoint]);
      else if (!holders.includes(endpoint)) holders.push(endpoint);
    }
  }
  const folded = new Map<string, string>();
  for (const name of [...exact.keys(), ...listed.keys()]) {
    const small = name.toLowerCase();
    if (!folded.has(small)) folded.set(small, name);
  }
  const prepared = new WeakMap<VirtualModel, Prepared>();
  const owned = ownedTargets(snapshot.models);
  const catalog = { snapshot, endpoints, exact, patterns, listed, folded, facts, owned, prepared };
  for (const model of exact.values()) preparedFor(catalog, model);
  return catalog;
}

function ownedTargets(models: readonly VirtualModel[]): ReadonlyMap<string, readonly OwnedTarget[]> {
  const owned = new Map<string, OwnedTarget[]>();
  for (const model of models) {
    if (!model.enabled) continue;
    for (const target of model.targets) {
      // What a `*` stands for, only a request tells.
      if (target.model.includes("*")) continue;
      const same = owned.get(target.model);
      if (same === undefined) owned.set(target.model, [{ target, owner: model.name }]);
      else same.push({ target, owner: model.name });
    }
  }
  return owned;
}

/** The endpoints in whose place another one may be asked, by a virtual model or for a name that both have. */
export function replaceable({ endpoints, listed, snapshot }: Catalog): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { enabled, targets, strategy } of snapshot.models) {
    if (!enabled || (targets.length < 2 && strategy !== "duplicate")) continue;
    for (const { endpoint } of targets) found.add(endpoint);
  }
  const names = [...listed.values()].filter((holders) => holders.length > 1).flat();
  const byPattern = endpoints.filter(({ modelPatterns }) => modelPatterns.length > 0);
  for (const { name } of [...names, ...(byPattern.length > 1 ? byPattern : [])]) found.add(name);
  return found;
}

/** Every name that a client may ask for, patterns left out, each once. */
export function offeredNames(catalog: Catalog): readonly string[] {
  const names = new Set<string>();
  for (const model of catalog.exact.values()) names.add(model.name);
  for (const name of catalog.exact.keys()) names.add(name);
  for (const name of catalog.listed.keys()) names.add(name);
  return [...names];
}

/** What is known of the model that a name stands for: the document's word first, then the first target's. */
export function factsFor(catalog: Catalog, model: VirtualModel): ModelFacts {
  const [first] = model.targets;
  return { ...(first === undefined ? undefined : factsOf(catalog, first)), ...model.facts };
}
