import type { Catalog } from "./catalog.ts";
import { plainModel } from "./types.ts";
import type { EndpointView, Target, VirtualModel } from "./types.ts";

/**
 * The virtual model that has this very name, with its targets' `*` filled in. In this order: an exact name or alias,
 * `endpoint/model`, a pattern (longer before shorter), a name that endpoints list, a name that an endpoint is known to
 * serve without a list. The catch-all `*` has no name of its own.
 */
export function lookUp(catalog: Catalog, name: string): VirtualModel | undefined {
  return (
    catalog.exact.get(name) ??
    direct(catalog, name) ??
    matched(catalog, name, false) ??
    byEndpoints(name, catalog.listed.get(name) ?? []) ??
    byEndpoints(
      name,
      catalog.endpoints.filter((endpoint) => knownByPattern(endpoint, name)),
    )
  );
}

/** Whether a name would lead elsewhere where it stands in an upstream's path. */
export function climbs(name: string): boolean {
  return /(?:^|\/)\.{1,2}(?:\/|$)/.test(name);
}

/** The catch-all `*`, for this name. */
export function catchAll(catalog: Catalog, name: string): VirtualModel | undefined {
  return matched(catalog, name, true);
}

function direct(catalog: Catalog, name: string): VirtualModel | undefined {
  const slash = name.indexOf("/");
  if (slash < 1 || slash === name.length - 1) return undefined;
  const endpoint = catalog.snapshot.endpoints.get(name.slice(0, slash));
  if (endpoint === undefined || !endpoint.enabled) return undefined;
  return plainModel(name, [{ endpoint: endpoint.name, model: name.slice(slash + 1) }]);
}

function matched(catalog: Catalog, name: string, isCatchAll: boolean): VirtualModel | undefined {
  for (const pattern of catalog.patterns) {
    const literal = pattern.before.length + pattern.after.length;
    if ((literal === 0) !== isCatchAll || name.length < literal) continue;
    if (!name.startsWith(pattern.before) || !name.endsWith(pattern.after)) continue;
    const text = name.slice(pattern.before.length, name.length - pattern.after.length);
    if (climbs(text)) continue;
    const filled = (target: Target): Target => ({ ...target, model: target.model.replace("*", () => text) });
    const { council } = pattern.model;
    const targets = pattern.model.targets
      .map(filled)
      // A bare prefix matches too, but nobody has a model without a name.
      .filter(({ model }) => model !== "");
    if (targets.length === 0) continue;
    const judged = council?.judge === undefined ? {} : { council: { ...council, judge: filled(council.judge) } };
    return { ...pattern.model, targets, ...judged };
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
  return plainModel(
    name,
    endpoints.map((endpoint) => ({ endpoint: endpoint.name, model: name })),
  );
}
