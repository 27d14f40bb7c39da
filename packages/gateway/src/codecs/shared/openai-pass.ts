import type { Dialect, PassThrough, RequestView } from "../../kernel/codec.ts";
import type { Edit } from "../../kernel/edit.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import { unlessEmpty, without } from "./json.ts";

/** The name of `include_usage`'s home, and what is asked of the stream for our accounts. */
const field = "stream_options";

/**
 * Asks for the usage event of a stream where the client did not and the backend can, and keeps that event from
 * the client; takes the question out where the backend does not know it.
 */
export function usageEdits(request: RequestView, dialect: Dialect): PassThrough {
  const unchanged: PassThrough = { edits: [], tap: { dropUsageEvent: false } };
  if (request.field("stream") !== true) return unchanged;
  const given = request.field(field) ?? undefined;
  // What is no object is the client's mistake, which the backend explains better than we could.
  if (given !== undefined && !isJsonObject(given)) return unchanged;
  if (dialect.streamUsage) {
    if (given?.["include_usage"] === true) return unchanged;
    const value: JsonObject = { ...given, include_usage: true };
    return { edits: [{ kind: "set", field, value }], tap: { dropUsageEvent: true } };
  }
  if (given === undefined) return unchanged;
  const rest = unlessEmpty(without(given, new Set(["include_usage"])));
  const edit: Edit = rest === undefined ? { kind: "remove", field } : { kind: "set", field, value: rest };
  return { edits: [edit], tap: { dropUsageEvent: false } };
}

/** Gives the limit of output tokens the one name that the dialect knows. */
export function limitEdits(request: RequestView, dialect: Dialect): readonly Edit[] {
  const known = dialect.maxTokensField;
  if (known === undefined) return [];
  const other = known === "max_tokens" ? "max_completion_tokens" : "max_tokens";
  const value = request.field(other);
  if (value === undefined) return [];
  const existing = request.field(known);
  if (existing === undefined) return [{ kind: "rename", field: other, to: known }];
  // Of the two, `max_completion_tokens` counts, unless it is null.
  const first = known === "max_completion_tokens" ? (existing ?? value) : (value ?? existing);
  const remove: Edit = { kind: "remove", field: other };
  return first === existing || typeof first !== "number"
    ? [remove]
    : [{ kind: "set", field: known, value: first }, remove];
}
