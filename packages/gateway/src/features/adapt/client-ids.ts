import type { NameRule } from "../../kernel/codec.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import { fits } from "./fit.ts";

/** Marks an id that was written in other characters than the backend gave it. */
const mark = "patchbay_";

/** Longest id that is written in other characters; backends give such of some dozens. */
const longestMarked = 1024;

/** What clients of a protocol take for the id of a tool call; absent where they take anything. */
export const clientIds: { readonly [P in Protocol]?: NameRule } = {
  // The API's own pattern for the ids in history, which clients check too: ^[a-zA-Z0-9_-]+$.
  "anthropic-messages": { character: /[a-zA-Z0-9_-]/, longest: Infinity },
  // The API refuses a longer `call_id`.
  "openai-responses": { character: /[\s\S]/, longest: 64 },
};

/**
 * A backend's id in characters that the client takes, reversibly; undefined if it has become too long. An id that
 * fits stays as it is, unless it looks like one of ours.
 */
export function toClient(id: string, rule: NameRule): string | undefined {
  if (fits(id, rule) && !id.startsWith(mark)) return id;
  const escaped = mark + id.replace(/[^a-zA-Z0-9-]/g, escapeUnit);
  return escaped.length <= longestMarked && fits(escaped, rule) ? escaped : undefined;
}

/** The backend's id, from what `toClient` made of it. Any other id is its own. */
export function fromClient(id: string): string {
  if (!id.startsWith(mark) || id.length > longestMarked) return id;
  const escaped = id.slice(mark.length);
  if (!/^(?:[a-zA-Z0-9-]|__|_[0-9a-f]{1,4}_)*$/.test(escaped)) return id;
  return escaped.replace(/__|_([0-9a-f]{1,4})_/g, (_all, code: string | undefined) =>
    code === undefined ? "_" : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** `_` is doubled; any other UTF-16 unit is its number between two of them. */
function escapeUnit(unit: string): string {
  return unit === "_" ? "__" : `_${unit.charCodeAt(0).toString(16)}_`;
}
