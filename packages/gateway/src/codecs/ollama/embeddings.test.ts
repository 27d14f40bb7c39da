import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { EmbeddingRequest } from "../../kernel/request.ts";
import { decode, failureOf, readAnswer, watch } from "../shared/support.test.ts";
import { ollamaEmbeddings } from "./index.ts";
import { bodyOf, dialect, linesOf, listening, read, refusal, view } from "./support.test.ts";

const requests: readonly (readonly [
  what: string,
  body: JsonObject,
  request: Partial<EmbeddingRequest>,
  written: JsonObject,
])[] = [
  ["one text", { input: "a" }, { inputs: ["a"] }, { input: "a" }],
  ["several texts", { input: ["a", "b"] }, { inputs: ["a", "b"] }, { input: ["a", "b"] }],
  ["the prompt of the deprecated route", { prompt: "a" }, { inputs: ["a"] }, { input: "a" }],
  [
    "everything else",
    { input: "a", dimensions: 2, truncate: false, keep_alive: "5m", options: { num_ctx: 512 } },
    {
      inputs: ["a"],
      dimensions: 2,
      extra: { "ollama-embeddings": { truncate: false, keep_alive: "5m", "options.num_ctx": 512 } },
    },
    { input: "a", dimensions: 2, truncate: false, keep_alive: "5m", options: { num_ctx: 512 } },
  ],
];

for (const [what, body, request, written] of requests) {
  test(`an embeddings request with ${what} is read, and written for /api/embed`, () => {
    const canonical = read(ollamaEmbeddings, { model: "m", ...body });
    assert.deepEqual(canonical, { operation: "embed", model: "m", ...request });
    const out = ollamaEmbeddings.egress.writeRequest(canonical, dialect);
    assert.deepEqual(out, { body: { model: "m", ...written }, losses: [] });
  });
}

const refused: readonly (readonly [what: string, body: JsonObject])[] = [
  ["token ids", { input: [1, 2] }],
  ["lists of token ids", { input: [[1], [2]] }],
  ["an empty list", { input: [] }],
  ["nothing", {}],
  ["a prompt that is no text", { prompt: ["a"] }],
];

for (const [what, body] of refused) {
  test(`an embeddings request with ${what} is refused`, () => {
    assert.equal(refusal(ollamaEmbeddings, { model: "m", ...body }).kind, "bad-request");
  });
}

test("what other protocols say and Ollama cannot is reported", () => {
  const { losses } = ollamaEmbeddings.egress.writeRequest(
    { operation: "embed", model: "m", inputs: ["a"], user: "u", extra: { "openai-embeddings": { x: 1 } } },
    dialect,
  );
  assert.deepEqual(
    losses.map(({ field }) => field),
    ["x", "user"],
  );
});

test("a request of the new route passes unread, one of the deprecated route is translated", () => {
  const pass = (body: JsonObject) => ollamaEmbeddings.egress.passThrough(view({ model: "m", ...body }), dialect);
  assert.deepEqual(pass({ input: "a" })?.edits, []);
  assert.equal(pass({ prompt: "a" }), undefined);
});

const answer = {
  model: "e",
  embeddings: [
    [0.5, -1],
    [2, 0],
  ],
  total_duration: 7,
  prompt_eval_count: 3,
};

test("an answer is read, watched, and written in the form that the client asked in", () => {
  const events = readAnswer(ollamaEmbeddings, answer);
  assert.deepEqual(
    bodyOf(ollamaEmbeddings.ingress.writeAnswer(events, listening({ input: ["a", "b"] }).context)),
    answer,
  );
  const legacy = ollamaEmbeddings.ingress.writeAnswer(events, listening({ prompt: "a" }).context);
  assert.deepEqual(bodyOf(legacy), { embedding: [0.5, -1] });
  const tap = ollamaEmbeddings.egress.tap({ dropUsageEvent: false });
  tap.whole(answer);
  assert.deepEqual(tap.seen, { started: true, finished: true, done: true, model: "e", usage: { inputTokens: 3 } });
});

test("the deprecated answer is read too", () => {
  const events = readAnswer(ollamaEmbeddings, { embedding: [1, 2] });
  assert.deepEqual(
    events.find(({ type }) => type === "embedding"),
    { type: "embedding", index: 0, vector: [1, 2] },
  );
});

test("numbers in another program's writing are numbers all the same", () => {
  const events = readAnswer(
    ollamaEmbeddings,
    bodyOf('{"embeddings":[[1.2345678901234568e-07,0.12345678901234567890]]}'),
  );
  assert.deepEqual(events[1], { type: "embedding", index: 0, vector: [1.2345678901234568e-7, 0.12345678901234568] });
});

const bad: readonly (readonly [what: string, body: JsonObject, kind: string])[] = [
  ["no vectors", { embeddings: [] }, "bad-response"],
  ["a vector of texts", { embeddings: [["a"]] }, "bad-response"],
  ["an error", { error: "this model does not support embeddings" }, "upstream-error"],
];

for (const [what, body, kind] of bad) {
  test(`an answer with ${what} is a failure`, () => {
    assert.equal(failureOf(readAnswer(ollamaEmbeddings, body))?.kind, kind);
  });
}

test("an answer that comes as a stream is its only line", () => {
  const data = [JSON.stringify(answer)];
  const events = decode(ollamaEmbeddings, data);
  assert.deepEqual(linesOf(ollamaEmbeddings, events, listening({ input: "a" }).context), [answer]);
  assert.equal(watch(ollamaEmbeddings, data).seen.done, true);
  assert.equal(failureOf(decode(ollamaEmbeddings, []))?.kind, "broken-stream");
  assert.deepEqual(
    linesOf(ollamaEmbeddings, []).map((line) => line["code"]),
    ["broken-stream"],
  );
});
