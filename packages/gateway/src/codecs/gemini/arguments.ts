import type { Json } from "../../kernel/json.ts";
import { objectOf } from "../shared/json.ts";

/** A call's arguments as JSON text. A call without any has no `args` at all. */
export function readArguments(value: Json | undefined): string {
  const args = objectOf(value);
  return args === undefined ? "{}" : JSON.stringify(args);
}
