import type { JsonObject } from "../../kernel/json.ts";

/** The client speaks the form of 2023, with `functions` in place of `tools`, and wants its answer in that form. */
export function usesFunctions(request: JsonObject): boolean {
  return Array.isArray(request["functions"]);
}
