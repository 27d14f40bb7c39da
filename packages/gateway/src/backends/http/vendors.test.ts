import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveBase, vendorOf, vendors } from "./vendors.ts";

test("every vendor of the plan has a row, and every row its own type", () => {
  const wanted =
    "openai openai-compatible openwebui vllm together deepinfra cerebras chutes openrouter groq mistral deepseek xai fireworks moonshot nvidia lmstudio llamacpp sglang ollama";
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
    for (const path of [...paths, vendor.modelsPath]) assert.match(path, /^\/[a-z0-9/]+[a-z]$/);
    assert.ok(vendor.paths["openai-chat"] !== undefined);
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
  ["ollama", "http://localhost:11434", "http://localhost:11434/v1"],
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
