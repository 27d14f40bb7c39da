import { isJsonObject, own, type Json, type JsonObject } from "../../kernel/json.ts";

/** Longest model name, in characters. */
export const longestId = 256;
const longestText = 256;
const mostModalities = 16;
/** Larger numbers of tokens or seconds than this are nonsense. */
const largestCount = 1e12;
// oxlint-disable-next-line no-control-regex -- control characters are what is refused, and marks that turn text around.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]|^\s|\s$/;

export function text(value: Json | undefined, longest = longestText): string | undefined {
  if (typeof value !== "string" || value === "" || value.length > longest) return undefined;
  return unprintable.test(value) || !value.isWellFormed() ? undefined : value;
}

/** A whole number above 0. Zero means unknown in every list we have seen. */
export function count(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= largestCount ? value : undefined;
}

export function flag(value: Json | undefined): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

export function object(value: Json | undefined): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}

/** The first of `names` that `read` accepts. */
export function first<Value>(
  source: JsonObject | undefined,
  names: readonly string[],
  read: (value: Json | undefined) => Value | undefined,
): Value | undefined {
  if (source === undefined) return undefined;
  for (const name of names) {
    const value = read(own(source, name));
    if (value !== undefined) return value;
  }
  return undefined;
}

export function words(value: Json | undefined): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const found = value.slice(0, mostModalities).flatMap((item: Json) => text(item, 32) ?? []);
  return found.length === 0 ? undefined : found;
}

export function firstIn<Value>(
  sources: readonly JsonObject[],
  names: readonly string[],
  read: (value: Json | undefined) => Value | undefined,
): Value | undefined {
  for (const source of sources) {
    const value = first(source, names, read);
    if (value !== undefined) return value;
  }
  return undefined;
}
