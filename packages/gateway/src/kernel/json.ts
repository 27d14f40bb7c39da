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

/** Entries that may be undefined become entries that may be absent. */
type Compact<Entries> = {
  readonly [Name in keyof Entries as undefined extends Entries[Name] ? never : Name]: Entries[Name];
} & {
  readonly [Name in keyof Entries as undefined extends Entries[Name] ? Name : never]?: Exclude<
    Entries[Name],
    undefined
  >;
};

const ordinary = { enumerable: true, configurable: true, writable: true };

/** Leaves out what is undefined: absent is unknown. Safe for `__proto__`, which stays an ordinary entry. */
export function compact<Entries extends object>(entries: Entries): Compact<Entries> {
  const all = entries as { readonly [name: string]: unknown };
  const given: { [name: string]: unknown } = {};
  for (const name of Object.keys(all)) {
    const value = all[name];
    if (value === undefined) continue;
    if (name === "__proto__") Object.defineProperty(given, name, { value, ...ordinary });
    else given[name] = value;
  }
  // What is undefined is gone: that is all that the type says.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return given as Compact<Entries>;
}
