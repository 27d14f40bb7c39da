import type { Catalog } from "./catalog.ts";
import { modelsForTier, tierOf } from "./families.ts";
import { catchAll, lookUp } from "./lookup.ts";
import type { Understood, VirtualModel } from "./types.ts";
import { variantsOf } from "./variants.ts";

export interface Resolution {
  readonly model: VirtualModel;
  /** Absent where somebody has the name as it stands. */
  readonly understood?: Understood;
}

/** Longest name that is looked up, in characters. No model has one of this length. */
export const longestName = 512;

/** Names whose meaning is remembered; when there are more, all are looked up anew. */
const mostRemembered = 500;

const remembered = new WeakMap<Catalog, Map<string, Resolution>>();

/**
 * What a name stands for. Whoever has the very name goes before all guesses. Then, in this order: the name without its
 * prefixes and suffixes, the name in other letters, the family that it belongs to, the catch-all `*`, the fallback.
 *
 * The same catalog and name give the same model, so that what was prepared for it need not be prepared again.
 */
export function resolveName(catalog: Catalog, name: string): Resolution | undefined {
  const stated = catalog.exact.get(name);
  if (stated !== undefined) return { model: stated };
  if (name === "" || name.length > longestName) return undefined;
  let known = remembered.get(catalog);
  const before = known?.get(name);
  if (before !== undefined) return before;
  const found = understand(catalog, name);
  if (found === undefined) return undefined;
  if (known === undefined || known.size >= mostRemembered) remembered.set(catalog, (known = new Map()));
  known.set(name, found);
  return found;
}

function understand(catalog: Catalog, name: string): Resolution | undefined {
  const exact = lookUp(catalog, name);
  if (exact !== undefined) return { model: exact };
  const variants = variantsOf(name, (prefix) => catalog.snapshot.endpoints.has(prefix));
  for (const variant of variants) {
    const model = lookUp(catalog, variant);
    if (model !== undefined) return { model, understood: { as: variant, by: "variant" } };
  }
  for (const variant of [name, ...variants]) {
    const written = catalog.folded.get(variant.toLowerCase());
    const model = written === undefined ? undefined : lookUp(catalog, written);
    if (written !== undefined && model !== undefined) return { model, understood: { as: written, by: "case" } };
  }
  return stoodFor(catalog, name);
}

/** What the document lets stand for names that nobody has. The fallback may be named by a tier, as a family is. */
function stoodFor(catalog: Catalog, name: string): Resolution | undefined {
  const { fallback } = catalog.snapshot;
  const kin = kinOf(catalog, name);
  if (kin !== undefined) return { model: kin.model, understood: { as: kin.as, by: "family" } };
  const every = catchAll(catalog, name);
  if (every !== undefined) return { model: every, understood: { as: name, by: "catch-all" } };
  if (fallback === undefined) return undefined;
  const model = lookUp(catalog, fallback);
  const last = model === undefined ? kinOf(catalog, fallback) : { as: fallback, model };
  return last === undefined ? undefined : { model: last.model, understood: { as: last.as, by: "fallback" } };
}

/** The model for a name's family. One that is out of service, or that nobody lists by now, is passed over. */
function kinOf(catalog: Catalog, name: string): { readonly as: string; readonly model: VirtualModel } | undefined {
  const { families } = catalog.snapshot;
  const tier = families === undefined ? undefined : tierOf(name);
  if (families === undefined || tier === undefined) return undefined;
  for (const as of modelsForTier(families, tier)) {
    const model = lookUp(catalog, as);
    if (model !== undefined) return { as, model };
  }
  return undefined;
}

/** The virtual model that has this very name, or takes every name: for what changes a model, and must not guess. */
export function resolveExactly(catalog: Catalog, name: string): VirtualModel | undefined {
  return lookUp(catalog, name) ?? catchAll(catalog, name);
}

/** The virtual model that a name stands for. */
export function resolve(catalog: Catalog, name: string): VirtualModel | undefined {
  return resolveName(catalog, name)?.model;
}
