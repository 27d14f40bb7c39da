import type { JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { ChoiceSight } from "../shared/openai-tap.ts";

const nothing: ChoiceSight = { meaningful: false, hasCalls: false };
const content: ChoiceSight = { meaningful: true, hasCalls: false };
const calls: ChoiceSight = { meaningful: true, hasCalls: true };

/** Looks at a choice of a chat answer. On the hot path: allocates nothing. */
export function lookAtChoice(choice: JsonObject): ChoiceSight {
  const delta = isJsonObject(choice["delta"]) ? choice["delta"] : choice["message"];
  if (!isJsonObject(delta)) return nothing;
  const said = delta["content"];
  if (Array.isArray(delta["tool_calls"]) && delta["tool_calls"].length > 0) return calls;
  if (isJsonObject(delta["function_call"])) return calls;
  // Mistral sends lists of pieces.
  if ((typeof said === "string" || Array.isArray(said)) && said.length > 0) return content;
  if (isText(delta["reasoning_content"]) || isText(delta["reasoning"]) || isText(delta["refusal"])) return content;
  if (isText(delta["reasoning_text"]) || isFilled(delta["reasoning_details"])) return content;
  return isJsonObject(delta["audio"]) || isFilled(delta["images"]) ? content : nothing;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
