import type { JsonObject } from "../../../src/kernel/json.ts";
import { isObject, listOf, must, pieces } from "./scene.ts";
import type { Answer, Seen, SeenTurn, VendorProtocol } from "./scene.ts";

const sealed = "gAAAAABo-encrypted-reasoning";

const empty: SeenTurn = { role: "user", text: "", reasoning: "", state: [], images: [], calls: [], results: [] };

function readMessage(item: JsonObject): { system?: string; turn?: SeenTurn } {
  const { role, content } = item;
  must(typeof role === "string", "Missing required parameter: 'input[0].role'.");
  let text = typeof content === "string" ? content : "";
  const images: string[] = [];
  for (const part of listOf(content)) {
    switch (part["type"]) {
      case "input_text":
        must(role !== "assistant", "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.");
        text += String(part["text"]);
        break;
      case "output_text":
        must(role === "assistant", "Invalid value: 'output_text'. Supported values are: 'input_text', 'input_image'.");
        text += String(part["text"]);
        break;
      case "input_image":
        images.push(String(part["image_url"]).replace(/^data:[^,]*,/, ""));
        break;
      default:
        must(false, `Invalid value: '${String(part["type"])}'.`);
    }
  }
  if (role === "system" || role === "developer") return { system: text };
  return { turn: { ...empty, role: role === "assistant" ? "assistant" : "user", text, images } };
}

function readItems(input: unknown): { system: string; turns: SeenTurn[] } {
  if (typeof input === "string") return { system: "", turns: [{ ...empty, text: input }] };
  must(Array.isArray(input) && input.length > 0, "Missing required parameter: 'input'.");
  let system = "";
  const turns: SeenTurn[] = [];
  const open = new Set<string>();
  for (const item of listOf(input)) {
    switch (item["type"] ?? "message") {
      case "message": {
        const read = readMessage(item);
        system += read.system ?? "";
        if (read.turn !== undefined) turns.push(read.turn);
        break;
      }
      case "reasoning":
        must(
          item["encrypted_content"] === sealed,
          "The encrypted content could not be verified. (invalid_encrypted_content)",
        );
        turns.push({ ...empty, role: "assistant", state: [sealed] });
        break;
      case "function_call":
        must(/^[a-zA-Z0-9_-]{1,64}$/.test(String(item["name"])), "Invalid 'input[1].name'.");
        must(
          typeof item["call_id"] === "string" && item["call_id"].length <= 64,
          "Invalid 'call_id': string too long.",
        );
        must(typeof item["arguments"] === "string", "Invalid type for 'arguments'.");
        open.add(item["call_id"]);
        turns.push({
          ...empty,
          role: "assistant",
          calls: [{ id: item["call_id"], name: String(item["name"]), arguments: item["arguments"] }],
        });
        break;
      case "custom_tool_call":
        must(typeof item["input"] === "string" && typeof item["call_id"] === "string", "Invalid 'input[1]'.");
        open.add(item["call_id"]);
        turns.push({
          ...empty,
          role: "assistant",
          calls: [{ id: item["call_id"], name: String(item["name"]), arguments: item["input"] }],
        });
        break;
      case "custom_tool_call_output":
      case "function_call_output": {
        const id = String(item["call_id"]);
        must(open.delete(id), `No tool call found for function call output with call_id ${id}.`);
        const output = item["output"];
        const text =
          typeof output === "string"
            ? output
            : listOf(output)
                .map((part) => String(part["text"]))
                .join("");
        turns.push({ ...empty, results: [{ id, text }] });
        break;
      }
      default:
        must(false, `Invalid value: '${String(item["type"])}'.`);
    }
  }
  must(open.size === 0, `No tool output found for function call ${[...open].join()}.`);
  return { system, turns };
}

const known = new Set(
  "model input instructions previous_response_id tools tool_choice parallel_tool_calls max_output_tokens temperature top_p top_logprobs text reasoning include stream stream_options store background truncation service_tier metadata user safety_identifier prompt_cache_key max_tool_calls client_metadata".split(
    " ",
  ),
);

function read(path: string, body: JsonObject, headers: Seen["headers"]): Seen | undefined {
  if (path !== "/responses") return undefined;
  must(typeof body["model"] === "string", "Missing required parameter: 'model'.");
  for (const name of Object.keys(body)) must(known.has(name), `Unknown parameter: '${name}'.`);
  const items = readItems(body["input"]);
  const hosted = new Set(["web_search", "image_generation", "namespace", "custom"]);
  const tools = listOf(body["tools"]).flatMap((tool) => {
    if (hosted.has(String(tool["type"]))) return [];
    const schema = tool["parameters"] ?? {};
    must(tool["type"] === "function" && isObject(schema), "Invalid tool.");
    must(/^[a-zA-Z0-9_-]{1,64}$/.test(String(tool["name"])), "Invalid 'tools[0].name'.");
    return { name: String(tool["name"]), schema };
  });
  const text = body["text"];
  const format = isObject(text) ? text["format"] : undefined;
  const json = isObject(format) && format["type"] !== "text";
  const { reasoning } = body;
  return {
    model: body["model"],
    stream: body["stream"] === true,
    system: (typeof body["instructions"] === "string" ? body["instructions"] : "") + items.system,
    turns: items.turns,
    tools,
    ...(json ? { output: isObject(format["schema"]) ? format["schema"] : {} } : {}),
    ...(isObject(reasoning) ? { reasoning: reasoning["effort"] !== "none" } : {}),
    body,
    headers,
  };
}

function itemsOf(answer: Answer, id: string): JsonObject[] {
  const items: JsonObject[] = [];
  if (answer.reasoning !== undefined) {
    const summary = [{ type: "summary_text", text: answer.reasoning }];
    items.push({ type: "reasoning", id: `rs_${id}`, summary, encrypted_content: sealed });
  }
  if (answer.text !== undefined) {
    const content = [{ type: "output_text", text: answer.text, annotations: [], logprobs: [] }];
    items.push({ type: "message", id: `msg_${id}`, status: "completed", role: "assistant", content });
  }
  for (const [place, call] of (answer.calls ?? []).entries()) {
    const ids = { id: `fc_${id}_${place}`, call_id: `call_${id}_${place}` };
    items.push({ type: "function_call", ...ids, name: call.name, arguments: call.arguments, status: "completed" });
  }
  return items;
}

function responseOf(answer: Answer, seen: Seen, id: string): JsonObject {
  const { usage } = answer;
  const cut = answer.finish === "length";
  return {
    id: `resp_${id}`,
    object: "response",
    created_at: 1_700_000_000,
    status: cut ? "incomplete" : "completed",
    error: null,
    incomplete_details: cut ? { reason: "max_output_tokens" } : null,
    model: seen.model,
    output: itemsOf(answer, id),
    parallel_tool_calls: true,
    tool_choice: "auto",
    tools: [],
    usage:
      usage === undefined
        ? null
        : {
            input_tokens: usage.input,
            input_tokens_details: { cached_tokens: usage.cached ?? 0 },
            output_tokens: usage.output,
            output_tokens_details: { reasoning_tokens: 0 },
            total_tokens: usage.input + usage.output,
          },
  };
}

export const responses: VendorProtocol = {
  read,
  key: "authorization",
  streamType: "text/event-stream",
  stream(answer, seen, id) {
    let number = 0;
    const event = (type: string, value: object) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number++, ...value })}\n\n`;
    const whole = responseOf(answer, seen, id);
    const begun = { ...whole, status: "in_progress", output: [], usage: null };
    const out = [event("response.created", { response: begun }), event("response.in_progress", { response: begun })];
    for (const [place, item] of itemsOf(answer, id).entries()) {
      const at = { output_index: place, item_id: item["id"] };
      if (item["type"] === "reasoning") {
        const inner = { ...at, summary_index: 0 };
        const part = (text: string) => ({ part: { type: "summary_text", text } });
        out.push(
          event("response.output_item.added", {
            output_index: place,
            item: { type: "reasoning", id: item["id"], summary: [] },
          }),
        );
        out.push(event("response.reasoning_summary_part.added", { ...inner, ...part("") }));
        for (const delta of pieces(answer.reasoning ?? "")) {
          out.push(event("response.reasoning_summary_text.delta", { ...inner, delta }));
        }
        out.push(event("response.reasoning_summary_text.done", { ...inner, text: answer.reasoning }));
        out.push(event("response.reasoning_summary_part.done", { ...inner, ...part(answer.reasoning ?? "") }));
      } else if (item["type"] === "message") {
        const inner = { ...at, content_index: 0 };
        const part = (text: string) => ({ part: { type: "output_text", text, annotations: [], logprobs: [] } });
        out.push(
          event("response.output_item.added", {
            output_index: place,
            item: { ...item, status: "in_progress", content: [] },
          }),
        );
        out.push(event("response.content_part.added", { ...inner, ...part("") }));
        for (const delta of pieces(answer.text ?? "")) {
          out.push(event("response.output_text.delta", { ...inner, delta, logprobs: [] }));
        }
        out.push(event("response.output_text.done", { ...inner, text: answer.text, logprobs: [] }));
        out.push(event("response.content_part.done", { ...inner, ...part(answer.text ?? "") }));
      } else {
        const text = String(item["arguments"]);
        out.push(
          event("response.output_item.added", {
            output_index: place,
            item: { ...item, status: "in_progress", arguments: "" },
          }),
        );
        for (const delta of pieces(text)) out.push(event("response.function_call_arguments.delta", { ...at, delta }));
        out.push(event("response.function_call_arguments.done", { ...at, name: item["name"], arguments: text }));
      }
      out.push(event("response.output_item.done", { output_index: place, item }));
    }
    out.push(
      event(whole["status"] === "incomplete" ? "response.incomplete" : "response.completed", { response: whole }),
    );
    return out;
  },
  whole: responseOf,
  error(status, kind, message) {
    const codes: { readonly [kind: string]: string } = {
      auth: "invalid_api_key",
      rate: "rate_limit_exceeded",
      overflow: "context_length_exceeded",
    };
    const encrypted = message.includes("invalid_encrypted_content") ? "invalid_encrypted_content" : null;
    const type = status >= 500 ? "server_error" : "invalid_request_error";
    return { error: { message, type, param: null, code: codes[kind] ?? encrypted } };
  },
  models: { object: "list", data: [{ id: "real", object: "model", created: 1, owned_by: "vendor" }] },
};
