import type { Json, JsonObject } from "../../kernel/json.ts";
import { isExact, parseExactObject } from "../shared/exact.ts";
import { objectOf } from "../shared/json.ts";

/** A call's arguments as JSON text. Ollama's are an object; some servers and clients send the text itself. */
export function readArguments(value: Json | undefined): string {
  if (typeof value === "string") return value.trim() === "" ? "{}" : value;
  return value === undefined || value === null ? "{}" : JSON.stringify(value);
}

/** Where text goes that is no JSON object, so that whoever runs the tool sees it and can say what is wrong. */
const textArgument = "input";

/** A call's arguments as the object that Ollama and its clients insist on; `exact` tells whether it says the same. */
export function writeArguments(
  text: string,
  tool: "function" | "custom",
): { readonly value: JsonObject; readonly exact: boolean } {
  if (tool === "custom") return { value: { [textArgument]: text }, exact: true };
  if (text.trim() === "") return { value: {}, exact: true };
  const value = parseExactObject(text);
  return value === undefined ? { value: { [textArgument]: text }, exact: false } : { value, exact: true };
}

/** The value if it is an object, and not a long number in the guise of one. */
export function plainObjectOf(value: Json | undefined): JsonObject | undefined {
  return isExact(value) ? undefined : objectOf(value);
}
