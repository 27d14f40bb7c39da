import type { Content, UsageBody } from "./behaviour.ts";

/** Bodies as OpenAI sends them, all deterministic. */

export const defaultText = "The quick brown fox jumps over the lazy dog. Größe: 5 µm 🦊";
export const defaultUsage: UsageBody = {
  prompt_tokens: 11,
  completion_tokens: 7,
  total_tokens: 18,
};
const created = 1_700_000_000;
const modelName = "upstream-model";

function finishOf(content: Content): string {
  return content.finishReason ?? (content.toolCalls === undefined ? "stop" : "tool_calls");
}

function usageOf(content: Content): { usage?: UsageBody } {
  if (content.usage === null) return {};
  return { usage: content.usage ?? defaultUsage };
}

function textOf(content: Content): string {
  return content.text ?? (content.toolCalls === undefined ? defaultText : "");
}

/** A text as tokens come: words with the space before them. Joined, they are the text again. */
export function pieces(text: string): readonly string[] {
  return text.match(/\s*\S+|\s+$/gu) ?? [];
}

export function chatCompletion(content: Content): object {
  const calls = content.toolCalls?.map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created,
    model: content.model ?? modelName,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: calls !== undefined && content.text === undefined ? null : textOf(content),
          ...(content.reasoning === undefined ? {} : { reasoning_content: content.reasoning }),
          ...(calls === undefined ? {} : { tool_calls: calls }),
        },
        finish_reason: finishOf(content),
      },
    ],
    ...usageOf(content),
  };
}

/** The chunks of a streamed chat completion: role, reasoning, text, calls, finish and, if asked for, usage. */
export function chatChunks(content: Content, includeUsage: boolean): readonly object[] {
  const head = {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created,
    model: content.model ?? modelName,
  };
  const chunk = (delta: object, finish: string | null): object => ({
    ...head,
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  const chunks: object[] = [chunk({ role: "assistant", content: "" }, null)];
  for (const piece of pieces(content.reasoning ?? "")) chunks.push(chunk({ reasoning_content: piece }, null));
  for (const piece of pieces(textOf(content))) chunks.push(chunk({ content: piece }, null));
  for (const [index, call] of (content.toolCalls ?? []).entries()) {
    const start = {
      index,
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: "" },
    };
    chunks.push(chunk({ tool_calls: [start] }, null));
    const half = Math.ceil(call.arguments.length / 2);
    for (const part of [call.arguments.slice(0, half), call.arguments.slice(half)]) {
      if (part !== "") chunks.push(chunk({ tool_calls: [{ index, function: { arguments: part } }] }, null));
    }
  }
  chunks.push(chunk({}, finishOf(content)));
  if (includeUsage && content.usage !== null) chunks.push({ ...head, choices: [], ...usageOf(content) });
  return chunks;
}

function textBody(content: Content, text: string, finish: string | null): object {
  return {
    id: "cmpl-1",
    object: "text_completion",
    created,
    model: content.model ?? modelName,
    choices: [{ index: 0, text, logprobs: null, finish_reason: finish }],
  };
}

export function textCompletion(content: Content): object {
  return { ...textBody(content, textOf(content), finishOf(content)), ...usageOf(content) };
}

export function textChunks(content: Content, includeUsage: boolean): readonly object[] {
  const chunks = pieces(textOf(content)).map((piece) => textBody(content, piece, null));
  chunks.push(textBody(content, "", finishOf(content)));
  if (includeUsage && content.usage !== null)
    chunks.push({ ...textBody(content, "", null), choices: [], ...usageOf(content) });
  return chunks;
}

/** Three-dimensional vectors that tell the input's place and length, as floats or base64 of little-endian floats. */
export function embeddings(request: { readonly [name: string]: unknown }, content: Content): object {
  const input = request["input"];
  const inputs: readonly unknown[] = Array.isArray(input) && typeof input[0] !== "number" ? input : [input];
  const data = inputs.map((item, index) => {
    const length = typeof item === "string" || Array.isArray(item) ? item.length : 0;
    const vector = [index, length, 0.5];
    const base64 = request["encoding_format"] === "base64";
    const embedding = base64 ? Buffer.from(Float32Array.from(vector).buffer).toString("base64") : vector;
    return { object: "embedding", index, embedding };
  });
  const usage = content.usage === null ? {} : { usage: content.usage ?? { prompt_tokens: 11, total_tokens: 11 } };
  return { object: "list", data, model: content.model ?? modelName, ...usage };
}

export function modelList(names: readonly string[]): object {
  return {
    object: "list",
    data: names.map((id) => ({ id, object: "model", created, owned_by: "upstream" })),
  };
}

const errorWords: {
  readonly [status: number]: readonly [type: string, code: string | null, message: string];
} = {
  400: ["invalid_request_error", null, "Invalid value for 'temperature'."],
  401: ["invalid_request_error", "invalid_api_key", "Incorrect API key provided."],
  403: ["invalid_request_error", "forbidden", "You may not use this."],
  404: ["invalid_request_error", "model_not_found", "The model does not exist."],
  429: ["requests", "rate_limit_exceeded", "Rate limit reached."],
  503: ["server_error", null, "The server is overloaded."],
  529: ["overloaded_error", null, "Overloaded."],
};

/** OpenAI's error body for a status. */
export function errorBody(status: number): object {
  const [type, code, message] = errorWords[status] ?? ["server_error", null, "The server had an error."];
  return { error: { message, type, param: null, code } };
}
