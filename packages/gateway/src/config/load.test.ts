import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { formatProblem } from "./problems.ts";
import { load, loaded } from "./support.test.ts";

const minutes = 60_000;

test("nothing configured gives the defaults", () => {
  const config = loaded("");
  assert.deepEqual(config, {
    server: {
      host: "127.0.0.1",
      port: 4141,
      hosts: [],
      cors: { origins: [] },
      media: "public",
      limits: {
        body: 50_000_000,
        concurrent: 1000,
        connections: 4000,
        depth: 64,
        answer: 64_000_000,
      },
      timeouts: {
        connect: 5000,
        firstToken: minutes,
        firstByte: 5 * minutes,
        idle: minutes,
        total: 10 * minutes,
        header: 15_000,
        request: minutes,
        stall: 30_000,
        drain: 10 * minutes,
      },
      keepalive: 15_000,
    },
    access: { open: "loopback", fixedKeys: [] },
    store: "/home/user/.local/share/patchbay/patchbay.db",
    responses: { life: 60 * minutes, bytes: 67_108_864, entries: 10_000 },
    circuit: { failures: 5, window: 60_000, cooldown: 15_000 },
    log: { level: "info" },
    detect: true,
    endpoints: [],
    models: [],
    file: "/etc/patchbay/patchbay.yaml",
    notes: [],
  });
});

test("without a file, the configuration names none", () => {
  const result = load("", { file: undefined });
  assert.ok(result.ok && !("file" in result.config));
});

for (const text of ["# only a comment\n", "null\n", "{}", "---\n...\n", "endpoints:\nmodels:\nserver:\naccess:\n"]) {
  test(`${JSON.stringify(text)} is as good as nothing`, () => assert.deepEqual(loaded(text), loaded("")));
}

const whole = `
server:
  host: 0.0.0.0
  port: 8080
  hosts: [Gateway.Example]
  cors: { origins: ["https://App.example.com", "tauri://localhost"] }
  limits: { body: 64KiB, concurrent: 10, connections: 20, depth: 32, answer: 1MB }
  timeouts: { connect: 250ms, firstToken: 90, idle: 1.5s, total: 1h, drain: 0 }
  keepalive: 20s
store: ./data/gateway.db
state: memory
access: { open: never }
log: { level: DEBUG }
detect: off
endpoints:
  - name: cerebras
    type: cerebras
    credentials:
      - apiKey: \${CEREBRAS_API_KEY}
      - apiKey: file:keys/second
    headers: { X-Team: "team \${TEAM:-none}", x-literal: "$\${TEAM}" }
    priority: 10
    timeouts: { idle: 5s }
  - name: own
    type: openai-compatible
    url: http://10.0.0.1:8000/v1/
    enabled: false
    models: [plain, { id: rich, contextWindow: 8192, tools: true, reasoning: false, price: { input: 1, output: 2.5 } }]
    options: { seed: 5, nested: { stop: null } }
models:
  - name: team/*
    aliases: [coder]
    strategy: backup
    targets:
      - { endpoint: cerebras, model: "*" }
      - { endpoint: own, model: fallback }
    failover: { attempts: 5, stay: 2s }
    circuit: { failures: 3 }
    relay: never
    echo: requested
    price: { input: 2.00, output: 2.00, cacheRead: 0.20, cacheWrite: 2.50 }
    contextWindow: 128000
    defaults: { temperature: 0.7 }
`;
const given = {
  variables: { CEREBRAS_API_KEY: "csk-canary" },
  files: { "/etc/patchbay/keys/second": "file-canary\n" },
} as const;

test("a whole document is read as written", () => {
  const config = loaded(whole, given);
  assert.deepEqual(config.server, {
    host: "0.0.0.0",
    port: 8080,
    hosts: ["gateway.example"],
    cors: { origins: ["https://app.example.com", "tauri://localhost"] },
    media: "public",
    limits: { body: 65_536, concurrent: 10, connections: 20, depth: 32, answer: 1_000_000 },
    timeouts: {
      ...loaded("").server.timeouts,
      connect: 250,
      firstToken: 90,
      idle: 1500,
      total: 3_600_000,
      drain: 0,
    },
    keepalive: 20_000,
  });
  assert.equal(config.store, "/etc/patchbay/data/gateway.db");
  assert.deepEqual(config.access, { open: "never", fixedKeys: [] });
  assert.deepEqual([config.log.level, config.detect], ["debug", false]);
  const [cerebras, own] = config.endpoints;
  assert.deepEqual(
    cerebras?.credentials.map(({ apiKey, reference }) => [apiKey?.reveal(), reference]),
    [
      ["csk-canary", "${CEREBRAS_API_KEY}"],
      ["file-canary", "file:keys/second"],
    ],
  );
  assert.equal(cerebras?.headers["x-team"]?.reveal(), "team none");
  assert.equal(cerebras.headers["x-literal"]?.reveal(), "${TEAM}");
  assert.deepEqual([cerebras.priority, cerebras.timeouts, cerebras.url], [10, { idle: 5000 }, undefined]);
  assert.deepEqual(
    { ...own, headers: {} },
    {
      name: "own",
      type: "openai-compatible",
      url: "http://10.0.0.1:8000/v1",
      enabled: false,
      priority: 0,
      credentials: [{}],
      headers: {},
      timeouts: {},
      models: [
        { id: "plain", facts: {} },
        {
          id: "rich",
          facts: {
            contextWindow: 8192,
            tools: true,
            reasoning: false,
            price: { input: 1, output: 2.5 },
          },
        },
      ],
      options: { seed: 5, nested: { stop: null } },
      detected: false,
    },
  );
  assert.deepEqual(config.models, [
    {
      name: "team/*",
      aliases: ["coder"],
      enabled: true,
      strategy: "backup",
      targets: [
        { endpoint: "cerebras", model: "*" },
        { endpoint: "own", model: "fallback" },
      ],
      attempts: 5,
      failover: { wait: 5000, stay: 2000, patience: 10_000, adaptive: true },
      circuit: { failures: 3 },
      relay: "never",
      strict: false,
      echo: "requested",
      rescue: "error",
      facts: {
        contextWindow: 128_000,
        price: { input: 2, output: 2, cacheRead: 0.2, cacheWrite: 2.5 },
      },
      defaults: { temperature: 0.7 },
    },
  ]);
});

test("an endpoint says how long it is left alone after a 429, and whom to ask how it is", () => {
  const text = `endpoints:
  - { name: a, type: openai, cooldown: 5m, health: { url: "https://status.example/a/" } }
  - { name: b, type: openai, health: { url: "http://10.0.0.1/healthz", every: 5s } }`;
  assert.deepEqual(
    loaded(text).endpoints.map(({ cooldown, health }) => [cooldown, health]),
    [
      [300_000, { url: "https://status.example/a", every: 30_000 }],
      [undefined, { url: "http://10.0.0.1/healthz", every: 5000 }],
    ],
  );
});

test("a document in JSON says the same", () => {
  const json = {
    endpoints: [{ name: "a", type: "openai", credentials: [{ apiKey: "${K}" }] }],
    detect: false,
  };
  const yaml = "endpoints:\n  - name: a\n    type: openai\n    credentials: [{ apiKey: '${K}' }]\ndetect: false\n";
  const variables = { K: "k" };
  assert.deepEqual(loaded(JSON.stringify(json), { variables }), loaded(yaml, { variables }));
});

test("no secret shows in a printed configuration", () => {
  const config = loaded(whole, {
    ...given,
    variables: { ...given.variables, API_KEY: "client-canary" },
  });
  for (const text of [JSON.stringify(config), inspect(config, { depth: 20, showHidden: true })]) {
    assert.ok(!text.includes("canary"), text);
    assert.ok(text.includes("[secret]"));
  }
});

test("a literal key works, with a warning that does not repeat it, and without a reference", () => {
  const text = "endpoints:\n  - name: a\n    type: openai\n    credentials: [{ apiKey: sk-canary }]\n";
  const result = load(text);
  assert.ok(result.ok);
  assert.deepEqual(Object.keys(result.config.endpoints[0]?.credentials[0] ?? {}), ["apiKey"]);
  assert.deepEqual(result.warnings.map(formatProblem), [
    "/etc/patchbay/patchbay.yaml:4:29: endpoints[0].credentials[0].apiKey: holds the key itself; a reference such as ${NAME} or file:PATH keeps it out of the document",
  ]);
});

test("a reference never keeps a default or the text around it", () => {
  const text = 'endpoints: [{ name: a, type: openai, credentials: [{ apiKey: "sk-canary-${A:-canary}" }] }]\n';
  assert.equal(loaded(text).endpoints[0]?.credentials[0]?.reference, "${A}");
});

test("an endpoint that most likely needs a key gets a warning", () => {
  const result = load("endpoints:\n  - { name: a, type: openai }\n  - { name: b, type: openai, url: 'http://x' }\n");
  assert.ok(result.ok);
  assert.deepEqual(result.warnings.map(formatProblem), [
    '/etc/patchbay/patchbay.yaml:2:5: endpoints[0]: has no credentials; most likely it needs `credentials: [{ apiKey: "${OPENAI_API_KEY}" }]`',
  ]);
});

test("what was inserted is not looked at again", () => {
  const variables = { A: "${B} file:/etc/passwd", B: "b", C: "file:/etc/passwd" };
  const text = 'endpoints: [{ name: a, type: openai, headers: { x-a: "${A}", x-c: "${C}" } }]\n';
  const headers = loaded(text, { variables }).endpoints[0]?.headers;
  assert.equal(headers?.["x-a"]?.reveal(), "${B} file:/etc/passwd");
  assert.equal(headers["x-c"]?.reveal(), "file:/etc/passwd");
});

test("an empty variable is as good as unset", () => {
  assert.equal(loaded("log: { level: '${LEVEL:-warn}' }", { variables: { LEVEL: "" } }).log.level, "warn");
});

test("a reference fills numbers and truths too", () => {
  const text = "server: { port: '${P}' }\ndetect: ${D}\n";
  const config = loaded(text, { variables: { P: "99", D: "0" } });
  assert.deepEqual([config.server.port, config.detect], [99, false]);
});

test("flags go before variables, those before the document, and that before the defaults", () => {
  const text = "server: { host: 10.0.0.1, port: 1 }\nlog: { level: warn }\nstore: document.db\n";
  const variables = { PORT: "2", PATCHBAY_PORT: "3", HOST: "10.0.0.2", LOG_LEVEL: "ERROR" };
  const byDocument = loaded(text);
  assert.deepEqual([byDocument.server.host, byDocument.server.port, byDocument.log.level], ["10.0.0.1", 1, "warn"]);
  const byVariable = loaded(text, { variables });
  assert.deepEqual([byVariable.server.host, byVariable.server.port, byVariable.log.level], ["10.0.0.2", 3, "error"]);
  const byFlag = loaded(text, { variables, overrides: { port: "0", host: "::1" } });
  assert.deepEqual([byFlag.server.host, byFlag.server.port, byFlag.log.level], ["::1", 0, "error"]);
  assert.equal(loaded("", { variables: { PORT: "2" } }).server.port, 2);
});

test("what Kubernetes makes of a service named patchbay is no port", () => {
  const variables = { PATCHBAY_PORT: "tcp://10.96.0.1:4141", PORT: "8080" };
  assert.equal(loaded("", { variables }).server.port, 8080);
});

test("a flag mends a bad value of the document", () => {
  assert.equal(loaded("server: { port: x }", { overrides: { port: 5 } }).server.port, 5);
});

test("the store stands beside the document, or where the process runs, or in the data directory", () => {
  assert.equal(loaded("store: a.db").store, "/etc/patchbay/a.db");
  assert.equal(loaded("store: a.db", { variables: { PATCHBAY_STORE: "b.db" } }).store, "/srv/b.db");
  assert.equal(loaded("store: ~/a.db").store, "/home/user/a.db");
  assert.equal(loaded("store: ':memory:'").store, ":memory:");
  assert.equal(loaded("", { overrides: { dataDir: "d" } }).store, "/srv/d/patchbay.db");
  assert.equal(loaded("", { variables: { PATCHBAY_DATA_DIR: "/d" } }).store, "/d/patchbay.db");
});

test("a document that cannot be read is a problem", () => {
  const result = load("", { text: undefined });
  assert.ok(!result.ok);
  assert.deepEqual(result.problems.map(formatProblem), [
    "/etc/patchbay/patchbay.yaml: the document cannot be read (ENOENT)",
  ]);
});

test("names that Object knows are names like others", () => {
  const text = `
endpoints: [{ name: constructor, type: openai, headers: { toString: a, constructor: b } }]
models: [{ name: __proto__, targets: [{ endpoint: constructor, model: valueOf }], defaults: { constructor: 1 } }]
`;
  const config = loaded(text);
  assert.equal(config.models[0]?.name, "__proto__");
  assert.deepEqual(Object.keys(config.endpoints[0]?.headers ?? {}), ["tostring", "constructor"]);
});

test("the URL of a Redis is a secret, whole or with a password by reference, and a warning where it stands in clear", () => {
  const url = "redis://me:p%40ss@redis.internal:6380/2";
  const documents: readonly (readonly [document: string, warnings: number])[] = [
    ["state: ${REDIS_URL}", 0],
    ["state: redis://me:${REDIS_PASSWORD}@redis.internal:6380/2", 0],
    [`state: ${url}`, 1],
  ];
  for (const [document, warnings] of documents) {
    const result = load(document, { variables: { REDIS_URL: url, REDIS_PASSWORD: "p%40ss" } });
    assert.ok(result.ok);
    assert.equal(result.config.state?.reveal(), url);
    assert.ok(!JSON.stringify([result.config, result.warnings]).includes("p%40ss"));
    assert.equal(result.warnings.length, warnings);
  }
  const bare = load("state: rediss://redis.internal");
  assert.deepEqual(bare.ok && [bare.warnings.length, bare.config.state?.reveal()], [0, "rediss://redis.internal"]);
  const none = load("state: memory");
  assert.equal(none.ok && none.config.state, undefined);
});
