import type { Catalog } from "./catalog.ts";
import { modelForTier, tierOf } from "./families.ts";
import { catchAll, lookUp } from "./lookup.ts";
import type { Understood, VirtualModel } from "./types.ts";
import { variantsOf } from "./variants.ts";

export interface Resolution {
  readonly model: VirtualModel;
  /** Absent where somebody has the name as it stands. */
  readonly understood?: Understood;
}

/**
 * What a name stands for. Whoever has the very name goes before all guesses. Then, in this order: the name without its
 * prefixes and suffixes, the name in other letters, the family that it belongs to, the catch-all `*`, the fallback.
 */
export function resolveName(catalog: Catalog, name: string): Resolution | undefined {
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

/** What the document lets stand for names that nobody has. */
function stoodFor(catalog: Catalog, name: string): Resolution | undefined {
  const { families, fallback } = catalog.snapshot;
  const tier = families === undefined ? undefined : tierOf(name);
  const kin = families === undefined || tier === undefined ? undefined : modelForTier(families, tier);
  const every = kin === undefined ? catchAll(catalog, name) : undefined;
  if (every !== undefined) return { model: every, understood: { as: name, by: "catch-all" } };
  const as = kin ?? (name === "" ? undefined : fallback);
  const model = as === undefined ? undefined : lookUp(catalog, as);
  if (as === undefined || model === undefined) return undefined;
  return { model, understood: { as, by: kin === undefined ? "fallback" : "family" } };
}

/** The virtual model that has this very name, or takes every name: for what changes a model, and must not guess. */
export function resolveExactly(catalog: Catalog, name: string): VirtualModel | undefined {
  return lookUp(catalog, name) ?? catchAll(catalog, name);
}

/** The virtual model that a name stands for. */
export function resolve(catalog: Catalog, name: string): VirtualModel | undefined {
  return resolveName(catalog, name)?.model;
}
