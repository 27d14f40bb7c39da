import assert from "node:assert/strict";
import { test } from "node:test";
import fastCheck from "fast-check";
import type { GenerationRequest, Part } from "../../kernel/request.ts";
import { estimateText, estimateTokens } from "./estimate.ts";

function asking(parts: readonly Part[], more: Partial<GenerationRequest> = {}): GenerationRequest {
  const messages = [{ role: "user", parts } as const];
  return { operation: "generate", model: "m", messages, tools: [], sampling: {}, stream: false, ...more };
}

const text = (words: string): Part => ({ type: "text", text: words });
const data = (mediaType: string, bytes: number) => ({
  kind: "data" as const,
  mediaType,
  base64: "A".repeat((bytes / 3) * 4),
});

/** What is asked, and between which numbers of tokens the estimate is to be. */
const cases: readonly (readonly [name: string, request: GenerationRequest, least: number, most: number])[] = [
  ["nothing", asking([]), 1, 8],
  ["an English sentence of 44 letters", asking([text("The quick brown fox jumps over the lazy dog.")]), 12, 22],
  ["forty Chinese characters", asking([text("汉".repeat(40))]), 40, 60],
  ["an image by its URL", asking([{ type: "image", source: { kind: "url", url: "https://x/y.png" } }]), 1500, 1700],
  ["a PDF of 300 kB", asking([{ type: "file", source: data("application/pdf", 300_000) }]), 9000, 20_000],
  ["a PDF that stands elsewhere", asking([{ type: "file", source: { kind: "reference", id: "f" } }]), 1500, 3000],
  ["a text file of 36 kB", asking([{ type: "file", source: data("text/plain", 36_000) }]), 9000, 11_000],
  ["a minute of audio", asking([{ type: "audio", source: data("audio/mp3", 960_000) }]), 1500, 2500],
  [
    "a call and its result",
    asking([
      { type: "tool-call", id: "c", name: "look", arguments: '{"path":"a.ts"}', tool: "function" },
      { type: "tool-result", id: "c", content: [text("x".repeat(360))] },
    ]),
    110,
    150,
  ],
  [
    "a tool of 3.6 kB",
    asking([], {
      tools: [{ tool: "function", name: "look", parameters: { type: "object", description: "y".repeat(3600) } }],
    }),
    1000,
    1200,
  ],
  [
    "a schema of the answer",
    asking([], { output: { type: "json-schema", schema: { description: "z".repeat(360) } } }),
    100,
    120,
  ],
  [
    "a tool of the vendor's own, and a block that we have no word for",
    asking([{ type: "opaque", keep: { "anthropic-messages": { block: "b".repeat(360) } } }], {
      extra: { "anthropic-messages": { tools: [{ type: "web_search", note: "n".repeat(360) }] } },
    }),
    200,
    240,
  ],
];

for (const [name, request, least, most] of cases) {
  test(`${name}: ${least} to ${most} tokens`, () => {
    const tokens = estimateTokens(request);
    assert.ok(Number.isInteger(tokens) && tokens >= least && tokens <= most, String(tokens));
  });
}

test("texts and tokens to be embedded are counted", () => {
  assert.equal(estimateTokens({ operation: "embed", model: "m", inputs: [[1, 2, 3], "x".repeat(36)] }), 13);
});

test("more text is never fewer tokens", () => {
  fastCheck.assert(
    fastCheck.property(fastCheck.string(), fastCheck.string(), (one, two) => {
      assert.ok(estimateText(one + two) >= estimateText(one));
      assert.ok(estimateTokens(asking([text(one), text(two)])) >= estimateTokens(asking([text(one)])));
    }),
  );
});
