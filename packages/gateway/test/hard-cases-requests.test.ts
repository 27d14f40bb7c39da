import assert from "node:assert/strict";
import { test } from "node:test";
import { vendorOf } from "../src/backends/http/vendors.ts";
import { arrayOf, objectOf } from "../src/codecs/shared/json.ts";
import type { Json, JsonObject } from "../src/kernel/json.ts";
import { decoded, Pipeline } from "./support/pipeline.ts";
import type { Generating, Journey } from "./support/pipeline.ts";
import { spoken, vendorStream } from "./support/spoken.ts";

/*
 * Requests of the table of hard cases: a client's body, the backend's body behind the gateway. The numbers in comments
 * are the table's rows.
 */
const pipeline = new Pipeline();
const plain = { streamUsage: true, developerRole: true };
const png = "aGkh";
const schema: JsonObject = { type: "object", properties: { n: { type: "integer" } } };

const chatTool = (name = "f", parameters: JsonObject = schema): JsonObject => ({
  type: "function",
  function: { name, parameters },
});
const chatCall = (id: string, text = "{}", name = "f"): JsonObject => ({
  id,
  type: "function",
  function: { name, arguments: text },
});
const calling = (...calls: readonly JsonObject[]): JsonObject => ({
  role: "assistant",
  content: null,
  tool_calls: calls,
});
const answering = (id: string, content: Json = `of ${id}`): JsonObject => ({ role: "tool", tool_call_id: id, content });
const user = (content: Json): JsonObject => ({ role: "user", content });
const chat = (messages: readonly JsonObject[], rest: JsonObject = {}): JsonObject => ({
  model: "m",
  messages,
  tools: [chatTool()],
  ...rest,
});
const use = (id: string): JsonObject => ({ type: "tool_use", id, name: "f", input: {} });
const result = (id: string, content: Json = `of ${id}`): JsonObject => ({
  type: "tool_result",
  tool_use_id: id,
  content,
});
const claude = (messages: readonly JsonObject[], rest: JsonObject = {}): JsonObject => ({
  model: "m",
  max_tokens: 1000,
  messages,
  tools: [{ name: "f", input_schema: schema }],
  ...rest,
});

interface Sent {
  readonly body: JsonObject;
  readonly lost: readonly string[];
}

function send(client: Generating, backend: Generating, body: JsonObject, journey?: Journey): Sent {
  return pipeline.ask(client, backend, body, journey);
}

const listIn = (body: JsonObject | undefined, name: string) =>
  arrayOf(body?.[name]).map((each) => objectOf(each) ?? {});
const partsOf = (message: JsonObject | undefined) => {
  const content = message?.["content"];
  return typeof content === "string" ? [{ type: "text", text: content }] : listIn(message, "content");
};
/** A text's shape: `assistant(call a)`, in the words that all protocols have in common. */
function outline(protocol: Generating, body: JsonObject): readonly string[] {
  switch (protocol) {
    case "anthropic-messages":
      return listIn(body, "messages").map(
        (message) => `${String(message["role"])}: ${partsOf(message).map(blockOutline).join(", ")}`,
      );
    case "gemini":
      return listIn(body, "contents").map(
        (content) => `${String(content["role"])}: ${listIn(content, "parts").map(partOutline).join(", ")}`,
      );
    case "openai-responses":
      return listIn(body, "input").map((item) =>
        item["type"] === "message"
          ? `${String(item["role"])}: ${partsOf(item).map(blockOutline).join(", ")}`
          : `${String(item["type"])}: ${String(item["call_id"])}`,
      );
    default:
      return listIn(body, "messages").map((message) => {
        const calls = listIn(message, "tool_calls").map(({ id }) => `call ${String(id)}`);
        const id = message["tool_call_id"] === undefined ? [] : [`of ${String(message["tool_call_id"])}`];
        const said = partsOf(message)
          .map(blockOutline)
          .filter((each) => each !== "");
        return `${String(message["role"])}: ${[...calls, ...id, ...said].join(", ")}`;
      });
  }
}

function blockOutline(block: JsonObject): string {
  switch (block["type"]) {
    case "tool_use":
      return `call ${String(block["id"])}`;
    case "tool_result":
      return `of ${String(block["tool_use_id"])}`;
    case "image":
    case "image_url":
    case "input_image":
      return "image";
    default:
      return String(block["text"]);
  }
}

function partOutline({ functionCall, functionResponse, text, inlineData }: JsonObject): string {
  if (functionCall !== undefined) return `call ${String(objectOf(functionCall)?.["name"])}`;
  if (functionResponse !== undefined) return `of ${String(objectOf(functionResponse)?.["name"])}`;
  return inlineData === undefined ? String(text) : "image";
}

// Row 6.
test("results of tools come before what the user says with them", () => {
  const body = claude([
    user("go"),
    { role: "assistant", content: [use("a"), use("b")] },
    user([result("a"), result("b"), { type: "text", text: "and now?" }]),
  ]);
  assert.deepEqual(outline("openai-chat", send("anthropic-messages", "openai-chat", body).body), [
    "user: go",
    "assistant: call a, call b",
    "tool: of a, of a",
    "tool: of b, of b",
    "user: and now?",
  ]);
  assert.deepEqual(outline("openai-responses", send("anthropic-messages", "openai-responses", body).body), [
    "user: go",
    "function_call: a",
    "function_call: b",
    "function_call_output: a",
    "function_call_output: b",
    "user: and now?",
  ]);
  assert.deepEqual(outline("gemini", send("anthropic-messages", "gemini", body).body).slice(0, 3), [
    "user: go",
    "model: call f, call f",
    "user: of f, of f",
  ]);
  assert.deepEqual(outline("ollama", send("anthropic-messages", "ollama", body).body).at(-1), "user: and now?");
});

// Row 7.
test("messages of tools that follow each other are one turn, in the order of the calls, with what the user says next", () => {
  const body = chat([
    user("go"),
    calling(chatCall("a"), chatCall("b")),
    answering("b"),
    answering("a"),
    user("and now?"),
  ]);
  assert.deepEqual(outline("anthropic-messages", send("openai-chat", "anthropic-messages", body).body), [
    "user: go",
    "assistant: call a, call b",
    "user: of a, of b, and now?",
  ]);
  const { body: google } = send("openai-chat", "gemini", body);
  assert.deepEqual(outline("gemini", google).slice(1, 3), ["model: call f, call f", "user: of f, of f"]);
});

const picture = [
  { type: "text", text: "see" },
  { type: "image", source: { type: "base64", media_type: "image/png", data: png } },
];

// Row 8.
test("an image in a tool's result is moved behind the results for chat, with a word of where it belongs", () => {
  const body = claude([
    user("go"),
    { role: "assistant", content: [use("a"), use("b")] },
    user([result("a", picture), result("b"), { type: "text", text: "and now?" }]),
  ]);
  const { body: sent } = send("anthropic-messages", "openai-chat", body);
  const told = outline("openai-chat", sent);
  assert.deepEqual(told.slice(0, 4), ["user: go", "assistant: call a, call b", "tool: of a, see", "tool: of b, of b"]);
  assert.match(told[4] ?? "", /^user: .*\ba\b.*, image$/);
  assert.equal(told[5], "user: and now?");
  for (const message of listIn(sent, "messages")) {
    if (message["role"] === "tool") assert.equal(typeof message["content"], "string");
  }
});

// Row 8.
test("an image in a tool's result reaches every backend", () => {
  const body = claude([user("go"), { role: "assistant", content: [use("a")] }, user([result("a", picture)])]);
  for (const backend of ["openai-chat", "openai-responses", "anthropic-messages", "gemini", "ollama"] as const) {
    assert.ok(JSON.stringify(send("anthropic-messages", backend, body).body).includes(png), backend);
  }
});

// Row 9.
test("what is said between a call and its output waits, and outputs without a call or twice are left out and reported", () => {
  const body: JsonObject = {
    model: "m",
    tools: [{ type: "function", name: "f", parameters: schema }],
    input: [
      user("go"),
      { type: "function_call", call_id: "a", name: "f", arguments: "{}" },
      user("wait"),
      { type: "function_call_output", call_id: "a", output: "of a" },
      { type: "function_call_output", call_id: "a", output: "again" },
      { type: "function_call_output", call_id: "z", output: "orphan" },
    ],
  };
  const chatSent = send("openai-responses", "openai-chat", body);
  assert.deepEqual(outline("openai-chat", chatSent.body), [
    "user: go",
    "assistant: call a",
    "tool: of a, of a",
    "user: wait",
  ]);
  assert.deepEqual(chatSent.lost, ["messages[4]", "messages[5]"]);
  for (const backend of ["anthropic-messages", "gemini", "ollama"] as const) {
    const sent = send("openai-responses", backend, body);
    assert.deepEqual(sent.lost, ["messages[4]", "messages[5]"], backend);
    assert.doesNotMatch(JSON.stringify(sent.body), /again|orphan/);
  }
});

// Row 9.
test("a call that nobody answered is answered with a word of it, so that no backend refuses the turn", () => {
  const body = chat([user("go"), calling(chatCall("a"), chatCall("b")), answering("b"), user("go on")]);
  for (const backend of ["anthropic-messages", "openai-responses", "gemini", "ollama"] as const) {
    const { body: sent, lost } = send("openai-chat", backend, body);
    assert.deepEqual(lost, ["messages[1]"], backend);
    assert.match(JSON.stringify(sent), /No output of this call was recorded/);
  }
  assert.deepEqual(
    outline("anthropic-messages", send("openai-chat", "anthropic-messages", body).body).at(-1),
    "user: of a, of b, go on",
  );
});

const google: JsonObject = {
  tools: [{ functionDeclarations: [{ name: "f" }, { name: "g" }] }],
  contents: [
    { role: "user", parts: [{ text: "go" }] },
    {
      role: "model",
      parts: [
        { functionCall: { name: "f", args: { n: 1 } } },
        { functionCall: { name: "g", args: {} } },
        { functionCall: { name: "f", args: { n: 2 } } },
      ],
    },
    {
      role: "user",
      parts: [
        { functionResponse: { name: "g", response: { r: "g" } } },
        { functionResponse: { name: "f", response: { r: "first" } } },
        { functionResponse: { name: "f", response: { r: "second" } } },
      ],
    },
  ],
};

// Row 10.
test("calls without ids get the same ones at each replay, and results find theirs by name, first come first served", () => {
  for (const backend of ["openai-chat", "anthropic-messages", "openai-responses"] as const) {
    const { body } = send("gemini", backend, google);
    assert.deepEqual(send("gemini", backend, google).body, body);
    const text = JSON.stringify(body).replaceAll('\\"', '"');
    const order = ['"first"', '"g"', '"second"'].map((each) => text.lastIndexOf(`"r":${each}`));
    assert.deepEqual(
      order,
      order.toSorted((left, right) => left - right),
      backend,
    );
    const ids = [...text.matchAll(/"(?:id|call_id|tool_use_id|tool_call_id)":"([^"]*)"/g)].map((match) => match[1]);
    assert.deepEqual([ids.length, new Set(ids).size, ids.slice(0, 3).join()], [6, 3, ids.slice(3).join()], backend);
  }
});

// Row 10.
test("results go to Gemini in one content right behind the calls, with the names that other protocols leave out", () => {
  const body = chat([
    user("go"),
    calling(chatCall("a", '{"n":1}'), chatCall("b", "{}", "g"), chatCall("c", '{"n":2}')),
    answering("c"),
    answering("a"),
    answering("b"),
  ]);
  const { body: sent } = send("openai-chat", "gemini", body);
  assert.deepEqual(outline("gemini", sent), ["user: go", "model: call f, call g, call f", "user: of f, of g, of f"]);
  const empty = {
    ...google,
    contents: arrayOf(google["contents"]).with(2, {
      role: "user",
      parts: [
        { functionResponse: { name: "", response: { r: 1 } } },
        { functionResponse: { response: { r: 2 } } },
        { functionResponse: { name: "f", response: { r: 3 } } },
      ],
    }),
  };
  assert.deepEqual(
    outline("gemini", send("gemini", "gemini", empty).body)[2]
      ?.replace("user: ", "")
      .split(", ")
      .toSorted(),
    ["of f", "of f", "of g"],
  );
});

const longId = `call|${"x".repeat(80)}.1`;
const tooled = "mcp.files:read";
const tooledToo = "mcp.files/read";

// Row 17.
for (const backend of ["openai-chat", "openai-responses", "anthropic-messages"] as const) {
  test(`names and ids that ${backend} refuses are changed the same way each time, kept apart, and changed back in the answer`, () => {
    const body: JsonObject = {
      tools: [{ functionDeclarations: [tooled, tooledToo, "x".repeat(100)].map((name) => ({ name })) }],
      contents: [
        { role: "user", parts: [{ text: "go" }] },
        { role: "model", parts: [{ functionCall: { id: longId, name: tooled, args: {} } }] },
        { role: "user", parts: [{ functionResponse: { id: longId, name: tooled, response: { r: 1 } } }] },
      ],
    };
    const dialect = vendorOf(backend === "anthropic-messages" ? "anthropic" : "openai")?.dialect ?? assert.fail();
    const sent = pipeline.ask("gemini", backend, body, { dialect });
    const text = JSON.stringify(sent.body);
    assert.deepEqual(pipeline.ask("gemini", backend, body, { dialect }).body, sent.body);
    const names = [...text.matchAll(/"name":"([^"]*)"/g)].map((match) => match[1] ?? "");
    assert.equal(new Set(names).size, 3);
    for (const name of names) assert.match(name, /^[a-zA-Z0-9_-]{1,64}$/);
    const ids = [...text.matchAll(/"(?:call_id|tool_use_id|tool_call_id)":"([^"]*)"/g)].map((match) => match[1] ?? "");
    assert.equal(new Set(ids).size, 1);
    // OpenAI's chat takes fewer than its Responses.
    assert.match(ids[0] ?? "", backend === "anthropic-messages" ? /^[a-zA-Z0-9_-]{1,64}$/ : /^[a-zA-Z0-9_-]{1,40}$/);
    const short = names.find((name) => name.startsWith("mcp")) ?? assert.fail();
    const answer = { calls: [{ name: short, arguments: "{}" }], usage: { input: 5, output: 5 } };
    const told = sent.stream(...vendorStream(backend, answer));
    const heard = spoken(decoded("gemini", told.text)).calls[0]?.name ?? "";
    assert.ok([tooled, tooledToo].includes(heard), heard);
  });
}

const hard: JsonObject = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    node: {
      type: "object",
      properties: { next: { $ref: "#/$defs/node" }, kind: { const: "node" } },
      additionalProperties: false,
    },
  },
  properties: {
    properties: { type: "string", description: "A property of this name." },
    $ref: { type: "string" },
    const: { type: "integer", exclusiveMinimum: 0 },
    node: { $ref: "#/$defs/node" },
    map: { type: "object", propertyNames: { pattern: "^a" }, additionalProperties: { type: "string" } },
    choice: { anyOf: [{ type: "string" }, { type: "null" }] },
  },
  required: ["properties", "$ref"],
  additionalProperties: false,
};

// Row 18.
test("a tool's schema is lowered to what Google takes: references in place, keywords dropped where they are keywords only", () => {
  const body = chat([user("go"), calling(chatCall("a")), answering("a", '{"$ref":"#/x","$schema":"y"}')], {
    tools: [chatTool("f", hard)],
  });
  const { body: sent } = send("openai-chat", "gemini", body);
  const declaration = listIn(listIn(sent, "tools")[0], "functionDeclarations")[0];
  const written = objectOf(declaration?.["parametersJsonSchema"]) ?? objectOf(declaration?.["parameters"]) ?? {};
  const properties = objectOf(written["properties"]) ?? {};
  assert.deepEqual(Object.keys(properties), ["properties", "$ref", "const", "node", "map", "choice"]);
  assert.deepEqual(properties["$ref"], { type: "string" });
  assert.deepEqual(written["required"], ["properties", "$ref"]);
  assert.deepEqual(properties["const"], { type: "integer", minimum: 1 });
  const node = objectOf(objectOf(properties["node"])?.["properties"]) ?? {};
  assert.deepEqual(objectOf(node["kind"])?.["enum"], ["node"]);
  assert.equal(objectOf(node["next"])?.["type"], "object");
  assert.doesNotMatch(JSON.stringify(written), /\$defs|\$schema|propertyNames|exclusiveMinimum|"\$ref":"/);
  // What a tool answered is data.
  assert.match(JSON.stringify(sent["contents"]).replaceAll("\\", ""), /"\$ref":"#\/x","\$schema":"y"/);
});

// Row 18.
test("a tool's schema that is a choice, or says no type, is an object to backends that take nothing else", () => {
  const union: JsonObject = {
    anyOf: [
      { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
      { type: "object", properties: { b: { type: "string" } } },
    ],
  };
  const body: JsonObject = {
    contents: [{ role: "user", parts: [{ text: "go" }] }],
    tools: [
      {
        functionDeclarations: [
          { name: "f", parametersJsonSchema: union },
          { name: "g", parametersJsonSchema: {} },
        ],
      },
    ],
  };
  const roots: { readonly [backend: string]: (body: JsonObject) => readonly (Json | undefined)[] } = {
    "anthropic-messages": (sent) => listIn(sent, "tools").map((tool) => tool["input_schema"]),
    "openai-responses": (sent) => listIn(sent, "tools").map((tool) => tool["parameters"]),
    gemini: (sent) =>
      listIn(listIn(sent, "tools")[0], "functionDeclarations").map((each) => each["parametersJsonSchema"]),
  };
  for (const backend of ["anthropic-messages", "openai-responses"] as const) {
    const sent = send("gemini", backend, body);
    const [first, second] = (roots[backend]?.(sent.body) ?? []).map((each) => objectOf(each ?? null) ?? {});
    assert.deepEqual(
      [first?.["type"], Object.keys(objectOf(first?.["properties"]) ?? {}), first?.["anyOf"]],
      ["object", ["a", "b"], undefined],
      backend,
    );
    assert.equal(second?.["type"], "object");
    assert.ok(sent.lost.includes("tools[0].parameters"), backend);
  }
  const [lowered] =
    roots["gemini"]?.(send("openai-chat", "gemini", chat([user("go")], { tools: [chatTool("f", union)] })).body) ?? [];
  assert.deepEqual(objectOf(lowered ?? null)?.["type"], "object");
});

// Row 19.
test("arguments in history are objects for backends that have objects, whatever stood there, and keep their digits", () => {
  for (const [text, object] of [
    ["", {}],
    ["{}", {}],
    ['{"n":1}', { n: 1 }],
  ] as const) {
    const body = chat([user("go"), calling(chatCall("a", text)), answering("a")]);
    const [, assistant] = listIn(send("openai-chat", "anthropic-messages", body).body, "messages");
    assert.deepEqual(partsOf(assistant)[0]?.["input"], object);
    const [, model] = listIn(send("openai-chat", "gemini", body).body, "contents");
    assert.deepEqual(objectOf(listIn(model, "parts")[0]?.["functionCall"])?.["args"] ?? {}, object);
    const [, said] = listIn(send("openai-chat", "ollama", body).body, "messages");
    assert.deepEqual(objectOf(listIn(said, "tool_calls")[0]?.["function"])?.["arguments"], object);
  }
  const digits = '{"n":9007199254740993}';
  for (const backend of ["anthropic-messages", "gemini", "ollama"] as const) {
    const body = chat([user("go"), calling(chatCall("a", digits)), answering("a")]);
    assert.ok(JSON.stringify(send("openai-chat", backend, body).body).includes(digits), backend);
  }
});

// Row 19.
test("arguments in history that are no object do not make a turn that the backend refuses", () => {
  for (const text of ["null", "[1]", "not json", '{"n":']) {
    const body = chat([user("go"), calling(chatCall("a", text)), answering("a")]);
    const [, assistant] = listIn(send("openai-chat", "anthropic-messages", body).body, "messages");
    assert.notEqual(objectOf(partsOf(assistant)[0]?.["input"] ?? null), undefined, text);
    const [, said] = listIn(send("openai-chat", "ollama", body).body, "messages");
    assert.notEqual(
      objectOf(objectOf(listIn(said, "tool_calls")[0]?.["function"])?.["arguments"] ?? null),
      undefined,
      text,
    );
  }
});

// Row 20.
test("blank texts are left out where they are refused, an assistant's empty turn is none, and a prefill has no blanks behind it", () => {
  const body = chat([
    user([
      { type: "text", text: "" },
      { type: "text", text: " \n" },
      { type: "text", text: "hi" },
    ]),
    { role: "assistant", content: "" },
    user("x"),
    { role: "assistant", content: "Sure: \n " },
  ]);
  const { body: sent } = send("openai-chat", "anthropic-messages", body);
  assert.deepEqual(outline("anthropic-messages", sent), ["user: hi, x", "assistant: Sure:"]);
});

// Row 20.
test("a message that is nothing but blanks leaves the turns legal", () => {
  for (const backend of ["anthropic-messages", "gemini"] as const) {
    const { body } = send("openai-chat", backend, chat([user("a"), { role: "assistant", content: "b" }, user(" ")]));
    const told = outline(backend, body);
    assert.equal(
      new Set(told.map((each, place) => `${place % 2} ${each.split(":")[0]}`)).size,
      Math.min(2, told.length),
      told.join("; "),
    );
  }
});

const prefilled = (model: string) => chat([user("go"), { role: "assistant", content: "Sure" }], { model, tools: [] });

// Row 21.
test("a prefill stays where it is continued, and elsewhere is never sent as it is, and reported", () => {
  assert.deepEqual(
    outline("anthropic-messages", send("openai-chat", "anthropic-messages", prefilled("claude-3-5-sonnet")).body).at(
      -1,
    ),
    "assistant: Sure",
  );
  assert.deepEqual(outline("ollama", send("openai-chat", "ollama", prefilled("m")).body).at(-1), "assistant: Sure");
  for (const [backend, model] of [
    ["anthropic-messages", "claude-opus-4-6"],
    ["gemini", "gemini-3-pro"],
    ["openai-responses", "gpt-5"],
  ] as const) {
    const { body, lost } = send("openai-chat", backend, prefilled(model));
    assert.match(outline(backend, body).at(-1) ?? "", /^user: /, backend);
    assert.ok(
      lost.some((field) => field.startsWith("messages")),
      backend,
    );
  }
});

// Row 22.
test("instructions in the middle stay in their place as a reminder in the user's turn, and turns alternate", () => {
  const body = chat([
    { role: "system", content: "A" },
    { role: "developer", content: "B" },
    user("hi"),
    { role: "system", content: "late" },
    { role: "assistant", content: "ok" },
    { role: "developer", content: "later" },
    user("go"),
  ]);
  const reminder = (text: string) => `<system-reminder>\n${text}\n</system-reminder>`;
  const turns = [`user: hi, ${reminder("late")}`, "assistant: ok", `user: ${reminder("later")}, go`];
  const anthropic = send("openai-chat", "anthropic-messages", body);
  assert.deepEqual(outline("anthropic-messages", anthropic.body), turns);
  assert.deepEqual(
    listIn(anthropic.body, "system").map(({ text }) => text),
    ["A", "B"],
  );
  const gemini = send("openai-chat", "gemini", body);
  assert.deepEqual(
    outline("gemini", gemini.body),
    turns.map((turn) => turn.replace("assistant:", "model:")),
  );
  assert.deepEqual(
    listIn(objectOf(gemini.body["systemInstruction"]), "parts").map(({ text }) => text),
    ["A", "B"],
  );
  for (const { lost } of [anthropic, gemini])
    assert.equal(lost.filter((field) => field.startsWith("messages")).length, 2);
});

const wanted: JsonObject = {
  type: "object",
  properties: { a: { type: "string" } },
  required: ["a"],
  additionalProperties: false,
};
const formatted = (model: string, rest: JsonObject): JsonObject => ({
  model,
  messages: [user("go")],
  response_format: { type: "json_schema", json_schema: { name: "o", strict: true, schema: wanted } },
  ...rest,
});

// Row 27.
for (const [what, rest] of [
  ["alone", {}],
  ["with tools", { tools: [chatTool()] }],
  ["with thinking", { reasoning_effort: "high" }],
  ["with tools and thinking", { tools: [chatTool()], reasoning_effort: "high" }],
] as const) {
  test(`a schema of the answer ${what} never forces a tool, and is native where that is taken`, () => {
    const models: readonly (readonly [backend: Generating, model: string, native: boolean])[] = [
      ["anthropic-messages", "claude-3-5-sonnet-20241022", false],
      ["anthropic-messages", "claude-sonnet-4-5", true],
      ["anthropic-messages", "claude-opus-4-6", true],
      ["gemini", "gemini-2.5-pro", !("tools" in rest)],
      ["gemini", "gemini-3-pro", true],
    ];
    for (const [backend, model, native] of models) {
      const { body, lost } = send("openai-chat", backend, formatted(model, rest));
      const config = objectOf(body[backend === "gemini" ? "generationConfig" : "output_config"]) ?? {};
      const given = backend === "gemini" ? config["responseJsonSchema"] : objectOf(config["format"])?.["schema"];
      assert.deepEqual(given, native ? wanted : undefined, `${model} ${what}`);
      assert.equal(lost.includes("output"), !native);
      // What is not native is said in words, and the answer stays text, which the client need not unwrap.
      if (!native)
        assert.match(
          JSON.stringify(body[backend === "gemini" ? "systemInstruction" : "system"]),
          /additionalProperties/,
        );
      assert.equal(body["tool_choice"] ?? body["toolConfig"], undefined);
      const tools = listIn(body, "tools").length;
      assert.equal(tools, "tools" in rest ? 1 : 0);
    }
  });
}

const limited = (limits: JsonObject): JsonObject => ({ model: "m", messages: [user("go")], ...limits });

// Row 28.
test("the limit of an answer has each backend's own name, and the one that its dialect knows", () => {
  const places: readonly (readonly [backend: Generating, path: readonly string[], journey: Journey])[] = [
    ["openai-chat", ["max_completion_tokens"], {}],
    ["openai-chat", ["max_tokens"], { dialect: { ...plain, maxTokensField: "max_tokens" } }],
    ["openai-responses", ["max_output_tokens"], {}],
    ["openai-completions", ["max_tokens"], {}],
    ["anthropic-messages", ["max_tokens"], {}],
    ["gemini", ["generationConfig", "maxOutputTokens"], {}],
    ["ollama", ["options", "num_predict"], {}],
  ];
  const names = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
  for (const limits of [{ max_tokens: 77 }, { max_completion_tokens: 77 }]) {
    for (const [backend, path, journey] of places) {
      const { body } = send("openai-chat", backend, limited(limits), journey);
      const found = path.reduce<Json | undefined>((value, name) => objectOf(value ?? null)?.[name], body);
      assert.equal(found, 77, `${backend} ${path.join(".")}`);
      assert.deepEqual(
        names.filter((name) => name in body && name !== path[0]),
        [],
      );
    }
  }
});

// Row 28.
test("Anthropic gets a limit where the client gave none, and a budget of thinking below it", () => {
  const unlimited = send("openai-chat", "anthropic-messages", limited({})).body;
  assert.ok(Number(unlimited["max_tokens"]) >= 4096);
  for (const limit of [undefined, 20_000, 2000, 1500]) {
    const limits = limit === undefined ? {} : { max_completion_tokens: limit };
    const { body, lost } = send("openai-chat", "anthropic-messages", {
      ...limited(limits),
      model: "claude-sonnet-4-5",
      reasoning_effort: "high",
    });
    const thinking = objectOf(body["thinking"]);
    const budget = Number(thinking?.["budget_tokens"]);
    assert.ok(
      budget >= 1024 && budget < Number(body["max_tokens"]),
      `${limit}: ${budget} of ${String(body["max_tokens"])}`,
    );
    if (limit !== undefined) assert.equal(body["max_tokens"], limit);
    if (limit === 2000) assert.ok(lost.includes("reasoning.budgetTokens"));
  }
  const small = send("openai-chat", "anthropic-messages", {
    ...limited({ max_completion_tokens: 500 }),
    model: "claude-sonnet-4-5",
    reasoning_effort: "high",
  });
  assert.deepEqual([small.body["thinking"], small.body["max_tokens"]], [undefined, 500]);
  assert.ok(small.lost.some((field) => field.startsWith("reasoning")));
});

const mark = { cache_control: { type: "ephemeral", ttl: "1h" } };
const marked = claude([user([{ type: "text", text: "hi", ...mark }])], {
  system: [
    { type: "text", text: "one", ...mark },
    { type: "text", text: "two" },
  ],
  tools: [{ name: "f", input_schema: schema, ...mark }],
});

// Row 29.
test("marks of a cache are left out quietly for other vendors, and the system's texts keep their order", () => {
  for (const backend of ["openai-responses", "gemini", "ollama"] as const) {
    const { body, lost } = send("anthropic-messages", backend, marked);
    assert.doesNotMatch(JSON.stringify(body), /cache_control|ephemeral/, backend);
    assert.deepEqual(lost, [], backend);
    assert.match(JSON.stringify(body), /one.*two/);
  }
});

// Row 29.
test("marks of a cache stay where they are at their own vendor, and the prefix is the same bytes each time", () => {
  const once = send("anthropic-messages", "anthropic-messages", marked).body;
  assert.deepEqual(listIn(once, "system"), marked["system"]);
  assert.deepEqual(listIn(once, "tools"), marked["tools"]);
  assert.deepEqual(partsOf(listIn(once, "messages")[0])[0]?.["cache_control"], mark.cache_control);
  for (const backend of ["openai-chat", "openai-responses", "gemini", "anthropic-messages"] as const) {
    const longer = {
      ...marked,
      messages: [...listIn(marked, "messages"), { role: "assistant", content: "so" }, user("next")],
    };
    const [short, long] = [marked, longer].map((body) => send("anthropic-messages", backend, body).body);
    for (const name of ["messages", "contents", "input"]) {
      const before = arrayOf(short?.[name]);
      assert.deepEqual(arrayOf(long?.[name]).slice(0, before.length), before, backend);
    }
    for (const name of ["tools", "system", "systemInstruction", "instructions"])
      assert.deepEqual(long?.[name], short?.[name]);
  }
});

// Row 30.
test("everything that a chat client says has its place at Ollama", () => {
  const body = chat(
    [
      user([
        { type: "text", text: "see" },
        { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
      ]),
      calling(chatCall("a", '{"n":9007199254740993}')),
      answering("a"),
    ],
    { max_tokens: 50, temperature: 0.5, stop: "END" },
  );
  const { messages: _messages, ...rest } = formatted("m", {});
  const { body: sent, lost } = send(
    "openai-chat",
    "ollama",
    { ...body, ...rest },
    { dialect: { ...plain, contextWindow: 32_768 } },
  );
  const [asked, said, told] = listIn(sent, "messages");
  assert.deepEqual(asked, { role: "user", content: "see", images: [png] });
  const called = objectOf(listIn(said, "tool_calls")[0]?.["function"]);
  assert.equal(JSON.stringify(called?.["arguments"]), '{"n":9007199254740993}');
  assert.deepEqual([told?.["role"], told?.["content"], told?.["tool_name"]], ["tool", "of a", "f"]);
  assert.deepEqual(sent["format"], wanted);
  const { num_ctx, ...options } = objectOf(sent["options"]) ?? {};
  assert.deepEqual(options, { temperature: 0.5, stop: ["END"], num_predict: 50 });
  assert.ok(Number(num_ctx) >= 4096 && Number(num_ctx) <= 32_768, "the window must not be the server's default");
  assert.deepEqual(lost, []);
});

// Row 30.
test("everything that an Ollama client says has its place at a chat backend, or is reported", () => {
  const body: JsonObject = {
    model: "m",
    keep_alive: "5m",
    format: wanted,
    options: { num_ctx: 100, num_predict: 5, temperature: 0.1, stop: ["a"] },
    messages: [
      { role: "user", content: "see", images: [png] },
      { role: "assistant", content: "", tool_calls: [{ function: { name: "f", arguments: { n: 1 } } }] },
      { role: "tool", tool_name: "f", content: "r" },
    ],
    tools: [chatTool()],
  };
  const { body: sent, lost } = send("ollama", "openai-chat", { ...body, stream: true });
  const [asked, said, told] = listIn(sent, "messages");
  assert.ok(JSON.stringify(asked).includes(`data:image/png;base64,${png}`));
  const [call] = listIn(said, "tool_calls");
  assert.equal(objectOf(call?.["function"])?.["arguments"], '{"n":1}');
  assert.equal(told?.["tool_call_id"], call?.["id"]);
  assert.deepEqual([sent["max_completion_tokens"], sent["temperature"], sent["stop"]], [5, 0.1, ["a"]]);
  assert.deepEqual(objectOf(objectOf(sent["response_format"])?.["json_schema"])?.["schema"], wanted);
  assert.deepEqual(lost, ["keep_alive", "options.num_ctx"]);
});

// Row 30.
test("Ollama's last line says why the answer ended, counts tokens, and tells durations in nanoseconds where they are known", () => {
  const answer = { text: "hi", usage: { input: 5, output: 2 } };
  const ends = (["openai-chat", "ollama"] as const).map((backend): JsonObject => {
    const sent = pipeline.ask("ollama", backend, { model: "m", stream: true, messages: [user("go")] });
    const last = sent
      .stream(...vendorStream(backend, answer))
      .text.trim()
      .split("\n")
      .at(-1);
    return JSON.parse(last ?? "") as JsonObject;
  });
  for (const end of ends) {
    assert.deepEqual(
      [end["done"], end["done_reason"], end["prompt_eval_count"], end["eval_count"]],
      [true, "stop", 5, 2],
    );
  }
  assert.deepEqual(
    ends.map((end) => end["total_duration"]),
    [undefined, 182_242_375],
  );
});

// Row 31.
test("calls of tools with free text in history are calls of functions for backends without such tools", () => {
  const body: JsonObject = {
    model: "m",
    tools: [{ type: "custom", name: "apply_patch" }],
    input: [
      user("go"),
      { type: "custom_tool_call", call_id: "c", name: "apply_patch", input: 'a\n"b"' },
      { type: "custom_tool_call_output", call_id: "c", output: "ok" },
    ],
  };
  for (const backend of ["anthropic-messages", "gemini", "ollama"] as const) {
    const { body: sent } = send("openai-responses", backend, body);
    assert.match(JSON.stringify(sent), /\{"input":"a\\n\\"b\\""\}/, backend);
  }
  const dialect = { ...plain, accepts: { customTools: false } };
  const { body: sent } = send("openai-responses", "openai-chat", body, { dialect });
  const [call] = listIn(listIn(sent, "messages")[1], "tool_calls");
  assert.deepEqual(call?.["function"], { name: "apply_patch", arguments: JSON.stringify({ input: 'a\n"b"' }) });
});

// Row 31.
test("tools that a vendor runs itself, and their calls in history, are reported to whom has none of them", () => {
  const body: JsonObject = {
    model: "m",
    tools: [{ type: "web_search" }, { type: "function", name: "f", parameters: schema }],
    input: [
      user("go"),
      { type: "web_search_call", id: "w", status: "completed", action: { type: "search", query: "q" } },
      user("so?"),
    ],
  };
  for (const backend of ["openai-chat", "anthropic-messages", "gemini", "ollama"] as const) {
    const { body: sent, lost } = send("openai-responses", backend, body);
    assert.ok(lost.includes("tools"), backend);
    assert.doesNotMatch(JSON.stringify(sent), /web_search/);
    assert.match(JSON.stringify(sent), /"so\?"/);
  }
});
