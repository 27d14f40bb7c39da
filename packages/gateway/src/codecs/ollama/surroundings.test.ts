import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dialect } from "../../kernel/codec.ts";
import { failure } from "../../kernel/failure.ts";
import type { FailureKind } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isLoadRequest, loadAnswer, ollama, ollamaEmbeddings, ollamaGenerate } from "./index.ts";
import { dialect, readGeneration, view } from "./support.test.ts";

const errors: readonly (readonly [status: number, error: Json, kind: FailureKind])[] = [
  [400, "model is required", "bad-request"],
  [400, '"qwen" does not support thinking', "bad-request"],
  [401, "unauthorized", "upstream-auth"],
  [404, "model 'x' not found", "model-not-found"],
  [429, "too many requests", "rate-limited"],
  [500, "model requires more system memory (9 GiB) than is available (4 GiB)", "upstream-error"],
  [503, "server busy, please try again.  maximum pending requests exceeded", "overloaded"],
  [400, "the input length exceeds the context length", "context-overflow"],
  [400, "the prompt is longer than the context length currently available to the model", "context-overflow"],
  [
    400,
    JSON.stringify({
      error: {
        code: 400,
        message: "request (8889 tokens) exceeds the available context size (4096 tokens), try increasing it",
        type: "exceed_context_size_error",
      },
    }),
    "context-overflow",
  ],
  [400, "{no JSON", "bad-request"],
];

for (const [status, error, kind] of errors) {
  test(`an error ${status} that says ${JSON.stringify(error).slice(0, 60)} is ${kind}`, () => {
    assert.equal(ollama.egress.readError(status, { error }).kind, kind);
  });
}

test("the message of an error within an error is its own", () => {
  const inner = JSON.stringify({ error: { message: "oops", code: 500 } });
  assert.equal(ollama.egress.readError(500, { error: inner }).message, "oops");
});

test("an error is written with its message, and as a line in a stream", () => {
  const why = failure("rate-limited", "Slow down.");
  assert.deepEqual(ollama.ingress.writeError(why), { error: "Slow down.", code: "rate-limited" });
  assert.equal(ollama.ingress.writeStreamError(why), '{"error":"Slow down.","code":"rate-limited"}\n');
});

const loads: readonly (readonly [body: JsonObject, chat: boolean, generate: boolean])[] = [
  [{}, true, true],
  [{ messages: [] }, true, true],
  [{ messages: null, prompt: "" }, true, true],
  [{ messages: [{ role: "user" }] }, false, true],
  [{ prompt: "a" }, true, false],
  [{ messages: "", prompt: [] }, false, true],
];

for (const [body, chat, generate] of loads) {
  test(`whether ${JSON.stringify(body)} only loads a model: chat ${chat}, generate ${generate}`, () => {
    assert.deepEqual([isLoadRequest(body, "ollama"), isLoadRequest(body, "ollama-generate")], [chat, generate]);
  });
}

for (const [keepAlive, word] of [
  [undefined, "load"],
  [0, "unload"],
  ["0", "unload"],
  ["0s", "unload"],
  ["0.0m", "unload"],
  ["10m", "load"],
  [-1, "load"],
  ["", "load"],
  ["0x", "load"],
] as const) {
  test(`keep_alive ${JSON.stringify(keepAlive)} of a request without messages means ${word}`, () => {
    const about = { created: 1_700_000_000, model: "m" };
    const common = { model: "m", created_at: "2023-11-14T22:13:20.000Z", done: true, done_reason: word };
    const body = keepAlive === undefined ? {} : { keep_alive: keepAlive };
    assert.deepEqual(loadAnswer(body, { ...about, protocol: "ollama" }), {
      ...common,
      message: { role: "assistant", content: "" },
    });
    assert.deepEqual(loadAnswer(body, { ...about, protocol: "ollama-generate" }), { ...common, response: "" });
  });
}

const knowing = (contextWindow: number): Dialect => ({ ...dialect, contextWindow });
const chat = (characters: number, more: JsonObject = {}) => ({
  model: "m",
  messages: [{ role: "user", content: "x".repeat(characters) }],
  ...more,
});

const windows: readonly (readonly [what: string, body: JsonObject, contextWindow: number, window: Json | undefined])[] =
  [
    ["of a short prompt is the least", chat(1), 131_072, 8192],
    ["leaves room for an answer", chat(13_000), 131_072, 16_384],
    ["of a long prompt holds all of it", chat(60_000), 131_072, 32_768],
    ["leaves room for the answer that was asked for", chat(1, { options: { num_predict: 10_000 } }), 131_072, 16_384],
    ["is not that of an answer which never comes", chat(1, { options: { num_predict: 100_000 } }), 131_072, 32_768],
    ["is never more than the model's", chat(900_000), 40_960, 40_960],
    ["is that of a small model", chat(1), 2048, 2048],
    [
      "counts images, and not their bytes",
      {
        model: "m",
        messages: [
          { role: "user", content: "a", images: ["A".repeat(900_000), "B"] },
          { role: "user", content: "x", images: ["C"] },
        ],
      },
      131_072,
      16_384,
    ],
    [
      "counts tools",
      chat(1, {
        tools: [{ type: "function", function: { name: "f", description: "d".repeat(30_000), parameters: {} } }],
      }),
      131_072,
      16_384,
    ],
    [
      "counts bytes, which scripts without spaces have more of",
      { model: "m", messages: [{ role: "user", content: "漢".repeat(8000) }] },
      131_072,
      16_384,
    ],
    ["is the client's where it names one", chat(60_000, { options: { num_ctx: 1024 } }), 131_072, 1024],
  ];

for (const [what, body, contextWindow, window] of windows) {
  test(`hard case 30: the window ${what}, whether the request passes or is translated`, () => {
    const edits = ollama.egress.passThrough(view(body), knowing(contextWindow))?.edits;
    const given = body["options"] as JsonObject | undefined;
    const expected =
      given?.["num_ctx"] === undefined
        ? [{ kind: "set", field: "options", value: { ...given, num_ctx: window ?? null } }]
        : [];
    assert.deepEqual(edits, expected);
    const { body: written } = ollama.egress.writeRequest(readGeneration(ollama, body), knowing(contextWindow));
    assert.equal((written["options"] as JsonObject | undefined)?.["num_ctx"], window);
    const ours = given?.["num_ctx"] === undefined;
    assert.deepEqual([written["truncate"], written["shift"]], ours ? [false, false] : [undefined, undefined]);
  });
}

test("without knowledge of the model the window is Ollama's affair", () => {
  assert.deepEqual(ollama.egress.passThrough(view(chat(60_000)), dialect)?.edits, []);
  const { body } = ollama.egress.writeRequest(readGeneration(ollama, chat(60_000)), dialect);
  assert.deepEqual([body["options"], body["truncate"]], [undefined, undefined]);
});

test("a client that lets Ollama truncate keeps that", () => {
  const { body } = ollama.egress.writeRequest(readGeneration(ollama, chat(1, { truncate: true })), knowing(8192));
  assert.equal(body["truncate"], true);
});

test("generate and embeddings requests get a window too", () => {
  const generate = ollamaGenerate.egress.passThrough(
    view({ model: "m", prompt: "x".repeat(30_000), images: ["A"] }),
    knowing(131_072),
  );
  assert.deepEqual(generate?.edits, [{ kind: "set", field: "options", value: { num_ctx: 16_384 } }]);
  const embed = { operation: "embed", model: "m", inputs: ["a"] } as const;
  assert.deepEqual(ollamaEmbeddings.egress.writeRequest(embed, knowing(512)).body, {
    model: "m",
    input: "a",
    truncate: false,
    options: { num_ctx: 512 },
  });
});

test("options that are no object pass to Ollama, which explains them better", () => {
  for (const options of ["a", [1], 7]) {
    assert.deepEqual(ollama.egress.passThrough(view(chat(1, { options })), knowing(8192))?.edits, []);
  }
});

test("options with an integer that a double cannot hold are translated rather than edited", () => {
  const body = chat(1, { options: { seed: 2 ** 60 } });
  assert.equal(ollama.egress.passThrough(view(body), knowing(8192)), undefined);
  assert.deepEqual(ollama.egress.passThrough(view(body), dialect)?.edits, []);
});

test("content in blocks is translated, since Ollama takes only texts", () => {
  const blocks = { model: "m", messages: [{ role: "user", content: [{ type: "text", text: "a" }] }] };
  assert.equal(ollama.egress.passThrough(view(blocks), dialect), undefined);
  const { body } = ollama.egress.writeRequest(readGeneration(ollama, blocks), dialect);
  assert.deepEqual(body["messages"], [{ role: "user", content: "a" }]);
  assert.deepEqual(ollama.egress.passThrough(view(chat(1)), dialect)?.edits, []);
});
