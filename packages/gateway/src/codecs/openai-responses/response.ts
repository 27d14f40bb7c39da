import type { Failure } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import { writeError } from "../shared/openai-error-write.ts";

/** What a response says of a request that said nothing. */
const defaults: JsonObject = {
  max_output_tokens: null,
  max_tool_calls: null,
  parallel_tool_calls: true,
  prompt_cache_key: null,
  safety_identifier: null,
  service_tier: "default",
  temperature: 1,
  tool_choice: "auto",
  top_logprobs: 0,
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  truncation: "disabled",
  user: null,
  metadata: {},
};

/**
 * The fields in which a response repeats its request: all that OpenAI's schema and the stricter Open Responses demand.
 *
 * @param told What the backend itself said of them.
 */
export function echoOf(request: JsonObject, told: JsonObject): JsonObject {
  const text = objectOf(told["text"]) ?? objectOf(request["text"]);
  const reasoning = objectOf(told["reasoning"]) ?? objectOf(request["reasoning"]);
  const conversation = request["conversation"];
  const asked = Object.entries(defaults).map(([name, value]): [string, Json] => [name, request[name] ?? value]);
  return {
    ...Object.fromEntries(asked),
    // The tier that was asked for may be `auto`, which is none that answers.
    service_tier: defaults["service_tier"] ?? null,
    ...told,
    text: { format: { type: "text" }, ...text },
    reasoning: { effort: null, summary: null, ...reasoning },
    background: request["background"] ?? false,
    store: request["store"] ?? true,
    previous_response_id: request["previous_response_id"] ?? null,
    instructions: request["instructions"] ?? null,
    ...(typeof conversation === "string" && { conversation: { id: conversation } }),
    ...(objectOf(conversation) && { conversation: conversation ?? null }),
    tools: arrayOf(request["tools"]).map(echoTool),
  };
}

/** Open Responses demands all keys of a function. */
function echoTool(value: Json): Json {
  const tool = objectOf(value);
  if (tool?.["type"] !== "function") return value;
  return { description: null, parameters: null, strict: null, ...tool };
}

/** Whether the client wants reasoning's state in its own hands, to send it back. */
export function asksForState(request: JsonObject): boolean {
  return request["store"] === false || arrayOf(request["include"]).includes("reasoning.encrypted_content");
}

/** What OpenAI calls a failure. */
export function errorOf(failure: Failure): { readonly code: Json; readonly message: Json; readonly all: JsonObject } {
  const all = objectOf(writeError(failure)["error"]) ?? {};
  return { code: all["code"] ?? null, message: all["message"] ?? null, all };
}

/** An `error` event's fields in both shapes: OpenAI wraps them in `error`, its specification does not. */
export function errorFields(failure: Failure): JsonObject {
  const { code, message, all } = errorOf(failure);
  return { code, message, param: all["param"] ?? null, error: all };
}

/** One SSE event. Some clients parse what one read of the socket gave, so it must be written in one piece. */
export function sse(event: JsonObject): string {
  return `event: ${textOf(event["type"]) ?? "message"}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The end of a stream that others have written: its response's id and numbers are not known. */
export function writeStreamError(failure: Failure): string {
  const { code, message } = errorOf(failure);
  const response: JsonObject = {
    id: "",
    object: "response",
    created_at: 0,
    status: "failed",
    model: "",
    output: [],
    error: { code, message },
    incomplete_details: null,
    usage: null,
  };
  return (
    sse({ type: "error", sequence_number: 0, ...errorFields(failure) }) +
    // Codex reads a failure's code from this event only.
    sse({ type: "response.failed", sequence_number: 1, response })
  );
}

/** The answer's id in the form that clients look for. An id of our own protocol's backend stays what it is. */
export function responseId(id: string | undefined, own: boolean, fallback: string): string {
  if (id !== undefined && (own || id.startsWith("resp_"))) return id;
  return `resp_${fallback.replace(/[^A-Za-z0-9]/g, "")}`;
}
