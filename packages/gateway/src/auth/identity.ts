import type { KeyLimits } from "../kernel/limit.ts";

/** Who is asking. */
export type Identity =
  | {
      readonly kind: "key";
      readonly id: string;
      readonly name: string;
      /** Names or patterns of models it may use; absent means all. */
      readonly models?: readonly string[];
      /** What it may use; absent: as much as it wants. */
      readonly limits?: KeyLimits;
    }
  /** Nobody in particular: open access. */
  | { readonly kind: "open" }
  /** A key that the environment fixes, by the variable's name. */
  | { readonly kind: "fixed"; readonly name: string };

function matches(pattern: string, model: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === model;
  const head = pattern.slice(0, star);
  const tail = pattern.slice(star + 1);
  return model.length >= head.length + tail.length && model.startsWith(head) && model.endsWith(tail);
}

/** May it use a model of this name? Names are exact, or hold one `*` that stands for any text, also none. */
export function mayUse(identity: Identity, model: string): boolean {
  if (identity.kind !== "key" || identity.models === undefined) return true;
  return identity.models.some((pattern) => matches(pattern, model));
}

/** May it change what models an upstream has? A key that is limited to some models may not. */
export function mayManage(identity: Identity): boolean {
  return identity.kind !== "key" || identity.models === undefined;
}
