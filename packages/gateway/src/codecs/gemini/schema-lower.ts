import { isJsonObject } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isExact } from "../shared/exact.ts";
import { arrayOf, objectOf, textOf, without } from "../shared/json.ts";

/** Keywords whose value is one schema, a list of schemas, or a schema for each name. */
const single = new Set(["items", "additionalProperties"]);
const lists = new Set(["anyOf", "prefixItems"]);
const plain = new Set([
  ..."type format title description default enum nullable pattern propertyOrdering required".split(" "),
  ..."minimum maximum minItems maxItems minLength maxLength minProperties maxProperties".split(" "),
]);

/** A reference may stand within itself this often; what is deeper is anything of its type. */
const mostNesting = 2;
/** Schemas that one schema may grow by, and all of a request, by putting references in place; and bytes, roughly. */
const mostSchemas = 20_000;
const mostOfAll = 100_000;
const mostBytes = 16_777_216;
const mostDepth = 64;

interface Place {
  readonly root: JsonObject;
  /** References that this place stands within. */
  readonly within: readonly string[];
  readonly depth: number;
  readonly budget: SchemaBudget;
  /** How many schemas the budget may have left for this one to grow further. */
  readonly floor: number;
}

/** What the schemas of a request may grow by: a few bytes could name each other so that they become gigabytes. */
export class SchemaBudget {
  schemas = mostOfAll;
  bytes = mostBytes;
  readonly #sizes = new Map<JsonObject, number>();

  /** Pays for another copy of a schema. */
  copy(schema: JsonObject): void {
    const known = this.#sizes.get(schema) ?? JSON.stringify(schema).length;
    this.#sizes.set(schema, known);
    this.bytes -= known;
  }
}

function placeOf(root: JsonObject, budget: SchemaBudget): Place {
  return { root, within: [], depth: 0, budget, floor: Math.max(0, budget.schemas - mostSchemas) };
}

/**
 * A JSON Schema in the subset that language models' vendors share: references are put in place (recursive ones to a
 * small depth), `const` becomes `enum`, `oneOf` becomes `anyOf`, `allOf` is merged, exclusive limits become plain ones,
 * names in `required` that no property has are left out, and every other keyword is dropped. A property may have any
 * name, also that of a keyword, and data such as `default` and `enum` stays untouched.
 */
export function lowerSchema(schema: JsonObject, budget = new SchemaBudget()): JsonObject {
  return lower(schema, placeOf(schema, budget));
}

/**
 * Like `lowerSchema`, for the arguments of a tool, which are always an object: a choice between objects becomes one
 * object that has room for all of them, so that every call that was valid still is.
 */
export function lowerParameters(schema: JsonObject, budget = new SchemaBudget()): JsonObject {
  const lowered = lower(schema, placeOf(schema, budget));
  const { anyOf, ...rest } = lowered;
  const members = arrayOf(anyOf).filter(isJsonObject);
  const merged = members.length === 0 ? lowered : unite(rest, members);
  const kept = objectOf(merged["properties"]) === undefined && merged["type"] !== "object" ? {} : merged;
  const description = textOf(merged["description"]);
  return {
    ...(description !== undefined && { description }),
    ...without(kept, new Set(["nullable"])),
    type: "object",
    properties: objectOf(kept["properties"]) ?? {},
  };
}

/** One object for a choice between several: all their properties, of which only those of everyone are required. */
function unite(outer: JsonObject, members: readonly JsonObject[]): JsonObject {
  const choices = new Map<string, Map<string, Json>>();
  for (const each of [outer, ...members]) {
    for (const [name, value] of Object.entries(objectOf(each["properties"]) ?? {})) {
      const known = choices.get(name) ?? new Map<string, Json>();
      choices.set(name, known);
      for (const alternative of known.size === 0 ? [value] : alternatives(value)) {
        const text = JSON.stringify(alternative);
        if (!known.has(text)) known.set(text, alternative);
      }
    }
  }
  const properties = [...choices].map(([name, known]): [string, Json] => [name, choiceOf([...known.values()])]);
  const objects = members.filter((each) => each["type"] === "object" || objectOf(each["properties"]) !== undefined);
  const others = objects.slice(1).map((each) => new Set(arrayOf(each["required"])));
  const shared = arrayOf(objects[0]?.["required"]).filter((name) => others.every((names) => names.has(name)));
  const required = [...new Set([...arrayOf(outer["required"]), ...shared])];
  const { required: _, ...rest } = outer;
  return {
    ...rest,
    type: "object",
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
  };
}

function choiceOf(values: readonly Json[]): Json {
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : { anyOf: values.flatMap(alternatives) };
}

function alternatives(schema: Json): readonly Json[] {
  const { anyOf, ...rest } = objectOf(schema) ?? {};
  return anyOf !== undefined && Object.keys(rest).length === 0 ? arrayOf(anyOf) : [schema];
}

/** A boolean schema and what is no schema at all say nothing. */
function lowerAny(value: Json, place: Place): JsonObject {
  return isJsonObject(value) && !isExact(value) ? lower(value, place) : {};
}

function lower(given: JsonObject, place: Place): JsonObject {
  const { budget, within, depth } = place;
  if (within.length > 0) budget.schemas -= 1;
  const isSpent = within.length > 0 && (budget.schemas < place.floor || budget.bytes < 0);
  if (isSpent || depth > mostDepth) return cut(given, place);
  const reference = textOf(given["$ref"]);
  if (reference !== undefined) return lowerReference(given, reference, place);
  const schema = mergeAllOf(given, place);
  const deeper: Place = { ...place, depth: place.depth + 1 };
  const out = new Map<string, Json>();
  for (const [name, value] of Object.entries(schema)) {
    if (plain.has(name)) out.set(name, value);
    else if (name === "properties") {
      const entries = Object.entries(objectOf(value) ?? {}).map(
        ([property, inner]) => [property, lowerAny(inner, deeper)] as const,
      );
      out.set(name, Object.fromEntries(entries));
    } else if (lists.has(name)) out.set(name, lowerList(value, deeper));
    else if (single.has(name)) lowerSingle(name, value, { out, deeper });
  }
  lowerChoices(schema, out, deeper);
  lowerConst(schema, out);
  lowerLimits(schema, out);
  tidyRequired(out);
  lowerTypes(out);
  return Object.fromEntries(out);
}

function lowerList(value: Json, place: Place): readonly JsonObject[] {
  return arrayOf(value).map((item) => lowerAny(item, place));
}

function lowerSingle(
  name: string,
  value: Json,
  { out, deeper }: { readonly out: Map<string, Json>; readonly deeper: Place },
): void {
  if (Array.isArray(value) && name === "items") {
    // The old form of a tuple.
    const items = lowerList(value, deeper);
    if (items.length > 0) out.set(name, items.length === 1 ? (items[0] ?? {}) : { anyOf: items });
  } else if (typeof value === "boolean") {
    if (name === "additionalProperties") out.set(name, value);
  } else out.set(name, lowerAny(value, deeper));
}

/** `oneOf` is read as `anyOf`; where both are given, one of them has to do. */
function lowerChoices(schema: JsonObject, out: Map<string, Json>, place: Place): void {
  const choices = arrayOf(schema["oneOf"]);
  if (choices.length > 0 && arrayOf(out.get("anyOf")).length === 0) out.set("anyOf", lowerList(choices, place));
  const list = arrayOf(out.get("anyOf"));
  if (list.length === 0) out.delete("anyOf");
}

function lowerConst(schema: JsonObject, out: Map<string, Json>): void {
  const value = Object.hasOwn(schema, "const") ? schema["const"] : undefined;
  if (value === undefined) return;
  out.set("enum", [value]);
  const type = typeOf(value);
  if (!out.has("type") && type !== undefined) out.set("type", type);
}

function typeOf(value: Json): string | undefined {
  if (value === null) return "null";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value === "string" || typeof value === "boolean" ? typeof value : undefined;
}

/** An exclusive limit of whole numbers is the next plain one; of others, it is as near as a plain one can say. */
function lowerLimits(schema: JsonObject, out: Map<string, Json>): void {
  const step = schema["type"] === "integer" ? 1 : 0;
  const { exclusiveMinimum: above, exclusiveMaximum: below } = schema;
  if (typeof above === "number" && !out.has("minimum")) out.set("minimum", above + step);
  if (typeof below === "number" && !out.has("maximum")) out.set("maximum", below - step);
}

/** Several types become a choice; null beside one type stays a list. */
function lowerTypes(out: Map<string, Json>): void {
  const type = out.get("type");
  if (!Array.isArray(type)) return;
  const names = arrayOf(type).filter((name) => typeof name === "string");
  const others = names.filter((name) => name !== "null");
  const nullable = others.length < names.length;
  const [only] = others;
  if (only === undefined) {
    if (names.length > 0) out.set("type", "null");
    else out.delete("type");
  } else if (others.length === 1) {
    out.set("type", nullable ? [only, "null"] : only);
  } else if (out.has("anyOf")) out.delete("type");
  else {
    out.delete("type");
    const choices = nullable ? [...others, "null"] : others;
    out.set(
      "anyOf",
      choices.map((name) => choice(name, out)),
    );
    for (const name of specific) out.delete(name);
  }
}

/** Keywords that only one type understands, which go with it. */
const specific = new Set([
  ..."items prefixItems minItems maxItems properties required additionalProperties minProperties".split(" "),
  ..."maxProperties minLength maxLength pattern minimum maximum".split(" "),
]);
const ofType: { readonly [type: string]: readonly string[] } = {
  array: ["items", "prefixItems", "minItems", "maxItems"],
  object: ["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
  string: ["minLength", "maxLength", "pattern"],
  number: ["minimum", "maximum"],
  integer: ["minimum", "maximum"],
};

function choice(type: string, from: ReadonlyMap<string, Json>): JsonObject {
  const names = Object.hasOwn(ofType, type) ? (ofType[type] ?? []) : [];
  const entries = names.flatMap((name): [string, Json][] => {
    const value = from.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries([["type", type], ...entries]);
}

function tidyRequired(out: Map<string, Json>): void {
  const required = out.get("required");
  if (required === undefined) return;
  const properties = objectOf(out.get("properties")) ?? {};
  const known = arrayOf(required).filter((name) => typeof name === "string" && Object.hasOwn(properties, name));
  if (known.length > 0) out.set("required", known);
  else out.delete("required");
}

/** The members of `allOf` as one schema with what stands beside them: properties together, else the first that says it. */
function mergeAllOf(schema: JsonObject, place: Place): JsonObject {
  const members = arrayOf(schema["allOf"]);
  if (members.length === 0) return schema;
  const merged = new Map<string, Json>(Object.entries(schema).filter(([name]) => name !== "allOf"));
  const properties = new Map<string, Json>(Object.entries(objectOf(merged.get("properties")) ?? {}));
  const required = new Set<Json>(arrayOf(merged.get("required")));
  for (const member of members) {
    const read = lowerAny(member, { ...place, depth: place.depth + 1 });
    for (const [name, value] of Object.entries(objectOf(read["properties"]) ?? {})) {
      if (!properties.has(name)) properties.set(name, value);
    }
    for (const name of arrayOf(read["required"])) required.add(name);
    for (const [name, value] of Object.entries(read)) if (!merged.has(name)) merged.set(name, value);
  }
  if (properties.size > 0) merged.set("properties", Object.fromEntries(properties));
  if (required.size > 0) merged.set("required", [...required]);
  return Object.fromEntries(merged);
}

function lowerReference(given: JsonObject, reference: string, place: Place): JsonObject {
  const target = resolve(place.root, reference);
  const { $ref: _, ...beside } = given;
  if (target === undefined) return lower(beside, place);
  const times = place.within.filter((each) => each === reference).length;
  place.budget.copy(target);
  if (times >= mostNesting) return { ...cut(target, place), ...lower(beside, { ...place, depth: place.depth + 1 }) };
  const deeper: Place = { ...place, within: [...place.within, reference], depth: place.depth + 1 };
  // What stands beside a reference says more than what it refers to, as a description does.
  return lower({ ...target, ...beside }, deeper);
}

/** What a place may hold whose schema would go on for ever. */
function cut(schema: JsonObject, { budget, within }: Place): JsonObject {
  const type = textOf(schema["type"]);
  // What stands within a reference is said again and again.
  const description = budget.bytes < 0 && within.length > 0 ? undefined : textOf(schema["description"]);
  return { ...(type !== undefined && { type }), ...(description !== undefined && { description }) };
}

/** The schema at a JSON pointer within the root; undefined for one elsewhere. */
function resolve(root: JsonObject, reference: string): JsonObject | undefined {
  if (!reference.startsWith("#")) return undefined;
  let at: Json | undefined = root;
  for (const step of reference.slice(1).split("/").slice(1)) {
    const name: string = unescape(step);
    if (Array.isArray(at)) at = arrayOf(at)[Number(name)];
    else at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }
  return objectOf(at);
}

function unescape(step: string): string {
  const text = step.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
