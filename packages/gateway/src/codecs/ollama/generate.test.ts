import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, Message } from "../../kernel/request.ts";
import { decode, readAnswer, watch } from "../shared/support.test.ts";
import { ollamaGenerate } from "./index.ts";
import { bodyOf, dialect, linesOf, listening, readGeneration, refusal } from "./support.test.ts";

const text = (words: string) => ({ type: "text" as const, text: words });
const plain: GenerationRequest = {
  operation: "generate",
  model: "m",
  messages: [{ role: "user", parts: [text("why")] }],
  tools: [],
  sampling: {},
  stream: true,
};
const png = "iVBORw0KGgo";
const image = { type: "image", source: { kind: "data", mediaType: "image/png", base64: png } } as const;

const readings: readonly (readonly [what: string, body: JsonObject, request: Partial<GenerationRequest>])[] = [
  ["a prompt", {}, {}],
  [
    "a system message and an image",
    { system: "s", images: [png] },
    {
      messages: [
        { role: "system", parts: [text("s")] },
        { role: "user", parts: [image, text("why")] },
      ],
    },
  ],
  [
    "options, a format and thinking",
    { options: { num_predict: 3, num_ctx: 4 }, format: "json", think: false, raw: false, suffix: "" },
    {
      maxOutputTokens: 3,
      output: { type: "json" },
      reasoning: { effort: "none" },
      extra: { "ollama-generate": { "options.num_ctx": 4 } },
    },
  ],
  [
    "what only Ollama knows",
    { template: "t", context: [1, 2], keep_alive: 0 },
    { extra: { "ollama-generate": { template: "t", context: [1, 2], keep_alive: 0 } } },
  ],
  ["no prompt, which loads a model", { prompt: "" }, { messages: [] }],
];

for (const [what, body, request] of readings) {
  test(`a generate request with ${what} is read, and written back`, () => {
    const whole = { model: "m", prompt: "why", ...body };
    const read = readGeneration(ollamaGenerate, whole);
    assert.deepEqual(read, { ...plain, ...request });
    const { raw, suffix, ...kept } = whole as { readonly [name: string]: unknown };
    assert.ok(raw !== true && (suffix ?? "") === "");
    const { body: again, losses } = ollamaGenerate.egress.writeRequest(read, dialect);
    assert.deepEqual(again, { stream: true, ...kept });
    assert.deepEqual(losses, []);
  });
}

for (const field of [{ suffix: "}" }, { raw: true }]) {
  test(`a generate request with ${Object.keys(field).join("")} cannot be translated`, () => {
    const { kind, param } = refusal(ollamaGenerate, { model: "m", prompt: "a", ...field });
    assert.deepEqual([kind, param], ["bad-request", Object.keys(field)[0]]);
  });
}

test("a conversation is told as a prompt, and reported", () => {
  const messages: Message[] = [
    { role: "system", parts: [text("s")] },
    { role: "user", parts: [text("a"), image] },
    {
      role: "assistant",
      parts: [text("b"), { type: "tool-call", id: "c", name: "f", arguments: "{}", tool: "function" }],
    },
    { role: "tool", parts: [{ type: "tool-result", id: "c", content: [text("d")] }] },
  ];
  const request = { ...plain, stream: false, messages, tools: [{ tool: "function" as const, name: "f" }] };
  const { body, losses } = ollamaGenerate.egress.writeRequest(request, dialect);
  assert.deepEqual(body, { model: "m", prompt: "a\n\nb\n\nd", system: "s", images: [png], stream: false });
  assert.deepEqual(
    losses.map(({ field }) => field),
    ["messages", "messages[2].parts[1].tool-call", "tools"],
  );
});

const head = { model: "m", created_at: "2025-10-26T17:15:24.000Z" };
const stream: JsonObject[] = [
  { ...head, response: "", thinking: "hm", done: false },
  { ...head, response: "The", done: false },
  { ...head, response: "", done: true, done_reason: "length", context: [1, 2], total_duration: 5, eval_count: 2 },
];

test("a generate stream is decoded, watched and written again", () => {
  const data = stream.map((line) => JSON.stringify(line));
  const events = decode(ollamaGenerate, data);
  assert.deepEqual(linesOf(ollamaGenerate, events), stream);
  const { seen } = watch(ollamaGenerate, data);
  assert.deepEqual([seen.done, seen.usage, seen.finish?.unified], [true, { outputTokens: 2 }, "length"]);
});

test("a whole generate answer is read and written again", () => {
  const whole = { ...stream[2], response: "The", thinking: "hm" };
  assert.deepEqual(
    bodyOf(ollamaGenerate.ingress.writeAnswer(readAnswer(ollamaGenerate, whole), listening().context)),
    whole,
  );
});
