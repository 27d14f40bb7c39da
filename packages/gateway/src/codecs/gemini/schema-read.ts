import type { Json, JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { camel } from "./names.ts";

const types = new Set(["string", "number", "integer", "boolean", "array", "object", "null"]);
/** 64-bit integers, which protojson writes as texts. */
const counts = new Set(["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"]);
const lists = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const single = new Set(["items", "additionalProperties", "not"]);
const named = new Set(["properties", "patternProperties", "$defs", "definitions"]);
const mostDepth = 64;

/**
 * Gemini's schema, OpenAPI's subset in protojson, as JSON Schema: types in lower case, `nullable` as a type, counts as
 * numbers. What is JSON Schema already stays as it is; the names of properties are never touched.
 */
export function raiseSchema(schema: JsonObject, depth = 0): JsonObject {
  if (depth > mostDepth) return schema;
  const entries = Object.entries(camel(schema)).flatMap(([name, value]): [string, Json][] => {
    if (name === "nullable" || (name === "format" && value === "enum")) return [];
    return [[name, raiseKeyword(name, value, depth + 1)]];
  });
  const raised: JsonObject = Object.fromEntries(entries);
  return schema["nullable"] === true ? allowNull(raised) : raised;
}

function raiseKeyword(name: string, value: Json, depth: number): Json {
  if (name === "type") return raiseType(value);
  if (counts.has(name)) return typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (lists.has(name)) return arrayOf(value).map((item) => (isJsonObject(item) ? raiseSchema(item, depth) : item));
  if (single.has(name)) return isJsonObject(value) ? raiseSchema(value, depth) : value;
  if (!named.has(name)) return value;
  const entries = Object.entries(objectOf(value) ?? {});
  return Object.fromEntries(entries.map(([key, item]) => [key, isJsonObject(item) ? raiseSchema(item, depth) : item]));
}

function raiseType(value: Json): Json {
  if (Array.isArray(value)) return arrayOf(value).map(raiseType);
  if (typeof value !== "string") return value;
  const word = value.toLowerCase();
  return types.has(word) ? word : value;
}

function allowNull(schema: JsonObject): JsonObject {
  const { type, anyOf } = schema;
  if (typeof type === "string") return { ...schema, type: [type, "null"] };
  if (anyOf !== undefined) return { ...schema, anyOf: [...arrayOf(anyOf), { type: "null" }] };
  return schema;
}
