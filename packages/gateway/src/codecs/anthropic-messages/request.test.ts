import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import { parseExactObject } from "../shared/exact.ts";
import { seal } from "../shared/carrier.ts";
import { asked } from "../shared/support.test.ts";
import { anthropicMessages } from "./index.ts";
import { again, hi, read } from "./support.test.ts";

const base: JsonObject = { model: "m", max_tokens: 100, messages: [hi] };
const cached: JsonObject = { cache_control: { type: "ephemeral", ttl: "1h" } };
const schema: JsonObject = { type: "object", properties: { a: { type: "string" } }, additionalProperties: false };

const kept: { readonly [name: string]: JsonObject } = {
  "every field with a canonical word": {
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    stop_sequences: ["a", "b"],
    stream: true,
    metadata: { user_id: '{"device_id":"d"}', x: 1 },
  },
  "every field without one": {
    service_tier: "auto",
    container: "c",
    inference_geo: "eu",
    mcp_servers: [{ type: "url", url: "https://h", name: "n" }],
    context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
    tomorrow: [null, { deep: 1 }],
    ...cached,
  },
  "a system prompt of texts": { system: "s" },
  // Hard case 29: cache marks stay where they stand.
  "a system prompt of blocks": {
    system: [
      { type: "text", text: "a" },
      { type: "text", text: "b", ...cached },
    ],
  },
  "tools with unknown fields, and the vendor's own between them": {
    tools: [
      { name: "f", description: "d", input_schema: { type: "object", properties: {} }, strict: true, ...cached },
      { type: "web_search_20250305", name: "web_search", max_uses: 8 },
      {
        name: "g",
        input_schema: schema,
        input_examples: [{ a: "x" }],
        defer_loading: true,
        eager_input_streaming: true,
      },
    ],
    tool_choice: { type: "auto", disable_parallel_tool_use: true },
  },
  "a choice of an unknown kind": {
    tools: [{ name: "f", input_schema: schema }],
    tool_choice: { type: "several", names: ["f"] },
  },
  "a budget": { max_tokens: 32_000, thinking: { type: "enabled", budget_tokens: 31_999, display: "omitted" } },
  "a budget and an effort": {
    max_tokens: 32_000,
    thinking: { type: "enabled", budget_tokens: 2048, display: "summarized" },
    output_config: { effort: "high" },
  },
  "adaptive thinking": { thinking: { type: "adaptive", display: "updates" }, output_config: { effort: "max", x: 1 } },
  "an effort without thinking": { output_config: { effort: "low" } },
  "no thinking": { thinking: { type: "disabled" }, output_config: { effort: "low" } },
  "thinking of an unknown kind": { thinking: { type: "between_tools" } },
  "a schema": { output_config: { format: { type: "json_schema", schema, y: 2 } } },
  "a format of an unknown kind": { output_config: { format: { type: "grammar", grammar: "x" } } },
};

for (const [name, fields] of Object.entries(kept)) {
  test(`a request comes back equal: ${name}`, () => {
    assert.deepEqual(again({ ...base, ...fields }), { ...base, ...fields });
  });
}

const image: JsonObject = { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } };
const tools = [{ name: "f", input_schema: schema }];
const call: JsonObject = { type: "tool_use", id: "toolu_1", name: "f", input: { n: 1 } };

const keptMessages: { readonly [name: string]: readonly JsonObject[] } = {
  "blocks of every kind": [
    {
      role: "user",
      content: [
        { type: "text", text: "t", ...cached },
        { ...image, transformations: { oversized_image: "error" } },
        { type: "image", source: { type: "url", url: "https://h/i.png" }, ...cached },
        { type: "image", source: { type: "file", file_id: "file_1" } },
        { type: "document", source: { type: "base64", media_type: "application/pdf", data: "AAAA" }, title: "T" },
        { type: "document", source: { type: "text", media_type: "text/plain", data: "é" }, context: "c", ...cached },
        { type: "document", source: { type: "url", url: "https://h/d" }, citations: { enabled: true } },
        { type: "document", source: { type: "content", content: [{ type: "text", text: "x" }] }, title: "T" },
        { type: "search_result", source: "s", title: "t", content: [{ type: "text", text: "x" }] },
        { type: "container_upload", file_id: "file_1" },
      ],
    },
  ],
  // Hard case 12: thinking comes back byte for byte and in its place.
  "thinking, calls and results": [
    hi,
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "", signature: "s1" },
        { type: "redacted_thinking", data: "d" },
        { type: "text", text: "a", citations: [{ type: "page_location", cited_text: "c" }] },
        { type: "thinking", thinking: "t", signature: "s2" },
        { ...call, caller: { type: "direct" }, ...cached },
      ],
    },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "toolu_1", content: [image], is_error: false, ...cached },
        { type: "text", text: "and?" },
      ],
    },
  ],
  "the work of the vendor's own tools": [
    hi,
    {
      role: "assistant",
      content: [
        { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "q" } },
        { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] },
        { type: "text", text: "x" },
      ],
    },
  ],
  "found tools": [
    hi,
    { role: "assistant", content: [call] },
    {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "tool_reference", tool_name: "f" }] }],
    },
  ],
  // Hard case 22, for backends that know it.
  "a system message in the midst, with fields of its own": [
    hi,
    { role: "system", content: "s", output_config: { effort: "medium" } },
    { role: "assistant", content: "a" },
    hi,
    { role: "system", content: [{ type: "text", text: "s", ...cached }] },
  ],
  "a last word of the assistant's": [hi, { role: "assistant", content: "The answer is (" }],
};

for (const [name, messages] of Object.entries(keptMessages)) {
  test(`messages come back equal: ${name}`, () => {
    const body = { ...base, messages, tools };
    assert.deepEqual(again(body), body);
  });
}

const normalised: readonly (readonly [name: string, given: JsonObject, expected: JsonObject])[] = [
  ["null is absent", { temperature: null, tools: null, thinking: null, output_config: null, container: null }, {}],
  ["one plain block is a string", { system: [{ type: "text", text: "s" }] }, { system: "s" }],
  ["stream: false is left out", { stream: false }, {}],
  [
    "the beta's output_format",
    { output_format: { type: "json_schema", schema } },
    { output_config: { format: { type: "json_schema", schema } } },
  ],
  ["no tools are none", { tools: [] }, {}],
  ["a tool's kind may be said", { tools: [{ type: "custom", name: "f", input_schema: schema }] }, { tools }],
  [
    "parallel calls are allowed anyway",
    { tools, tool_choice: { type: "any", disable_parallel_tool_use: false } },
    { tools, tool_choice: { type: "any" } },
  ],
];
for (const [name, given, expected] of normalised) {
  test(`a request is normalised: ${name}`, () => {
    assert.deepEqual(again({ ...base, ...given }), { ...base, ...expected });
  });
}

// Hard case 6.
test("results of tools become messages of their own, before what the user says after them", () => {
  const results = ["a", "b"].map((id) => ({ type: "tool_result", tool_use_id: id, content: id }));
  const calls = ["a", "b"].map((id) => ({ ...call, id }));
  const { messages } = read({
    ...base,
    messages: [
      hi,
      { role: "assistant", content: calls },
      { role: "user", content: [...results, { type: "text", text: "go" }] },
    ],
  });
  assert.deepEqual(
    messages
      .slice(2)
      .map(({ role, parts }) => [role, parts.map((part) => (part.type === "tool-result" ? part.id : part.type))]),
    [
      ["tool", ["a", "b"]],
      ["user", ["text"]],
    ],
  );
  const [first] = messages[2]?.parts ?? [];
  assert.equal(first?.type === "tool-result" && first.name, "f");
});

// Hard case 19.
test("digits of a call's input survive", () => {
  const messages = [hi, { role: "assistant", content: [{ ...call, input: { n: 0 } }] }];
  const body = parseExactObject(JSON.stringify({ ...base, tools, messages }).replace('"n":0', '"n":9007199254740993'));
  assert.ok(body !== undefined);
  const part = read(body).messages[1]?.parts[0];
  assert.equal(part?.type === "tool-call" && part.arguments, '{"n":9007199254740993}');
  const { body: written } = anthropicMessages.egress.writeRequest(read(body), {
    streamUsage: true,
    developerRole: true,
  });
  assert.match(JSON.stringify(written), /"n":9007199254740993/);
});

test("another vendor's state is restored from where its signature should be", () => {
  const carried = { keep: { gemini: { thoughtSignature: "x" } }, origin: "e" };
  const content = [{ type: "thinking", thinking: "t", signature: seal(carried) }];
  const { messages } = read({ ...base, messages: [hi, { role: "assistant", content }] });
  assert.deepEqual(messages[1]?.parts, [{ type: "reasoning", text: "t", ...carried }]);
});

test("what others need as text is text", () => {
  const content = [
    { type: "search_result", source: "https://s", title: "t", content: [{ type: "text", text: "x" }] },
    { type: "document", source: { type: "text", media_type: "text/plain", data: "é" } },
  ];
  const [search, document] = read({ ...base, messages: [{ role: "user", content }] }).messages[0]?.parts ?? [];
  assert.equal(search?.type === "text" && search.text, "t\nhttps://s\nx");
  assert.deepEqual(document?.type === "file" && document.source, {
    kind: "data",
    mediaType: "text/plain",
    base64: "w6k=",
  });
});

const refused: readonly (readonly [fields: JsonObject, param: string])[] = [
  [{ model: 1 }, "model"],
  [{ messages: [] }, "messages"],
  [{ messages: "hi" }, "messages"],
  [{ max_tokens: 0 }, "max_tokens"],
  [{ messages: [{ role: "tool", content: "x" }] }, "messages[0].role"],
  [{ messages: [{ role: "user", content: [{ text: "x" }] }] }, "messages[0].content[0].type"],
  [{ messages: [{ role: "user", content: [{ type: "image" }] }] }, "messages[0].content[0].source"],
  [{ tools: [{ name: "f" }] }, "tools[0].input_schema"],
  [{ system: 1 }, "system"],
  [{ thinking: { type: 1 } }, "thinking.type"],
];
for (const [fields, param] of refused) {
  test(`a request is refused for its ${param}: ${JSON.stringify(fields)}`, () => {
    const result = anthropicMessages.ingress.readRequest({ ...base, ...fields }, asked({}));
    assert.ok(!result.ok);
    assert.deepEqual([result.failure.kind, result.failure.param], ["bad-request", param]);
  });
}
