import type { JsonObject } from "../../kernel/json.ts";
import type { Extra, GenerationRequest, Part } from "../../kernel/request.ts";
import { objectOf, textOf, unlessEmpty } from "../shared/json.ts";

export const protocol = "openai-responses";

/**
 * What stands in `keep["openai-responses"]`, by the kind of part. Requests and answers use the same shapes, so that
 * what an answer kept can be put into the next request.
 *
 * - Content of a message: `message`, the fields of its item (`id`, `status`, `phase`), on the first part of the item;
 *   `part`, the part's other fields, such as annotations.
 * - A call, a tool's result: the item's other fields, such as `id`, `status` and `namespace`.
 * - Reasoning: the whole item but for its `type`.
 * - Opaque: `item`, an item of a kind that we have no word for; or `content`, such a part of a message.
 */
export function keepOf(fields: JsonObject): { keep?: Extra } {
  const entries = unlessEmpty(fields);
  return entries === undefined ? {} : { keep: { [protocol]: entries } };
}

/** This protocol's own fields of a part; empty where there are none. */
export function ownOf(part: { readonly keep?: Extra }): JsonObject {
  return objectOf(part.keep?.[protocol]) ?? {};
}

/** Whether a request came from a client of this protocol: its fields mean what they say, also where they are absent. */
export function isOwn(request: GenerationRequest): boolean {
  const own = (part: Part) => part.keep?.[protocol] !== undefined;
  if (request.extra?.[protocol] !== undefined) return true;
  // An assistant's parts may bear our state in any client's request.
  return request.messages.some((message) => message.role !== "assistant" && message.parts.some(own));
}

/** What the ids of our items begin with. A backend that we speak to has never heard of such an id. */
const made = "pb";

/** An item's id, the same for the same answer, at most 64 characters as OpenAI demands. */
export function makeId(prefix: string, stem: string, place: number): string {
  return `${prefix}_${made}${place}_${stem.replace(/[^A-Za-z0-9]/g, "").slice(-40)}`;
}

const madeId = new RegExp(`^[a-z]{2,4}_${made}\\d+_`);

/** Whether `makeId` made it. */
export function isMade(id: unknown): boolean {
  return typeof id === "string" && madeId.test(id);
}

/** The text of a reasoning item: its summary, or else the raw reasoning of an open model. */
export function reasoningText(item: JsonObject): string {
  return textsOf(item["summary"]) || textsOf(item["content"]);
}

/** Between the parts of a summary, which are paragraphs. */
export const paragraph = "\n\n";

function textsOf(list: unknown): string {
  if (!Array.isArray(list)) return "";
  return list.flatMap((entry: JsonObject) => textOf(objectOf(entry)?.["text"]) ?? []).join(paragraph);
}
