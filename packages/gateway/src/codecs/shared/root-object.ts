import type { Json, JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import { arrayOf, objectOf, without } from "./json.ts";

const unions = ["anyOf", "oneOf", "allOf"] as const;

/**
 * A tool's schema with an object at its root: Anthropic refuses any other, and unions there ("input_schema does not
 * support oneOf, allOf, or anyOf at the top level"); so does OpenAI ("schema must have type 'object' and not have
 * 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level"). A union becomes the properties of all its members.
 */
export function rootObject(schema: JsonObject | undefined, path: string, losses: Loss[]): JsonObject {
  if (schema === undefined) return { type: "object", properties: {} };
  const members = unions
    .flatMap((name) => arrayOf(schema[name]))
    .flatMap((member): readonly JsonObject[] => (isJsonObject(member) ? [member] : []));
  const hasUnion = unions.some((name) => schema[name] !== undefined);
  if (schema["type"] === "object" && !hasUnion) return schema;
  const isPlain = !hasUnion && (schema["type"] === undefined || schema["type"] === null);
  if (!isPlain) losses.push({ field: path, reason: "approximated" });
  if (!hasUnion) return { ...schema, type: "object" };
  const properties = new Map<string, Json>();
  for (const member of [...members, schema]) {
    for (const [name, property] of Object.entries(objectOf(member["properties"]) ?? {})) properties.set(name, property);
  }
  const rest = without(schema, new Set<string>(unions));
  return { ...rest, type: "object", properties: Object.fromEntries(properties) };
}
