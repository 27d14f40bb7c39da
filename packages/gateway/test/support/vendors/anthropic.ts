import type { JsonObject } from "../../../src/kernel/json.ts";
import { isObject, listOf, must, pieces } from "./scene.ts";
import type { Answer, Seen, SeenCall, SeenTurn, VendorProtocol } from "./scene.ts";

const signature = "EqQBCkgIBRABGAIiQL2UoU0b1OHYi";

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return listOf(content)
    .map((block) => (block["type"] === "text" ? String(block["text"]) : ""))
    .join("");
}

function readBlocks(content: unknown, role: "user" | "assistant"): SeenTurn {
  if (typeof content === "string") {
    must(content.trim() !== "", "messages: text content blocks must be non-empty");
    return { role, text: content, reasoning: "", state: [], images: [], calls: [], results: [] };
  }
  must(Array.isArray(content) && content.length > 0, "messages: content must not be empty");
  let text = "";
  let reasoning = "";
  const state: string[] = [];
  const images: string[] = [];
  const calls: SeenCall[] = [];
  const results: { id: string; text: string }[] = [];
  const image = (block: JsonObject) => {
    const source = block["source"];
    must(isObject(source), "image.source: Field required");
    images.push(String(source["type"] === "base64" ? source["data"] : source["url"]));
  };
  for (const block of listOf(content)) {
    switch (block["type"]) {
      case "text":
        must(String(block["text"]).trim() !== "", "messages: text content blocks must be non-empty");
        text += String(block["text"]);
        break;
      case "image":
        image(block);
        break;
      case "thinking":
        must(role === "assistant", "thinking blocks may only be in assistant messages");
        must(block["signature"] === signature, "messages.1.content.0: Invalid `signature` in `thinking` block");
        reasoning += String(block["thinking"]);
        state.push(signature);
        break;
      case "tool_use":
        must(role === "assistant" && isObject(block["input"]), "tool_use.input: Input should be a valid dictionary");
        must(
          /^[a-zA-Z0-9_-]+$/.test(String(block["id"])),
          "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        );
        must(/^[a-zA-Z0-9_-]{1,128}$/.test(String(block["name"])), "tool_use.name: invalid");
        calls.push({ id: String(block["id"]), name: String(block["name"]), arguments: JSON.stringify(block["input"]) });
        break;
      case "tool_result":
        must(role === "user" && text === "", "tool_result blocks must come first in a user message");
        results.push({ id: String(block["tool_use_id"]), text: textOf(block["content"]) });
        for (const inner of listOf(block["content"])) if (inner["type"] === "image") image(inner);
        break;
      default:
        must(false, `messages: Input tag '${String(block["type"])}' found does not match any of the expected tags`);
    }
  }
  return { role, text, reasoning, state, images, calls, results };
}

function readTurns(messages: readonly JsonObject[]): SeenTurn[] {
  const turns: SeenTurn[] = [];
  for (const [index, message] of messages.entries()) {
    // The newest models take them in the middle.
    if (message["role"] === "system") continue;
    const role = message["role"];
    must(role === "user" || role === "assistant", `messages.${index}.role: Input should be 'user' or 'assistant'`);
    must(index > 0 || role === "user", 'messages: first message must use the "user" role');
    const turn = readBlocks(message["content"], role);
    const before = turns.at(-1);
    must(before?.role !== role, "messages: roles must alternate");
    const open = (before?.calls ?? []).map(({ id }) => id);
    const answered = turn.results.map(({ id }) => id);
    must(
      open.length === answered.length && open.every((id) => answered.includes(id)),
      `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after, or the reverse`,
    );
    turns.push(turn);
  }
  must((turns.at(-1)?.calls ?? []).length === 0, "messages: `tool_use` ids were found without `tool_result` blocks");
  return turns;
}

function read(path: string, body: JsonObject, headers: Seen["headers"]): Seen | undefined {
  if (path.split("?")[0] !== "/messages") return undefined;
  must(headers["anthropic-version"] !== undefined, "anthropic-version: header is required");
  must(typeof body["model"] === "string", "model: Field required");
  const most = body["max_tokens"];
  must(typeof most === "number" && most >= 1, "max_tokens: Field required");
  const thinking = body["thinking"];
  if (isObject(thinking) && thinking["type"] === "enabled") {
    const budget = Number(thinking["budget_tokens"]);
    must(budget >= 1024, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
    // Thinking between calls counts over all of them.
    const interleaved = String(headers["anthropic-beta"]).includes("interleaved-thinking");
    must(budget < most || interleaved, "`max_tokens` must be greater than `thinking.budget_tokens`");
    must(
      body["temperature"] === undefined || body["temperature"] === 1,
      "`temperature` may only be set to 1 when thinking is enabled",
    );
    must(body["top_k"] === undefined, "`top_k` must be unset when thinking is enabled");
  }
  const temperature = body["temperature"] ?? 1;
  must(typeof temperature === "number" && temperature >= 0 && temperature <= 1, "temperature: range: 0..1");
  // Tools of the vendor's own have a dated type.
  const offered = listOf(body["tools"]).filter(({ type }) => type === undefined || type === "custom");
  const tools = offered.map((tool) => {
    const schema = tool["input_schema"];
    must(isObject(schema) && schema["type"] === "object", "tools.0.custom.input_schema.type: Field required");
    must(/^[a-zA-Z0-9_-]{1,128}$/.test(String(tool["name"])), "tools.0.custom.name: String should match pattern");
    return { name: String(tool["name"]), schema };
  });
  const turns = readTurns(listOf(body["messages"]));
  must(turns.length > 0, "messages: at least one message is required");
  must(
    tools.length > 0 || turns.every(({ calls }) => calls.length === 0),
    "Requests which include `tool_use` blocks must define tools",
  );
  const config = body["output_config"];
  const format = isObject(config) ? config["format"] : undefined;
  return {
    model: body["model"],
    stream: body["stream"] === true,
    system: textOf(body["system"]),
    turns,
    tools,
    ...(isObject(format) && isObject(format["schema"]) ? { output: format["schema"] } : {}),
    ...(isObject(thinking) ? { reasoning: thinking["type"] !== "disabled" } : {}),
    body,
    headers,
  };
}

function usageOf({ usage }: Answer): JsonObject {
  if (usage === undefined) return { input_tokens: 0, output_tokens: 0 };
  const cached = usage.cached ?? 0;
  return {
    input_tokens: usage.input - cached,
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: 0,
    output_tokens: usage.output,
  };
}

function stopOf(answer: Answer): string {
  if ((answer.calls ?? []).length > 0) return "tool_use";
  return answer.finish === "length" ? "max_tokens" : "end_turn";
}

export const anthropic: VendorProtocol = {
  read,
  key: "x-api-key",
  streamType: "text/event-stream; charset=utf-8",
  stream(answer, seen, id) {
    const event = (type: string, value: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...value })}\n\n`;
    const out: string[] = [];
    let index = 0;
    const block = (head: object, deltas: readonly object[]) => {
      out.push(event("content_block_start", { index, content_block: head }));
      for (const delta of deltas) out.push(event("content_block_delta", { index, delta }));
      out.push(event("content_block_stop", { index }));
      index++;
    };
    const usage = usageOf(answer);
    const message = { id: `msg_${id}`, type: "message", role: "assistant", model: seen.model, content: [] };
    const open = { ...message, stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: 1 } };
    out.push(event("message_start", { message: open }), event("ping", {}));
    if (answer.reasoning !== undefined) {
      const deltas = pieces(answer.reasoning).map((thinking) => ({ type: "thinking_delta", thinking }));
      block({ type: "thinking", thinking: "", signature: "" }, [...deltas, { type: "signature_delta", signature }]);
    }
    if (answer.text !== undefined) {
      block(
        { type: "text", text: "" },
        pieces(answer.text).map((text) => ({ type: "text_delta", text })),
      );
    }
    for (const [place, call] of (answer.calls ?? []).entries()) {
      const deltas = ["", ...pieces(call.arguments)].map((json) => ({ type: "input_json_delta", partial_json: json }));
      block({ type: "tool_use", id: `toolu_${id}_${place}`, name: call.name, input: {} }, deltas);
    }
    out.push(event("message_delta", { delta: { stop_reason: stopOf(answer), stop_sequence: null }, usage }));
    out.push(event("message_stop", {}));
    return out;
  },
  whole(answer, seen, id) {
    const content = [
      ...(answer.reasoning === undefined ? [] : [{ type: "thinking", thinking: answer.reasoning, signature }]),
      ...(answer.text === undefined ? [] : [{ type: "text", text: answer.text }]),
      ...(answer.calls ?? []).map((call, place) => ({
        type: "tool_use",
        id: `toolu_${id}_${place}`,
        name: call.name,
        input: JSON.parse(call.arguments) as JsonObject,
      })),
    ];
    const message = { id: `msg_${id}`, type: "message", role: "assistant", model: seen.model, content };
    return { ...message, stop_reason: stopOf(answer), stop_sequence: null, usage: usageOf(answer) };
  },
  error(_status, kind, message) {
    const types: { readonly [kind: string]: string } = {
      auth: "authentication_error",
      rate: "rate_limit_error",
      server: "api_error",
      overloaded: "overloaded_error",
      missing: "not_found_error",
    };
    return { type: "error", error: { type: types[kind] ?? "invalid_request_error", message }, request_id: "req_1" };
  },
  models: {
    data: [{ type: "model", id: "real", display_name: "Real", created_at: "2025-01-01T00:00:00Z" }],
    has_more: false,
    first_id: "real",
    last_id: "real",
  },
};
