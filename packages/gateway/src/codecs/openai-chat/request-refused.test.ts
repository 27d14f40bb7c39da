import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import { asked } from "../shared/support.test.ts";
import { openaiChat } from "./index.ts";

const hi: JsonObject = { role: "user", content: "hi" };

const refused: readonly (readonly [JsonObject, string, RegExp])[] = [
  [{ model: null }, "model", /^Missing required parameter: 'model'\.$/],
  [{ model: 5 }, "model", /expected a string, but got an integer instead/],
  [{ messages: null }, "messages", /^Missing required parameter: 'messages'\.$/],
  [{ messages: "hi" }, "messages", /expected an array of objects, but got a string instead/],
  [{ messages: {} }, "messages", /but got an object instead/],
  [{ messages: [] }, "messages", /empty array/],
  [{ messages: ["hi"] }, "messages[0]", /expected an object/],
  [{ messages: [null] }, "messages[0]", /Missing/],
  [{ messages: [{}] }, "messages[0].role", /Missing/],
  [{ messages: [{ role: 1 }] }, "messages[0].role", /expected a string/],
  [{ messages: [{ role: "robot" }] }, "messages[0].role", /Invalid value: 'robot'\. Supported values are: 'system',/],
  [{ messages: [hi, { role: "tool", content: "x" }] }, "messages[1].tool_call_id", /Missing/],
  [{ messages: [{ role: "function", content: "x" }] }, "messages[0].name", /Missing/],
  [
    { messages: [{ role: "user", content: 5 }] },
    "messages[0].content",
    /one of a string or array of objects, but got an integer/,
  ],
  [{ messages: [{ role: "user", content: ["x"] }] }, "messages[0].content[0]", /expected an object/],
  [{ messages: [{ role: "user", content: [{ text: "x" }] }] }, "messages[0].content[0].type", /Missing/],
  [{ messages: [{ role: "user", content: [{ type: "text" }] }] }, "messages[0].content[0].text", /Missing/],
  [
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] },
    "messages[0].content[0].image_url.url",
    /Missing/,
  ],
  [
    { messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "x" } }] }] },
    "messages[0].content[0].input_audio.format",
    /Missing/,
  ],
  [
    { messages: [{ role: "user", content: [{ type: "file", file: {} }] }] },
    "messages[0].content[0].file.file_id",
    /Missing/,
  ],
  [{ messages: [{ role: "assistant", tool_calls: {} }] }, "messages[0].tool_calls", /expected an array/],
  [{ messages: [{ role: "assistant", tool_calls: [{ id: "c" }] }] }, "messages[0].tool_calls[0].function", /Missing/],
  [
    { messages: [{ role: "assistant", tool_calls: [{ function: { name: "f" } }] }] },
    "messages[0].tool_calls[0].id",
    /Missing/,
  ],
  [
    { messages: [{ role: "assistant", tool_calls: [{ id: "c", type: "magic" }] }] },
    "messages[0].tool_calls[0].type",
    /'function' and 'custom'/,
  ],
  [{ n: 0 }, "n", /integer below minimum value\. Expected a value >= 1, but got 0/],
  [{ n: 129 }, "n", /integer above maximum value\. Expected a value <= 128/],
  [{ n: 1.5 }, "n", /expected an integer, but got a decimal/],
  [{ max_tokens: -1 }, "max_tokens", /below minimum/],
  [{ max_tokens: "10" }, "max_tokens", /expected an integer, but got a string/],
  [{ temperature: "hot" }, "temperature", /expected a decimal/],
  [{ top_logprobs: 21 }, "top_logprobs", /above maximum/],
  [{ stop: [1] }, "stop[0]", /expected a string/],
  [{ stream: "yes" }, "stream", /expected a boolean/],
  [{ stream_options: true }, "stream_options", /expected an object, but got a boolean/],
  [{ tools: {} }, "tools", /expected an array/],
  [{ tools: [{}] }, "tools[0].type", /Missing/],
  [{ tools: [{ type: "function", function: {} }] }, "tools[0].function.name", /Missing/],
  [{ tool_choice: "maybe" }, "tool_choice", /'none', 'auto' and 'required'/],
  [{ tool_choice: 5 }, "tool_choice", /one of a string or object/],
  [{ tool_choice: { type: "function" } }, "tool_choice.function", /Missing/],
  [{ response_format: { type: "json_schema" } }, "response_format.json_schema", /Missing/],
  [{ response_format: "json" }, "response_format", /expected an object/],
  [{ functions: [], tools: [] }, "functions", /Only one of/],
  [{ user: 5 }, "user", /expected a string/],
];
for (const [fields, param, message] of refused) {
  test(`a malformed request is refused by name: ${JSON.stringify(fields).slice(0, 90)}`, () => {
    const result = openaiChat.ingress.readRequest({ model: "m", messages: [hi], ...fields }, asked(fields));
    assert.ok(!result.ok);
    assert.equal(result.failure.kind, "bad-request");
    assert.equal(result.failure.param, param);
    assert.match(result.failure.message, message);
  });
}
