import assert from "node:assert/strict";
import { after, test } from "node:test";
import { accept, eventsOf } from "../src/codecs/anthropic-messages/support.test.ts";
import { vendorOf } from "../src/backends/http/vendors.ts";
import { arrayOf, objectOf } from "../src/codecs/shared/json.ts";
import type { Json, JsonObject } from "../src/kernel/json.ts";
import { startHouse } from "./support/house.ts";
import { Pipeline } from "./support/pipeline.ts";
import type { Journey } from "./support/pipeline.ts";
import { startRecorder } from "./support/recorder.ts";
import { vendorStream } from "./support/spoken.ts";
import { endpointOf, startVendor, vendorKinds } from "./support/vendors/server.ts";
import type { Answer } from "./support/vendors/scene.ts";
import type { VendorKind } from "./support/vendors/server.ts";

/*
 * Hard cases in which something is remembered, or tried elsewhere. The numbers in comments are the table's rows. Where
 * sockets play no part the way is the gateway's own without them.
 */
const schema: JsonObject = { type: "object", properties: {} };
const usage = { input: 20, output: 9 };
const listIn = (body: JsonObject | undefined, name: string) =>
  arrayOf(body?.[name]).map((each) => objectOf(each) ?? {});

const kinds = Object.keys(vendorKinds) as VendorKind[];
const vendors = new Map(await Promise.all(kinds.map(async (kind) => [kind, await startVendor(kind)] as const)));
const fake = (kind: VendorKind) => vendors.get(kind) ?? assert.fail();

/** First words of a stream, by the path that was asked, that are an error although the status is 200. */
const overloaded: readonly (readonly [type: string, path: RegExp, text: string])[] = [
  [
    "anthropic",
    /\/messages$/,
    'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
  ],
  [
    "openai-compatible",
    /\/chat\/completions$/,
    'data: {"error":{"message":"Overloaded","type":"server_error","code":503}}\n\n',
  ],
  [
    "gemini",
    /\/models\//,
    'data: {"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}\n\n',
  ],
];
const failing = await startRecorder((call, response) => {
  const [, , text] = overloaded.find(([, path]) => path.test(call.path.split(/[?:]/)[0] ?? "")) ?? [];
  if (call.method !== "POST" || text === undefined) response.writeHead(404).end("{}");
  else response.writeHead(200, { "content-type": "text/event-stream" }).end(text);
});

const house = await startHouse({
  document: {
    endpoints: [
      ...[...vendors.values()].map(endpointOf),
      ...overloaded.map(([type]) => ({
        name: `failing-${type}`,
        type,
        url: type === "gemini" ? `${failing.url}/v1beta` : `${failing.url}/v1`,
        credentials: [{ apiKey: "key-upstream" }],
      })),
    ],
    models: [
      ...kinds.map((kind) => ({ name: `over-${kind}`, targets: [{ endpoint: kind, model: "real" }] })),
      ...overloaded.flatMap(([type]) => [
        { name: `alone-${type}`, targets: [{ endpoint: `failing-${type}`, model: "real" }] },
        {
          name: `rescued-${type}`,
          targets: [
            { endpoint: `failing-${type}`, model: "real" },
            { endpoint: "openai-chat", model: "real" },
          ],
        },
      ]),
      { name: "alias", echo: "requested", targets: [{ endpoint: "anthropic-messages", model: "real" }] },
      { name: "alias-chat", echo: "requested", targets: [{ endpoint: "openai-chat", model: "real" }] },
    ],
  },
});
after(async () => {
  await house[Symbol.asyncDispose]();
  await failing[Symbol.asyncDispose]();
  for (const vendor of vendors.values()) await vendor[Symbol.asyncDispose]();
});

/** The answer, parsed where it is one JSON value. */
async function post(
  path: string,
  body: JsonObject,
): Promise<{ status: number; headers: Headers; text: string; json: JsonObject }> {
  const response = await house.post(path, body);
  const text = await response.text();
  const json = text.startsWith("{") ? (JSON.parse(text) as JsonObject) : {};
  return { status: response.status, headers: response.headers, text, json };
}

const signature = "Eqo+first/signature==";
const googleCalls = `data: ${JSON.stringify({
  candidates: [
    {
      index: 0,
      finishReason: "STOP",
      content: {
        role: "model",
        parts: [
          { functionCall: { name: "f", args: { n: 1 } }, thoughtSignature: signature },
          { functionCall: { name: "f", args: { n: 2 } } },
        ],
      },
    },
  ],
  modelVersion: "real",
})}\n\n`;

const chatTools: Json = [{ type: "function", function: { name: "f", parameters: schema } }];
const askedChat: JsonObject = {
  model: "gemini-3-pro",
  stream: true,
  tools: chatTools,
  messages: [{ role: "user", content: "go" }],
};

/** The history of a chat client that ran both calls, which it knows by these ids. */
function chatHistory(ids: readonly string[]): JsonObject {
  const calls = ids.map((id, place): JsonObject => ({
    id,
    type: "function",
    function: { name: "f", arguments: `{"n":${place + 1}}` },
  }));
  return {
    ...askedChat,
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content: null, tool_calls: calls },
      ...ids.map((id): JsonObject => ({ role: "tool", tool_call_id: id, content: "done" })),
    ],
  };
}

/** The ids of the calls in a chat stream. */
const idsIn = (text: string) => [...text.matchAll(/"id":"([^"]+)","type":"function"/g)].map((match) => match[1] ?? "");

const signaturesOf = (body: JsonObject) =>
  listIn(body, "contents").flatMap((content) =>
    listIn(content, "parts").flatMap((part) => (part["functionCall"] === undefined ? [] : [part["thoughtSignature"]])),
  );

// Row 11.
test("Gemini's signature of the first of parallel calls goes back to that call alone, though the client has no place for it", () => {
  const pipeline = new Pipeline();
  const ids = idsIn(pipeline.ask("openai-chat", "gemini", askedChat).stream(googleCalls).text);
  assert.equal(ids.length, 2);
  const again = pipeline.ask("openai-chat", "gemini", chatHistory(ids));
  assert.deepEqual(signaturesOf(again.body), [signature, undefined]);
  const alone = pipeline.ask("openai-chat", "gemini", chatHistory(ids.slice(1)));
  assert.ok(!signaturesOf(alone.body).includes(signature), "another call got the signature");
});

// Row 11.
test("calls that Gemini never made bear its own word for such on the first of each turn", () => {
  const { body } = new Pipeline().ask("openai-chat", "gemini", chatHistory(["made", "up"]));
  assert.deepEqual(signaturesOf(body), ["skip_thought_signature_validator", undefined]);
});

// Row 11.
test("a signature on a part without text opens no empty block at the client, and comes back behind the same text", () => {
  const pipeline = new Pipeline();
  const part = (content: JsonObject, finish?: string) =>
    `data: ${JSON.stringify({ candidates: [{ index: 0, content: { role: "model", parts: [content] }, ...(finish && { finishReason: finish }) }], modelVersion: "real" })}\n\n`;
  const stream = [
    part({ text: "hm", thought: true }),
    part({ text: "so." }),
    part({ text: "", thoughtSignature: signature }, "STOP"),
  ];
  const asked: JsonObject = {
    model: "gemini-3-pro",
    stream: true,
    max_tokens: 1000,
    messages: [{ role: "user", content: "go" }],
  };
  const message =
    accept(eventsOf(pipeline.ask("anthropic-messages", "gemini", asked).stream(...stream).text)) ?? assert.fail();
  const blocks = listIn(message, "content");
  assert.deepEqual(
    blocks.map(({ type, text, thinking }) => [type, text ?? thinking]).filter(([, text]) => text === ""),
    [],
  );
  const own = pipeline.ask("gemini", "gemini", { contents: [{ role: "user", parts: [{ text: "go" }] }], stream: true });
  const told = own.stream(...stream).text;
  assert.ok(told.includes(signature));
});

const thinking: JsonObject = { type: "thinking", thinking: "I must look.\u2028 ", signature: "EqQB/exact==" };
const redacted: JsonObject = { type: "redacted_thinking", data: "EmwKAh/redacted==" };
const spokenBlocks: readonly JsonObject[] = [
  thinking,
  redacted,
  { type: "text", text: "Let me look." },
  { type: "tool_use", id: "toolu_1", name: "f", input: { n: 1 } },
];
const claudeHistory: JsonObject = {
  model: "m",
  max_tokens: 4000,
  thinking: { type: "enabled", budget_tokens: 2000 },
  tools: [{ name: "f", input_schema: schema }],
  messages: [
    { role: "user", content: "go" },
    { role: "assistant", content: spokenBlocks },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "done" }] },
  ],
};

// Row 12.
test("thinking that Anthropic signed goes to no other vendor with its signature, and back home as it was, in its place", () => {
  const pipeline = new Pipeline();
  for (const backend of ["openai-chat", "openai-responses", "gemini", "ollama"] as const) {
    const { body, lost } = pipeline.ask("anthropic-messages", backend, claudeHistory);
    assert.doesNotMatch(JSON.stringify(body), /EqQB|EmwKAh|redacted_thinking/, backend);
    // Where a vendor has a field for mere text, the text goes along.
    if (!JSON.stringify(body).includes("I must look")) assert.notDeepEqual(lost, [], backend);
  }
  const home = pipeline.ask("anthropic-messages", "anthropic-messages", claudeHistory);
  assert.deepEqual(listIn(home.body, "messages")[1]?.["content"], spokenBlocks);
});

// Row 12.
test("a conversation that goes to Anthropic, elsewhere and back is refused nowhere, and has its signature in the end", async () => {
  const claude = fake("anthropic-messages");
  const other = fake("openai-chat");
  for (const each of [claude, other]) each.reset();
  claude.play((seen) =>
    seen.turns.at(-1)?.results.length === 0
      ? { reasoning: "I must look.", text: "Let me.", calls: [{ name: "f", arguments: "{}" }], usage }
      : { reasoning: "Now I know.", text: "Done.", usage },
  );
  const common = {
    max_tokens: 4000,
    thinking: { type: "enabled", budget_tokens: 2000 },
    tools: [{ name: "f", input_schema: schema }],
  };
  const messages: JsonObject[] = [{ role: "user", content: "go" }];
  const turn = async (model: string): Promise<readonly JsonObject[]> => {
    const { status, text, json } = await post("/v1/messages", { ...common, model, messages });
    assert.equal(status, 200, text);
    messages.push({ role: "assistant", content: json["content"] ?? [] });
    return listIn(json, "content");
  };
  const call = (await turn("over-anthropic-messages")).find(({ type }) => type === "tool_use");
  messages.push({
    role: "user",
    content: [{ type: "tool_result", tool_use_id: call?.["id"] ?? "", content: "a dot" }],
  });
  await turn("over-openai-chat");
  messages.push({ role: "user", content: "and now?" });
  await turn("over-anthropic-messages");
  assert.deepEqual([claude.refused, other.refused], [[], []]);
  const states = claude.seen.at(-1)?.turns.map(({ state }) => state.length);
  assert.deepEqual(states, [0, 1, 0, 0, 0]);
  assert.ok(!JSON.stringify(other.seen[0]?.body).includes("EqQBCkgIBRAB"));
});

/** A message that an Anthropic client has of a stream of Responses, and what it sends back with a result of the tool. */
function claudeAfterResponses(pipeline: Pipeline, journey: Journey): JsonObject {
  const { messages: _messages, ...rest } = claudeHistory;
  const first: JsonObject = { ...rest, stream: true, messages: [{ role: "user", content: "go" }] };
  const answer = { reasoning: "I must look.", calls: [{ name: "f", arguments: "{}" }], usage };
  const { text } = pipeline
    .ask("anthropic-messages", "openai-responses", first, journey)
    .stream(...vendorStream("openai-responses", answer));
  const message = accept(eventsOf(text)) ?? assert.fail(text);
  const call = listIn(message, "content").find(({ type }) => type === "tool_use");
  return {
    ...first,
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content: message["content"] ?? [] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: call?.["id"] ?? "", content: "done" }] },
    ],
  };
}

// Row 13.
test("encrypted reasoning goes back to the account that made it, and to no other, with nothing left of its item", () => {
  const pipeline = new Pipeline();
  const history = claudeAfterResponses(pipeline, { endpoint: "first" });
  const types = (body: JsonObject) => listIn(body, "input").map(({ type }) => type);
  const home = pipeline.ask("anthropic-messages", "openai-responses", history, { endpoint: "first" });
  const item = listIn(home.body, "input").find(({ type }) => type === "reasoning");
  assert.equal(item?.["encrypted_content"], "gAAAAABo-encrypted-reasoning");
  assert.deepEqual(types(home.body), ["message", "reasoning", "function_call", "function_call_output"]);
  const away = pipeline.ask("anthropic-messages", "openai-responses", history, { endpoint: "second" });
  assert.deepEqual(types(away.body), ["message", "function_call", "function_call_output"]);
  assert.doesNotMatch(JSON.stringify(away.body), /encrypted-reasoning|rs_1|patchbay:/);
  assert.ok(away.lost.some((field) => field.includes("reasoning")));
});

// Row 13.
test("encrypted reasoning that the account refuses is left out with its id, and the same request goes through", async () => {
  const vendor = fake("openai-responses");
  vendor.reset();
  const input: Json = [
    { role: "user", content: "go" },
    { type: "reasoning", id: "rs_other", summary: [], encrypted_content: "of-another-account" },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "Yes." }] },
    { role: "user", content: "and?" },
  ];
  const { status, text } = await post("/v1/responses", { model: "over-openai-responses", store: false, input });
  assert.equal(status, 200, text);
  assert.equal(vendor.refused.length, 1);
  assert.doesNotMatch(JSON.stringify(vendor.seen.at(-1)?.body), /rs_other|of-another-account/);
});

const deepseek = vendorOf("deepseek")?.dialect ?? assert.fail("DeepSeek has a row.");
const thoughtful: Answer = {
  reasoning: "By DeepSeek.",
  calls: [{ name: "f", arguments: "{}" }],
  usage,
};

// Row 14.
test("DeepSeek gets the reasoning of a turn with calls again, though the client sends none", () => {
  for (const client of ["openai-chat", "anthropic-messages", "openai-responses"] as const) {
    const pipeline = new Pipeline();
    const journey = { dialect: deepseek };
    const rest: JsonObject = {
      tools:
        client === "openai-chat"
          ? chatTools
          : client === "anthropic-messages"
            ? [{ name: "f", input_schema: schema }]
            : [{ type: "function", name: "f", parameters: schema }],
    };
    const told = pipeline
      .ask(
        client,
        "openai-chat",
        { model: "m", stream: true, max_tokens: 1000, ...asking(client, []), ...rest },
        journey,
      )
      .stream(...vendorStream("openai-chat", thoughtful));
    assert.equal(told.seen.failure, undefined);
    const history = { model: "m", max_tokens: 1000, ...asking(client, ["call_1_0"]), ...rest };
    const { body } = pipeline.ask(client, "openai-chat", history, journey);
    const assistant = listIn(body, "messages").find(({ role }) => role === "assistant");
    assert.equal(assistant?.["reasoning_content"], "By DeepSeek.", client);
    // What nobody remembers is stood for where the vendor insists, and only there.
    const unknown = listIn(new Pipeline().ask(client, "openai-chat", history, journey).body, "messages").find(
      ({ role }) => role === "assistant",
    );
    assert.ok(String(unknown?.["reasoning_content"] ?? "").length > 0, client);
    const elsewhere = listIn(new Pipeline().ask(client, "openai-chat", history).body, "messages").find(
      ({ role }) => role === "assistant",
    );
    assert.equal(elsewhere?.["reasoning_content"], undefined, client);
  }
});

/** A question, and calls of these ids with their results, without the reasoning behind them. */
function asking(client: "openai-chat" | "anthropic-messages" | "openai-responses", ids: readonly string[]): JsonObject {
  const go = { role: "user", content: "go" };
  if (client === "openai-responses") {
    const items = ids.flatMap((id): JsonObject[] => [
      { type: "function_call", call_id: id, name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: id, output: "done" },
    ]);
    return { input: [go, ...items] };
  }
  if (ids.length === 0) return { messages: [go] };
  if (client === "openai-chat") {
    const calls = ids.map((id): JsonObject => ({ id, type: "function", function: { name: "f", arguments: "{}" } }));
    const results = ids.map((id): JsonObject => ({ role: "tool", tool_call_id: id, content: "done" }));
    return { messages: [go, { role: "assistant", content: null, tool_calls: calls }, ...results] };
  }
  const uses = ids.map((id): JsonObject => ({ type: "tool_use", id, name: "f", input: {} }));
  const results = ids.map((id): JsonObject => ({ type: "tool_result", tool_use_id: id, content: "done" }));
  return { messages: [go, { role: "assistant", content: uses }, { role: "user", content: results }] };
}

/** A request of each client for a model, streamed. */
const streamed: readonly (readonly [client: string, path: (model: string) => string, body: JsonObject, end: RegExp])[] =
  [
    [
      "Anthropic",
      () => "/v1/messages",
      { max_tokens: 50, messages: [{ role: "user", content: "hi" }] },
      /event: message_stop/,
    ],
    ["chat", () => "/v1/chat/completions", { messages: [{ role: "user", content: "hi" }] }, /\[DONE\]/],
    ["Responses", () => "/v1/responses", { input: "hi" }, /event: response\.completed/],
    [
      "Gemini",
      (model) => `/v1beta/models/${model}:streamGenerateContent?alt=sse`,
      { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
      /"finishReason":"STOP"/,
    ],
  ];

// Row 24.
for (const [type] of overloaded) {
  test(`an answer of ${type} that begins with an error, although its status is 200, is tried elsewhere`, async () => {
    fake("openai-chat").reset();
    for (const [client, path, body, end] of streamed) {
      const model = `rescued-${type}`;
      const { status, text, headers } = await post(path(model), { model, stream: true, ...body });
      assert.equal(status, 200, `${client}: ${text}`);
      assert.match(text, end);
      assert.doesNotMatch(text, /verloaded/);
      assert.equal(headers.get("x-patchbay-endpoint"), "openai-chat");
    }
  });

  test(`an answer of ${type} that begins with an error has a proper status where nobody else can answer`, async () => {
    for (const [client, path, body] of streamed) {
      const model = `alone-${type}`;
      const { status, text, headers } = await post(path(model), { model, stream: true, ...body });
      assert.equal(status, 503, `${client}: ${text}`);
      assert.match(headers.get("content-type") ?? "", /^application\/json/);
    }
  });
}

// Row 32.
test("an earlier response is put in front of the input for a backend that knows nothing of it, and an unknown one is told of", async () => {
  for (const kind of ["openai-chat", "anthropic-messages", "gemini", "ollama"] as const) {
    const vendor = fake(kind);
    vendor.reset();
    vendor.play({ text: "First.", usage });
    const model = `over-${kind}`;
    const first = await post("/v1/responses", { model, input: "one" });
    assert.equal(first.status, 200, first.text);
    const next = { model, input: "two", previous_response_id: first.json["id"] ?? "" };
    const second = await post("/v1/responses", next);
    assert.equal(second.status, 200, second.text);
    assert.equal(second.json["previous_response_id"], first.json["id"]);
    // Ollama's fake does not note what an assistant said.
    assert.deepEqual(
      vendor.seen.at(-1)?.turns.map(({ role }) => role),
      ["user", "assistant", "user"],
      kind,
    );
    assert.match(JSON.stringify(vendor.seen.at(-1)?.body), /one.*First\..*two/);
    const unknown = await post("/v1/responses", { ...next, previous_response_id: "resp_unknown" });
    assert.equal(unknown.status, 400);
    assert.equal(objectOf(unknown.json["error"])?.["code"], "previous_response_not_found");
    assert.deepEqual(vendor.refused, []);
  }
});

// Row 33.
test("an answer bears the name that was asked for where that is wished, and headers and the ledger tell the truth", async () => {
  fake("anthropic-messages").reset();
  fake("openai-chat").reset();
  for (const model of ["alias", "alias-chat"]) {
    for (const [client, path, body] of streamed) {
      for (const stream of [false, true]) {
        const place = stream ? path(model) : path(model).replace(":streamGenerateContent?alt=sse", ":generateContent");
        const { text, headers } = await post(place, { model, stream, ...body });
        const names = [...text.matchAll(/"(?:model|modelVersion)":"([^"]*)"/g)].map((match) => match[1]);
        assert.deepEqual([...new Set(names)], [model], `${client}: ${text}`);
        assert.equal(headers.get("x-patchbay-model"), "real");
        const row = await house.row(headers.get("x-request-id") ?? "");
        assert.deepEqual([row.requestedModel, row.actualModel], [model, "real"]);
      }
    }
  }
});

// Row 33.
test("an answer bears its backend's own name unless the other is wished", async () => {
  const { json } = await post("/v1/messages", {
    model: "over-openai-chat",
    max_tokens: 9,
    messages: [{ role: "user", content: "hi" }],
  });
  assert.equal(json["model"], "real");
});

// Row 34.
test("tokens are estimated for a backend that counts none, with tools, their calls and results, and images, and marked so", async () => {
  const count = async (rest: JsonObject): Promise<number> => {
    const body = { model: "over-openai-chat", messages: [{ role: "user", content: "How long am I?" }], ...rest };
    const { status, json, headers, text } = await post("/v1/messages/count_tokens", body);
    assert.equal(status, 200, text);
    assert.equal(headers.get("x-patchbay-estimate"), "true");
    return Number(json["input_tokens"]);
  };
  const tool = {
    name: "search",
    description: "Finds what is looked for. ".repeat(20),
    input_schema: { type: "object", properties: { query: { type: "string", description: "What. ".repeat(40) } } },
  };
  const least = await count({});
  assert.ok(least > 0 && least < 30, String(least));
  const grown: readonly (readonly [what: string, rest: JsonObject, atLeast: number])[] = [
    ["a tool", { tools: [tool] }, 100],
    ["a system text", { system: "Be brief. ".repeat(50) }, 100],
    [
      "a call and its result",
      {
        tools: [tool],
        messages: [
          { role: "user", content: "go" },
          {
            role: "assistant",
            content: [{ type: "tool_use", id: "a", name: "search", input: { query: "word ".repeat(200) } }],
          },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: "found ".repeat(200) }] },
        ],
      },
      400,
    ],
    [
      "an image",
      {
        messages: [
          {
            role: "user",
            content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } }],
          },
        ],
      },
      50,
    ],
    [
      "a document",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "document", source: { type: "text", media_type: "text/plain", data: "word ".repeat(300) } },
            ],
          },
        ],
      },
      100,
    ],
  ];
  for (const [what, rest, atLeast] of grown) {
    const tokens = await count(rest);
    assert.ok(tokens >= atLeast, `${what}: ${tokens}`);
  }
});
