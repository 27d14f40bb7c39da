import assert from "node:assert/strict";
import { test } from "node:test";
import { everyProtocol } from "../../kernel/protocol.ts";
import type { OpenaiApi } from "../../kernel/vendor.ts";
import { resolveBase, vendorOf, vendors, withApi } from "./vendors.ts";

test("every vendor of the plan has a row, and every row its own type", () => {
  const wanted =
    "openai openai-compatible anthropic gemini openwebui vllm together deepinfra cerebras chutes openrouter groq mistral deepseek xai fireworks moonshot nvidia lmstudio llamacpp sglang ollama";
  assert.deepEqual(vendors.map(({ type }) => type).sort(), wanted.split(" ").sort());
  assert.equal(vendorOf("toString"), undefined);
});

for (const vendor of vendors) {
  test(`the row of ${vendor.type} is well-formed`, () => {
    if (vendor.baseUrl !== undefined) {
      assert.equal(resolveBase(vendor, vendor.baseUrl), vendor.baseUrl);
      assert.match(vendor.baseUrl, vendor.local === undefined ? /^https:\/\// : /^http:\/\/127\.0\.0\.1:/);
    }
    const paths = Object.values(vendor.paths).flatMap((path) =>
      typeof path === "string" ? path : Object.values(path),
    );
    for (const path of [...paths, vendor.modelsPath]) {
      assert.match(path, /^\/[a-z0-9/]+(?:\{model\}:[a-zA-Z]+|[a-z])(?:\?[a-zA-Z]+=\w+)?$/);
    }
    assert.ok(Object.keys(vendor.paths).some((protocol) => everyProtocol.some((known) => known === protocol)));
    for (const protocol of Object.keys(vendor.countPaths ?? {})) assert.ok(Object.hasOwn(vendor.paths, protocol));
    for (const name of [...vendor.environment, ...(vendor.urlEnvironment ?? [])]) assert.match(name, /^[A-Z][A-Z_]+$/);
    for (const pattern of vendor.modelPatterns ?? []) assert.equal(pattern.split("*").length, 2);
  });
}

test("no environment variable belongs to two vendors", () => {
  const names = vendors.flatMap(({ environment, urlEnvironment }) => [...environment, ...(urlEnvironment ?? [])]);
  assert.equal(new Set(names).size, names.length);
});

const bases: readonly (readonly [type: string, given: string, base: string | undefined])[] = [
  ["openai", "https://api.openai.com", "https://api.openai.com/v1"],
  ["openai", "https://api.openai.com/v1///", "https://api.openai.com/v1"],
  ["openai", "https://api.openai.com/v1/v1", "https://api.openai.com/v1"],
  ["openai", "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"],
  ["openai", "https://proxy.example/openai", "https://proxy.example/openai"],
  ["openai", " https://eu.api.openai.com/v1 ", "https://eu.api.openai.com/v1"],
  ["openai-compatible", "http://10.0.0.5:8000", "http://10.0.0.5:8000/v1"],
  ["openai-compatible", "http://10.0.0.5:8000/", "http://10.0.0.5:8000/v1"],
  ["openai-compatible", "http://10.0.0.5:8000/v1/models", "http://10.0.0.5:8000/v1"],
  ["openai-compatible", "https://x.services.ai.azure.com/models", "https://x.services.ai.azure.com/models"],
  ["openai-compatible", "https://x.example/models/chat/completions", "https://x.example/models"],
  ["openai-compatible", "https://x.example/v1beta/openai/", "https://x.example/v1beta/openai"],
  ["openai-compatible", "https://x.example/v1?key=abc#top", "https://x.example/v1"],
  ["openai-compatible", "https://user:secret@x.example/v1", undefined],
  ["openai-compatible", "ftp://x.example/v1", undefined],
  ["openai-compatible", "x.example/v1", undefined],
  ["openai-compatible", "", undefined],
  ["vllm", "http://gpu:8000", "http://gpu:8000/v1"],
  ["vllm", "http://[::1]:8000/v1/", "http://[::1]:8000/v1"],
  ["ollama", "http://localhost:11434", "http://localhost:11434"],
  ["ollama", "http://localhost:11434/", "http://localhost:11434"],
  ["ollama", "http://localhost:11434/v1", "http://localhost:11434"],
  ["ollama", "http://localhost:11434/v1/chat/completions", "http://localhost:11434"],
  ["ollama", "http://localhost:11434/api/chat", "http://localhost:11434"],
  ["ollama", "http://localhost:11434/api", "http://localhost:11434"],
  ["ollama", "https://host/ollama/", "https://host/ollama"],
  ["anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1"],
  ["anthropic", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"],
  ["anthropic", "https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1"],
  ["anthropic", "https://api.moonshot.ai/anthropic/v1/", "https://api.moonshot.ai/anthropic/v1"],
  ["gemini", "https://generativelanguage.googleapis.com", "https://generativelanguage.googleapis.com/v1beta"],
  ["gemini", "https://generativelanguage.googleapis.com/v1", "https://generativelanguage.googleapis.com/v1"],
  [
    "gemini",
    "https://generativelanguage.googleapis.com/v1beta/openai/",
    "https://generativelanguage.googleapis.com/v1beta",
  ],
  ["gemini", "http://127.0.0.1:9100", "http://127.0.0.1:9100/v1beta"],
  ["groq", "https://api.groq.com/openai", "https://api.groq.com/openai/v1"],
  ["groq", "https://api.groq.com", "https://api.groq.com/openai/v1"],
  ["openrouter", "https://openrouter.ai/api", "https://openrouter.ai/api/v1"],
  ["fireworks", "https://api.fireworks.ai/inference", "https://api.fireworks.ai/inference/v1"],
  ["deepinfra", "https://api.deepinfra.com/v1/openai", "https://api.deepinfra.com/v1/openai"],
  ["deepinfra", "https://api.deepinfra.com", "https://api.deepinfra.com/v1/openai"],
  ["deepseek", "https://api.deepseek.com", "https://api.deepseek.com"],
  ["deepseek", "https://api.deepseek.com/v1", "https://api.deepseek.com/v1"],
  ["openwebui", "http://host:3000", "http://host:3000"],
  ["openwebui", "http://host:3000/api", "http://host:3000"],
  ["openwebui", "http://host:3000/api/v1/", "http://host:3000"],
  ["openwebui", "http://host:3000/api/chat/completions", "http://host:3000"],
  ["openwebui", "https://host/chat-ui/api", "https://host/chat-ui"],
];

for (const [type, given, base] of bases) {
  test(`for ${type}, ${JSON.stringify(given)} means ${base ?? "nothing"}`, () => {
    const vendor = vendorOf(type);
    assert.ok(vendor !== undefined);
    assert.equal(resolveBase(vendor, given), base);
  });
}

test("a base that was resolved stays as it is", () => {
  for (const [type, given, base] of bases) {
    const vendor = vendorOf(type);
    if (vendor !== undefined && base !== undefined) assert.equal(resolveBase(vendor, base), base, given);
  }
});

const onlyCompletions: readonly (readonly [type: string, paths: readonly string[]])[] = [
  ["openai", ["openai-completions /completions", "openai-embeddings /embeddings"]],
  ["vllm", ["openai-completions /completions", "openai-embeddings /embeddings"]],
  ["groq", ["openai-completions /completions"]],
  [
    "ollama",
    ["openai-completions /v1/completions", "ollama-embeddings /api/embed", "openai-embeddings /v1/embeddings"],
  ],
  ["openwebui", ["openai-completions /api/completions", "openai-embeddings /api/v1/embeddings"]],
];

for (const [type, paths] of onlyCompletions) {
  test(`an endpoint of type ${type} with api: completions has ${paths.join(" and ")}, and nothing else`, () => {
    const { paths: served } = withApi(vendorOf(type) ?? assert.fail(), "completions");
    assert.deepEqual(
      Object.entries(served).map(([protocol, path]) => `${protocol} ${String(path)}`),
      paths,
    );
  });
}

for (const [type, given, base] of [
  ["openai-compatible", "http://gpu:8000/v1/completions", "http://gpu:8000/v1"],
  ["openai-compatible", "http://gpu:8000/completions/", "http://gpu:8000/v1"],
  ["vllm", "https://x.example/models/completions", "https://x.example/models"],
  ["deepseek", "https://api.deepseek.com/beta/completions", "https://api.deepseek.com/beta"],
  ["deepseek", "https://api.deepseek.com/beta", "https://api.deepseek.com/beta"],
  ["ollama", "http://localhost:11434/v1/completions", "http://localhost:11434"],
] as const) {
  test(`with api: completions, for ${type}, ${given} means ${base}`, () => {
    const vendor = withApi(vendorOf(type) ?? assert.fail(), "completions");
    assert.equal(resolveBase(vendor, given), base);
    assert.equal(resolveBase(vendor, base), base);
  });
}

const apis: readonly (readonly [type: string, api: OpenaiApi, paths: readonly string[]])[] = [
  ["openai", "responses", ["openai-responses /responses", "openai-chat /chat/completions"]],
  ["openai", "chat", ["openai-chat /chat/completions", "openai-completions /completions"]],
  ["openai-compatible", "responses", ["openai-responses /responses", "openai-chat /chat/completions"]],
  ["openwebui", "responses", ["openai-responses /api/responses", "openai-chat /api/chat/completions"]],
  ["anthropic", "responses", ["anthropic-messages /messages"]],
  ["anthropic", "completions", ["anthropic-messages /messages"]],
];

for (const [type, api, paths] of apis) {
  test(`an endpoint of type ${type} with api: ${api} serves ${paths[0]} first`, () => {
    const vendor = vendorOf(type);
    assert.ok(vendor !== undefined);
    const served = Object.entries(withApi(vendor, api).paths).map(([protocol, path]) => `${protocol} ${String(path)}`);
    assert.deepEqual(served.slice(0, paths.length), paths);
    assert.equal(
      served.filter((line) => line.startsWith("openai-responses")).length,
      Number(api === "responses" && type !== "anthropic"),
    );
  });
}
