import type { JsonObject } from "../../../src/kernel/json.ts";
import { isObject, listOf, must, pieces } from "./scene.ts";
import type { Answer, Seen, SeenTurn, VendorProtocol } from "./scene.ts";

const createdAt = "2025-10-26T17:15:24.097767Z";

function readTurns(messages: readonly JsonObject[]): { system: string; turns: SeenTurn[] } {
  let system = "";
  const turns: SeenTurn[] = [];
  for (const message of messages) {
    const { role, content, images, tool_name } = message;
    must(
      content === undefined || typeof content === "string",
      "json: cannot unmarshal array into Go struct field .content",
    );
    const text = content ?? "";
    const base: SeenTurn = { role: "user", text, reasoning: "", state: [], images: [], calls: [], results: [] };
    const pictures = Array.isArray(images) ? images.map(String) : [];
    for (const picture of pictures) must(/^[A-Za-z0-9+/=]+$/.test(picture), "illegal base64 data at input byte 4");
    if (role === "system") system += text;
    else if (role === "tool") turns.push({ ...base, text: "", results: [{ id: String(tool_name ?? ""), text }] });
    else if (role === "user") turns.push({ ...base, images: pictures });
    else {
      must(role === "assistant", `invalid role: ${String(role)}`);
      const calls = listOf(message["tool_calls"]).map((call) => {
        const called = call["function"];
        must(isObject(called) && isObject(called["arguments"]), "json: cannot unmarshal string into .arguments");
        const id = typeof call["id"] === "string" ? call["id"] : "";
        return { id, name: String(called["name"]), arguments: JSON.stringify(called["arguments"]) };
      });
      turns.push({ ...base, role: "assistant", reasoning: String(message["thinking"] ?? ""), calls });
    }
  }
  return { system, turns };
}

const known = new Set(
  // It ignores what it does not know, such as the `tool_choice` that clients send.
  "model messages tools tool_choice format options stream think keep_alive truncate shift logprobs top_logprobs".split(
    " ",
  ),
);

function read(path: string, body: JsonObject, headers: Seen["headers"]): Seen | undefined {
  if (path !== "/api/chat") return undefined;
  must(typeof body["model"] === "string", "model is required");
  for (const name of Object.keys(body)) must(known.has(name), `unknown field ${name}`);
  const options = isObject(body["options"]) ? body["options"] : {};
  must(options["stop"] === undefined || Array.isArray(options["stop"]), 'option "stop" must be of type array');
  const tools = listOf(body["tools"]).map((tool) => {
    const definition = tool["function"];
    must(isObject(definition) && isObject(definition["parameters"] ?? {}), "invalid tool");
    const schema = definition["parameters"] ?? {};
    return { name: String(definition["name"]), schema: isObject(schema) ? schema : {} };
  });
  const format = body["format"];
  return {
    model: body["model"],
    stream: body["stream"] !== false,
    ...readTurns(listOf(body["messages"])),
    tools,
    ...(format === "json" ? { output: {} } : isObject(format) ? { output: format } : {}),
    ...(body["think"] === undefined ? {} : { reasoning: body["think"] !== false }),
    body,
    headers,
  };
}

function callsOf(answer: Answer): JsonObject[] {
  return (answer.calls ?? []).map((call, index) => ({
    function: { index, name: call.name, arguments: JSON.parse(call.arguments) as JsonObject },
  }));
}

function lastOf(answer: Answer): JsonObject {
  const { usage } = answer;
  return {
    done: true,
    done_reason: answer.finish ?? "stop",
    total_duration: 182_242_375,
    load_duration: 41_295_167,
    ...(usage === undefined ? {} : { prompt_eval_count: usage.input, eval_count: usage.output }),
    prompt_eval_duration: 24_573_166,
    eval_duration: 115_959_084,
  };
}

export const ollama: VendorProtocol = {
  read,
  key: "authorization",
  streamType: "application/x-ndjson",
  stream(answer, seen) {
    const line = (message: object, more: object = { done: false }) =>
      `${JSON.stringify({ model: seen.model, created_at: createdAt, message: { role: "assistant", content: "", ...message }, ...more })}\n`;
    return [
      ...pieces(answer.reasoning ?? "").map((thinking) => line({ thinking })),
      ...pieces(answer.text ?? "").map((content) => line({ content })),
      ...callsOf(answer).map((call) => line({ tool_calls: [call] })),
      line({}, lastOf(answer)),
    ];
  },
  whole(answer, seen) {
    const calls = callsOf(answer);
    const message = {
      role: "assistant",
      content: answer.text ?? "",
      ...(answer.reasoning === undefined ? {} : { thinking: answer.reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
    return { model: seen.model, created_at: createdAt, message, ...lastOf(answer) };
  },
  error: (_status, _kind, message) => ({ error: message }),
  models: { models: [{ name: "real", model: "real", details: {} }], object: "list", data: [{ id: "real" }] },
};
