import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, Message, Part } from "../../kernel/request.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { assistant, request, text, toolCall, toolResult, user, write } from "./support.test.ts";

const system = (value: string): Message => ({ role: "system", parts: [text(value)] });
const own: Part = { type: "reasoning", text: "t", keep: { "anthropic-messages": { signature: "s" } } };
const foreign: Part = { type: "reasoning", text: "t", keep: { gemini: { thoughtSignature: "s" } } };
const tool = { tool: "function", name: "f", parameters: { type: "object" } } as const;
const use = (id: string, input: Json = {}): JsonObject => ({ type: "tool_use", id, name: "f", input });
const result = (id: string, content?: Json): JsonObject => ({
  type: "tool_result",
  tool_use_id: id,
  ...(content === undefined ? {} : { content }),
});
const remind = (value: string) => `<system-reminder>\n${value}\n</system-reminder>`;

interface Conversation {
  readonly given: readonly Message[];
  readonly messages: readonly Json[];
  readonly system?: Json;
  readonly lost?: readonly string[];
}

const conversations: { readonly [name: string]: Conversation } = {
  // Hard case 7.
  "results that follow each other, and what the user says next, are one turn": {
    given: [
      user(text("q")),
      assistant(toolCall("a"), toolCall("b")),
      toolResult("a", text("1")),
      toolResult("b", text("2")),
      user(text("go")),
    ],
    messages: [
      { role: "user", content: "q" },
      { role: "assistant", content: [use("a"), use("b")] },
      { role: "user", content: [result("a", "1"), result("b", "2"), { type: "text", text: "go" }] },
    ],
  },
  "results stand first in their turn": {
    given: [user(text("q")), assistant(toolCall("a")), user(text("wait")), toolResult("a")],
    messages: [
      { role: "user", content: "q" },
      { role: "assistant", content: [use("a")] },
      { role: "user", content: [result("a"), { type: "text", text: "wait" }] },
    ],
  },
  // Hard case 22.
  "leading system messages are the system, later ones a reminder in their place": {
    given: [system("a"), system("b"), user(text("q")), system("c"), assistant(text("x")), system("d"), user(text("y"))],
    system: [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "q" },
          { type: "text", text: remind("c") },
        ],
      },
      { role: "assistant", content: "x" },
      {
        role: "user",
        content: [
          { type: "text", text: remind("d") },
          { type: "text", text: "y" },
        ],
      },
    ],
    lost: ["messages[3]", "messages[5]"],
  },
  // Hard case 20.
  "blank texts and turns without content are left out": {
    given: [
      user(text("q"), text(" \n")),
      assistant(text("")),
      user(text("r")),
      assistant(text(" "), text("x")),
      user(),
      assistant(text("y\n ")),
    ],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "q" },
          { type: "text", text: "r" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "text", text: "x" },
          { type: "text", text: "y" },
        ],
      },
    ],
  },
  "a conversation that the assistant begins gets a first word": {
    given: [assistant(text("hello")), user(text("q"))],
    messages: [
      { role: "user", content: "Begin." },
      { role: "assistant", content: "hello" },
      { role: "user", content: "q" },
    ],
    lost: ["messages"],
  },
  // Hard case 12.
  "reasoning without this vendor's signature is dropped, with a loss": {
    given: [user(text("q")), assistant(foreign, own, { type: "reasoning", text: "u" }, text("x")), user(text("r"))],
    messages: [
      { role: "user", content: "q" },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "t", signature: "s" },
          { type: "text", text: "x" },
        ],
      },
      { role: "user", content: "r" },
    ],
    lost: ["messages[1].parts[0].reasoning", "messages[1].parts[2].reasoning"],
  },
  // Hard case 19.
  "arguments become an object": {
    given: [
      user(text("q")),
      assistant(toolCall("a", ""), toolCall("b", "null"), toolCall("c", "[1]"), toolCall("d", "{oops")),
      ...["a", "b", "c", "d"].map((id) => toolResult(id)),
    ],
    messages: [
      { role: "user", content: "q" },
      {
        role: "assistant",
        content: [use("a"), use("b"), use("c", { input: "[1]" }), use("d", { input: "{oops" })],
      },
      { role: "user", content: ["a", "b", "c", "d"].map((id) => result(id)) },
    ],
    lost: ["messages[1].parts[2].tool-call.arguments", "messages[1].parts[3].tool-call.arguments"],
  },
  "media that the API does not take are lost": {
    given: [
      user(
        text("q"),
        { type: "image", source: { kind: "data", mediaType: "image/bmp", base64: "AA" } },
        { type: "image", source: { kind: "data", mediaType: "image/jpg", base64: "AA" } },
        { type: "file", source: { kind: "reference", id: "file-abc" } },
        { type: "file", source: { kind: "data", mediaType: "application/json", base64: "e30=" }, filename: "a.json" },
        { type: "audio", source: { kind: "data", mediaType: "audio/wav", base64: "AA" } },
      ),
    ],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "q" },
          { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AA" } },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "{}" }, title: "a.json" },
        ],
      },
    ],
    lost: ["messages[0].parts[1].image", "messages[0].parts[3].file", "messages[0].parts[5].audio"],
  },
};

for (const [name, { given, messages, system: expected, lost }] of Object.entries(conversations)) {
  test(name, () => {
    const written = write(request(given, { tools: [tool] }));
    assert.deepEqual(written.body["messages"], messages);
    assert.deepEqual(written.body["system"], expected);
    assert.deepEqual(written.lost, lost ?? []);
  });
}

const late = { model: "claude-opus-5" };
const old = { model: "claude-sonnet-4-5-20250929" };
const calling = { tools: [tool] };

interface Thinking {
  readonly given: Partial<GenerationRequest>;
  readonly thinking?: JsonObject;
  readonly effort?: string;
  readonly most?: number;
  readonly lost?: readonly string[];
}

// Hard case 28, and efforts.
const thinkings: { readonly [name: string]: Thinking } = {
  "no limit is the generation's": { given: {}, most: 32_000 },
  "no limit of an old model": { given: { model: "claude-3-haiku-20240307" }, most: 4096 },
  "the request's limit": { given: { maxOutputTokens: 5 }, most: 5 },
  "an effort is an effort": {
    given: { ...late, reasoning: { effort: "high" } },
    thinking: { type: "adaptive" },
    effort: "high",
  },
  "an effort of another vendor's": {
    given: { ...late, reasoning: { effort: "minimal", show: true } },
    thinking: { type: "adaptive", display: "summarized" },
    effort: "low",
    lost: ["reasoning.effort"],
  },
  "an effort is a budget for older models": {
    given: { ...old, reasoning: { effort: "low" } },
    thinking: { type: "enabled", budget_tokens: 4096 },
    lost: ["reasoning.effort"],
  },
  "a budget is an effort for newer models": {
    given: { ...late, reasoning: { budgetTokens: 5000 } },
    thinking: { type: "adaptive" },
    effort: "medium",
    lost: ["reasoning.budgetTokens"],
  },
  "as much as the model likes": { given: { ...late, reasoning: {} }, thinking: { type: "adaptive" } },
  "as much as an older model likes": {
    given: { ...old, reasoning: {} },
    thinking: { type: "enabled", budget_tokens: 8192 },
  },
  "a budget without bound": { given: { reasoning: { budgetTokens: -1 } }, thinking: { type: "adaptive" } },
  off: { given: { reasoning: { effort: "none" } }, thinking: { type: "disabled" } },
  "a budget that is too small": {
    given: { reasoning: { budgetTokens: 10 } },
    thinking: { type: "enabled", budget_tokens: 1024 },
    lost: ["reasoning.budgetTokens"],
  },
  "a budget as big as the limit": {
    given: { maxOutputTokens: 32_000, reasoning: { budgetTokens: 32_000 } },
    most: 32_000,
    thinking: { type: "enabled", budget_tokens: 24_000 },
    lost: ["reasoning.budgetTokens"],
  },
  "a limit below the least budget": {
    given: { maxOutputTokens: 1024, reasoning: { budgetTokens: 2000 } },
    most: 1024,
    lost: ["reasoning"],
  },
  "beside a forced call": {
    given: { ...calling, toolChoice: { type: "required" }, reasoning: { effort: "high" } },
    effort: "high",
    lost: ["reasoning"],
  },
  "a model that does not think": {
    given: { model: "claude-3-5-haiku-latest", reasoning: { effort: "high" } },
    lost: ["reasoning"],
  },
};

for (const [name, { given, thinking, effort, most, lost }] of Object.entries(thinkings)) {
  test(`thinking and max_tokens: ${name}`, () => {
    const { body, lost: told } = write(request([user(text("q"))], given));
    assert.deepEqual(body["thinking"], thinking);
    assert.deepEqual(objectOf(body["output_config"])?.["effort"], effort);
    if (most !== undefined) assert.equal(body["max_tokens"], most);
    assert.deepEqual(told, lost ?? []);
  });
}

const midTurn = (...before: readonly Part[]) => [user(text("q")), assistant(...before, toolCall("a")), toolResult("a")];
const budget = { ...calling, maxOutputTokens: 9000, reasoning: { budgetTokens: 2000 } };

test("a turn in the midst of calls keeps its thinking only if it began with thinking", () => {
  assert.equal(objectOf(write(request(midTurn(own), budget)).body["thinking"])?.["type"], "enabled");
  const missing = write(request(midTurn(foreign), budget));
  assert.equal(missing.body["thinking"], undefined);
  assert.deepEqual(missing.lost, ["messages[1].parts[0].reasoning", "reasoning"]);
  const next = write(request([...midTurn(foreign), assistant(text("x")), user(text("y"))], budget));
  assert.equal(objectOf(next.body["thinking"])?.["type"], "enabled");
});

// Hard case 21.
test("a last word of the assistant's is continued where the model can, else asked for", () => {
  const messages = [user(text("q")), assistant(text("The answer is "))];
  assert.equal(objectOf(arrayOf(write(request(messages)).body["messages"]).at(-1))?.["content"], "The answer is");
  for (const rest of [late, { reasoning: { budgetTokens: 2000 } }]) {
    const { body, lost } = write(request(messages, rest));
    assert.equal(objectOf(arrayOf(body["messages"]).at(-1))?.["role"], "user");
    assert.deepEqual(lost, ["messages"]);
  }
});

const samplings: readonly (readonly [string, Partial<GenerationRequest>, JsonObject, readonly string[]])[] = [
  ["a temperature is at most 1", { sampling: { temperature: 1.5 } }, { temperature: 1 }, ["sampling.temperature"]],
  [
    "what the API does not know",
    { sampling: { seed: 1, minP: 0.1, frequencyPenalty: 0 } },
    {},
    ["sampling.minP", "sampling.seed"],
  ],
  [
    "one of two for newer models",
    { ...old, sampling: { temperature: 0, topP: 0.95 } },
    { temperature: 0 },
    ["sampling.topP"],
  ],
  [
    "none for the newest",
    { ...late, sampling: { temperature: 0, topP: 0.9, topK: 5 } },
    {},
    ["sampling.temperature", "sampling.topP", "sampling.topK"],
  ],
  ["blank stops", { sampling: { stop: ["\n\n", "END"] } }, { stop_sequences: ["END"] }, ["sampling.stop"]],
];
for (const [name, given, expected, lost] of samplings) {
  test(`sampling: ${name}`, () => {
    const { body, lost: told } = write(request([user(text("q"))], given));
    const { temperature, top_p, top_k, stop_sequences } = body;
    assert.deepEqual(JSON.parse(JSON.stringify({ temperature, top_p, top_k, stop_sequences })), expected);
    assert.deepEqual(told, lost);
  });
}

test("beside thinking there is no other temperature than 1", () => {
  const given = { ...old, reasoning: { budgetTokens: 2000 }, sampling: { temperature: 0.2, topK: 5, topP: 0.99 } };
  const { body, lost } = write(request([user(text("q"))], given));
  assert.deepEqual([body["temperature"], body["top_k"], body["top_p"]], [undefined, undefined, 0.99]);
  assert.deepEqual(lost, ["sampling.temperature", "sampling.topK"]);
});

test("a schema's root is an object", () => {
  const union = { anyOf: [{ type: "object", properties: { a: {} } }, { properties: { b: {} } }], description: "d" };
  const tools = [
    { ...tool, parameters: union },
    { tool: "function", name: "g" } as const,
    { ...tool, parameters: { type: "string" } },
  ];
  const { body, lost } = write(request([user(text("q"))], { tools }));
  assert.deepEqual(
    arrayOf(body["tools"]).map((each) => objectOf(each)?.["input_schema"]),
    [
      { type: "object", properties: { a: {}, b: {} }, description: "d" },
      { type: "object", properties: {} },
      { type: "object" },
    ],
  );
  assert.deepEqual(lost, ["tools[0].parameters", "tools[2].parameters"]);
});

test("a history of calls without tools declares and forbids them", () => {
  const { body, lost } = write(request([user(text("q")), assistant(toolCall("a")), toolResult("a")]));
  assert.deepEqual(body["tools"], [{ name: "f", input_schema: { type: "object", properties: {} } }]);
  assert.deepEqual(body["tool_choice"], { type: "none" });
  assert.deepEqual(lost, ["tools"]);
});

test("one call at a time is said in the choice of tools", () => {
  const { body } = write(request([user(text("q"))], { ...calling, parallelToolCalls: false }));
  assert.deepEqual(body["tool_choice"], { type: "auto", disable_parallel_tool_use: true });
  assert.equal(
    write(request([user(text("q"))], { ...calling, parallelToolCalls: true })).body["tool_choice"],
    undefined,
  );
  assert.equal(write(request([user(text("q"))], { toolChoice: { type: "auto" } })).body["tool_choice"], undefined);
});

test("a schema of the answer closes its objects", () => {
  const schema = {
    type: "object",
    properties: { properties: { type: "object" }, list: { type: "array", items: { type: "object" } } },
  };
  const { body, lost } = write(request([user(text("q"))], { output: { type: "json-schema", name: "n", schema } }));
  const closed = { type: "object", additionalProperties: false };
  assert.deepEqual(objectOf(objectOf(body["output_config"])?.["format"])?.["schema"], {
    ...closed,
    properties: { properties: closed, list: { type: "array", items: closed } },
  });
  assert.deepEqual(lost, ["output.schema"]);
});

test("JSON without a schema, or for a model without formats, is asked for in words", () => {
  const json = write(request([system("s"), user(text("q"))], { output: { type: "json" } }));
  assert.equal(arrayOf(json.body["system"]).length, 2);
  assert.deepEqual(json.lost, ["output"]);
  const output = { type: "json-schema", schema: { type: "object" } } as const;
  const { body } = write(request([user(text("q"))], { model: "claude-3-opus-latest", output }));
  assert.match(JSON.stringify(body["system"]), /JSON schema/);
  assert.equal(body["output_config"], undefined);
});

// Hard case 29: the reverse of keeping marks is that nobody else's arrive.
test("another protocol's fields are losses, its parts' state is not", () => {
  const part: Part = { type: "text", text: "q", keep: { gemini: { x: 1 } } };
  const extra = { "openai-chat": { logit_bias: { "1": 1 } } };
  const { body, losses } = write(request([user(part)], { extra }));
  assert.deepEqual(body["messages"], [{ role: "user", content: "q" }]);
  assert.deepEqual(losses, [{ field: "logit_bias", reason: "unsupported" }]);
});
