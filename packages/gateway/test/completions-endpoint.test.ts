import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, beforeEach, describe, test } from "node:test";
import { startHouse } from "./support/house.ts";
import { field } from "./support/read-stream.ts";
import { startRecorder } from "./support/recorder.ts";
import { askWire, wireClients } from "./support/wire-clients.ts";
import { completions } from "./support/vendors/completions.ts";
import type { Seen } from "./support/vendors/scene.ts";
import { endpointOf, startVendor } from "./support/vendors/server.ts";

/** An endpoint that serves nothing but legacy completions, as people have it with base models. */

const base = await startVendor("openai-completions");
const chats = await startVendor("openai-chat");
/** Answers whatever it is asked, and writes down what that was. */
const server = await startRecorder((call, response) => {
  const body = call.body === "" ? {} : (JSON.parse(call.body) as Seen["body"]);
  const seen = { model: "davinci-002", body } as unknown as Seen;
  const isEmbedding = call.path.endsWith("/embeddings");
  const embedding = { object: "list", data: [{ object: "embedding", index: 0, embedding: [1, 2] }], model: "vectors" };
  const answer = call.method === "GET" ? completions.models : completions.whole({ text: " said." }, seen, "1");
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(isEmbedding ? embedding : answer));
});
const house = await startHouse({
  document: {
    endpoints: [
      endpointOf(base),
      { ...endpointOf(chats), models: [{ id: "real" }] },
      // As somebody pastes it, of a type that knows all of OpenAI's APIs.
      { name: "openai", type: "openai", url: `${server.url}/v1/completions`, api: "completions" },
      {
        name: "small",
        type: "vllm",
        url: base.url,
        api: "completions",
        credentials: [{ apiKey: "key-upstream" }],
        models: [{ id: "real", contextWindow: 2048, tools: true }],
      },
    ],
    models: [
      { name: "base", targets: [{ endpoint: "openai-completions", model: "real" }] },
      { name: "strict", strict: true, targets: [{ endpoint: "openai-completions", model: "real" }] },
      { name: "small", targets: [{ endpoint: "small", model: "real" }] },
      {
        name: "defaults",
        defaults: { max_completion_tokens: 77, stop: "END", logprobs: true, reasoning_effort: "low", seed: 7 },
        targets: [{ endpoint: "openai-completions", model: "real" }],
      },
      { name: "anew", relay: "never", targets: [{ endpoint: "openai-completions", model: "real" }] },
      {
        name: "rescued",
        rescue: "continue",
        prefill: true,
        targets: [
          { endpoint: "openai-completions", model: "real" },
          { endpoint: "small", model: "real" },
        ],
      },
      {
        name: "strict-rescued",
        strict: true,
        rescue: "continue",
        prefill: true,
        targets: [
          { endpoint: "openai-completions", model: "real" },
          { endpoint: "small", model: "real" },
        ],
      },
      {
        name: "base-then-chat",
        targets: [
          { endpoint: "small", model: "real" },
          { endpoint: "openai-chat", model: "real" },
        ],
      },
    ],
  },
});
after(async () => {
  for (const each of [house, base, chats, server]) await each[Symbol.asyncDispose]();
});
beforeEach(() => {
  base.reset();
  chats.reset();
});

const chat = "/v1/chat/completions";
const hello = { role: "user", content: "Hello" };
const look = { type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } };

test("of all that its type serves it is asked for completions and embeddings alone, below the base of a pasted URL", async () => {
  for (const [path, body] of [
    [chat, { messages: [hello] }],
    ["/v1/responses", { input: "Hello" }],
    ["/v1/messages", { messages: [hello], max_tokens: 9 }],
    ["/api/generate", { prompt: "Hello", stream: false }],
    ["/v1/embeddings", { input: "Hello" }],
  ] as const) {
    const response = await house.post(path, { model: "openai/davinci-002", ...body });
    assert.equal(response.status, 200, `${path}: ${await response.text()}`);
  }
  assert.deepEqual(
    server.calls.filter(({ method }) => method === "POST").map(({ path }) => path),
    ["/v1/completions", "/v1/completions", "/v1/completions", "/v1/completions", "/v1/embeddings"],
  );
  const listed = server.calls.filter(({ method }) => method === "GET").map(({ path }) => path);
  assert.deepEqual([...new Set(listed)], ["/v1/models"]);
});

test("a chat is its prompt, with a limit in the protocol's own word, which OpenAI's chat has not any more", async () => {
  const before = server.calls.length;
  await house.post(chat, { model: "openai/davinci-002", messages: [hello] });
  await house.post(chat, { model: "openai/davinci-002", messages: [hello], max_completion_tokens: 5 });
  assert.deepEqual(
    server.calls.slice(before).map(({ body }) => JSON.parse(body) as unknown),
    [
      { model: "davinci-002", prompt: "Hello", max_tokens: 4096 },
      { model: "davinci-002", prompt: "Hello", max_tokens: 5 },
    ],
  );
});

test("the limit fits into what the prompt leaves of a window that is known", async () => {
  await house.post(chat, { model: "small", messages: [{ role: "user", content: "word ".repeat(360) }] });
  assert.equal(base.seen[0]?.body["max_tokens"], 774);
});

test("a client's own completion passes as it came, with what no other protocol has", async () => {
  const before = server.calls.length;
  const bodies = [
    '{"model":"openai/davinci-002", "prompt":[[1,2],[3]],"best_of":3 ,"n":2}',
    '{"model":"openai/davinci-002","prompt":"def f(","suffix":"return 1.0","echo":true,"logprobs":2}',
  ];
  for (const body of bodies) assert.equal((await house.post("/v1/completions", body)).status, 200);
  assert.deepEqual(
    server.calls.slice(before).map(({ body }) => body),
    bodies.map((body) => body.replace("openai/", "")),
  );
});

test("a completion that is written anew keeps its own default limit", async () => {
  base.play({ text: "word ".repeat(40) });
  const response = await house.post("/v1/completions", { model: "anew", prompt: "Once", stream: true });
  const text = await response.text();
  assert.match(text, /"finish_reason":"length"/);
  assert.equal((await house.row(response.headers.get("x-request-id") ?? "")).sight, "translate");
  assert.equal(base.seen[0]?.body["max_tokens"], undefined);
});

test("a model's defaults, which are in chat's words, reach a client of completions in its own, or not at all", async () => {
  const response = await house.post("/v1/completions", { model: "defaults", prompt: "Once" });
  assert.equal(response.status, 200, await response.text());
  assert.deepEqual(base.seen[0]?.body, { model: "real", prompt: "Once", max_tokens: 77, stop: "END", seed: 7 });
});

test("several turns are a transcript, which a client can go on with, streamed too", async () => {
  base.play({ text: "Three, four." });
  const messages = [
    { role: "system", content: "You count." },
    { role: "user", content: "Begin." },
    { role: "assistant", content: "One, two." },
    { role: "user", content: "Go on." },
  ];
  const client = wireClients.find(({ kind }) => kind === "openai-chat") ?? assert.fail();
  const heard = await askWire(house, client, { model: "base", stream: true, more: { messages } });
  assert.deepEqual([heard.text, heard.complete, heard.error], ["Three, four.", true, undefined], heard.raw);
  const [seen] = base.seen;
  assert.equal(
    seen?.body["prompt"],
    "You count.\n\nUser:\nBegin.\n\nAssistant:\nOne, two.\n\nUser:\nGo on.\n\nAssistant:\n",
  );
  assert.deepEqual(seen.body["stop"], ["\nUser:"]);
  assert.equal(heard.headers.get("x-patchbay-loss"), "messages,sampling.stop");
});

test("an answer that breaks off is gone on with behind its own words", async () => {
  // Two pieces of the stream.
  const begun = "0123456789ab".repeat(4);
  base.play(({ body }) =>
    String(body["prompt"]).endsWith(begun)
      ? { text: ", over." }
      : { cut: true, answer: { text: `${begun}, never.` }, after: 2 },
  );
  const client = wireClients.find(({ kind }) => kind === "openai-chat") ?? assert.fail();
  const heard = await askWire(house, client, { model: "rescued", stream: true, prompt: "Count." });
  assert.ok(base.seen.length > 1, heard.raw);
  assert.equal(base.seen[1]?.body["prompt"], `User:\nCount.\n\nAssistant:\n${begun}`);
  assert.deepEqual([heard.text, heard.complete, heard.error], [`${begun}, over.`, true, undefined], heard.raw);
});

test("a completion that breaks off goes on as one text, letter for letter, which is no loss", async () => {
  const begun = "0123456789ab".repeat(4);
  base.play(({ body }) =>
    body["prompt"] === `Once${begun}`
      ? { text: ", over." }
      : { cut: true, answer: { text: `${begun}, never.` }, after: 2 },
  );
  const client = wireClients.find(({ kind }) => kind === "openai-completions") ?? assert.fail();
  const heard = await askWire(house, client, { model: "strict-rescued", stream: true, prompt: "Once" });
  assert.deepEqual(
    base.seen.map(({ body }) => [body["prompt"], body["stop"]]),
    [
      ["Once", undefined],
      [`Once${begun}`, undefined],
    ],
  );
  assert.deepEqual([heard.text, heard.complete, heard.error], [`${begun}, over.`, true, undefined], heard.raw);
});

test("stop sequences that OpenAI has no room for are left out and told, whichever protocol they come in", async () => {
  const before = server.calls.length;
  const five = ["a", "b", "c", "d", "e"];
  for (const [path, fields] of [
    [chat, { stop: five }],
    ["/v1/messages", { stop_sequences: five, max_tokens: 9 }],
    ["/api/chat", { options: { stop: five }, stream: false }],
  ] as const) {
    const response = await house.post(path, { model: "openai/davinci-002", messages: [hello], ...fields });
    assert.deepEqual([response.status, response.headers.get("x-patchbay-loss")], [200, "sampling.stop"], path);
  }
  const asked = server.calls.slice(before).map(({ body }) => JSON.parse(body) as Seen["body"]);
  assert.deepEqual(
    asked.map(({ stop }) => stop),
    Array.from({ length: 3 }, () => ["a", "b", "c", "d"]),
  );
});

test("what asks for nothing that a completion lacks is no loss", async () => {
  for (const fields of [{ tool_choice: "none" }, { parallel_tool_calls: false }, { tools: [] }]) {
    const response = await house.post(chat, { model: "strict", messages: [hello], ...fields });
    assert.equal(response.status, 200, `${JSON.stringify(fields)}: ${await response.text()}`);
  }
});

const called = { id: "a", type: "function", function: { name: "look", arguments: "{}" } };
const image = { type: "image_url", image_url: { url: "https://x.example/a.png" } };

/** What chat can say and a completion cannot, and how it is told as lost. */
const lossy: readonly (readonly [what: string, fields: object, losses: string])[] = [
  ["tools", { tools: [look] }, "tools"],
  [
    "calls and their results",
    {
      messages: [
        hello,
        { role: "assistant", content: null, tool_calls: [called] },
        { role: "tool", tool_call_id: "a", content: "a dot" },
      ],
      tools: [look],
      parallel_tool_calls: false,
    },
    "tools,parallelToolCalls,messages,messages[1].parts[0].tool-call,messages[2].parts[0].tool-result",
  ],
  [
    "images",
    { messages: [{ role: "user", content: [{ type: "text", text: "This?" }, image] }] },
    "messages[0].parts[1].image",
  ],
  ["reasoning", { reasoning_effort: "high" }, "reasoning"],
  [
    "a schema",
    { response_format: { type: "json_schema", json_schema: { name: "a", schema: { type: "object" } } } },
    "output",
  ],
  ["a system text", { messages: [{ role: "system", content: "Be brief." }, hello] }, "messages"],
];

describe("what has no place in a completion", () => {
  for (const [what, fields, losses] of lossy) {
    for (const stream of [false, true]) {
      test(`is told (${what}, ${stream ? "streamed" : "whole"})`, async () => {
        const response = await house.post(chat, { model: "base", messages: [hello], stream, ...fields });
        await response.text();
        assert.equal(response.status, 200);
        assert.equal(response.headers.get("x-patchbay-loss"), losses);
        assert.deepEqual(base.refused, []);
        assert.equal(base.seen.length, 1);
      });
    }

    test(`is refused where nothing may be lost (${what})`, async () => {
      const response = await house.post(chat, { model: "strict", messages: [hello], ...fields });
      const message = String(field(await response.json(), "error", "message"));
      assert.equal(response.status, 400);
      for (const loss of losses.split(",")) assert.ok(message.includes(loss), message);
      assert.equal(base.seen.length, 0);
    });
  }

  const parameters = { type: "object", properties: {} };
  /** A tool in the words of each client's protocol. */
  const offers: { readonly [kind: string]: object } = {
    "openai-chat": look,
    "openai-responses": { type: "function", name: "look", parameters },
    "anthropic-messages": { name: "look", input_schema: parameters },
    gemini: { functionDeclarations: [{ name: "look", parameters }] },
    ollama: look,
  };
  for (const client of wireClients.filter(({ kind }) => kind in offers)) {
    for (const stream of [false, true]) {
      const how = `${client.kind}, ${stream ? "streamed" : "whole"}`;
      test(`is told to every client in its words, or refused: tools of ${how}`, async () => {
        const more = { tools: [offers[client.kind]] };
        const heard = await askWire(house, client, { model: "base", stream, more });
        assert.deepEqual([heard.status, heard.text, heard.complete], [200, "Hello.", true], heard.raw);
        assert.equal(heard.headers.get("x-patchbay-loss"), "tools");
        assert.deepEqual(base.refused, []);
        const refused = await askWire(house, client, { model: "strict", stream, more });
        assert.equal(refused.status, 400, refused.raw);
        assert.match(refused.error ?? "", /tools/);
        assert.equal(base.seen.length, 1);
      });
    }
  }

  test("a conversation of one message loses nothing, and is no concern of strict translation", async () => {
    const response = await house.post(chat, { model: "strict", messages: [hello] });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-patchbay-loss"), null);
  });
});

for (const [what, fields] of lossy.filter(([each]) => ["tools", "images", "a schema"].includes(each))) {
  test(`goes to a target that has it, if there is one, whatever the document says of the model: ${what}`, async () => {
    const response = await house.post(chat, { model: "base-then-chat", messages: [hello], ...fields });
    await response.text();
    assert.deepEqual(
      [response.status, response.headers.get("x-patchbay-endpoint"), response.headers.get("x-patchbay-loss")],
      [200, "openai-chat", null],
    );
    assert.equal(base.seen.length, 0);
  });
}

test("lists of models say that it takes text alone", async () => {
  const response = await fetch(`${house.url}/v1/models/small%2Freal`);
  assert.equal(field(await response.json(), "capabilities", "tools"), false);
});

test("which API an endpoint is asked in is taken over while the gateway runs", async () => {
  await using upstream = await startRecorder((call, response) => {
    response.writeHead(call.path === "/v1/completions" ? 200 : 400, { "content-type": "application/json" });
    const seen = { model: "m", body: {} } as unknown as Seen;
    const missing = { error: { message: "This model has no chat template.", type: "BadRequestError" } };
    response.end(
      JSON.stringify(call.path === "/v1/completions" ? completions.whole({ text: "Hi." }, seen, "1") : missing),
    );
  });
  const documentOf = (more: object) => ({
    endpoints: [{ name: "gpu", type: "openai-compatible", url: upstream.url, ...more }],
  });
  await using place = await startHouse({ document: documentOf({}) });
  assert.equal((await place.post(chat, { model: "gpu/m", messages: [hello] })).status, 400);
  writeFileSync(place.file, JSON.stringify(documentOf({ api: "completions" })));
  for (const deadline = performance.now() + 5000; performance.now() < deadline;) {
    const response = await place.post(chat, { model: "gpu/m", messages: [hello] });
    await response.text();
    if (response.status === 200) return;
  }
  assert.fail("It is still asked for chat.");
});
