import assert from "node:assert/strict";
import { test } from "node:test";
import { loaded, problemsOf } from "./support.test.ts";
import type { Variables } from "./support.test.ts";

const bothKeys = { CEREBRAS_API_KEY: "a", CHUTES_API_KEY: "b" } as const;

test("two keys alone give one model with a backup", () => {
  const { endpoints, models, notes } = loaded("", { variables: bothKeys });
  assert.deepEqual(
    endpoints.map(({ name, detected, timeouts }) => [name, detected, timeouts]),
    [
      ["cerebras", true, {}],
      ["chutes", true, {}],
    ],
  );
  assert.deepEqual(
    models.map(({ name, strategy, targets }) => ({ name, strategy, targets })),
    [
      {
        name: "qwen-3-coder",
        strategy: "backup",
        targets: [
          { endpoint: "cerebras", model: "qwen-3-coder-480b" },
          { endpoint: "chutes", model: "Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8" },
        ],
      },
    ],
  );
  assert.deepEqual(notes, [
    "CEREBRAS_API_KEY: endpoint cerebras",
    "CHUTES_API_KEY: endpoint chutes",
    "CEREBRAS_API_KEY and CHUTES_API_KEY: model qwen-3-coder (cerebras, then chutes)",
    "endpoint cerebras: limits requestsPerMinute 12, tokensPerMinute 132000, tokensPerDay 19200000",
  ]);
});

test("its names and its timeout can be set", () => {
  const variables = {
    ...bothKeys,
    CEREBRAS_MODEL_NAME: "one",
    CHUTES_MODEL_NAME: "two",
    PROXY_MODEL_NAME: "three",
    REQUEST_TIMEOUT: "30000",
  };
  const { endpoints, models } = loaded("", { variables });
  assert.deepEqual(
    models.map(({ name, targets }) => [name, targets.map(({ model }) => model)]),
    [["three", ["one", "two"]]],
  );
  assert.deepEqual(
    endpoints.map(({ timeouts }) => timeouts),
    [
      { firstToken: 30_000, firstByte: 30_000 },
      { firstToken: 30_000, firstByte: 30_000 },
    ],
  );
});

test("one key alone gives its endpoint and no model", () => {
  const { endpoints, models } = loaded("", { variables: { CEREBRAS_API_KEY: "a" } });
  assert.deepEqual([endpoints.length, models.length], [1, 0]);
});

test("the document's own model of that name goes first", () => {
  const text = "models: [{ name: other, aliases: [qwen-3-coder], targets: [{ endpoint: chutes, model: m }] }]";
  assert.deepEqual(
    loaded(text, { variables: bothKeys }).models.map(({ name }) => name),
    ["other"],
  );
});

test("the model leads to the document's endpoint of that type", () => {
  const text = "endpoints: [{ name: fast, type: cerebras, credentials: [{ apiKey: '${CEREBRAS_API_KEY}' }] }]";
  const { models } = loaded(text, { variables: { ...bothKeys, REQUEST_TIMEOUT: "5" } });
  assert.deepEqual(
    models[0]?.targets.map(({ endpoint }) => endpoint),
    ["fast", "chutes"],
  );
});

test("a timeout that is no number is a problem", () => {
  assert.deepEqual(problemsOf("", { variables: { ...bothKeys, REQUEST_TIMEOUT: "30s" } }), [
    "environment: REQUEST_TIMEOUT: must be a whole number of milliseconds",
  ]);
});

test("a model name that is a pattern is a problem", () => {
  const variables = { ...bothKeys, PROXY_MODEL_NAME: "**" };
  assert.deepEqual(problemsOf("", { variables }), ["environment: PROXY_MODEL_NAME: must be a model name"]);
});

test("fixed client keys close the gateway, also without detection, unless the document says otherwise", () => {
  const variables = { API_KEY: "k1", PROXY_API_KEY: " k2 " };
  const closed = loaded("detect: false", { variables });
  assert.equal(closed.access.open, "never");
  assert.deepEqual(
    closed.access.fixedKeys.map(({ name, key }) => [name, key.reveal()]),
    [
      ["PROXY_API_KEY", "k2"],
      ["API_KEY", "k1"],
    ],
  );
  assert.equal(loaded("access: { open: loopback }", { variables }).access.open, "loopback");
  assert.equal(loaded("", { variables: { ...variables, PATCHBAY_OPEN: "always" } }).access.open, "always");
  assert.equal(loaded("access:\n  open: always", {}).access.open, "always");
});

test("the limiter's pause after a 429 is that of the Cerebras endpoint", () => {
  const variables = { CEREBRAS_API_KEY: "c", CHUTES_API_KEY: "d", COOLDOWN_PERIOD: "300000" };
  assert.deepEqual(
    loaded("", { variables }).endpoints.map(({ type, cooldown }) => [type, cooldown]),
    [
      ["cerebras", 300_000],
      ["chutes", undefined],
    ],
  );
  assert.deepEqual(problemsOf("", { variables: { ...variables, COOLDOWN_PERIOD: "5m" } }), [
    "environment: COOLDOWN_PERIOD: must be a whole number of milliseconds",
  ]);
});

const origins: readonly (readonly [variables: Variables, expected: readonly string[]])[] = [
  [{ CORS_ORIGINS: '["*"]' }, ["*"]],
  [{ CORS_ORIGIN: "*" }, ["*"]],
  [{ CORS_ORIGIN: "https://a.example" }, ["https://a.example"]],
  [{ CORS_ORIGINS: "https://a.example, http://b.example:8080" }, ["https://a.example", "http://b.example:8080"]],
  [{ CORS_ORIGINS: '["https://a.example","https://b.example"]' }, ["https://a.example", "https://b.example"]],
];
for (const [variables, expected] of origins) {
  test(`${JSON.stringify(variables)} allows ${expected.join(" and ")}`, () => {
    assert.deepEqual(loaded("", { variables }).server.cors.origins, expected);
  });
}

test("the document goes before the seeds' variables", () => {
  const variables = { CORS_ORIGINS: "*", MAX_TIMEOUT: "5000", SSE_KEEPALIVE_INTERVAL: "30" };
  const alone = loaded("", { variables }).server;
  assert.deepEqual([alone.cors.origins, alone.timeouts.total, alone.keepalive], [["*"], 5000, 30_000]);
  const text = "server: { cors: { origins: [] }, timeouts: { total: 1s }, keepalive: 2s }";
  const { server, notes } = loaded(text, { variables });
  assert.deepEqual([server.cors.origins, server.timeouts.total, server.keepalive, notes], [[], 1000, 2000, []]);
});

test("variables that this version does not use are named", () => {
  const variables = {
    CEREBRAS_REQUESTS_PER_MINUTE: "12",
    QODER_TIMEOUT_MS: "1",
    CLAUDE_CLI_PATH: "x",
    RATE_LIMIT_PER_MINUTE: "1",
    RATE_LIMIT_CHAT_PER_MINUTE: "1",
    XML_CATALOG_FILES: "x",
  };
  assert.deepEqual(loaded("", { variables }).notes, [
    "RATE_LIMIT_PER_MINUTE, RATE_LIMIT_CHAT_PER_MINUTE: server.limits.perAddress",
    "CLAUDE_CLI_PATH is set, but this version does not use it yet",
    "QODER_TIMEOUT_MS is set, but this version does not use it yet",
  ]);
});
