import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import { context, decode, encode, failureOf, readAnswer } from "../shared/support.test.ts";
import { geminiEmbeddings } from "./index.ts";
import { dialect } from "./support.test.ts";

function read(body: JsonObject) {
  const result = geminiEmbeddings.ingress.readRequest(body, { model: "gemini-embedding-001", stream: false });
  assert.ok(result.ok && result.value.request.operation === "embed", JSON.stringify(result));
  return result.value.request;
}

const batch = {
  requests: ["a", "b"].map((text) => ({
    taskType: "RETRIEVAL_QUERY",
    model: "models/gemini-embedding-001",
    content: { parts: [{ text }] },
    outputDimensionality: 64,
  })),
};

test("a batch is read and written again the same", () => {
  const request = read(batch);
  assert.deepEqual(request, {
    operation: "embed",
    model: "gemini-embedding-001",
    inputs: ["a", "b"],
    dimensions: 64,
    extra: { "gemini-embeddings": { taskType: "RETRIEVAL_QUERY" } },
  });
  const { body, losses } = geminiEmbeddings.egress.writeRequest(request, dialect);
  assert.deepEqual(body, batch);
  assert.deepEqual(losses, []);
});

test("one content is written as a batch of one, with its options", () => {
  const request = read({
    content: { parts: [{ text: "a" }, { text: "b" }] },
    task_type: "X",
    title: "T",
    autoTruncate: true,
  });
  assert.deepEqual(geminiEmbeddings.egress.writeRequest(request, dialect).body, {
    requests: [
      {
        taskType: "X",
        title: "T",
        autoTruncate: true,
        model: "models/gemini-embedding-001",
        content: { parts: [{ text: "a\nb" }] },
      },
    ],
  });
});

test("options that differ stay with their inputs", () => {
  const requests = [
    { title: "1", model: "models/gemini-embedding-001", content: { parts: [{ text: "a" }] } },
    { model: "models/gemini-embedding-001", content: { parts: [{ text: "b" }] } },
  ];
  assert.deepEqual(geminiEmbeddings.egress.writeRequest(read({ requests }), dialect).body, { requests });
});

test("requests that hold no texts are refused with their path", () => {
  for (const [body, param] of [
    [{}, "content"],
    [{ requests: [] }, "requests"],
    [{ requests: [{ content: { parts: [{ inlineData: {} }] } }] }, "requests[0].content.parts[0].text"],
  ] as const) {
    const result = geminiEmbeddings.ingress.readRequest(body, { model: "m", stream: false });
    assert.ok(!result.ok);
    assert.equal(result.failure.param, param);
  }
});

test("an answer has the shape of the client's question", () => {
  const answer = { embeddings: [{ values: [0.1, 0.2] }] };
  const events = readAnswer(geminiEmbeddings, answer);
  assert.deepEqual(JSON.parse(geminiEmbeddings.ingress.writeAnswer(events, context(batch))), answer);
  const one = JSON.parse(geminiEmbeddings.ingress.writeAnswer(events, context({ content: {} })));
  assert.deepEqual(one, { embedding: { values: [0.1, 0.2] } });
  assert.deepEqual(readAnswer(geminiEmbeddings, one), events);
  assert.deepEqual(decode(geminiEmbeddings, [encode(geminiEmbeddings, events, batch).slice("data: ".length)]), events);
});

test("what is no answer is a failure, for the reader and the tap", () => {
  for (const body of [
    {},
    { embeddings: [] },
    { embeddings: [{ values: ["x"] }] },
    { error: { code: 500, message: "No." } },
  ]) {
    const tap = geminiEmbeddings.egress.tap({ dropUsageEvent: false });
    tap.whole(body);
    const reason = failureOf(readAnswer(geminiEmbeddings, body));
    assert.ok(reason !== undefined);
    assert.deepEqual(tap.seen.failure, reason);
  }
});

test("token ids, which Gemini does not take, are told", () => {
  const { losses } = geminiEmbeddings.egress.writeRequest(
    { operation: "embed", model: "m", inputs: [[1, 2]] },
    dialect,
  );
  assert.deepEqual(losses, [{ field: "inputs[0]", reason: "unsupported" }]);
});
