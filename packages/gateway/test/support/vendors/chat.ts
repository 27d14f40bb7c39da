import type { JsonObject } from "../../../src/kernel/json.ts";
import { isObject, listOf, must, pieces } from "./scene.ts";
import type { Answer, Seen, SeenTurn, VendorProtocol } from "./scene.ts";

const turn: SeenTurn = { role: "user", text: "", reasoning: "", state: [], images: [], calls: [], results: [] };

function contentOf(content: unknown, role: string): { text: string; images: string[] } {
  if (typeof content === "string") return { text: content, images: [] };
  if (content === null || content === undefined) return { text: "", images: [] };
  must(Array.isArray(content), "Invalid type for 'messages.content'.");
  let text = "";
  const images: string[] = [];
  for (const part of listOf(content)) {
    if (part["type"] === "text") text += String(part["text"]);
    else if (part["type"] === "image_url" && role === "user") {
      const image = part["image_url"];
      must(isObject(image) && typeof image["url"] === "string", "Missing required parameter: 'image_url.url'.");
      images.push(image["url"].replace(/^data:[^,]*,/, ""));
    } else must(false, `Invalid value: '${String(part["type"])}'. Supported values are: 'text'.`);
  }
  return { text, images };
}

/** OpenAI's rules: every call is answered at once by as many tool messages. */
function readTurns(messages: readonly JsonObject[]): { system: string; turns: SeenTurn[] } {
  let system = "";
  let open: string[] = [];
  const turns: SeenTurn[] = [];
  for (const [index, message] of messages.entries()) {
    const role = String(message["role"]);
    const { text, images } = contentOf(message["content"], role);
    if (role === "tool") {
      const id = String(message["tool_call_id"]);
      must(
        open.includes(id),
        "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
      );
      open = open.filter((each) => each !== id);
      turns.push({ ...turn, results: [{ id, text }] });
      continue;
    }
    must(open.length === 0, "An assistant message with 'tool_calls' must be followed by tool messages.");
    if (role === "system" || role === "developer") system += text;
    else if (role === "user") turns.push({ ...turn, text, images });
    else {
      must(role === "assistant", `Invalid value: '${role}' at messages[${index}].role.`);
      const calls = listOf(message["tool_calls"]).map((call) => {
        const called = call["function"];
        must(call["type"] === "function" && typeof call["id"] === "string" && isObject(called), "Invalid tool call.");
        must(/^[a-zA-Z0-9_-]{1,64}$/.test(String(called["name"])), `Invalid 'name': ${String(called["name"])}.`);
        must(call["id"].length <= 64, "Invalid 'id': string too long.");
        must(typeof called["arguments"] === "string", "Invalid type for 'arguments'.");
        return { id: call["id"], name: String(called["name"]), arguments: called["arguments"] };
      });
      open = calls.map(({ id }) => id);
      turns.push({ ...turn, role: "assistant", text, reasoning: String(message["reasoning_content"] ?? ""), calls });
    }
  }
  must(open.length === 0, "An assistant message with 'tool_calls' must be followed by tool messages.");
  return { system, turns };
}

const known = new Set(
  "model messages tools tool_choice parallel_tool_calls stream stream_options max_tokens max_completion_tokens temperature top_p n stop seed frequency_penalty presence_penalty response_format reasoning_effort user logprobs top_logprobs verbosity metadata store service_tier prompt_cache_key top_k min_p functions function_call".split(
    " ",
  ),
);

function read(path: string, body: JsonObject, headers: Seen["headers"]): Seen | undefined {
  if (path !== "/chat/completions") return undefined;
  must(typeof body["model"] === "string", "Missing required parameter: 'model'.");
  must(Array.isArray(body["messages"]) && body["messages"].length > 0, "Missing required parameter: 'messages'.");
  for (const name of Object.keys(body)) must(known.has(name), `Unrecognized request argument supplied: ${name}`);
  const tools = listOf(body["tools"]).map((tool) => {
    const definition = tool["function"];
    must(tool["type"] === "function" && isObject(definition), "Invalid tool.");
    must(/^[a-zA-Z0-9_-]{1,64}$/.test(String(definition["name"])), "Invalid 'tools.function.name'.");
    const schema = definition["parameters"] ?? {};
    must(isObject(schema), "Invalid schema.");
    return { name: String(definition["name"]), schema };
  });
  const format = body["response_format"];
  const inner = isObject(format) ? format["json_schema"] : undefined;
  const output = isObject(inner) && isObject(inner["schema"]) ? inner["schema"] : isObject(format) ? {} : undefined;
  const effort = body["reasoning_effort"];
  return {
    model: body["model"],
    stream: body["stream"] === true,
    ...readTurns(listOf(body["messages"])),
    tools,
    ...(output === undefined || (isObject(format) && format["type"] === "text") ? {} : { output }),
    ...(effort === undefined ? {} : { reasoning: effort !== "none" }),
    body,
    headers,
  };
}

/** As OpenAI counts in all of its older protocols. */
export function usageOf({ usage }: Answer): JsonObject | undefined {
  if (usage === undefined) return undefined;
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached ?? 0 },
  };
}

/** Whether a stream's usage was asked for; it is not told by itself. */
export function wantsUsage({ body }: Seen): boolean {
  const options = body["stream_options"];
  return isObject(options) && options["include_usage"] === true;
}

function finishOf(answer: Answer): string {
  return (answer.calls ?? []).length > 0 ? "tool_calls" : (answer.finish ?? "stop");
}

function callsOf(answer: Answer, id: string) {
  return (answer.calls ?? []).map((call, index) => ({
    index,
    id: `call_${id}_${index}`,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));
}

export const chat: VendorProtocol = {
  read,
  key: "authorization",
  streamType: "text/event-stream",
  stream(answer, seen, id) {
    const base = { id: `chatcmpl-${id}`, object: "chat.completion.chunk", created: 1_700_000_000, model: seen.model };
    const event = (value: object) => `data: ${JSON.stringify({ ...base, ...value })}\n\n`;
    const choice = (delta: object, finish: string | null = null) =>
      event({ choices: [{ index: 0, delta, finish_reason: finish }] });
    const usage = usageOf(answer);
    return [
      choice({ role: "assistant", content: "" }),
      ...pieces(answer.reasoning ?? "").map((text) => choice({ reasoning_content: text })),
      ...pieces(answer.text ?? "").map((text) => choice({ content: text })),
      ...callsOf(answer, id).flatMap(({ index, function: called, ...call }) => [
        choice({ tool_calls: [{ index, ...call, function: { name: called.name, arguments: "" } }] }),
        ...pieces(called.arguments).map((text) => choice({ tool_calls: [{ index, function: { arguments: text } }] })),
      ]),
      choice({}, finishOf(answer)),
      ...(usage !== undefined && wantsUsage(seen) ? [event({ choices: [], usage })] : []),
      "data: [DONE]\n\n",
    ];
  },
  whole(answer, seen, id) {
    const calls = callsOf(answer, id).map(({ index: _index, ...call }) => call);
    const message = {
      role: "assistant",
      content: answer.text ?? null,
      ...(answer.reasoning === undefined ? {} : { reasoning_content: answer.reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
    const usage = usageOf(answer);
    return {
      id: `chatcmpl-${id}`,
      object: "chat.completion",
      created: 1_700_000_000,
      model: seen.model,
      choices: [{ index: 0, message, finish_reason: finishOf(answer), logprobs: null }],
      ...(usage === undefined ? {} : { usage }),
    };
  },
  error(status, kind, message) {
    const codes: { readonly [kind: string]: string } = {
      auth: "invalid_api_key",
      rate: "rate_limit_exceeded",
      overflow: "context_length_exceeded",
    };
    const type = status >= 500 ? "server_error" : "invalid_request_error";
    return { error: { message, type, param: null, code: codes[kind] ?? null } };
  },
  models: { object: "list", data: [{ id: "real", object: "model", created: 1, owned_by: "vendor" }] },
};
