export type JsonPrimitive = string | number | boolean | null;
export type Json = JsonPrimitive | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

/** True for `{...}`; false for arrays, null and everything else. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `value[name]` if it is an own property, so that a hostile `__proto__` or `constructor` reads as absent. */
export function own(value: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Removes object entries that are `undefined`; `JSON.stringify` drops them anyway, types do not. */
export function compact(entries: { readonly [name: string]: Json | undefined }): JsonObject {
  const result: { [name: string]: Json } = {};
  for (const name of Object.keys(entries)) {
    const value = entries[name];
    if (value !== undefined) result[name] = value;
  }
  return result;
}
