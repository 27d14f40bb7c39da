import type { JsonObject } from "../../src/kernel/json.ts";
import type { Generating } from "./pipeline.ts";

const parameters = { type: "object", properties: {} };
const tool = { type: "function", function: { name: "f", parameters } };

/** A short question in each protocol, with a tool where there are any, streamed, with all that its streams can tell. */
export const asks: { readonly [P in Generating]: JsonObject } = {
  "openai-chat": {
    model: "m",
    stream: true,
    stream_options: { include_usage: true },
    messages: [{ role: "user", content: "hi" }],
    tools: [tool],
  },
  "openai-responses": { model: "m", stream: true, input: "hi", tools: [{ type: "function", name: "f", parameters }] },
  "openai-completions": { model: "m", stream: true, stream_options: { include_usage: true }, prompt: "hi" },
  "anthropic-messages": {
    model: "m",
    stream: true,
    max_tokens: 100,
    messages: [{ role: "user", content: "hi" }],
    tools: [{ name: "f", input_schema: parameters }],
  },
  gemini: {
    stream: true,
    contents: [{ role: "user", parts: [{ text: "hi" }] }],
    tools: [{ functionDeclarations: [{ name: "f", parameters }] }],
  },
  ollama: { model: "m", stream: true, messages: [{ role: "user", content: "hi" }], tools: [tool] },
  "ollama-generate": { model: "m", stream: true, prompt: "hi" },
};
