import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import { everyProtocol } from "../../kernel/protocol.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import type { Extra, Message, ToolChoice } from "../../kernel/request.ts";
import { isExact } from "./exact.ts";
import { arrayOf, objectOf, unlessEmpty } from "./json.ts";

/**
 * Where in an OpenAI answer the fields of an event's `extra` belong: beside `id` and `model`, in the choice,
 * in the message or delta, or in `usage`.
 */
export interface VendorFields {
  readonly answer?: JsonObject;
  readonly choice?: JsonObject;
  readonly message?: JsonObject;
  readonly usage?: JsonObject;
}

/** Wraps fields as `extra` of one protocol; undefined if all places are empty. */
export function vendorExtra(protocol: Protocol, fields: VendorFields): Extra | undefined {
  const entries: { [name: string]: Json } = {};
  for (const place of ["answer", "choice", "message", "usage"] as const) {
    const value = fields[place] && unlessEmpty(fields[place]);
    if (value !== undefined) entries[place] = value;
  }
  return unlessEmpty(entries) && { [protocol]: entries };
}

/** The fields of one place in an event's `extra`; empty where there are none. */
export function vendorFields(extra: Extra | undefined, protocol: Protocol, place: keyof VendorFields): JsonObject {
  return objectOf(extra?.[protocol]?.[place]) ?? {};
}

/** Entries that are no losses elsewhere: marks of ours, and fields kept raw whose meaning the canonical request has. */
const understood: { readonly [P in Protocol]?: ReadonlySet<string> } = {
  "openai-chat": new Set([
    "functions",
    "function_call",
    "cache_control",
    "reasoning_effort",
    "reasoning",
    "include_reasoning",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "prompt_cache_key",
    "prompt_cache_retention",
  ]),
  // Caching and the size of a stream's pieces are between a client and its vendor.
  "anthropic-messages": new Set(["cache_control", "eager_input_streaming", "$toolPlaces"]),
  // Caching and pieces again. Responses are stored by the gateway itself, encrypted reasoning travels whether it is
  // asked for or not, names of a namespace find back to it, and a client's word to its own vendor is between those two.
  "openai-responses": new Set([
    "stream_options",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "store",
    "include",
    "namespace",
    "client_metadata",
    "internal_chat_message_metadata_passthrough",
  ]),
};

/** A loss for each entry that belongs to another protocol than the one being written, and says something. */
export function foreignLosses(extra: Extra | undefined, protocol: Protocol, prefix: string): Loss[] {
  if (extra === undefined) return [];
  return everyProtocol
    .filter((name) => name !== protocol)
    .flatMap((name) =>
      Object.entries(extra[name] ?? {}).filter(
        ([field, value]) => saysSomething(field, value) && understood[name]?.has(field) !== true,
      ),
    )
    .map(([field]) => ({ field: prefix + field, reason: "unsupported" as const }));
}

/** What a message loses beside its parts where speakers have no names: its name, and what is another protocol's. */
export function messageLosses({ role, name, extra }: Message, protocol: Protocol, path: string): Loss[] {
  const foreign = foreignLosses(extra, protocol, `${path}.`);
  // A tool's name stands beside its result.
  if (name === undefined || role === "tool") return foreign;
  return [...foreign, { field: `${path}.name`, reason: "unsupported" }];
}

function saysSomething(field: string, value: Json): boolean {
  // Nothing is stored elsewhere anyway.
  if (field === "store" && value === false) return false;
  if (Array.isArray(value)) return value.length > 0;
  return value !== null && (typeof value !== "object" || isExact(value) || Object.keys(value).length > 0);
}

/** The name of an opaque part that is lost: the `type` that its own protocol gives it, such as `server_tool_use`. */
export function opaqueName(keep: Extra | undefined): string {
  for (const protocol of everyProtocol) {
    const type = keep?.[protocol]?.["type"];
    if (typeof type === "string") return type;
  }
  return "opaque";
}

/** A choice that was kept whole; undefined, with a loss, for another protocol's. */
export function keptChoice(
  choice: Extract<ToolChoice, { readonly type: "opaque" }>,
  protocol: Protocol,
  losses: Loss[],
): Json | undefined {
  const own = choice.keep[protocol]?.["tool_choice"];
  if (own === undefined) losses.push({ field: "toolChoice", reason: "unsupported" });
  return own;
}

/** The objects as one, where a later entry replaces an earlier one. */
export function mergeAll(objects: readonly JsonObject[]): JsonObject {
  return Object.fromEntries(objects.flatMap((each) => Object.entries(each)));
}

/**
 * Adds the fields of a later piece of a message to those of the earlier ones: lists are joined, objects are
 * merged, anything else is replaced. `joined` names the texts that grow by pieces, such as an audio's `data`.
 */
export function mergeFields(earlier: JsonObject, later: JsonObject, joined: ReadonlySet<string>): JsonObject {
  const merged = new Map<string, Json>(Object.entries(earlier));
  for (const [name, value] of Object.entries(later))
    merged.set(name, mergeValue(merged.get(name), value, name, joined));
  return Object.fromEntries(merged);
}

function mergeValue(before: Json | undefined, value: Json, name: string, joined: ReadonlySet<string>): Json {
  if (Array.isArray(before) && Array.isArray(value)) return [...arrayOf(before), ...arrayOf(value)];
  const [left, right] = [objectOf(before), objectOf(value)];
  if (left !== undefined && right !== undefined) return mergeFields(left, right, joined);
  if (typeof before === "string" && typeof value === "string" && joined.has(name)) return before + value;
  return value;
}

/** Names the fields that a stream repeats or changes, so that each value is told once. */
export class ChangedFields {
  readonly #known: ReadonlySet<string>;
  readonly #seen = new Map<string, string>();

  /** `known` are the fields with a meaning of their own. */
  constructor(known: ReadonlySet<string>) {
    this.#known = known;
  }

  /** The unknown fields whose value is neither null nor what it was before; undefined if there are none. */
  of(value: JsonObject): JsonObject | undefined {
    let fields: [string, Json][] | undefined;
    for (const name of Object.keys(value)) {
      const field = value[name];
      if (field === undefined || field === null || this.#known.has(name)) continue;
      const text = JSON.stringify(field);
      if (text === "{}" || text === "[]" || this.#seen.get(name) === text) continue;
      this.#seen.set(name, text);
      (fields ??= []).push([name, field]);
    }
    return fields && Object.fromEntries(fields);
  }
}
