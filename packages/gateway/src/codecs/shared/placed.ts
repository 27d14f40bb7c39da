import type { Part } from "../../kernel/request.ts";
import { opaqueName } from "./extra.ts";

/** A part with the path by which a loss names it, wherever the part is written. */
export interface Placed<Kind extends Part = Part> {
  readonly part: Kind;
  readonly path: string;
}

/** What a loss calls a part: its place in the canonical request and its word, such as `messages[2].parts[0].image`. */
export function partPath(part: Part, list: string, place: number): string {
  return `${list}[${place}].${part.type === "opaque" ? opaqueName(part.keep) : part.type}`;
}

/** @param list The path of the list, such as `messages[2].parts`. */
export function placed(parts: readonly Part[], list: string): readonly Placed[] {
  return parts.map((part, place) => ({ part, path: partPath(part, list, place) }));
}

/** The parts of one type. */
export function ofType<Type extends Part["type"]>(
  parts: readonly Placed[],
  type: Type,
): readonly Placed<Extract<Part, { readonly type: Type }>>[] {
  return parts.filter((each): each is Placed<Extract<Part, { readonly type: Type }>> => each.part.type === type);
}
