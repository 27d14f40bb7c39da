import type { EndpointView, ModelFacts, RoutingSnapshot, Target, VirtualModel } from "./types.ts";

/** Most attempts for a name that no document describes. */
const defaultAttempts = 3;

interface Pattern {
  readonly before: string;
  readonly after: string;
  readonly model: VirtualModel;
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
  /** What is known of `endpoint/model`. */
  readonly facts: ReadonlyMap<string, ModelFacts>;
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
  return { snapshot, endpoints, exact, patterns, listed, facts };
}

/**
 * The virtual model that a name stands for, with its targets' `*` filled in. In this order: an exact name or alias,
 * `endpoint/model`, a pattern (longer before shorter), a name that endpoints list, a name that an endpoint is known to
 * serve without a list, the catch-all `*`.
 */
export function resolve(catalog: Catalog, name: string): VirtualModel | undefined {
  return (
    catalog.exact.get(name) ??
    direct(catalog, name) ??
    matched(catalog, name, false) ??
    byEndpoints(name, catalog.listed.get(name) ?? []) ??
    byEndpoints(
      name,
      catalog.endpoints.filter((endpoint) => knownByPattern(endpoint, name)),
    ) ??
    matched(catalog, name, true)
  );
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
  const first = model.targets[0];
  const listed = first === undefined ? undefined : catalog.facts.get(`${first.endpoint}/${first.model}`);
  return { ...listed, ...model.facts };
}

function direct(catalog: Catalog, name: string): VirtualModel | undefined {
  const slash = name.indexOf("/");
  if (slash < 1 || slash === name.length - 1) return undefined;
  const endpoint = catalog.snapshot.endpoints.get(name.slice(0, slash));
  if (endpoint === undefined || !endpoint.enabled) return undefined;
  return adHoc(name, [{ endpoint: endpoint.name, model: name.slice(slash + 1) }]);
}

function matched(catalog: Catalog, name: string, catchAll: boolean): VirtualModel | undefined {
  for (const pattern of catalog.patterns) {
    const literal = pattern.before.length + pattern.after.length;
    if ((literal === 0) !== catchAll || name.length < literal) continue;
    if (!name.startsWith(pattern.before) || !name.endsWith(pattern.after)) continue;
    const text = name.slice(pattern.before.length, name.length - pattern.after.length);
    const targets = pattern.model.targets
      .map((target) => ({ ...target, model: target.model.replace("*", () => text) }))
      // A bare prefix matches too, but nobody has a model without a name.
      .filter(({ model }) => model !== "");
    if (targets.length === 0) continue;
    return { ...pattern.model, targets };
  }
  return undefined;
}

function knownByPattern(endpoint: EndpointView, name: string): boolean {
  return endpoint.modelPatterns.some((pattern) => {
    const star = pattern.indexOf("*");
    if (star === -1) return pattern === name;
    return (
      name.length >= pattern.length - 1 &&
      name.startsWith(pattern.slice(0, star)) &&
      name.endsWith(pattern.slice(star + 1))
    );
  });
}

function byEndpoints(name: string, endpoints: readonly EndpointView[]): VirtualModel | undefined {
  if (endpoints.length === 0) return undefined;
  return adHoc(
    name,
    endpoints.map((endpoint) => ({ endpoint: endpoint.name, model: name })),
  );
}

function adHoc(name: string, targets: readonly Target[]): VirtualModel {
  return {
    name,
    aliases: [],
    enabled: true,
    strategy: "backup",
    targets,
    attempts: defaultAttempts,
    relay: "auto",
    strict: false,
    echo: "upstream",
    facts: {},
    defaults: {},
  };
}
