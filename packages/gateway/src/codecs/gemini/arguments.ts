import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isExact, parseExact } from "../shared/exact.ts";
import { objectOf } from "../shared/json.ts";

/** A call's arguments as JSON text. A call without any has no `args` at all. */
export function readArguments(value: Json | undefined): string {
  const args = objectOf(value);
  return args === undefined ? "{}" : JSON.stringify(args);
}

export interface WrittenArguments {
  readonly args: JsonObject;
  /** The text was no JSON object, and stands whole under the one name `input`. */
  readonly wrapped: boolean;
}

/** Arguments as the object that Gemini wants, with the digits of large numbers kept. Nothing is `{}`. */
export function writeArguments(text: string): WrittenArguments {
  if (text.trim() === "") return { args: {}, wrapped: false };
  let value: Json;
  try {
    value = parseExact(text);
  } catch {
    return { args: { input: text }, wrapped: true };
  }
  if (value === null) return { args: {}, wrapped: false };
  const args = isExact(value) ? undefined : objectOf(value);
  return args === undefined ? { args: compact({ input: value }), wrapped: true } : { args, wrapped: false };
}
