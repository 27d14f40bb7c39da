import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../kernel/failure.ts";
import type { FailureKind } from "../kernel/failure.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Price, Usage } from "../kernel/usage.ts";
import { scanObject } from "../wire/json-scan.ts";
import { Rope } from "../wire/rope.ts";
import { Foreseen } from "./foresee.ts";
import { usedBy } from "./limited.ts";
import type { ExchangeInput } from "./types.ts";

/** As much of an exchange as is read to foresee what it uses. */
function foreseen(
  body: object,
  more: {
    readonly protocol?: Protocol;
    readonly strategy?: string;
    readonly prices?: readonly (Price | undefined)[];
  } = {},
): Foreseen {
  const bytes = Buffer.from(JSON.stringify(body));
  const scan = scanObject(bytes, 64);
  assert.ok(scan.ok);
  const { protocol = "openai-chat", strategy = "backup", prices = [undefined] } = more;
  const attempts = prices.map((_price, index) => ({ endpoint: String(index), model: "m" }));
  const input = {
    body: { rope: new Rope([bytes]), object: scan.object, stream: false },
    codec: { protocol },
    plan: { attempts, model: { facts: {}, strategy } },
  };
  return new Foreseen(input as unknown as ExchangeInput, (endpoint) => prices[Number(endpoint)]);
}

/** What a request says of its answer, and how many tokens are foreseen for that. */
const outputs: readonly (readonly [what: string, body: object, expected: number])[] = [
  ["nothing", {}, 1024],
  ["max_tokens", { max_tokens: 7 }, 7],
  ["the greater of two", { max_tokens: 7, max_completion_tokens: 9 }, 9],
  ["max_output_tokens", { max_output_tokens: 5 }, 5],
  ["Ollama's num_predict", { options: { num_predict: 6 } }, 6],
  ["Ollama's endless answer", { options: { num_predict: -1 } }, 1024],
  ["Gemini's, for each of two", { generationConfig: { maxOutputTokens: 6, candidateCount: 2 } }, 12],
  ["n answers", { max_tokens: 10, n: 3 }, 30],
  ["a part of an answer", { max_tokens: 10, n: 0.5 }, 10],
  ["too many answers to be true", { max_tokens: 10, n: 1e12 }, 1280],
  ["nonsense", { max_tokens: "many", n: null }, 1024],
  ["zero", { max_tokens: 0 }, 1024],
  ["more than there is", { max_tokens: 1e300 }, 1024],
];
for (const [what, body, expected] of outputs) {
  test(`of ${what}, ${expected} tokens of output are foreseen`, () => {
    const { tokens, input } = foreseen(body);
    assert.equal(tokens() - input(), expected);
  });
}

test("an image in base64 counts as an image, and embeddings write nothing", () => {
  const image = { messages: [{ content: [{ image_url: { url: `data:image/png;base64,${"A".repeat(1e6)}` } }] }] };
  assert.ok(foreseen(image).input() < 2000);
  const { input, tokens } = foreseen({ input: "hi" }, { protocol: "openai-embeddings" });
  assert.equal(tokens(), input());
});

test("a request is foreseen to cost what its dearest target asks for, and a council all of them", () => {
  const body = { max_tokens: 10 };
  const prices = [{ input: 0, output: 3 }, undefined, { input: 0, output: 5 }];
  assert.equal(foreseen(body, { prices }).money(), 50);
  assert.equal(foreseen(body, { prices, strategy: "council" }).money(), 80);
});

test("a price that lacks what is charged is none", () => {
  const target = { endpoint: "0", model: "m", reason: "", wait: 0 };
  const isPriced = (price: Price | undefined, protocol: Protocol) =>
    foreseen({}, { prices: [price], protocol }).isPriced(target);
  assert.equal(isPriced({ input: 1, output: 0 }, "openai-chat"), true);
  assert.equal(isPriced({ input: 1 }, "openai-chat"), false);
  assert.equal(isPriced({ input: 1 }, "openai-embeddings"), true);
  assert.equal(isPriced(undefined, "openai-embeddings"), false);
});

const whole = { inputTokens: 100, outputTokens: 50 };
const none = { inputTokens: 0, outputTokens: 0 };

/** What became of an answer, what was seen of it, and what it used; the prompt is foreseen to have 80 tokens. */
const ends: readonly (readonly [
  what: string,
  why: FailureKind | undefined,
  seen: { readonly usage?: Usage; readonly pieces?: number; readonly letters?: number },
  expected: Usage | undefined,
])[] = [
  ["a whole answer", undefined, { usage: whole }, whole],
  ["a whole answer without usage", undefined, { pieces: 9, letters: 90 }, undefined],
  ["a refusal", "upstream-error", {}, none],
  ["a refusal that was charged", "content-filter", { usage: whole }, whole],
  ["one that was cut", "broken-stream", { pieces: 9, letters: 90 }, { inputTokens: 80, outputTokens: 23 }],
  ["one that was left, in small pieces", "cancelled", { pieces: 9, letters: 9 }, { inputTokens: 80, outputTokens: 9 }],
  [
    "one that told the usage of its beginning",
    "cancelled",
    { usage: { inputTokens: 100, outputTokens: 1 }, pieces: 5, letters: 400 },
    { inputTokens: 100, outputTokens: 100 },
  ],
  ["one that told its usage before it was cut", "cancelled", { usage: whole, pieces: 5, letters: 8 }, whole],
  ["silence", "timeout-first-token", {}, { inputTokens: 80, outputTokens: 0 }],
];
for (const [what, why, seen, expected] of ends) {
  test(`${what} counts ${JSON.stringify(expected ?? "as foreseen")}`, () => {
    const broken = why === undefined ? undefined : failure(why, "It failed.");
    assert.deepEqual(
      usedBy(seen, broken, () => 80),
      expected,
    );
  });
}

test("an answer that was not streamed is charged as foreseen when its client leaves", () => {
  assert.equal(usedBy({}, failure("cancelled", "It left."), undefined), undefined);
});
