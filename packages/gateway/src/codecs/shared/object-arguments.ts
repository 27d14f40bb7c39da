import { isJsonObject } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { ToolCallPart } from "../../kernel/request.ts";
import { isExact, isTooDeep, parseExact } from "./exact.ts";

/** Where text goes that is no JSON object, so that whoever runs the tool sees it and can say what is wrong. */
const textArgument = "input";

/** The parameters of a tool that takes free text, where tools take objects only. */
export const freeTextParameters: JsonObject = {
  type: "object",
  properties: { [textArgument]: { type: "string" } },
  required: [textArgument],
};

export interface ObjectArguments {
  readonly value: JsonObject;
  /** False where the text was no object, and had to be wrapped in one. */
  readonly isSame: boolean;
}

/**
 * A call's arguments as the object that some protocols insist on, with the digits of large numbers kept. Nothing, and
 * null, is an object without entries.
 */
export function objectArguments({ tool, arguments: text }: Pick<ToolCallPart, "tool" | "arguments">): ObjectArguments {
  if (tool === "custom") return { value: { [textArgument]: text }, isSame: true };
  const value = parsed(text);
  return value === undefined ? { value: { [textArgument]: text }, isSame: false } : { value, isSame: true };
}

/** Arguments as text. They are JSON text or free text; some clients and backends put the JSON itself there. */
export function argumentsText(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parsed(text: string): JsonObject | undefined {
  if (text.trim() === "") return {};
  if (isTooDeep(text)) return undefined;
  let value: Json;
  try {
    value = parseExact(text);
  } catch {
    // Models do write broken JSON.
    return undefined;
  }
  if (value === null) return {};
  return isJsonObject(value) && !isExact(value) ? value : undefined;
}
