import assert from "node:assert/strict";
import { test } from "node:test";
import { load, loaded, problemsOf } from "./support.test.ts";

const bothKeys = { CEREBRAS_API_KEY: "a", CHUTES_API_KEY: "b" } as const;

test("a key in the environment makes an endpoint, by reference", () => {
  const { endpoints, notes } = loaded("", { variables: { OPENAI_API_KEY: "sk-1\n" } });
  assert.deepEqual(
    endpoints.map(({ name, type, detected, credentials: [credential] }) => [
      name,
      type,
      detected,
      credential?.apiKey?.reveal(),
      credential?.reference,
    ]),
    [["openai", "openai", true, "sk-1", "${OPENAI_API_KEY}"]],
  );
  assert.deepEqual(notes, ["OPENAI_API_KEY: endpoint openai"]);
});

test("of two names for a vendor's key the first is taken", () => {
  const variables = { GEMINI_API_KEY: "g", GOOGLE_API_KEY: "other" };
  assert.deepEqual(
    loaded("", { variables }).endpoints.map(({ type, credentials: [credential] }) => [type, credential?.reference]),
    [["gemini", "${GEMINI_API_KEY}"]],
  );
});

test("an address in the environment makes an endpoint, without a key too", () => {
  const { endpoints, notes } = loaded("", {
    variables: { VLLM_BASE_URL: "http://10.0.0.5:8000/v1/" },
  });
  assert.deepEqual(
    endpoints.map(({ name, url, credentials }) => [name, url, credentials]),
    [["vllm", "http://10.0.0.5:8000/v1", [{}]]],
  );
  assert.deepEqual(notes, ["VLLM_BASE_URL: endpoint vllm"]);
});

for (const [name, variables, document, notes] of [
  [
    "a key without the address it needs",
    { VLLM_API_KEY: "k" },
    "",
    ["VLLM_API_KEY: not used, VLLM_BASE_URL is missing"],
  ],
  [
    "an address of our own",
    { OPENAI_BASE_URL: "http://localhost:4141/v1" },
    "",
    ["OPENAI_BASE_URL: not used, it points at this gateway"],
  ],
  ["a type that the document has", { OPENAI_API_KEY: "k" }, "endpoints: [{ name: mine, type: openai }]", []],
  [
    "a name that the document gives to another type",
    { OPENAI_API_KEY: "k" },
    "endpoints: [{ name: openai, type: vllm, url: 'http://x' }]",
    ["OPENAI_API_KEY: not used, the document's endpoint openai is of another type"],
  ],
] as const) {
  test(`nothing is detected from ${name}`, () => {
    const config = loaded(document, { variables });
    assert.deepEqual(
      config.endpoints.filter(({ detected }) => detected),
      [],
    );
    assert.deepEqual(config.notes, notes);
  });
}

test("an address of our own does not take the vendor's away", () => {
  const variables = { OPENAI_BASE_URL: "http://127.0.0.1:5000/v1", OPENAI_API_KEY: "k" };
  const [openai] = loaded("server: { port: 5000 }", { variables }).endpoints;
  assert.deepEqual([openai?.name, openai?.url], ["openai", undefined]);
});

for (const [name, given] of [
  ["the document", { text: "detect: false" }],
  ["the flag", { overrides: { detect: false } }],
  ["the variable", { variables: { ...bothKeys, PATCHBAY_DETECT: "FALSE" } }],
] as const) {
  test(`${name} turns detection off`, () => {
    const result = load("", { variables: bothKeys, ...given });
    assert.ok(result.ok);
    assert.deepEqual([result.config.endpoints, result.config.models, result.config.detect], [[], [], false]);
  });
}

test("a document may name a detected endpoint as a target", () => {
  const text = "models: [{ name: x, targets: [{ endpoint: openai, model: m }] }]";
  assert.equal(loaded(text, { variables: { OPENAI_API_KEY: "k" } }).models[0]?.name, "x");
  assert.equal(problemsOf(text).length, 1);
});

test("notes name variables, never their values", () => {
  const variables = {
    OPENAI_API_KEY: "sk-canary",
    API_KEY: "canary",
    DASHBOARD_PASSWORD: "canary",
    CORS_ORIGIN: "https://canary.example",
  };
  assert.ok(!loaded("", { variables }).notes.join().includes("canary"));
});
