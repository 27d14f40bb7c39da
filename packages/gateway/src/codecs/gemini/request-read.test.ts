import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Part } from "../../kernel/request.ts";
import { parseExactObject } from "../shared/exact.ts";
import { gemini } from "./index.ts";
import { sealSignature } from "./signature.ts";
import { messagesOf, read } from "./support.test.ts";

const contents = [{ role: "user", parts: [{ text: "hi" }] }];

test("the model and the mode come from the path, not from the body", () => {
  const result = gemini.ingress.readRequest(
    { contents, model: "models/other", stream: false },
    { model: "gemini-2.5-pro", stream: true },
  );
  assert.ok(result.ok && result.value.request.operation === "generate");
  assert.equal(result.value.request.model, "gemini-2.5-pro");
  assert.equal(result.value.request.stream, true);
  assert.equal(result.value.request.extra, undefined);
});

test("names in snake_case mean the same as in camelCase", () => {
  const camel = read({
    contents: [{ role: "user", parts: [{ inlineData: { mimeType: "image/png", data: "aGk=" } }] }],
    systemInstruction: { parts: [{ text: "Be brief." }] },
    tools: [{ functionDeclarations: [{ name: "f", parametersJsonSchema: { type: "object" } }] }, { googleSearch: {} }],
    toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f"] } },
    generationConfig: { maxOutputTokens: 5, topP: 0.5, thinkingConfig: { thinkingBudget: 7, includeThoughts: true } },
    safetySettings: [{ category: "X" }],
  });
  const snake = read({
    contents: [{ role: "user", parts: [{ inline_data: { mime_type: "image/png", data: "aGk=" } }] }],
    system_instruction: { parts: [{ text: "Be brief." }] },
    tools: [
      { function_declarations: [{ name: "f", parameters_json_schema: { type: "object" } }] },
      { google_search: {} },
    ],
    tool_config: { function_calling_config: { mode: "ANY", allowed_function_names: ["f"] } },
    generation_config: {
      max_output_tokens: 5,
      top_p: 0.5,
      thinking_config: { thinking_budget: 7, include_thoughts: true },
    },
    safety_settings: [{ category: "X" }],
  });
  assert.deepEqual(snake, camel);
  assert.deepEqual(camel.extra, { gemini: { safetySettings: [{ category: "X" }], tools: [{ googleSearch: {} }] } });
  assert.deepEqual(camel.toolChoice, { type: "tool", tool: "function", name: "f" });
  assert.deepEqual(camel.reasoning, { budgetTokens: 7, show: true });
});

const systems: readonly (readonly [name: string, value: Json, parts: readonly Part[]])[] = [
  ["a text", "Be brief.", [{ type: "text", text: "Be brief." }]],
  [
    "a content",
    { role: "user", parts: [{ text: "a" }, { text: "b" }] },
    [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ],
  ],
  ["one part", { parts: { text: "a" } }, [{ type: "text", text: "a" }]],
];
for (const [name, value, parts] of systems) {
  test(`a system instruction may be ${name}`, () => {
    assert.deepEqual(read({ contents, systemInstruction: value }).messages[0], { role: "system", parts });
  });
}

const parts: readonly (readonly [name: string, part: JsonObject, read: readonly Part[]])[] = [
  [
    "a thought",
    { text: "hm", thought: true, thoughtSignature: "S" },
    [{ type: "reasoning", text: "hm", keep: { gemini: { thoughtSignature: "S" } } }],
  ],
  [
    "a signed text",
    { text: "a", thoughtSignature: "S" },
    [{ type: "text", text: "a", keep: { gemini: { thoughtSignature: "S" } } }],
  ],
  [
    "a signature on an empty text",
    { text: "", thoughtSignature: "S" },
    [{ type: "reasoning", text: "", keep: { gemini: { thoughtSignature: "S", thought: false } } }],
  ],
  [
    "an image",
    { inlineData: { mimeType: "image/png", data: "aGk=", displayName: "x.png" } },
    [
      {
        type: "image",
        source: { kind: "data", mediaType: "image/png", base64: "aGk=" },
        keep: { gemini: { displayName: "x.png" } },
      },
    ],
  ],
  [
    "a sound",
    { inlineData: { mimeType: "audio/mpeg", data: "aGk=" } },
    [{ type: "audio", format: "mp3", source: { kind: "data", mediaType: "audio/mpeg", base64: "aGk=" } }],
  ],
  [
    "a document",
    { inlineData: { mimeType: "application/pdf", data: "aGk=", displayName: "a.pdf" } },
    [{ type: "file", filename: "a.pdf", source: { kind: "data", mediaType: "application/pdf", base64: "aGk=" } }],
  ],
  [
    "a file of Google's storage",
    { fileData: { mimeType: "image/png", fileUri: "gs://b/a.png" } },
    [
      {
        type: "image",
        source: { kind: "reference", id: "gs://b/a.png" },
        keep: { gemini: { fileData: { mimeType: "image/png" } } },
      },
    ],
  ],
  [
    "a file of the web",
    { fileData: { mimeType: "image/png", fileUri: "https://example.com/a.png" } },
    [
      {
        type: "image",
        source: { kind: "url", url: "https://example.com/a.png" },
        keep: { gemini: { fileData: { mimeType: "image/png" } } },
      },
    ],
  ],
  [
    "code that Google ran",
    { executableCode: { language: "PYTHON", code: "1" } },
    [{ type: "opaque", keep: { gemini: { executableCode: { language: "PYTHON", code: "1" } } } }],
  ],
  ["nothing", {}, []],
];
for (const [name, part, expected] of parts) {
  test(`a part that is ${name}`, () => {
    assert.deepEqual(messagesOf([{ role: "model", parts: [part] }])[0]?.parts, expected);
  });
}

test("hard case 10: calls without ids get the same ids on every replay, and responses find them by name, first come first served", () => {
  const history = [
    { role: "user", parts: [{ text: "hi" }] },
    {
      role: "model",
      parts: [
        { functionCall: { name: "a", args: { n: 1 } } },
        { functionCall: { name: "b" } },
        { functionCall: { name: "a", args: { n: 2 } } },
      ],
    },
    {
      role: "user",
      parts: [
        { functionResponse: { name: "b", response: { output: "B" } } },
        { functionResponse: { name: "a", response: { output: "A1" } } },
        { functionResponse: { name: "", response: { output: "A2" } } },
      ],
    },
  ];
  const [, calls, answers] = messagesOf(history);
  assert.deepEqual(
    calls?.parts.map((part) => part.type === "tool-call" && [part.id, part.arguments]),
    [
      ["call_1_0", '{"n":1}'],
      ["call_1_1", "{}"],
      ["call_1_2", '{"n":2}'],
    ],
  );
  assert.equal(answers?.role, "tool");
  assert.deepEqual(
    answers?.parts.map((part) => part.type === "tool-result" && [part.id, part.name]),
    [
      ["call_1_1", "b"],
      ["call_1_0", "a"],
      ["call_1_2", "a"],
    ],
  );
  const longer = [...history, { role: "model", parts: [{ functionCall: { name: "a" } }] }];
  assert.deepEqual(messagesOf(longer).slice(0, 3), messagesOf(history));
});

test("hard case 10: a call that was never answered does not take the answer of a later turn", () => {
  const messages = messagesOf([
    { role: "model", parts: [{ functionCall: { name: "a" } }] },
    { role: "user", parts: [{ text: "never mind" }] },
    { role: "model", parts: [{ functionCall: { name: "a" } }] },
    { role: "function", parts: [{ functionResponse: { name: "a", response: { output: "x" } } }] },
  ]);
  const [answer] = messages[3]?.parts ?? [];
  assert.equal(answer?.type === "tool-result" && answer.id, "call_2_0");
});

const outputs: readonly (readonly [response: Json, text: string, isError: boolean])[] = [
  [{ output: "sunny" }, "sunny", false],
  [{ result: { t: 20 } }, '{"t":20}', false],
  [{ error: "no such file" }, "no such file", true],
  [{ name: "f", content: { t: "sunny" } }, '{"name":"f","content":{"t":"sunny"}}', false],
  [{}, "{}", false],
];
for (const [response, expected, isError] of outputs) {
  test(`a response ${JSON.stringify(response)} is the text ${expected}`, () => {
    const [message] = messagesOf([{ role: "user", parts: [{ functionResponse: { id: "c", name: "f", response } }] }]);
    const [part] = message?.parts ?? [];
    assert.ok(part?.type === "tool-result");
    assert.deepEqual(part.content, [{ type: "text", text: expected }]);
    assert.equal(part.isError ?? false, isError);
  });
}

test("hard case 11: another vendor's state comes back from a thought signature, and is not taken for Google's", () => {
  const signature = sealSignature({ keep: { "anthropic-messages": { signature: "S" } }, origin: "claude" });
  assert.match(signature, /^[A-Za-z0-9+/]+=*$/);
  const [message] = messagesOf([
    { role: "model", parts: [{ text: "hm", thought: true, thoughtSignature: signature }] },
  ]);
  assert.deepEqual(message?.parts, [
    { type: "reasoning", text: "hm", keep: { "anthropic-messages": { signature: "S" } }, origin: "claude" },
  ]);
  const view = {
    field: () => undefined,
    roles: new Set<string>(),
    contains: (part: string) => signature.includes(part),
  };
  assert.equal(gemini.egress.passThrough(view, { streamUsage: true, developerRole: true }), undefined);
});

test("hard case 18: a schema of Google's becomes JSON Schema, and its properties keep their names", () => {
  const { tools } = read({
    contents,
    tools: [
      {
        functionDeclarations: [
          {
            name: "f",
            parameters: {
              type: "OBJECT",
              properties: {
                any_of: { type: "STRING", format: "enum", enum: ["A"], nullable: true },
                type: { type: "ARRAY", min_items: "1", items: { any_of: [{ type: "INTEGER" }, { type: "NULL" }] } },
              },
              required: ["type"],
            },
          },
        ],
      },
    ],
  });
  assert.deepEqual(tools[0]?.parameters, {
    type: "object",
    properties: {
      any_of: { type: ["string", "null"], enum: ["A"] },
      type: { type: "array", minItems: 1, items: { anyOf: [{ type: "integer" }, { type: "null" }] } },
    },
    required: ["type"],
  });
});

test("hard case 19: large integers keep their digits", () => {
  const body = parseExactObject(
    '{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"id":9007199254740993}}}]}]}',
  );
  const [part] = read(body ?? {}).messages[0]?.parts ?? [];
  assert.equal(part?.type === "tool-call" && part.arguments, '{"id":9007199254740993}');
});

test("an output schema in capitals is understood", () => {
  const { output } = read({
    contents,
    generationConfig: {
      responseMimeType: "application/json",
      responseJsonSchema: { type: "OBJECT", properties: { a: { type: "INTEGER" } } },
    },
  });
  assert.deepEqual(output, {
    type: "json-schema",
    schema: { type: "object", properties: { a: { type: "integer" } } },
  });
});

const thinking: readonly (readonly [config: JsonObject, reasoning: object | undefined])[] = [
  [{ thinkingBudget: 0 }, { effort: "none" }],
  [{ thinkingBudget: -1 }, { budgetTokens: -1 }],
  [
    { thinkingLevel: "HIGH", includeThoughts: true },
    { effort: "high", show: true },
  ],
  [{ thinkingLevel: "THINKING_LEVEL_UNSPECIFIED", includeThoughts: true }, { show: true }],
  [{ includeThoughts: false }, undefined],
];
for (const [config, reasoning] of thinking) {
  test(`thinking ${JSON.stringify(config)} is ${JSON.stringify(reasoning)}`, () => {
    assert.deepEqual(read({ contents, generationConfig: { thinkingConfig: config } }).reasoning, reasoning);
  });
}

const refused: readonly (readonly [name: string, body: JsonObject, param: string])[] = [
  ["no contents", {}, "contents"],
  ["empty contents", { contents: [] }, "contents"],
  ["an unknown role", { contents: [{ role: "robot", parts: [] }] }, "contents[0].role"],
  ["a content that is none", { contents: [5] }, "contents[0]"],
  [
    "a call without a name",
    { contents: [{ parts: [{ functionCall: {} }] }] },
    "contents[0].parts[0].functionCall.name",
  ],
  ["a limit of 0", { contents, generationConfig: { maxOutputTokens: 0 } }, "generationConfig.maxOutputTokens"],
];
for (const [name, body, param] of refused) {
  test(`${name} is refused with its path`, () => {
    const result = gemini.ingress.readRequest(body, { model: "m", stream: false });
    assert.ok(!result.ok);
    assert.equal(result.failure.kind, "bad-request");
    assert.equal(result.failure.param, param);
  });
}

test("hard case 10: a response without an id leaves alone the call that another response names", () => {
  const response = (n: number, id?: string) => ({
    functionResponse: { ...(id !== undefined && { id }), name: "f", response: { output: String(n) } },
  });
  const messages = messagesOf([
    { role: "model", parts: ["1", "2", "3"].map((id) => ({ functionCall: { id, name: "f" } })) },
    { role: "user", parts: [response(2), response(1, "1"), response(3)] },
  ]);
  assert.deepEqual(
    messages[1]?.parts.map((part) => part.type === "tool-result" && part.id),
    ["2", "1", "3"],
  );
});
