import type { Json } from "./json.ts";

/** A change to a member of a JSON object's top level, said as data. What cannot be said so is a translation. */
export type Edit =
  | { readonly kind: "set"; readonly field: string; readonly value: Json }
  | { readonly kind: "remove"; readonly field: string }
  | { readonly kind: "rename"; readonly field: string; readonly to: string };
