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

/** Leaves out what is undefined: absent is unknown. Safe for `__proto__`, which stays an ordinary entry. */
export function compact<Entries extends object>(entries: Entries): Compact<Entries> {
  // What is undefined is gone: that is all that the type says.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(Object.entries(entries).filter((entry) => entry[1] !== undefined)) as Compact<Entries>;
}
