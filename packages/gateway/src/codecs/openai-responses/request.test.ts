import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Message } from "../../kernel/request.ts";
import { seal } from "../shared/carrier.ts";
import { asked, generation } from "../shared/support.test.ts";
import { openaiResponses } from "./index.ts";
import { inputItems, outputAsInput } from "./items.ts";
import { makeId } from "./own.ts";
import { dialect, read, write } from "./support.test.ts";

const user: JsonObject = { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] };
const call: JsonObject = {
  type: "function_call",
  id: "fc_1",
  call_id: "c1",
  name: "f",
  arguments: '{ "n": 9007199254740993 }',
  status: "completed",
};
const output: JsonObject = { type: "function_call_output", id: "fco_1", call_id: "c1", output: "done" };

const kept: { readonly [name: string]: JsonObject } = {
  "every field with a canonical word": {
    instructions: "Be brief.",
    temperature: 0.5,
    top_p: 0.9,
    top_logprobs: 3,
    presence_penalty: 1,
    frequency_penalty: -1,
    max_output_tokens: 5,
    parallel_tool_calls: false,
    tool_choice: "required",
    reasoning: { effort: "xhigh", summary: "auto" },
    text: { verbosity: "low", format: { type: "json_schema", name: "s", schema: { type: "object" }, strict: true } },
    include: ["message.output_text.logprobs"],
    user: "u",
    stream: true,
  },
  "every field without one": {
    store: false,
    include: ["reasoning.encrypted_content", "file_search_call.results"],
    metadata: { a: "b" },
    previous_response_id: "resp_1",
    conversation: { id: "conv_1" },
    background: true,
    truncation: "auto",
    service_tier: "flex",
    safety_identifier: "s",
    prompt_cache_key: "k",
    max_tool_calls: 3,
    client_metadata: { thread_id: "t" },
    stream_options: { include_obfuscation: false },
    reasoning: { summary: "detailed", context: "all_turns" },
    text: { tomorrow: 1 },
  },
  "tools in namespaces, custom and hosted tools": {
    tools: [
      {
        type: "function",
        name: "f",
        description: "d",
        parameters: { type: "object" },
        strict: false,
        defer_loading: true,
      },
      { type: "custom", name: "apply_patch", format: { type: "grammar", syntax: "lark", definition: "start: x" } },
      {
        type: "namespace",
        name: "agents",
        description: "All agents.",
        tools: [
          { type: "function", name: "spawn", parameters: { type: "object" }, strict: false },
          { type: "custom", name: "send", description: "x" },
        ],
      },
      { type: "web_search", external_web_access: true },
    ],
    tool_choice: { type: "function", name: "spawn", namespace: "agents" },
  },
  "a choice of several tools": { tool_choice: { type: "allowed_tools", mode: "auto", tools: [] } },
  "a hosted tool as the choice": { tool_choice: { type: "web_search" } },
};
for (const [name, fields] of Object.entries(kept)) {
  test(`a request comes back equal: ${name}`, () => {
    const body = { model: "m", input: [user], ...fields };
    assert.deepEqual(write(read(body)), body);
  });
}

const keptItems: { readonly [name: string]: readonly JsonObject[] } = {
  "messages of every role, with ids, phases and unknown fields": [
    { type: "message", id: "msg_1", role: "developer", content: [{ type: "input_text", text: "d" }] },
    { ...user, internal_chat_message_metadata_passthrough: { turn_id: "t" } },
    { type: "message", role: "system", content: [{ type: "input_text", text: "late" }] },
    {
      type: "message",
      id: "msg_2",
      status: "completed",
      phase: "commentary",
      role: "assistant",
      content: [
        { type: "output_text", text: "a", annotations: [{ type: "url_citation", url: "u" }] },
        { type: "refusal", refusal: "no" },
      ],
    },
    { type: "message", id: "msg_3", role: "assistant", content: [{ type: "output_text", text: "b", annotations: [] }] },
  ],
  "parts of every kind": [
    {
      type: "message",
      role: "user",
      content: [
        { type: "input_image", image_url: "https://x.test/a.png", detail: "low" },
        { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" },
        { type: "input_image", file_id: "file_1", detail: "high" },
        { type: "input_file", file_data: "data:application/pdf;base64,AAAA", filename: "a.pdf" },
        { type: "input_file", file_url: "https://x.test/a.pdf" },
        { type: "input_file", file_id: "file_2" },
        { type: "input_audio", input_audio: { data: "AAAA", format: "mp3" } },
        { type: "computer_screenshot", file_id: "f" },
      ],
    },
  ],
  "calls, outputs and reasoning": [
    user,
    { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "t" }], encrypted_content: "gAAA" },
    call,
    { type: "custom_tool_call", id: "ctc_1", call_id: "c2", name: "patch", input: "*** Begin", namespace: "ns" },
    output,
    {
      type: "custom_tool_call_output",
      call_id: "c2",
      output: [{ type: "input_image", image_url: "https://x.test/i", detail: "auto" }],
    },
  ],
  "items that we have no word for": [
    user,
    { type: "item_reference", id: "msg_9" },
    { type: "compaction", id: "cmp_1", encrypted_content: "x" },
    {
      type: "local_shell_call",
      id: "lsh_1",
      call_id: "c3",
      action: { type: "exec", command: ["ls"] },
      status: "completed",
    },
    { type: "local_shell_call_output", id: "lsh_1", output: "x" },
    { type: "apply_patch_call_output", call_id: "c4", status: "completed" },
  ],
  "an output whose call is stored elsewhere": [{ type: "custom_tool_call_output", call_id: "c9", output: "x" }],
  "tools that come with an item": [
    { type: "additional_tools", role: "developer", tools: [{ type: "custom", name: "exec" }] },
    user,
  ],
};
for (const [name, input] of Object.entries(keptItems)) {
  test(`an input comes back equal: ${name}`, () => {
    assert.deepEqual(write(read({ input, store: false }))["input"], input);
  });
}

test("a string is one user message, and an untyped message is a message", () => {
  const texts = (body: JsonObject) =>
    read(body).messages.map(({ role, parts }) => [role, parts[0]?.type === "text" && parts[0].text]);
  assert.deepEqual(texts({ input: "hi" }), [["user", "hi"]]);
  assert.deepEqual(texts({ input: [{ role: "assistant", content: "yo" }], instructions: "s" }), [
    ["system", "s"],
    ["assistant", "yo"],
  ]);
});

test("what the model did in a row is one message", () => {
  const roles = read({
    input: [user, { type: "reasoning", summary: [] }, { role: "assistant", content: "x" }, call, output, call],
  }).messages;
  assert.deepEqual(
    roles.map(({ role, parts }) => `${role} ${parts.map((part) => part.type).join()}`),
    ["user text", "assistant reasoning,text,tool-call", "tool tool-result", "assistant tool-call"],
  );
});

test("case 9: a user message between a call and its output keeps its place", () => {
  assert.deepEqual(
    read({ input: [call, user, output] }).messages.map(({ role }) => role),
    ["assistant", "user", "tool"],
  );
});

test("case 12: another vendor's reasoning state comes back from the item that carried it", () => {
  const carried = { keep: { "anthropic-messages": { signature: "s" } }, origin: "claude" };
  const item = {
    type: "reasoning",
    id: "rs_pb0_x",
    summary: [{ type: "summary_text", text: "t" }],
    encrypted_content: seal(carried),
  };
  const request = read({ input: [user, item], store: false });
  assert.deepEqual(request.messages[1]?.parts, [{ type: "reasoning", text: "t", ...carried }]);
  const { body, losses } = openaiResponses.egress.writeRequest(request, dialect);
  assert.equal((body["input"] as readonly unknown[]).length, 1);
  assert.deepEqual(losses, [{ field: "messages[1].parts[0].reasoning", reason: "unsupported" }]);
});

const reasoningItem = (fields: JsonObject) => ({ type: "reasoning", summary: [], ...fields });
const states: readonly (readonly [string, boolean, JsonObject, JsonObject | undefined])[] = [
  ["encrypted state, unstored", false, { id: "rs_1", encrypted_content: "g" }, { id: "rs_1", encrypted_content: "g" }],
  ["an id alone, unstored", false, { id: "rs_1" }, undefined],
  ["an id alone, stored", true, { id: "rs_1" }, { id: "rs_1" }],
  ["an id of ours, stored", true, { id: makeId("rs", "x", 0) }, undefined],
  ["an id of ours with state", false, { id: makeId("rs", "x", 0), encrypted_content: "g" }, { encrypted_content: "g" }],
  [
    "an open model's own text",
    false,
    { id: "rs_1", content: [{ type: "reasoning_text", text: "t" }] },
    { id: "rs_1", content: [{ type: "reasoning_text", text: "t" }] },
  ],
];
for (const [name, store, given, expected] of states) {
  test(`case 13: reasoning is replayed only where the backend can know it: ${name}`, () => {
    const input = write(read({ input: [user, reasoningItem(given)], store }))["input"];
    assert.deepEqual(input, [user, ...(expected === undefined ? [] : [reasoningItem(expected)])]);
  });
}

test("case 31: tools of namespaces and items get flat names that are unique", () => {
  const names = read({
    input: [
      {
        type: "additional_tools",
        tools: [
          { type: "custom", name: "f" },
          { type: "namespace", name: "n", tools: [{ type: "custom", name: "g" }] },
        ],
      },
    ],
    tools: [{ type: "function", name: "f" }],
  }).tools.map(({ name, tool }) => `${tool} ${name}`);
  assert.deepEqual(names, ["function f", "custom n__g"]);
});

test("case 31: a namespace that ends in the mark keeps its names short, and comes back", () => {
  const tools = [{ type: "namespace", name: "mcp__a__", tools: [{ type: "custom", name: "f" }] }];
  const input = [{ type: "custom_tool_call", call_id: "c", name: "f", namespace: "mcp__a__", input: "x" }];
  const request = read({ input, tools });
  assert.equal(request.tools[0]?.name, "mcp__a__f");
  assert.deepEqual(write(request)["tools"], tools);
  assert.deepEqual(write(request)["input"], input);
});

test("case 31: a flat name that a plain tool bears already is lost, and reported", () => {
  const f = { type: "function", name: "f" };
  const body = {
    model: "m",
    input: "x",
    tools: [
      { type: "namespace", name: "n", tools: [f] },
      { ...f, name: "n__f" },
    ],
  };
  const result = openaiResponses.ingress.readRequest(body, asked(body));
  assert.ok(result.ok);
  assert.deepEqual(result.value.losses, [{ field: "tools[0].tools[0]", reason: "unsupported" }]);
});

test("case 28: a limit below OpenAI's least is raised, and reported", () => {
  const request = generation({ maxOutputTokens: 1 });
  const { body, losses } = openaiResponses.egress.writeRequest(request, dialect);
  assert.equal(body["max_output_tokens"], 16);
  assert.deepEqual(losses, [{ field: "maxOutputTokens", reason: "approximated" }]);
});

test("case 19: arguments stay the same to the byte", () => {
  assert.deepEqual(write(read({ input: [call] }))["input"], [call]);
});

test("a request of another protocol is unstored, says its defaults, and asks for reasoning's state", () => {
  const messages: readonly Message[] = [
    {
      role: "system",
      parts: [
        { type: "text", text: "a" },
        { type: "text", text: "b" },
      ],
    },
    { role: "user", parts: [{ type: "image", source: { kind: "data", mediaType: "image/png", base64: "AA" } }] },
    {
      role: "assistant",
      parts: [
        { type: "reasoning", text: "t" },
        { type: "text", text: "" },
        { type: "text", text: "x" },
        { type: "tool-call", id: "c", name: "f", arguments: "patch", tool: "custom" },
      ],
    },
    { role: "tool", parts: [{ type: "tool-result", id: "c", content: [{ type: "text", text: "r" }] }] },
    { role: "system", rawRole: "developer", parts: [{ type: "text", text: "late" }] },
  ];
  const request = generation({
    messages,
    tools: [{ tool: "function", name: "f" }],
    reasoning: { budgetTokens: 4000, show: true },
    sampling: { stop: ["x"], frequencyPenalty: 0, topK: 4 },
  });
  const { body, losses } = openaiResponses.egress.writeRequest(request, dialect);
  assert.deepEqual(body, {
    store: false,
    model: "m",
    instructions: "a\n\nb",
    input: [
      {
        type: "message",
        role: "user",
        content: [{ type: "input_image", image_url: "data:image/png;base64,AA", detail: "auto" }],
      },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "x", annotations: [] }] },
      { type: "custom_tool_call", call_id: "c", name: "f", input: "patch" },
      { type: "custom_tool_call_output", call_id: "c", output: "r" },
      { type: "message", role: "developer", content: [{ type: "input_text", text: "late" }] },
    ],
    tools: [{ type: "function", name: "f", parameters: { type: "object", properties: {} }, strict: false }],
    reasoning: { effort: "low", summary: "auto" },
    include: ["reasoning.encrypted_content"],
  });
  assert.deepEqual(
    losses.map(({ field }) => field),
    ["messages[2].parts[0].reasoning", "sampling.topK", "sampling.stop", "reasoning.budgetTokens"],
  );
});

const refused: readonly (readonly [JsonObject, string])[] = [
  [{}, "input"],
  [{ input: 5 }, "input"],
  [{ input: [] }, "input"],
  [{ input: [null] }, "input[0]"],
  [{ input: [{}] }, "input[0].type"],
  [{ input: [{ role: "critic", content: "" }] }, "input[0].role"],
  [{ input: [{ role: "user", content: 5 }] }, "input[0].content"],
  [{ input: [{ role: "user", content: [{ type: "input_text" }] }] }, "input[0].content[0].text"],
  [{ input: [{ type: "function_call", name: "f" }] }, "input[0].call_id"],
  [{ input: "x", tools: [{ type: "namespace", name: "n", tools: [{ type: "function" }] }] }, "tools[0].tools[0].name"],
  [{ input: "x", tool_choice: "some" }, "tool_choice"],
  [{ input: "x", max_output_tokens: 0 }, "max_output_tokens"],
  [{ input: "x", text: { format: { type: "json_schema" } } }, "text.format.name"],
];
for (const [body, param] of refused) {
  test(`a request is refused, and told where: ${JSON.stringify(body)}`, () => {
    const full = { model: "m", ...body };
    const result = openaiResponses.ingress.readRequest(full, asked(full));
    assert.ok(!result.ok);
    assert.equal(result.failure.kind, "bad-request");
    assert.equal(result.failure.param, param);
  });
}

test("a request that carries another vendor's state does not pass as it is", () => {
  const view = (holds: boolean) => ({ field: () => undefined, roles: new Set<string>(), contains: () => holds });
  assert.equal(openaiResponses.egress.passThrough(view(true), dialect), undefined);
  assert.deepEqual(openaiResponses.egress.passThrough(view(false), dialect)?.edits, []);
});

test("an output becomes input, and an input becomes a list of items with ids", () => {
  assert.deepEqual(outputAsInput({ output: [call, { ...call, status: "in_progress" }, 5] }), [call]);
  const items = inputItems({ input: [{ role: "assistant", content: "x" }, call] }, "resp_a1");
  assert.deepEqual(items, [
    {
      id: "msg_pb0_a1",
      type: "message",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: "x" }],
    },
    call,
  ]);
  assert.deepEqual(inputItems({ input: "x" }, "resp_a1"), inputItems({ input: "x" }, "resp_a1"));
});
