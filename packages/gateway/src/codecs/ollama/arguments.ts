import type { Json, JsonObject } from "../../kernel/json.ts";
import { isExact } from "../shared/exact.ts";
import { objectOf } from "../shared/json.ts";

/** A call's arguments as JSON text. Ollama's are an object; some servers and clients send the text itself. */
export function readArguments(value: Json | undefined): string {
  if (typeof value === "string") return value.trim() === "" ? "{}" : value;
  return value === undefined || value === null ? "{}" : JSON.stringify(value);
}

/** The value if it is an object, and not a long number in the guise of one. */
export function plainObjectOf(value: Json | undefined): JsonObject | undefined {
  return isExact(value) ? undefined : objectOf(value);
}
