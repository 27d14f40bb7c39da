import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest } from "../../kernel/request.ts";
import { ollama } from "./index.ts";
import { dialect, readGeneration, refusal } from "./support.test.ts";

const user = { role: "user", content: "hi" };
const base = { model: "m", messages: [user] };
const plain: GenerationRequest = {
  operation: "generate",
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
  tools: [],
  sampling: {},
  stream: true,
};
const write = (request: Partial<GenerationRequest>) =>
  ollama.egress.writeRequest({ ...plain, stream: false, ...request }, dialect);
const schema = { type: "object", properties: { city: { type: "string" } } };
const tool = { type: "function", function: { name: "f", description: "d", parameters: schema } };
const canonicalTool = { tool: "function", name: "f", description: "d", parameters: schema } as const;

const readings: readonly (readonly [what: string, body: JsonObject, request: Partial<GenerationRequest>])[] = [
  ["nothing but a message, as a stream", {}, {}],
  ["no stream", { stream: false }, { stream: false }],
  ["null for absent", { stream: null, options: null, think: null, format: null, tools: null, keep_alive: null }, {}],
  ["thinking on", { think: true }, { reasoning: { show: true } }],
  ["thinking off", { think: false }, { reasoning: { effort: "none" } }],
  ["a level of thinking", { think: "max" }, { reasoning: { effort: "max", show: true } }],
  ["any JSON", { format: "json" }, { output: { type: "json" } }],
  ["no format, in Ollama's old way", { format: "" }, {}],
  ["a schema as the format", { format: schema }, { output: { type: "json-schema", schema } }],
  ["tools", { tools: [tool] }, { tools: [canonicalTool] }],
  ["a tool without a type", { tools: [{ function: { name: "f" } }] }, { tools: [{ tool: "function", name: "f" }] }],
  ["tool_choice, which Cline sends", { tool_choice: "auto" }, { toolChoice: { type: "auto" } }],
  [
    "a chosen tool",
    { tool_choice: { type: "function", function: { name: "f" } } },
    { toolChoice: { type: "tool", tool: "function", name: "f" } },
  ],
  ["a choice that nobody knows", { tool_choice: "any" }, { extra: { ollama: { tool_choice: "any" } } }],
  ["a tool that nobody knows", { tools: [{ type: "x" }] }, { extra: { ollama: { tools: [{ type: "x" }] } } }],
  [
    "sampling",
    { options: { temperature: 0, top_p: 0.5, top_k: 3, min_p: 0.1, seed: 7, num_predict: 9, stop: ["a"] } },
    { sampling: { temperature: 0, topP: 0.5, topK: 3, minP: 0.1, seed: 7, stop: ["a"] }, maxOutputTokens: 9 },
  ],
  [
    "penalties",
    { options: { frequency_penalty: 1, presence_penalty: 2 } },
    { sampling: { frequencyPenalty: 1, presencePenalty: 2 } },
  ],
  ["one stop string", { options: { stop: "a" } }, { sampling: { stop: ["a"] } }],
  ["no stop strings", { options: { stop: [] } }, {}],
  [
    "other options, each under its own name",
    { options: { num_ctx: 32_768, repeat_penalty: 1.1 } },
    { extra: { ollama: { "options.num_ctx": 32_768, "options.repeat_penalty": 1.1 } } },
  ],
  ["no limit of tokens", { options: { num_predict: -1 } }, { extra: { ollama: { "options.num_predict": -1 } } }],
  ["probabilities", { logprobs: true, top_logprobs: 2 }, { sampling: { logprobs: true, topLogprobs: 2 } }],
  [
    "what only Ollama knows",
    { keep_alive: "5m", truncate: true, shift: false, other: 1 },
    { extra: { ollama: { keep_alive: "5m", truncate: true, shift: false, other: 1 } } },
  ],
  ["no messages, which loads a model", { messages: [] }, { messages: [] }],
];

for (const [what, body, request] of readings) {
  test(`a request with ${what} is read`, () => {
    assert.deepEqual(readGeneration(ollama, { ...base, ...body }), { ...plain, ...request });
  });
}

const refused: readonly (readonly [what: string, body: JsonObject, param: string])[] = [
  ["no model", { model: null }, "model"],
  ["messages that are no list", { messages: "hi" }, "messages"],
  ["a role that nobody knows", { messages: [{ role: "robot" }] }, "messages[0].role"],
  ["content that is a number", { messages: [{ role: "user", content: 1 }] }, "messages[0].content"],
  ["a format that nobody knows", { format: "xml" }, "format"],
  ["a level of thinking that nobody knows", { think: "hard" }, "think"],
  ["a stop string that is none", { options: { stop: ["a", 1] } }, "options.stop[1]"],
  [
    "a call without a name",
    { messages: [{ role: "assistant", tool_calls: [{ function: {} }] }] },
    "messages[0].tool_calls[0].function.name",
  ],
];

for (const [what, body, param] of refused) {
  test(`a request with ${what} is refused`, () => {
    const { kind, param: named } = refusal(ollama, { ...base, ...body });
    assert.deepEqual([kind, named], ["bad-request", param]);
  });
}

const written: readonly (readonly [
  what: string,
  request: Partial<GenerationRequest>,
  body: JsonObject,
  losses: readonly string[],
])[] = [
  ["nothing else", {}, {}, []],
  ["a limit", { maxOutputTokens: 5 }, { options: { num_predict: 5 } }, []],
  ["effort none", { reasoning: { effort: "none" } }, { think: false }, []],
  ["effort minimal", { reasoning: { effort: "minimal" } }, { think: "low" }, []],
  ["effort xhigh", { reasoning: { effort: "xhigh" } }, { think: "max" }, []],
  ["an effort that leaves it to the model", { reasoning: { effort: "auto" } }, { think: true }, []],
  ["reasoning as much as it likes", { reasoning: {} }, { think: true }, []],
  ["a budget", { reasoning: { budgetTokens: 8000 } }, { think: "medium" }, ["reasoning.budgetTokens"]],
  ["no budget", { reasoning: { budgetTokens: 0 } }, { think: false }, []],
  ["a schema", { output: { type: "json-schema", name: "n", schema, strict: true } }, { format: schema }, []],
  ["plain text", { output: { type: "text" } }, {}, []],
  ["a tool", { tools: [canonicalTool] }, { tools: [tool] }, []],
  ["no choice of tools", { tools: [canonicalTool], toolChoice: { type: "none" } }, {}, []],
  [
    "a call that must come",
    { tools: [canonicalTool], toolChoice: { type: "required" } },
    { tools: [tool] },
    ["toolChoice"],
  ],
  [
    "a tool that must be called",
    {
      tools: [canonicalTool, { tool: "function", name: "g" }],
      toolChoice: { type: "tool", tool: "function", name: "f" },
    },
    { tools: [tool] },
    ["toolChoice"],
  ],
  [
    "a tool without a schema",
    { tools: [{ tool: "function", name: "g", strict: true }] },
    { tools: [{ type: "function", function: { name: "g", parameters: { type: "object", properties: {} } } }] },
    ["tools[0].strict"],
  ],
  [
    "what Ollama cannot say",
    {
      user: "u",
      verbosity: "low",
      candidates: 2,
      parallelToolCalls: false,
      extra: { "openai-chat": { logit_bias: { 1: 2 } } },
    },
    {},
    ["logit_bias", "parallelToolCalls", "candidates", "verbosity", "user"],
  ],
  ["parallel calls", { parallelToolCalls: true }, {}, []],
];

for (const [what, request, body, losses] of written) {
  test(`a request with ${what} is written`, () => {
    const out = write(request);
    assert.deepEqual(out.body, { model: "m", messages: [user], stream: false, ...body });
    assert.deepEqual(
      out.losses.map(({ field }) => field),
      losses,
    );
  });
}

const word = fc.string({ unit: "binary", minLength: 1, maxLength: 6 }).map((each) => each.toWellFormed());
const argumentsArbitrary = fc.dictionary(word, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
const conversation = fc.array(
  fc.oneof(
    fc.record(
      { role: fc.constantFrom("system", "user"), content: word, images: fc.constantFrom(["iVBORw0KGgo"], ["/9j/"]) },
      { requiredKeys: ["role", "content"] },
    ),
    fc.record({ role: fc.constant("assistant"), content: word, thinking: word }, { requiredKeys: ["role", "content"] }),
    fc.record({ role: fc.constant("tool"), content: word, tool_name: word, tool_call_id: word }),
    fc
      .uniqueArray(fc.record({ id: word, function: fc.record({ name: word, arguments: argumentsArbitrary }) }), {
        minLength: 1,
        maxLength: 3,
        selector: ({ id }) => id,
      })
      .map((calls) => ({ role: "assistant", content: "", tool_calls: calls })),
  ),
  { maxLength: 5 },
);
const optionsArbitrary = fc.record(
  {
    temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    seed: fc.maxSafeInteger(),
    num_predict: fc.integer({ min: -2, max: 99 }),
    num_ctx: fc.nat(),
    stop: fc.array(word, { minLength: 1, maxLength: 2 }),
    mirostat: fc.nat(2),
  },
  { requiredKeys: ["num_ctx"] },
);

test("reading and writing again gives an equal request", () => {
  fc.assert(
    fc.property(
      conversation,
      optionsArbitrary,
      fc.record(
        {
          think: fc.constantFrom(true, false, "low", "max"),
          format: fc.constantFrom<unknown>("json", schema),
          keep_alive: fc.constantFrom<unknown>(0, -1, "5m"),
          tools: fc.constant([tool]),
          logprobs: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
      fc.boolean(),
      (generated, options, fields, stream) => {
        const body: JsonObject = JSON.parse(
          JSON.stringify({ model: "m", messages: generated, options, stream, ...fields }),
        );
        const { body: again, losses } = ollama.egress.writeRequest(readGeneration(ollama, body), dialect);
        assert.deepEqual(JSON.parse(JSON.stringify(again)), body);
        assert.deepEqual(losses, []);
      },
    ),
    { numRuns: 150 },
  );
});

test("any JSON object is read or refused, and what is read can be written", () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.constantFrom(
          "model",
          "messages",
          "tools",
          "tool_choice",
          "options",
          "format",
          "think",
          "stream",
          "__proto__",
          "x",
        ),
        fc.jsonValue(),
      ),
      fc.array(
        fc.dictionary(
          fc.constantFrom(
            "role",
            "content",
            "images",
            "tool_calls",
            "tool_name",
            "tool_call_id",
            "thinking",
            "__proto__",
          ),
          fc.oneof(fc.constantFrom("user", "assistant", "tool"), fc.jsonValue()),
        ),
      ),
      (fields, list) => {
        const body: JsonObject = JSON.parse(JSON.stringify({ messages: list, ...fields }));
        const result = ollama.ingress.readRequest(body, { model: "m", stream: true });
        if (result.ok)
          JSON.stringify(ollama.egress.writeRequest(result.value.request, { ...dialect, contextWindow: 4096 }).body);
        else assert.equal(result.failure.kind, "bad-request");
      },
    ),
    { numRuns: 200 },
  );
});
