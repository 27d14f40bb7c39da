import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf } from "../shared/json.ts";

/** Deeper schemas than any API takes are left as they are. */
const deepest = 64;

const named = new Set(["properties", "$defs", "definitions", "patternProperties"]);
const listed = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const single = new Set(["items", "not"]);

/**
 * A schema whose objects allow no other properties than they name: the API refuses an output format that does not say
 * so ("For 'object' type, 'additionalProperties' must be explicitly set to false"). Only places of schemas are looked
 * at, so that a property of the name `properties` is a property.
 */
export function closeObjects(schema: JsonObject, depth = 0): JsonObject {
  if (depth > deepest) return schema;
  const close = (value: Json): Json => {
    const inner = objectOf(value);
    return inner === undefined ? value : closeObjects(inner, depth + 1);
  };
  const entries = Object.entries(schema).map(([name, value]): [string, Json] => {
    const inner = objectOf(value);
    if (named.has(name) && inner !== undefined) {
      return [name, Object.fromEntries(Object.entries(inner).map(([each, member]) => [each, close(member)]))];
    }
    if (listed.has(name) && Array.isArray(value)) return [name, arrayOf(value).map(close)];
    return [name, single.has(name) ? close(value) : value];
  });
  const isOpen = schema["type"] === "object" && schema["additionalProperties"] !== false;
  return Object.fromEntries(isOpen ? [...entries, ["additionalProperties", false]] : entries);
}
