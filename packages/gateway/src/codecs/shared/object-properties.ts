import type { Json, JsonObject } from "../../kernel/json.ts";
import { objectOf } from "./json.ts";

/** Deeper schemas are left as they are. */
const deepest = 64;

/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const inner = new Set([
  "items",
  "additionalProperties",
  "not",
  "if",
  "then",
  "else",
  "anyOf",
  "oneOf",
  "allOf",
  "prefixItems",
]);
const byName = new Set(["properties", "patternProperties", "$defs", "definitions"]);

/**
 * The schema with `properties` in every object's schema: OpenAI refuses a function without ("object schema missing
 * properties"), while Anthropic, Gemini and MCP servers do without for tools that take nothing. It is the very same
 * object where nothing is missing.
 */
export function withProperties(schema: JsonObject, depth = 0): JsonObject {
  if (depth > deepest) return schema;
  let changed = schema["type"] === "object" && schema["properties"] === undefined;
  const entries = Object.entries(schema).map(([name, value]): [string, Json] => {
    const next = byName.has(name) ? ofEach(value, depth) : inner.has(name) ? ofSchema(value, depth) : value;
    changed ||= next !== value;
    return [name, next];
  });
  if (!changed) return schema;
  const whole = Object.fromEntries(entries);
  return whole["type"] === "object" && whole["properties"] === undefined ? { ...whole, properties: {} } : whole;
}

function ofSchema(value: Json, depth: number): Json {
  if (!Array.isArray(value)) {
    const schema = objectOf(value);
    return schema === undefined ? value : withProperties(schema, depth + 1);
  }
  const list = (value as readonly Json[]).map((each) => ofSchema(each, depth + 1));
  return list.every((each, place) => each === value[place]) ? value : list;
}

function ofEach(value: Json, depth: number): Json {
  const schemas = objectOf(value);
  if (schemas === undefined) return value;
  const entries = Object.entries(schemas).map(([name, each]): [string, Json] => [name, ofSchema(each, depth)]);
  return entries.every(([name, each]) => each === schemas[name]) ? value : Object.fromEntries(entries);
}
