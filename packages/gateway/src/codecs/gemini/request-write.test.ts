import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, Message } from "../../kernel/request.ts";
import { call, contentsOf, messagesOf, read, result, text, write } from "./support.test.ts";

test("neither the model nor the mode is written into the body", () => {
  const { body } = write({ stream: true });
  assert.deepEqual(body, { contents: [{ role: "user", parts: [{ text: "hi" }] }] });
});

const everything: JsonObject = {
  contents: [
    {
      role: "user",
      parts: [
        { text: "hi" },
        { fileData: { mimeType: "video/mp4", fileUri: "https://youtu.be/x" }, videoMetadata: { fps: 1 } },
      ],
    },
    {
      role: "model",
      parts: [
        { text: "hm", thought: true },
        { text: "I will call.", thoughtSignature: "T" },
        { executableCode: { language: "PYTHON", code: "1" } },
        { functionCall: { id: "c1", name: "f", args: { a: 1 } }, thoughtSignature: "S" },
        { functionCall: { id: "c2", name: "g", args: {} } },
      ],
    },
    {
      role: "user",
      parts: [
        { functionResponse: { id: "c1", name: "f", response: { result: { t: 20 } }, scheduling: "SILENT" } },
        {
          functionResponse: {
            id: "c2",
            name: "g",
            response: { error: "broken" },
            parts: [{ inlineData: { mimeType: "image/png", data: "aGk=" } }],
          },
        },
      ],
    },
    { role: "model", parts: [{ text: "done" }, { text: "", thoughtSignature: "U" }] },
    { role: "user", parts: [{ text: "more" }] },
  ],
  systemInstruction: { parts: [{ text: "Be brief." }] },
  tools: [
    {
      functionDeclarations: [
        {
          name: "f",
          description: "F",
          parametersJsonSchema: { type: "object", properties: { a: { type: "integer" } } },
        },
        { name: "g", behavior: "BLOCKING" },
      ],
    },
    { googleSearch: {} },
  ],
  toolConfig: {
    functionCallingConfig: { mode: "VALIDATED", allowedFunctionNames: ["f", "g"] },
    retrievalConfig: { languageCode: "en" },
  },
  generationConfig: {
    temperature: 0.5,
    topP: 0.9,
    topK: 40,
    seed: 1,
    candidateCount: 2,
    maxOutputTokens: 100,
    stopSequences: ["X"],
    presencePenalty: 0.1,
    frequencyPenalty: 0.2,
    responseLogprobs: true,
    logprobs: 3,
    responseMimeType: "application/json",
    responseJsonSchema: { type: "object", properties: { a: { type: "string" } } },
    thinkingConfig: { thinkingLevel: "LOW", includeThoughts: true },
    responseModalities: ["TEXT"],
    mediaResolution: "MEDIA_RESOLUTION_LOW",
  },
  safetySettings: [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }],
  cachedContent: "cachedContents/x",
  labels: { a: "b" },
};

test("a request that is read and written again is the same", () => {
  const { body, losses } = write(read(everything));
  assert.deepEqual(body, everything);
  assert.deepEqual(losses, []);
});

test("functions in the old form are written in the new one, without what only Google's form has", () => {
  const tool = {
    functionDeclarations: [{ name: "f", parameters: { type: "OBJECT", properties: { a: { type: "STRING" } } } }],
  };
  const { body } = write(read({ contents: [{ parts: [{ text: "hi" }] }], tools: [tool] }));
  assert.deepEqual(body["tools"], [
    {
      functionDeclarations: [
        { name: "f", parametersJsonSchema: { type: "object", properties: { a: { type: "string" } } } },
      ],
    },
  ]);
});

test("hard case 10: the responses to parallel calls stand together in one content, right behind the calls, with their names", () => {
  const messages: Message[] = [
    { role: "user", parts: [text("hi")] },
    { role: "assistant", parts: [call("a", "f"), call("b", "g")] },
    { role: "tool", parts: [result("a", [text("1")])] },
    { role: "tool", parts: [result("b", [text("2")], { isError: true })] },
    { role: "user", parts: [text("and now?")] },
  ];
  assert.deepEqual((contentsOf(messages) as Json[]).slice(2), [
    {
      role: "user",
      parts: [
        { functionResponse: { id: "a", name: "f", response: { output: "1" } } },
        { functionResponse: { id: "b", name: "g", response: { error: "2" } } },
      ],
    },
    { role: "user", parts: [{ text: "and now?" }] },
  ]);
});

const png = { type: "image", source: { kind: "data", mediaType: "image/png", base64: "aGk=" } } as const;
const inline = { inlineData: { mimeType: "image/png", data: "aGk=" } };

test("media in a tool's result go into the response since Gemini 3, and behind all responses before", () => {
  const messages: Message[] = [
    { role: "assistant", parts: [call("a", "f"), call("b", "f")] },
    { role: "tool", parts: [result("a", [text("1"), png])] },
    { role: "tool", parts: [result("b", [text("2")])] },
  ];
  const answered = (id: string, output: string, parts?: Json) => ({
    functionResponse: { id, name: "f", response: { output }, ...(parts === undefined ? {} : { parts }) },
  });
  assert.deepEqual((contentsOf(messages) as JsonObject[])[1]?.["parts"], [
    answered("a", "1", [inline]),
    answered("b", "2"),
  ]);
  assert.deepEqual((contentsOf(messages, "gemini-2.5-pro") as JsonObject[])[1]?.["parts"], [
    answered("a", "1"),
    answered("b", "2"),
    inline,
  ]);
});

const sentinel = "skip_thought_signature_validator";

const signatures: readonly {
  name: string;
  model: string;
  parts: Message["parts"];
  written: readonly (string | undefined)[];
}[] = [
  {
    name: "Google's own stays on its call, and on no other",
    model: "gemini-3-pro",
    parts: [call("a", "f", { keep: { gemini: { thoughtSignature: "S" } } }), call("b", "f")],
    written: ["S", undefined],
  },
  {
    name: "of calls without one, only the first is excused",
    model: "gemini-3-pro",
    parts: [call("a", "f"), call("b", "f")],
    written: [sentinel, undefined],
  },
  {
    name: "another vendor's state is not sent, and the call is excused",
    model: "gemini-3-pro",
    parts: [call("a", "f", { keep: { "openai-chat": { x: 1 } } })],
    written: [sentinel],
  },
  { name: "Gemini 2.5 needs no excuse", model: "gemini-2.5-flash", parts: [call("a", "f")], written: [undefined] },
  {
    name: "a model of unknown generation may need one",
    model: "my-model",
    parts: [call("a", "f")],
    written: [sentinel],
  },
];
for (const { name, model, parts, written } of signatures) {
  test(`hard case 11: ${name}`, () => {
    const contents = contentsOf([{ role: "assistant", parts }], model) as { parts: JsonObject[] }[];
    assert.deepEqual(
      contents[0]?.parts.map((part) => part["thoughtSignature"]),
      written,
    );
  });
}

test("hard case 11: a signature on an empty text goes back to an empty text", () => {
  const contents = [{ role: "model", parts: [{ text: "done" }, { text: "", thoughtSignature: "S" }] }];
  assert.deepEqual(contentsOf(messagesOf(contents)), contents);
});

test("reasoning of another vendor's is sent as a thought, without that vendor's state", () => {
  const keep = { "anthropic-messages": { signature: "S" } };
  const parts: Message["parts"] = [
    { type: "reasoning", text: "hm", keep },
    { type: "reasoning", text: "", keep },
    text("a"),
  ];
  assert.deepEqual(contentsOf([{ role: "assistant", parts }]), [
    { role: "model", parts: [{ text: "hm", thought: true }, { text: "a" }] },
  ]);
});

const argumentTexts: readonly (readonly [text: string, args: string, losses: number])[] = [
  ["", "{}", 0],
  ["null", "{}", 0],
  ['{"id":9007199254740993}', '{"id":9007199254740993}', 0],
  ["[1]", '{"input":"[1]"}', 1],
  ["*** Begin", '{"input":"*** Begin"}', 1],
];
for (const [given, args, count] of argumentTexts) {
  test(`hard case 19: the arguments ${JSON.stringify(given)} are written as ${args}`, () => {
    const messages: Message[] = [{ role: "assistant", parts: [call("a", "f", { arguments: given })] }];
    const { body, losses } = write({ messages });
    assert.ok(JSON.stringify(body).includes(`"args":${args}`), JSON.stringify(body));
    assert.equal(losses.length, count);
  });
}

test("hard case 21: the codec says that it takes no prefill, so that it is taken away before", async () => {
  const { gemini } = await import("./index.ts");
  assert.equal(gemini.egress.accepts.prefill, false);
  assert.equal(gemini.egress.accepts.imageUrls, false);
});

test("hard case 22: leading system messages are the instruction, later ones reminders in their place", () => {
  const { body, losses } = write({
    messages: [
      { role: "system", parts: [text("One.")] },
      { role: "system", rawRole: "developer", parts: [text("Two.")] },
      { role: "user", parts: [text("hi")] },
      { role: "system", parts: [text("Three.")] },
      { role: "assistant", parts: [text("hello"), text("")] },
      { role: "assistant", parts: [text("again")] },
    ],
  });
  assert.deepEqual(body, {
    contents: [
      { role: "user", parts: [{ text: "hi" }, { text: "<system-reminder>\nThree.\n</system-reminder>" }] },
      { role: "model", parts: [{ text: "hello" }, { text: "again" }] },
    ],
    systemInstruction: { parts: [{ text: "One." }, { text: "Two." }] },
  });
  assert.deepEqual(losses, ["messages[3] approximated"]);
});

test("a request of system messages only becomes the user's, since Google wants a content", () => {
  const { body, losses } = write({ messages: [{ role: "system", parts: [text("One.")] }] });
  assert.deepEqual(body, { contents: [{ role: "user", parts: [{ text: "One." }] }] });
  assert.equal(losses.length, 1);
});

const schema = { type: "object", properties: { a: { const: 1 } } };
const output = { type: "json-schema", name: "x", schema } as const;
const tools: GenerationRequest["tools"] = [{ tool: "function", name: "f" }];
const lowered = { type: "object", properties: { a: { enum: [1], type: "integer" } } };

test("hard case 27: an output schema binds the model, beside functions since Gemini 3; before, the model is told", () => {
  const bound = { responseMimeType: "application/json", responseJsonSchema: lowered };
  assert.deepEqual(write({ output, model: "gemini-2.5-pro" }).body["generationConfig"], bound);
  assert.deepEqual(write({ output, tools }).body["generationConfig"], bound);
  const told = write({ output, tools, model: "gemini-2.5-pro" });
  assert.equal(told.body["generationConfig"], undefined);
  assert.ok(
    JSON.stringify(told.body["systemInstruction"]).includes(JSON.stringify(JSON.stringify(lowered)).slice(1, -1)),
  );
  assert.deepEqual(told.losses, ["output approximated"]);
});

const thinking: readonly {
  name: string;
  fields: Partial<GenerationRequest>;
  config: JsonObject | undefined;
  losses?: readonly string[];
}[] = [
  {
    name: "an effort is a level since Gemini 3",
    fields: { reasoning: { effort: "high" } },
    config: { thinkingLevel: "HIGH" },
  },
  {
    name: "Gemini 3 Pro knows two levels",
    fields: { model: "gemini-3-pro-preview", reasoning: { effort: "medium", show: true } },
    config: { thinkingLevel: "HIGH", includeThoughts: true },
    losses: ["reasoning.effort approximated"],
  },
  {
    name: "a level cannot be turned off",
    fields: { reasoning: { effort: "none" } },
    config: { thinkingLevel: "MINIMAL" },
    losses: ["reasoning.effort approximated"],
  },
  {
    name: "a budget becomes the level it fits into",
    fields: { reasoning: { budgetTokens: 8000 } },
    config: { thinkingLevel: "MEDIUM" },
    losses: ["reasoning.budgetTokens approximated"],
  },
  {
    name: "an effort is a budget in 2.5",
    fields: { model: "gemini-2.5-flash", reasoning: { effort: "low" } },
    config: { thinkingBudget: 4096 },
  },
  {
    name: "2.5 Flash is turned off",
    fields: { model: "gemini-2.5-flash", reasoning: { effort: "none" } },
    config: { thinkingBudget: 0 },
  },
  {
    name: "2.5 Pro cannot be turned off",
    fields: { model: "gemini-2.5-pro", reasoning: { effort: "none" } },
    config: { thinkingBudget: 128 },
    losses: ["reasoning.effort approximated"],
  },
  {
    name: "reasoning without a measure is up to the model",
    fields: { model: "gemini-2.5-flash", reasoning: {} },
    config: { thinkingBudget: -1 },
  },
  {
    name: "a budget is bounded by what the model takes",
    fields: { model: "gemini-2.5-flash", reasoning: { budgetTokens: 31_999 } },
    config: { thinkingBudget: 24_576 },
    losses: ["reasoning.budgetTokens approximated"],
  },
  {
    name: "hard case 28: a budget leaves room for the answer",
    fields: { model: "gemini-2.5-flash", reasoning: { budgetTokens: 4000 }, maxOutputTokens: 4000 },
    config: { thinkingBudget: 2000 },
    losses: ["reasoning.budgetTokens approximated"],
  },
  {
    name: "models before 2.5 do not think",
    fields: { model: "gemini-2.0-flash", reasoning: { effort: "low" } },
    config: undefined,
    losses: ["reasoning unsupported"],
  },
];
for (const { name, fields, config, losses = [] } of thinking) {
  test(`thinking: ${name}`, () => {
    const written = write(fields);
    assert.deepEqual((written.body["generationConfig"] as JsonObject | undefined)?.["thinkingConfig"], config);
    assert.deepEqual(written.losses, losses);
  });
}

test("hard case 28: the limit of tokens is maxOutputTokens, and is left out where none was given", () => {
  assert.deepEqual(write({ maxOutputTokens: 5 }).body["generationConfig"], { maxOutputTokens: 5 });
  assert.equal(write({}).body["generationConfig"], undefined);
});

test("what Gemini has no room for is told", () => {
  const { body, losses } = write({
    sampling: { minP: 0.1, stop: ["1", "2", "3", "4", "5", "6"] },
    tools: [{ tool: "function", name: "f", strict: true }],
    parallelToolCalls: false,
    verbosity: "low",
    user: "u",
    extra: { "openai-chat": { logit_bias: { 1: 2 } } },
  });
  assert.deepEqual(losses.toSorted(), [
    "logit_bias unsupported",
    "parallelToolCalls unsupported",
    "sampling.minP unsupported",
    "sampling.stop approximated",
    "tools[0].strict unsupported",
    "user unsupported",
    "verbosity unsupported",
  ]);
  assert.deepEqual(body["generationConfig"], { stopSequences: ["1", "2", "3", "4", "5"] });
});

test("hard case 18: what looks like a schema in a tool's result stays as it is", () => {
  const told = '{"$ref":"#/$defs/x","const":1}';
  const messages: Message[] = [
    { role: "assistant", parts: [call("a", "f")] },
    { role: "tool", parts: [result("a", [text(told)])] },
  ];
  assert.deepEqual((contentsOf(messages) as JsonObject[])[1]?.["parts"], [
    { functionResponse: { id: "a", name: "f", response: { output: told } } },
  ]);
});
