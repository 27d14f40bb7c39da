import type { Part } from "../../kernel/request.ts";

/** A part with its path in the canonical request, by which a loss is named wherever the part is written. */
export interface Placed<Kind extends Part = Part> {
  readonly part: Kind;
  readonly path: string;
}

/** @param path That of the list, such as `messages[2].parts`. */
export function placed(parts: readonly Part[], path: string): readonly Placed[] {
  return parts.map((part, place) => ({ part, path: `${path}[${place}]` }));
}

/** The parts of one type. */
export function ofType<Type extends Part["type"]>(
  parts: readonly Placed[],
  type: Type,
): readonly Placed<Extract<Part, { readonly type: Type }>>[] {
  return parts.filter((each): each is Placed<Extract<Part, { readonly type: Type }>> => each.part.type === type);
}
