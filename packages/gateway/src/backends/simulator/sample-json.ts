import { isJsonObject, own } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";

/** Deepest nesting that is filled in; below it optional things are left out and required ones are empty. */
const deepest = 8;

/**
 * A value that fits a JSON schema, the same every time: the first of what a schema allows, the required properties and
 * those that are declared. Understands the keywords that tools use: type, properties, required, items, minItems, enum,
 * const, default, anyOf/oneOf/allOf, minimum, minLength and local `$ref`s.
 */
export function sampleFor(schema: Json | undefined, root: Json | undefined = schema, depth = 0): Json {
  if (!isJsonObject(schema) || depth > deepest) return {};
  const constant = own(schema, "const") ?? own(schema, "default");
  if (constant !== undefined) return constant;
  const allowed = own(schema, "enum");
  if (Array.isArray(allowed) && allowed[0] !== undefined) return allowed[0];
  const reference = own(schema, "$ref");
  if (typeof reference === "string") return sampleFor(follow(root, reference), root, depth + 1);
  for (const keyword of ["anyOf", "oneOf", "allOf"]) {
    const options = own(schema, keyword);
    if (Array.isArray(options) && options[0] !== undefined) return sampleFor(options[0], root, depth + 1);
  }
  const type = own(schema, "type");
  switch (Array.isArray(type) ? type[0] : type) {
    case "string":
      return "sample".padEnd(Math.min(numberOf(schema, "minLength") ?? 0, 1000), "-");
    case "integer":
    case "number":
      return numberOf(schema, "minimum") ?? 1;
    case "boolean":
      return true;
    case "null":
      return null;
    case "array":
      return Array.from({ length: Math.min(Math.max(numberOf(schema, "minItems") ?? 1, 0), 10) }, () =>
        sampleFor(own(schema, "items"), root, depth + 1),
      );
    default:
      return sampleObject(schema, root, depth);
  }
}

function sampleObject(schema: JsonObject, root: Json | undefined, depth: number): JsonObject {
  const properties = own(schema, "properties");
  if (!isJsonObject(properties)) return {};
  const entries = Object.entries(properties).map(([name, property]): [string, Json] => [
    name,
    sampleFor(property, root, depth + 1),
  ]);
  return Object.fromEntries(entries);
}

function follow(root: Json | undefined, reference: string): Json | undefined {
  if (!reference.startsWith("#")) return undefined;
  let place = root;
  for (const step of reference.slice(1).split("/").slice(1)) {
    if (!isJsonObject(place)) return undefined;
    place = own(place, step.replaceAll("~1", "/").replaceAll("~0", "~"));
  }
  return place;
}

function numberOf(schema: JsonObject, name: string): number | undefined {
  const value = own(schema, name);
  return typeof value === "number" ? value : undefined;
}
