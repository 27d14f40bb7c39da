import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Dialect } from "../../kernel/codec.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, Message } from "../../kernel/request.ts";
import { asked } from "../shared/support.test.ts";
import { openaiChat } from "./index.ts";

const dialect: Dialect = { streamUsage: true, developerRole: true };

function read(body: JsonObject): GenerationRequest {
  const result = openaiChat.ingress.readRequest(body, asked(body));
  assert.ok(result.ok, result.ok ? "" : result.failure.message);
  assert.equal(result.value.request.operation, "generate");
  return result.value.request;
}

/** Reads a body and writes it again, through JSON as the wire does. */
function again(body: JsonObject, as: Dialect = dialect): Json {
  const parsed: JsonObject = JSON.parse(JSON.stringify(body));
  return JSON.parse(JSON.stringify(openaiChat.egress.writeRequest(read(parsed), as).body));
}

const hi: JsonObject = { role: "user", content: "hi" };
const call: JsonObject = {
  id: "call_1",
  type: "function",
  function: { name: "f", arguments: '{ "n": 9007199254740993 }' },
};

const kept: { readonly [name: string]: JsonObject } = {
  "every field with a canonical word": {
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    min_p: 0.1,
    frequency_penalty: -1,
    presence_penalty: 2,
    seed: 7,
    stop: ["a", "b"],
    logprobs: true,
    top_logprobs: 3,
    n: 2,
    max_completion_tokens: 100,
    user: "u",
    reasoning_effort: "high",
    parallel_tool_calls: false,
    stream: true,
    stream_options: { include_usage: true, include_obfuscation: false },
  },
  "every field without one": {
    logit_bias: { "50256": -100 },
    metadata: { a: "b" },
    store: true,
    verbosity: "low",
    modalities: ["text", "audio"],
    audio: { voice: "alloy", format: "wav" },
    prediction: { type: "content", content: "x" },
    web_search_options: {},
    service_tier: "flex",
    safety_identifier: "s",
    prompt_cache_key: "k",
    prompt_cache_retention: "24h",
    chat_template_kwargs: { enable_thinking: false },
    tomorrow: [null, { deep: 1 }],
  },
  "tools with unknown fields": {
    tools: [
      {
        type: "function",
        cache_control: { type: "ephemeral" },
        function: { name: "f", description: "d", parameters: { type: "object", properties: {} }, strict: true, x: 1 },
      },
      { type: "custom", custom: { name: "c", description: "d", format: { type: "text" }, y: 2 } },
      { type: "builtin_function", function: { name: "$web_search" } },
    ],
    tool_choice: { type: "function", function: { name: "f" } },
  },
  "a choice of several tools": {
    tools: [{ type: "function", function: { name: "f" } }],
    tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } },
  },
  "a custom tool as the choice": { tool_choice: { type: "custom", custom: { name: "c" } } },
  "the legacy form": { functions: [{ name: "f", parameters: { type: "object" }, x: 1 }], function_call: { name: "f" } },
  "a JSON schema with unknown fields": {
    response_format: {
      type: "json_schema",
      z: 1,
      json_schema: { name: "s", schema: { type: "object" }, strict: false, w: 2 },
    },
  },
  "reasoning in OpenRouter's words": { reasoning: { effort: "high", exclude: true } },
  "reasoning in Kimi's words beside OpenAI's": { thinking: { type: "disabled" }, reasoning_effort: "none" },
  "reasoning in DashScope's words": { enable_thinking: true, thinking_budget: 500 },
  "a JSON object": { response_format: { type: "json_object" } },
  "plain text": { response_format: { type: "text" } },
  "an unknown format": { response_format: { type: "grammar", grammar: "root ::= x" } },
};

for (const [name, fields] of Object.entries(kept)) {
  test(`a request comes back equal: ${name}`, () => {
    const body = { model: "m", messages: [hi], ...fields };
    assert.deepEqual(again(body), body);
  });
}

const textOf = (text: string): JsonObject => ({ type: "text", text });

const keptMessages: { readonly [name: string]: readonly JsonObject[] } = {
  "system, developer and names": [
    { role: "system", content: "s", name: "n" },
    {
      role: "developer",
      content: [
        { type: "text", text: "a", cache_control: { type: "ephemeral" } },
        { type: "text", text: "b" },
      ],
    },
  ],
  "parts of every kind with unknown fields": [
    {
      role: "user",
      custom: 1,
      content: [
        { type: "text", text: "t", cache_control: { type: "ephemeral" } },
        { type: "image_url", image_url: { url: "https://h/i.png", detail: "high", x: 1 }, y: 2 },
        { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
        { type: "input_audio", input_audio: { data: "AAAA", format: "mp3" } },
        { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" } },
        { type: "file", file: { file_id: "file-1" } },
        { type: "video_url", video_url: { url: "https://h/v" } },
      ],
    },
  ],
  "a turn of calls": [
    {
      role: "assistant",
      content: null,
      tool_calls: [{ ...call, extra_content: { google: { thought_signature: "s" } } }],
    },
    { role: "tool", tool_call_id: "call_1", content: "18C" },
    { role: "tool", tool_call_id: "call_2", content: "a" },
  ],
  "a custom call": [
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c", type: "custom", custom: { name: "x", input: "free\ttext" } }],
    },
  ],
  "reasoning under each name": [
    { role: "assistant", content: "a", reasoning_content: "r" },
    { role: "assistant", content: "a", reasoning: "r", reasoning_details: [{ type: "reasoning.text", text: "r" }] },
    { role: "assistant", content: "a", reasoning_content: "r", reasoning: "r2" },
    { role: "assistant", content: "a", reasoning_text: "r" },
    {
      role: "assistant",
      content: "a",
      reasoning_details: [
        { type: "reasoning.text", text: "r", signature: "s", index: 0 },
        { type: "reasoning.encrypted", data: "d", index: 1 },
      ],
    },
    { role: "assistant", content: "a", thinking_blocks: [{ type: "thinking", thinking: "r", signature: "s" }] },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: [{ type: "text", text: "r" }] },
        { type: "text", text: "a" },
      ],
    },
  ],
  "images that the assistant made": [
    {
      role: "assistant",
      content: "here",
      images: [
        { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" }, index: 0 },
        { type: "image_url", image_url: { url: "https://h/i.png" } },
      ],
    },
  ],
  "a refusal, audio and annotations": [
    { role: "assistant", content: null, refusal: "no" },
    { role: "assistant", content: "x", audio: { id: "audio_1" }, annotations: [] },
  ],
  "legacy calls": [
    { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
    { role: "function", name: "f", content: "18C" },
  ],
};

for (const [name, messages] of Object.entries(keptMessages)) {
  test(`messages come back equal: ${name}`, () => {
    const body = { model: "m", messages: [hi, ...messages] };
    assert.deepEqual(again(body), body);
  });
}

test("a legacy answer is tied to its call by an id", () => {
  const { messages } = read({ model: "m", messages: [hi, ...(keptMessages["legacy calls"] ?? [])] });
  const [callPart] = messages[1]?.parts ?? [];
  const [result] = messages[2]?.parts ?? [];
  assert.ok(callPart?.type === "tool-call" && result?.type === "tool-result");
  assert.equal(result.id, callPart.id);
});

const normalised: readonly (readonly [string, JsonObject, JsonObject])[] = [
  ["null is absent", { temperature: null, stop: null, tools: null }, {}],
  ["stop is a list", { stop: "x" }, { stop: ["x"] }],
  ["max_completion_tokens is preferred", { max_tokens: 5, max_completion_tokens: 9 }, { max_completion_tokens: 9 }],
  ["max_tokens gets the current name", { max_tokens: 5 }, { max_completion_tokens: 5 }],
  ["stream: false is left out", { stream: false }, {}],
];
for (const [name, given, expected] of normalised) {
  test(`a request is normalised: ${name}`, () => {
    assert.deepEqual(again({ model: "m", messages: [hi], ...given }), { model: "m", messages: [hi], ...expected });
  });
}

const tolerated: readonly (readonly [string, JsonObject, JsonObject])[] = [
  ["content: []", { role: "user", content: [] }, { role: "user", content: "" }],
  ["missing content", { role: "assistant" }, { role: "assistant", content: "" }],
  ["one plain text part", { role: "user", content: [{ type: "text", text: "x" }] }, { role: "user", content: "x" }],
  [
    "a bare image URL",
    { role: "user", content: [{ type: "image_url", image_url: "https://h/i" }] },
    { role: "user", content: [{ type: "image_url", image_url: { url: "https://h/i" } }] },
  ],
  ["an empty text among others", { role: "user", content: [textOf(""), textOf("x")] }, { role: "user", content: "x" }],
  [
    "texts of the system",
    { role: "system", content: [textOf("a"), textOf("b")] },
    { role: "system", content: "a\n\nb" },
  ],
  [
    "texts of the assistant",
    { role: "assistant", content: [textOf("a"), textOf("b")] },
    { role: "assistant", content: "ab" },
  ],
  [
    "texts of a tool",
    { role: "tool", tool_call_id: "c", content: [textOf("a"), textOf("b")] },
    { role: "tool", tool_call_id: "c", content: "a\nb" },
  ],
  [
    "parts in Responses' words",
    {
      role: "user",
      content: [
        { type: "input_text", text: "x" },
        { type: "input_image", image_url: "https://h/i" },
      ],
    },
    { role: "user", content: [textOf("x"), { type: "image_url", image_url: { url: "https://h/i" } }] },
  ],
  [
    "a file of text",
    {
      role: "user",
      content: [{ type: "file", file: { filename: "a.txt", file_data: "data:text/plain;base64,aGk=" } }],
    },
    { role: "user", content: [textOf("a.txt:\nhi")] },
  ],
  [
    "calls with content: []",
    { role: "assistant", content: [], tool_calls: [call] },
    { role: "assistant", content: null, tool_calls: [call] },
  ],
  [
    "arguments that are not text",
    { role: "assistant", tool_calls: [{ id: "c", function: { name: "f", arguments: { a: 1 } } }] },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
    },
  ],
];
for (const [name, given, expected] of tolerated) {
  test(`a message is tolerated: ${name}`, () => {
    assert.deepEqual(again({ model: "m", messages: [given] }), { model: "m", messages: [expected] });
  });
}

test("the dialect chooses names and roles", () => {
  const body = { model: "m", messages: [{ role: "developer", content: "x" }], max_completion_tokens: 5, stream: true };
  const old: Dialect = { streamUsage: false, developerRole: false, maxTokensField: "max_tokens" };
  assert.deepEqual(again(body, old), {
    model: "m",
    messages: [{ role: "system", content: "x" }],
    max_tokens: 5,
    stream: true,
  });
});

function write(messages: readonly Message[]) {
  return openaiChat.egress.writeRequest(
    { operation: "generate", model: "m", messages, tools: [], sampling: {}, stream: false },
    dialect,
  );
}

test("answers of tools go before what else the user said, and their media after them all", () => {
  const image = { type: "image", source: { kind: "data", mediaType: "image/png", base64: "AAAA" } } as const;
  const { body, losses } = write([
    {
      role: "user",
      parts: [
        { type: "tool-result", id: "a", content: [{ type: "text", text: "A" }, image] },
        { type: "tool-result", id: "b", content: [{ type: "text", text: "B" }] },
        { type: "text", text: "and?" },
      ],
    },
  ]);
  assert.deepEqual(body["messages"], [
    { role: "tool", tool_call_id: "a", content: "A" },
    { role: "tool", tool_call_id: "b", content: "B" },
    {
      role: "user",
      content: [
        { type: "text", text: "Output of tool call a:" },
        { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
      ],
    },
    { role: "user", content: "and?" },
  ]);
  assert.deepEqual(losses, [{ field: "messages[0].parts[0].tool-result.content", reason: "approximated" }]);
});

test("another protocol's reasoning goes along with calls only, and is reported elsewhere", () => {
  const reasoning = { type: "reasoning", text: "r" } as const;
  const toolCall = { type: "tool-call", id: "c", name: "f", arguments: "{}", tool: "function" } as const;
  const { body, losses } = write([
    { role: "assistant", parts: [reasoning, toolCall] },
    { role: "assistant", parts: [reasoning, { type: "text", text: "t" }] },
  ]);
  assert.deepEqual(body["messages"], [
    {
      role: "assistant",
      content: null,
      reasoning_content: "r",
      tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
    },
    { role: "assistant", content: "t" },
  ]);
  assert.deepEqual(losses, [{ field: "messages[1].parts[0].reasoning", reason: "unsupported" }]);
});

test("another protocol's fields are reported as losses", () => {
  const { losses } = openaiChat.egress.writeRequest(
    {
      operation: "generate",
      model: "m",
      messages: [{ role: "user", parts: [{ type: "opaque", keep: { gemini: { x: 1 } } }] }],
      tools: [{ tool: "function", name: "f", extra: { gemini: { y: 1 } } }],
      sampling: {},
      stream: false,
      reasoning: { budgetTokens: 9000 },
      extra: { ollama: { keep_alive: "5m" } },
    },
    dialect,
  );
  assert.deepEqual(losses.map(({ field }) => field).toSorted(), [
    "keep_alive",
    "messages[0].parts[0].opaque",
    "reasoning.budgetTokens",
    "tools[0].y",
  ]);
});

const word = fc.string({ maxLength: 8 });
const callArbitrary = fc.record({
  id: word,
  type: fc.constant("function"),
  function: fc.record({ name: word, arguments: fc.string({ unit: "binary", maxLength: 20 }) }),
});
const messageArbitrary = fc.oneof(
  fc.record({ role: fc.constantFrom("system", "developer", "user"), content: word }),
  fc.record({
    role: fc.constant("user"),
    content: fc.array(fc.record({ type: fc.constant("text"), text: fc.string({ minLength: 1, maxLength: 8 }) }), {
      minLength: 2,
      maxLength: 3,
    }),
  }),
  fc.record({ role: fc.constant("assistant"), content: word, reasoning_content: fc.string({ minLength: 1 }) }),
  fc.record({
    role: fc.constant("assistant"),
    content: fc.constant(null),
    tool_calls: fc.array(callArbitrary, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ role: fc.constant("tool"), tool_call_id: word, content: word }),
);
const requestArbitrary = fc.record(
  {
    model: word,
    messages: fc.array(messageArbitrary, { minLength: 1, maxLength: 5 }),
    temperature: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
    tools: fc.array(
      fc.record({
        type: fc.constant("function"),
        function: fc.record({ name: word, parameters: fc.dictionary(word, fc.jsonValue()) }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    unknown: fc.jsonValue(),
    "x-unknown": fc.jsonValue(),
  },
  { requiredKeys: ["model", "messages"] },
);

test("any request comes back equal", () => {
  fc.assert(
    fc.property(requestArbitrary, (body) => {
      const parsed: JsonObject = JSON.parse(JSON.stringify(body));
      assert.deepEqual(again(parsed), parsed);
    }),
    { numRuns: 200 },
  );
});

const hostileKey = fc.constantFrom(
  "__proto__",
  "constructor",
  "model",
  "messages",
  "role",
  "content",
  "type",
  "tools",
  "function",
  "tool_calls",
  "text",
  "id",
);
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, depthSize: "large" },
    fc.oneof(fc.constantFrom<Json>(null, true, 0, -1, 1e308, "", "user", "assistant", "tool", "function", "text")),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.array(fc.tuple(hostileKey, tie("tree")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
}));

test("any JSON is read or refused, and what is read can be written", () => {
  fc.assert(
    fc.property(tree, tree, (message, rest) => {
      const body = { ...(isJsonObject(rest) ? rest : {}), messages: [message, hi] };
      const result = openaiChat.ingress.readRequest(body, asked(body));
      if (!result.ok) return assert.equal(result.failure.kind, "bad-request");
      JSON.stringify(openaiChat.egress.writeRequest(result.value.request, dialect));
      return assert.equal(({} as JsonObject)["polluted"], undefined);
    }),
    { numRuns: 1000 },
  );
});

test("an entry named __proto__ survives as an ordinary entry", () => {
  const body: JsonObject = JSON.parse(
    '{"model":"m","messages":[{"role":"user","content":"hi","__proto__":{"a":1}}],"__proto__":{"polluted":1}}',
  );
  const written = openaiChat.egress.writeRequest(read(body), dialect).body;
  assert.equal(JSON.stringify(written["messages"]), '[{"__proto__":{"a":1},"role":"user","content":"hi"}]');
  assert.ok(Object.hasOwn(written, "__proto__"));
  assert.equal(written["polluted"], undefined);
});
