import assert from "node:assert/strict";
import { test } from "node:test";
import { costOf } from "../../kernel/usage.ts";
import { knownFacts } from "./known-models.ts";

test("a dated snapshot has the facts of its family", () => {
  assert.deepEqual(knownFacts("openai", "gpt-4o-2024-08-06"), knownFacts("openai", "gpt-4o"));
  assert.equal(knownFacts("openai", "gpt-5-mini-2025-08-07")?.contextWindow, 400_000);
});

test("a snapshot that differs from its family is told apart", () => {
  assert.equal(knownFacts("openai", "gpt-4o-2024-05-13")?.price, undefined);
});

for (const name of [
  "gpt-4o-2024-13-06",
  "gpt-4o-2024-08-06-x",
  "gpt-4o-mini-tts",
  "ft:gpt-4o:acme",
  "gpt-9",
  "toString",
  "",
]) {
  test(`nothing is known of ${JSON.stringify(name)}`, () => {
    assert.equal(knownFacts("openai", name), undefined);
  });
}

test("another vendor's model of the same name is not ours to know", () => {
  assert.equal(knownFacts("openai-compatible", "gpt-4o"), undefined);
});

test("a model that only completes text is known for what it cannot do", () => {
  const facts = knownFacts("openai", "gpt-3.5-turbo-instruct");
  assert.deepEqual(
    [facts?.contextWindow, facts?.tools, facts?.jsonSchema, facts?.inputModalities],
    [4096, false, false, ["text"]],
  );
});

test("prices give costs, for chat with cached input and for embeddings", () => {
  const chat = knownFacts("openai", "gpt-4o-mini")?.price;
  assert.equal(costOf({ inputTokens: 1_000, cacheReadTokens: 400, outputTokens: 100 }, chat), 180);
  const embedding = knownFacts("openai", "text-embedding-3-small");
  assert.equal(embedding?.embeddings, true);
  assert.equal(costOf({ inputTokens: 1_000_000 }, embedding?.price), 20_000);
});
