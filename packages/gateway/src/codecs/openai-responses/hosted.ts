import type { JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";

/** Kinds of tools that may lead to a custom tool of the client's. */
const clients = new Set(["custom", "namespace", "tool_search"]);

/**
 * Whether a response's custom tool calls are the backend's own affair: xAI tells of its hosted tools so. The response
 * repeats the request's tools, and none of them is such a tool of the client's.
 */
export function hostsCustomTools(response: JsonObject): boolean {
  const tools = arrayOf(response["tools"]);
  return tools.length > 0 && !tools.some((tool) => clients.has(textOf(objectOf(tool)?.["type"]) ?? ""));
}
