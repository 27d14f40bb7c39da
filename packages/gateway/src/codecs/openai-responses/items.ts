import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import { makeId } from "./own.ts";

/**
 * What a finished response's `output` becomes in the input of the next request. Items go back as they are, but for
 * those that were never finished.
 */
export function outputAsInput(response: JsonObject): readonly JsonObject[] {
  return arrayOf(response["output"]).flatMap((value) => {
    const item = objectOf(value);
    return item === undefined || item["status"] === "in_progress" ? [] : [item];
  });
}

const prefixes = new Map([
  ["message", "msg"],
  ["reasoning", "rs"],
  ["function_call", "fc"],
  ["function_call_output", "fco"],
  ["custom_tool_call", "ctc"],
  ["custom_tool_call_output", "ctco"],
]);

/**
 * A request's `input` as a list of whole items, each with an id, as `GET /v1/responses/{id}/input_items` lists them.
 * Items that came without an id get one from the response's, always the same.
 */
export function inputItems(request: JsonObject, responseId: string): readonly JsonObject[] {
  const { input } = request;
  const list: readonly Json[] = typeof input === "string" ? [{ role: "user", content: input }] : arrayOf(input);
  return list.flatMap((value, index) => {
    const item = objectOf(value);
    if (item === undefined) return [];
    const type = textOf(item["type"]) ?? "message";
    const id = textOf(item["id"]) ?? makeId(prefixes.get(type) ?? "item", responseId.replace(/^resp_/, ""), index);
    return [{ ...item, ...(type === "message" && messageFields(item)), type, id }];
  });
}

function messageFields(item: JsonObject): JsonObject {
  const { content, role, status } = item;
  const type = role === "assistant" ? "output_text" : "input_text";
  return {
    role: role ?? "user",
    status: status ?? "completed",
    content: typeof content === "string" ? [{ type, text: content }] : (content ?? []),
  };
}
