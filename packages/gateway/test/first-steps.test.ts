import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assemble } from "../src/app/assemble.ts";
import { systemClock } from "../src/app/system-clock.ts";
import { ModelDirectory } from "../src/backends/directory.ts";
import { atRest } from "../src/routing/at-rest.ts";
import { plan } from "../src/routing/plan.ts";
import { openStore } from "../src/store/sqlite.ts";
import { configure, startHouse } from "./support/house.ts";
import type { House, HouseOptions } from "./support/house.ts";
import { field, readStream } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";

/** The ways by which people come to their first answer: an environment, or a document of ten lines. */

const chat = { messages: [{ role: "user", content: "hi" }] };

/** What an environment and a document come to, without any connection made. */
async function routeOf(options: HouseOptions, model: string): Promise<readonly string[]> {
  const { config } = configure(options);
  await using store = openStore({ file: ":memory:", clock: systemClock });
  const { runtime, backends } = assemble(config, {
    clock: systemClock,
    keys: store.keys,
    directory: new ModelDirectory(),
  });
  const planned = plan({ model, protocol: "openai-chat", stream: true }, runtime.catalog, atRest);
  await Promise.all([...backends.values()].map((backend) => backend[Symbol.asyncDispose]()));
  return planned.ok ? planned.value.attempts.map((attempt) => `${attempt.endpoint}: ${attempt.model}`) : [];
}

test("with nothing configured the simulator answers the first request", async () => {
  await using house = await startHouse();
  const response = await house.post("/v1/chat/completions", { ...chat, model: "echo" });
  assert.equal(field(await response.json(), "choices", 0, "message", "content"), "hi");
});

const seedKeys = { CEREBRAS_API_KEY: "csk-one", CHUTES_API_KEY: "cpk-two" };

test("two keys alone give the failover model of Cerebras and then Chutes", async () => {
  const { config } = configure({ environment: seedKeys });
  assert.deepEqual(
    config.endpoints.map(({ name, type, url, credentials }) => [name, type, url, credentials[0]?.apiKey?.reveal()]),
    // Without a URL it is the vendor's own.
    [
      ["cerebras", "cerebras", undefined, "csk-one"],
      ["chutes", "chutes", undefined, "cpk-two"],
    ],
  );
  assert.deepEqual(await routeOf({ environment: seedKeys }, "qwen-3-coder"), [
    "cerebras: qwen-3-coder-480b",
    "chutes: Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8",
  ]);
  const named = {
    ...seedKeys,
    PROXY_MODEL_NAME: "coder",
    CEREBRAS_MODEL_NAME: "a",
    CHUTES_MODEL_NAME: "b/c",
    PROXY_API_KEY: "client-key",
  };
  assert.deepEqual(await routeOf({ environment: named }, "coder"), ["cerebras: a", "chutes: b/c"]);
  const { access } = configure({ environment: named }).config;
  assert.equal(access.open, "never");
  assert.deepEqual(
    access.fixedKeys.map(({ name, key }) => [name, key.reveal()]),
    [["PROXY_API_KEY", "client-key"]],
  );
});

test("ten lines and two keys: a 429 of Cerebras goes to Chutes, streamed and not", async () => {
  await using cerebras = await startUpstream({ script: { kind: "status", status: 429 } });
  await using chutes = await startUpstream({ script: { kind: "answer", text: "from chutes" } });
  const document = `
endpoints:
  - { name: cerebras, type: cerebras, url: "${cerebras.url}", credentials: [{ apiKey: "\${CEREBRAS_API_KEY}" }] }
  - { name: chutes, type: chutes, url: "${chutes.url}", credentials: [{ apiKey: "\${CHUTES_API_KEY}" }] }
models:
  - name: qwen-3-coder
    aliases: [coder]
    targets:
      - { endpoint: cerebras, model: qwen-3-coder-480b }
      - { endpoint: chutes, model: Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8 }
`;
  await using house = await startHouse({ document, environment: seedKeys });
  const whole = await house.post("/v1/chat/completions", { ...chat, model: "qwen-3-coder", max_completion_tokens: 9 });
  assert.equal(whole.headers.get("x-patchbay-endpoint"), "chutes");
  assert.equal(whole.headers.get("x-patchbay-attempts"), "2");
  assert.equal(field(await whole.json(), "choices", 0, "message", "content"), "from chutes");
  const stream = await readStream(await house.post("/v1/chat/completions", { ...chat, model: "coder", stream: true }));
  assert.equal(stream.text, "from chutes");
  assert.equal(stream.finishReason, "stop");
  // Who has just answered 429 is left alone for a while.
  assert.deepEqual([cerebras.count, chutes.count], [1, 2]);
  assert.equal(cerebras.calls[0]?.headers.authorization, "Bearer csk-one");
  assert.equal(field(cerebras.calls[0]?.json, "model"), "qwen-3-coder-480b");
  assert.equal(field(cerebras.calls[0]?.json, "max_completion_tokens"), 9);
  assert.equal(chutes.calls[0]?.headers.authorization, "Bearer cpk-two");
  assert.equal(field(chutes.calls[0]?.json, "model"), "Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8");
  // Chutes knows only the older field.
  assert.equal(field(chutes.calls[0]?.json, "max_tokens"), 9);
  assert.equal(field(chutes.calls[0]?.json, "max_completion_tokens"), undefined);
  const rows = await house.rows(2);
  assert.deepEqual(
    rows.map(({ virtualModel, requestedModel, endpoint, attempts }) => [
      virtualModel,
      requestedModel,
      endpoint,
      attempts,
    ]),
    [
      ["qwen-3-coder", "coder", "chutes", 1],
      ["qwen-3-coder", "qwen-3-coder", "chutes", 2],
    ],
  );
});

test("the environment's URLs and keys alone serve Open WebUI, and the seed's own path too", async () => {
  await using site = await startUpstream({ models: ["llama3.1:8b"] });
  const environment = { OPENWEBUI_BASE_URL: `http://127.0.0.1:${site.port}`, OPENWEBUI_API_KEY: "owui-key" };
  await using house = await startHouse({ environment });
  const response = await house.post("/api/chat/completions", { ...chat, model: "llama3.1:8b" });
  assert.equal(response.status, 200);
  assert.equal(site.calls[0]?.path, "/api/chat/completions");
  assert.equal(site.calls[0]?.headers.authorization, "Bearer owui-key");
  const list: unknown = await (await fetch(`${house.url}/api/models`)).json();
  assert.equal(field(list, "data", 0, "id"), "llama3.1:8b");
});

test("a virtual model over Open WebUI and over any compatible server, under both of their paths", async () => {
  await using site = await startUpstream();
  const document = `
endpoints:
  - { name: webui, type: openwebui, url: "http://127.0.0.1:${site.port}/api" }
  - { name: local, type: openai-compatible, url: "http://127.0.0.1:${site.port}" }
models:
  - { name: fast, targets: [{ endpoint: webui, model: a }] }
  - { name: "team/*", targets: [{ endpoint: local, model: "*" }] }
`;
  await using house = await startHouse({ document });
  const asked = [
    ["/api/chat/completions", "fast", "/api/chat/completions", "a"],
    ["/v1/chat/completions", "team/b:7", "/v1/chat/completions", "b:7"],
    ["/chat/completions", "webui/c", "/api/chat/completions", "c"],
  ] as const;
  for (const [path, model, upstreamPath, actual] of asked) {
    assert.equal((await house.post(path, { ...chat, model })).status, 200);
    const call = site.calls.at(-1);
    assert.deepEqual([call?.path, field(call?.json, "model")], [upstreamPath, actual]);
    assert.equal(call?.headers.authorization, undefined);
  }
});

test("an OpenAI key alone makes OpenAI's names work before any list was had", async () => {
  const environment = { OPENAI_API_KEY: "sk-real" };
  for (const name of ["gpt-4o", "gpt-5-mini", "o3", "chatgpt-4o-latest"]) {
    assert.deepEqual(await routeOf({ environment }, name), [`openai: ${name}`]);
  }
  assert.deepEqual(await routeOf({ environment }, "openai/anything"), ["openai: anything"]);
  assert.deepEqual(await routeOf({ environment }, "claude-4"), []);
});

test("a model whose list could not be had is reached by its endpoint's name", async () => {
  await using upstream = await startUpstream({ models: { kind: "status", status: 500 } });
  const document = { endpoints: [{ name: "up", type: "openai", url: upstream.url }] };
  await using house = await startHouse({ document });
  for (const model of ["up/some-model", "gpt-4o"]) {
    assert.equal((await house.post("/v1/chat/completions", { ...chat, model })).status, 200);
  }
  assert.deepEqual(
    upstream.calls.map(({ json }) => field(json, "model")),
    ["some-model", "gpt-4o"],
  );
});

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 4000; ;) {
    if (await holds()) return;
    if (performance.now() > deadline) throw new Error(`It did not come to be that ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const knows = async (house: House, model: string): Promise<boolean> =>
  (await fetch(`${house.url}/v1/models/${model}`)).status === 200;
const notesOf = async (house: House): Promise<string> =>
  JSON.stringify(field(await (await fetch(`${house.url}/health`)).json(), "notes"));

test("a changed document is taken over whole, an invalid one changes nothing and is told to the operator", async () => {
  await using upstream = await startUpstream();
  const documentWith = (name: string): string =>
    `endpoints: [{ name: up, type: openai-compatible, url: "${upstream.url}" }]\nmodels: [{ name: ${name}, targets: [{ endpoint: up, model: x }] }]\n`;
  await using house = await startHouse({ document: documentWith("one") });
  assert.ok(await knows(house, "one"));

  // A stream that began under the first document ends under the second.
  upstream.script({ kind: "stream", pause: 40 });
  const streaming = readStream(await house.post("/v1/chat/completions", { ...chat, model: "one", stream: true }));
  writeFileSync(house.file, documentWith("two"));
  await eventually("the second document is in force", () => knows(house, "two"));
  assert.equal(await knows(house, "one"), false);
  assert.equal((await streaming).finishReason, "stop");
  assert.equal(await notesOf(house), "[]");

  for (const broken of ["models: [", documentWith("three").replace("up, model", "nowhere, model"), "modles: []\n"]) {
    writeFileSync(house.file, broken);
    await eventually("the trouble is told", async () =>
      (await notesOf(house)).includes("the document was not taken over"),
    );
    assert.ok(await knows(house, "two"));
    assert.equal((await house.post("/v1/chat/completions", { ...chat, model: "two" })).status, 200);
    const note = await notesOf(house);
    // Which file, which line, which column.
    assert.match(note, /patchbay\.yaml:\d+:\d+: /u);
    assert.equal((await fetch(`${house.url}/readyz`)).status, 200);
    writeFileSync(house.file, documentWith("two"));
    await eventually("the trouble is over", async () => (await notesOf(house)) === "[]");
  }

  // As editors and mounted volumes do it.
  const other = join(house.directory, "new.yaml");
  writeFileSync(other, documentWith("four"));
  renameSync(other, house.file);
  await eventually("the renamed document is in force", () => knows(house, "four"));
});
