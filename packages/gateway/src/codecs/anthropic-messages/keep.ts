import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra, Part } from "../../kernel/request.ts";
import { objectOf, unlessEmpty, without } from "../shared/json.ts";

export const protocol = "anthropic-messages";

/**
 * In `keep`: the whole block that a text stands for, such as a search result, which other protocols get as text. No
 * field of a block has this name.
 */
export const wholeBlock = "$block";

/** In `extra` of a request: where in its `tools` the vendor's own stood, since order matters to caches. */
export const toolPlaces = "$toolPlaces";

/** `keep` or `extra` of this protocol; nothing if there are no fields. */
export function ownExtra(fields: JsonObject): Extra | undefined {
  return unlessEmpty(fields) && { [protocol]: fields };
}

/** A part's `keep` property with a block's unknown fields. */
export function keepRest(block: JsonObject, known: ReadonlySet<string>): { keep?: Extra } {
  const keep = ownExtra(without(block, known));
  return keep === undefined ? {} : { keep };
}

/** What a part keeps of this protocol. */
export function kept(part: { readonly keep?: Extra }): JsonObject {
  return part.keep?.[protocol] ?? {};
}

/** A block that we have no word for. */
export function opaque(block: JsonObject): Part {
  return { type: "opaque", keep: { [protocol]: block } };
}

/** The block that a part stands for; undefined if it was made of a block's fields. */
export function blockOf(part: { readonly keep?: Extra }): JsonObject | undefined {
  return objectOf(kept(part)[wholeBlock]);
}

/** The texts of `content`: a string, or the text blocks among its blocks. */
export function textsOf(content: Json | undefined): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return (content as readonly Json[]).flatMap((item) => {
    const text = objectOf(item)?.["text"];
    return typeof text === "string" ? [text] : [];
  });
}
