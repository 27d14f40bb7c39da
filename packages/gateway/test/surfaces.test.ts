import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Protocol } from "../src/kernel/protocol.ts";
import { codecNamed, namedCodecs, startListener } from "./support/listener.ts";
import { field } from "./support/read-stream.ts";

/** A document with the simulator, a model with facts, and one that makes vectors. */
const document = {
  endpoints: [
    {
      name: "sim",
      type: "simulator",
      models: [
        {
          id: "echo",
          contextWindow: 100_000,
          maxOutputTokens: 8000,
          inputModalities: ["text", "image"],
          reasoning: true,
          tools: true,
          displayName: "Echo One",
          created: 1_700_000_000,
        },
        { id: "lorem", tools: false, reasoning: false },
        { id: "embed", embeddings: true },
      ],
    },
  ],
};

const asked: string[] = [];
/** Codecs of which each tells when its route was taken, and which model and stream it was asked for. */
const spying = new Map(
  [...namedCodecs].map(([protocol, codec]) => {
    const told = codecNamed(protocol, codec);
    const readRequest: typeof told.ingress.readRequest = (body, about) => {
      asked.push(`${protocol} ${about.model} ${about.stream ? "stream" : "whole"}`);
      return told.ingress.readRequest(body, about);
    };
    return [protocol, { ...told, ingress: { ...told.ingress, readRequest } }] as const;
  }),
);
const array = codecNamed("gemini", { addressing: "path" });
const house = await startListener({
  document,
  codecs: spying,
  more: {
    geminiArray: {
      ...array,
      ingress: {
        ...array.ingress,
        readRequest: (body, about) => {
          asked.push(`array ${about.model} ${about.stream ? "stream" : "whole"}`);
          return array.ingress.readRequest(body, about);
        },
      },
    },
    loads: {
      isLoadRequest: (body) => Array.isArray(body["messages"]) && body["messages"].length === 0,
      loadAnswer: (_body, { protocol, model }) => ({ loaded: `${protocol} ${model}` }),
    },
  },
});
const closed = await startListener({
  document: { ...document, access: { open: "never" } },
  environment: { API_KEY: "k".repeat(20) },
});
after(async () => {
  await house[Symbol.asyncDispose]();
  await closed[Symbol.asyncDispose]();
});

const post = (path: string, body: unknown, headers: { readonly [name: string]: string } = {}) =>
  fetch(house.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
const get = async (path: string, headers: { readonly [name: string]: string } = {}): Promise<unknown> => {
  const response = await fetch(house.url + path, { headers });
  assert.equal(response.status, 200, path);
  return response.json();
};

const chat = { model: "echo", messages: [{ role: "user", content: "hi" }] };
const embed = { model: "sim/embed", input: "hi" };
const routes: readonly (readonly [path: string, body: object, expected: string])[] = [
  ["/v1/chat/completions", chat, "openai-chat echo whole"],
  ["/v1/responses", chat, "openai-responses echo whole"],
  ["/responses", chat, "openai-responses echo whole"],
  ["/openai/v1/responses", chat, "openai-responses echo whole"],
  ["/v1/messages", chat, "anthropic-messages echo whole"],
  ["/v1/messages?beta=true", chat, "anthropic-messages echo whole"],
  ["/messages", chat, "anthropic-messages echo whole"],
  ["/anthropic/v1/messages", chat, "anthropic-messages echo whole"],
  ["/anthropic/messages", chat, "anthropic-messages echo whole"],
  ["/v1/v1/messages/", chat, "anthropic-messages echo whole"],
  ["/api/chat", chat, "ollama echo stream"],
  ["/api/chat", { ...chat, stream: false }, "ollama echo whole"],
  ["/v1/api/chat", chat, "ollama echo stream"],
  ["/api/generate", chat, "ollama-generate echo stream"],
  ["/api/embed", embed, "ollama-embeddings embed whole"],
  ["/api/embeddings", embed, "ollama-embeddings embed whole"],
  ["/v1/embeddings", embed, "openai-embeddings embed whole"],
  ["/v1beta/models/echo:generateContent", chat, "gemini echo whole"],
  ["/v1beta/models/models/echo:generateContent", chat, "gemini echo whole"],
  ["/v1/models/echo:generateContent?key=whatever", chat, "gemini echo whole"],
  ["/v1beta/models/echo:streamGenerateContent?alt=sse", chat, "gemini echo stream"],
  ["/v1beta/models/echo:streamGenerateContent?key=x&alt=sse", chat, "gemini echo stream"],
  ["/v1/models/echo:streamGenerateContent", chat, "array echo stream"],
  ["/v1beta/models/echo:streamGenerateContent?alt=json", chat, "array echo stream"],
  ["/v1beta/models/sim/embed:embedContent", embed, "gemini-embeddings embed whole"],
  ["/v1beta/models/sim%2Fembed:batchEmbedContents", embed, "gemini-embeddings embed whole"],
  ["/v1beta/models/sim/echo:generateContent", chat, "gemini echo whole"],
];

for (const [path, body, expected] of routes) {
  test(`POST ${path} with ${JSON.stringify(body).length} bytes is ${expected}`, async () => {
    asked.length = 0;
    const response = await post(path, body);
    assert.equal(response.status, 200, await response.text());
    assert.deepEqual(asked, [expected]);
  });
}

const strangers: readonly (readonly [path: string, shape: Protocol, headers?: { readonly [name: string]: string }])[] =
  [
    ["/v1beta/nothing", "gemini"],
    ["/v1/models/x:makeCoffee", "gemini"],
    ["/anthropic/nothing", "anthropic-messages"],
    ["/v1/messages/batches", "anthropic-messages"],
    ["/messages/x", "anthropic-messages"],
    ["/api/nothing", "ollama"],
    ["/api/v1/nothing", "openai-chat"],
    ["/v1/nothing", "openai-chat"],
    ["/apix", "openai-chat"],
    ["/v1/messagesx", "openai-chat"],
    ["/nothing", "openai-chat"],
    ["/v1/model/info", "openai-chat"],
  ];

for (const [path, shape, headers = {}] of strangers) {
  test(`what is not at ${path} is told in the words of ${shape}`, async () => {
    const response = await post(path, chat, headers);
    assert.ok(response.status === 404 || response.status === 405, String(response.status));
    assert.equal(field(await response.json(), "shape"), shape);
  });
}

const shut: readonly (readonly [path: string, shape: Protocol, headers?: { readonly [name: string]: string }])[] = [
  ["/v1beta/models/echo:generateContent", "gemini"],
  ["/v1beta/models", "gemini"],
  ["/v1/models", "openai-chat"],
  ["/v1/models", "gemini", { "x-goog-api-key": "wrong" }],
  ["/v1/models?key=wrong", "gemini"],
  ["/v1/models/echo", "anthropic-messages", { "anthropic-version": "2023-06-01" }],
  ["/v1/messages/count_tokens", "anthropic-messages"],
  ["/api/tags", "ollama"],
  ["/api/pull", "ollama"],
];

for (const [path, shape, headers = {}] of shut) {
  test(`without a good key ${path} answers 401 in the words of ${shape}`, async () => {
    const method = /models(?:\?|$|\/echo$)|tags/.test(path) ? "GET" : "POST";
    const response = await fetch(closed.url + path, { method, headers });
    assert.equal(response.status, 401);
    assert.equal(field(await response.json(), "shape"), shape);
  });
}

test("a key in the query opens Gemini's surface and the model lists, and nothing else", async () => {
  const key = "k".repeat(20);
  const statuses: number[] = [];
  for (const path of [
    "/v1beta/models/echo:generateContent",
    "/v1beta/models/echo:countTokens",
    "/v1/chat/completions",
    "/v1/messages",
    "/api/chat",
  ]) {
    const body = JSON.stringify(chat);
    statuses.push((await fetch(`${closed.url}${path}?key=${key}`, { method: "POST", body })).status);
  }
  statuses.push((await fetch(`${closed.url}/v1beta/models?key=${key}`)).status);
  assert.deepEqual(statuses, [200, 200, 401, 401, 401, 200]);
});

test("answers to Anthropic's clients bear their id under the name that its SDKs read", async () => {
  const response = await post("/v1/messages", chat);
  assert.equal(response.headers.get("request-id"), response.headers.get("x-request-id"));
  assert.equal((await post("/v1/chat/completions", chat)).headers.get("request-id"), null);
});

test("a request that only loads a model is answered without asking anybody who could not load it", async () => {
  asked.length = 0;
  const response = await post("/api/chat", { model: "echo", messages: [] });
  assert.deepEqual(await response.json(), { loaded: "ollama echo" });
  assert.deepEqual(asked, []);
});

test("the root tells programs and people what runs here", async () => {
  const plain = await fetch(house.url, { headers: { accept: "*/*" } });
  assert.equal(await plain.text(), "Ollama is running");
  assert.match(await (await fetch(house.url, { headers: { accept: "text/html,*/*" } })).text(), /Patchbay/);
  for (const path of ["/", "/api/hello", "/api/version", "/api/tags"]) {
    assert.equal((await fetch(house.url + path, { method: "HEAD" })).status, 200, path);
  }
  assert.match(String(field(await get("/api/version"), "version")), /^0\.\d+\.\d+$/);
});

test("/api/tags has every field that strict clients want", async () => {
  const models = field(await get("/api/tags"), "models");
  assert.ok(Array.isArray(models) && models.length === 3);
  for (const model of models) {
    for (const name of ["name", "model", "modified_at", "digest"]) assert.equal(typeof field(model, name), "string");
    assert.equal(typeof field(model, "size"), "number");
    for (const name of ["format", "family", "parameter_size", "quantization_level"]) {
      assert.equal(typeof field(model, "details", name), "string");
    }
  }
});

test("/api/show tells the capabilities of a model as they are known, by its new and its old field", async () => {
  const shown = async (body: object): Promise<unknown> => (await post("/api/show", body)).json();
  const echo = await shown({ model: "echo" });
  assert.deepEqual(field(echo, "capabilities"), ["completion", "tools", "vision", "thinking"]);
  assert.equal(field(echo, "model_info", "patchbay.context_length"), 100_000);
  assert.equal(field(echo, "model_info", "general.architecture"), "patchbay");
  assert.match(String(field(echo, "parameters")), /^num_ctx +100000$/);
  assert.deepEqual(field(await shown({ name: "lorem" }), "capabilities"), ["completion"]);
  assert.deepEqual(field(await shown({ model: "embed" }), "capabilities"), ["embedding"]);
  assert.equal((await post("/api/show", { model: "nothing" })).status, 404);
  assert.equal((await post("/api/show", {})).status, 400);
});

test("the model list takes the shape that the client's headers ask for", async () => {
  const usual = await get("/v1/models");
  assert.equal(field(usual, "object"), "list");
  assert.equal(field(usual, "models"), undefined);
  const anthropic = await get("/v1/models?limit=2", { "anthropic-version": "2023-06-01" });
  assert.deepEqual(
    [field(anthropic, "has_more"), field(anthropic, "first_id"), field(anthropic, "last_id")],
    [true, "echo", "lorem"],
  );
  assert.deepEqual(field(anthropic, "data", "0"), {
    type: "model",
    id: "echo",
    display_name: "Echo One",
    created_at: "2023-11-14T22:13:20.000Z",
    max_input_tokens: 100_000,
    max_tokens: 8000,
    capabilities: null,
  });
  const next = await get("/v1/models?limit=2&after_id=lorem", { "anthropic-version": "2023-06-01" });
  assert.deepEqual([field(next, "has_more"), field(next, "first_id")], [false, "embed"]);
  const back = await get("/anthropic/v1/models?limit=1&before_id=lorem");
  assert.deepEqual([field(back, "has_more"), field(back, "first_id")], [false, "echo"]);
});

test("Gemini's clients get Gemini's list, in pages, and one model by either name", async () => {
  for (const list of [
    await get("/v1beta/models?pageSize=2"),
    await get("/v1/models?pageSize=2", { "x-goog-api-key": "x" }),
    await get("/v1/models?pageSize=2&key=x"),
  ]) {
    const models = field(list, "models");
    assert.ok(Array.isArray(models) && models.length === 2);
    assert.deepEqual(models[0], {
      name: "models/echo",
      baseModelId: "echo",
      version: "001",
      displayName: "Echo One",
      inputTokenLimit: 100_000,
      outputTokenLimit: 8000,
      supportedGenerationMethods: ["generateContent", "streamGenerateContent", "countTokens"],
      thinking: true,
    });
    assert.equal(field(list, "nextPageToken"), "lorem");
  }
  const rest = await get("/v1beta/models?pageSize=2&pageToken=lorem");
  assert.equal(field(rest, "models", "0", "name"), "models/embed");
  assert.equal(field(rest, "nextPageToken"), undefined);
  for (const path of ["/v1beta/models/echo", "/v1beta/models/models/echo", "/v1beta/models/models%2Fecho"]) {
    assert.equal(field(await get(path), "name"), "models/echo");
  }
});

test("Codex gets its catalog beside the list, with every field that it requires", async () => {
  const list = await get("/v1/models?client_version=0.169.0");
  assert.ok(Array.isArray(field(list, "data")));
  const models = field(list, "models");
  assert.ok(Array.isArray(models) && models.length === 3);
  for (const model of models) {
    for (const name of ["slug", "display_name", "shell_type", "visibility", "base_instructions"]) {
      assert.equal(typeof field(model, name), "string", name);
    }
    assert.equal(typeof field(model, "supported_in_api"), "boolean");
    assert.equal(typeof field(model, "support_verbosity"), "boolean");
    assert.equal(typeof field(model, "priority"), "number");
    assert.ok(Array.isArray(field(model, "supported_reasoning_levels")));
    assert.ok(Array.isArray(field(model, "experimental_supported_tools")));
    assert.deepEqual(field(model, "truncation_policy"), { mode: "bytes", limit: 10_000 });
  }
});

test("/openapi.json describes every route, each once, and nothing else", async () => {
  const description = await get("/openapi.json");
  const paths = field(description, "paths");
  assert.ok(typeof paths === "object" && paths !== null);
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path.replace(/\{[a-z]+\}/, "{name}")}`),
  );
  const templates = Object.keys(paths).map((path) => path.replace(/\{[a-z]+\}/, "{}"));
  assert.equal(new Set(templates).size, templates.length, "the same path under two names");
  const served = house.gateway.router.list().map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(described.sort(), served.sort());
  for (const { path, route } of house.gateway.router.list()) {
    assert.ok(route.about !== undefined && route.about.summary.length > 4, path);
  }
  const ids = JSON.stringify(description).match(/"operationId":"[^"]+"/g) ?? [];
  assert.equal(new Set(ids).size, served.length);
  assert.deepEqual(field(paths, "/livez", "get", "security"), []);
});
