import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import { context, decode, encode, failureOf, meaning, readAnswer, watch } from "../shared/support.test.ts";
import { foldAnswer } from "../shared/fold.ts";
import { gemini, geminiArray } from "./index.ts";
import { unsealSignature } from "./signature.ts";
import { candidateOf, chunksOf, dataOf } from "./support.test.ts";

const head = { modelVersion: "gemini-3-pro", responseId: "r1" };
const usageMetadata = { promptTokenCount: 9, candidatesTokenCount: 3, thoughtsTokenCount: 4, totalTokenCount: 16 };

function chunk(parts: readonly Json[], fields: JsonObject = {}, rest: JsonObject = {}): string {
  const content = { role: "model", parts };
  return JSON.stringify({ candidates: [{ content, index: 0, ...fields }], usageMetadata, ...head, ...rest });
}

const stream = [
  chunk([{ text: "hm", thought: true }]),
  chunk([{ text: "Hel" }]),
  chunk([{ text: "lo" }]),
  chunk([
    { functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: "S" },
    { functionCall: { name: "g", id: "mine" } },
  ]),
  chunk([{ text: "" }], { finishReason: "STOP", safetyRatings: [{ category: "X" }] }),
];

const partsOf = (events: readonly AnswerEvent[]) => foldAnswer(events).candidates.get(0)?.parts ?? [];

test("hard case 5: a turn with calls ends in calls, though Gemini says STOP; texts grow, calls come whole, with ids", () => {
  const events = decode(gemini, stream);
  const answer = foldAnswer(events);
  assert.deepEqual(
    partsOf(events).map(({ head: type, text, keep }) => ({ ...type, text, ...(keep && { keep }) })),
    [
      { type: "reasoning", text: "hm" },
      { type: "text", text: "Hello" },
      {
        type: "tool-call",
        id: "call_attempt-1_0",
        name: "f",
        tool: "function",
        text: '{"a":1}',
        keep: { gemini: { thoughtSignature: "S" } },
      },
      { type: "tool-call", id: "mine", name: "g", tool: "function", text: "{}" },
    ],
  );
  assert.deepEqual(answer.candidates.get(0)?.finish, { unified: "tool-calls", raw: "STOP" });
  assert.equal(answer.model, "gemini-3-pro");
  assert.equal(answer.id, "r1");
});

test("hard case 15: the input includes what was cached and what tools read, the output what was thought", () => {
  const counted = {
    ...usageMetadata,
    cachedContentTokenCount: 5,
    toolUsePromptTokenCount: 2,
    trafficType: "ON_DEMAND",
  };
  const body = { candidates: [{ content: { parts: [{ text: "a" }] }, finishReason: "STOP" }], usageMetadata: counted };
  const events = readAnswer(gemini, body);
  assert.deepEqual(foldAnswer(events).usage, {
    inputTokens: 11,
    outputTokens: 7,
    cacheReadTokens: 5,
    reasoningTokens: 4,
  });
  const written: JsonObject = JSON.parse(gemini.ingress.writeAnswer(events, context()));
  assert.deepEqual(written["usageMetadata"], { ...counted, totalTokenCount: 18 });
});

test("unknown counts are absent, not 0", () => {
  const events = decode(gemini, [
    JSON.stringify({ candidates: [{ content: { parts: [{ text: "a" }] }, finishReason: "STOP" }], usageMetadata: {} }),
  ]);
  assert.deepEqual(foldAnswer(events).usage, {});
});

test("hard case 11: a signature on an empty text ends the text of a stream, and opens none where there is none", () => {
  const signed = [{ text: "", thoughtSignature: "S" }];
  const behind = partsOf(decode(gemini, [chunk([{ text: "a" }]), chunk(signed, { finishReason: "STOP" })]));
  assert.deepEqual(
    behind.map((part) => [part.head.type, part.text, part.keep]),
    [["text", "a", { gemini: { thoughtSignature: "S" } }]],
  );
  const call = chunk([{ functionCall: { name: "f" } }]);
  const alone = partsOf(decode(gemini, [call, chunk(signed, { finishReason: "STOP" })]));
  assert.deepEqual(
    alone.map((part) => [part.head.type, part.text, part.keep]),
    [
      ["tool-call", "{}", undefined],
      ["reasoning", "", { gemini: { thoughtSignature: "S", thought: false } }],
    ],
  );
});

test("hard case 11: another vendor's state goes to the client as a thought signature, on the part that it belongs to", () => {
  const keep = { "anthropic-messages": { signature: "A" } };
  const events: AnswerEvent[] = [
    { type: "start" },
    { type: "part-start", candidate: 0, part: 0, head: { type: "reasoning" } },
    { type: "part-delta", candidate: 0, part: 0, text: "hm" },
    { type: "part-end", candidate: 0, part: 0, keep, origin: "claude" },
    {
      type: "part-start",
      candidate: 0,
      part: 1,
      head: { type: "tool-call", id: "toolu_1", name: "f", tool: "function" },
    },
    { type: "part-end", candidate: 0, part: 1 },
    { type: "finish", candidate: 0, reason: { unified: "tool-calls", raw: "tool_use" } },
  ];
  const whole: { candidates: { content: { parts: JsonObject[] }; finishReason: string }[] } = JSON.parse(
    gemini.ingress.writeAnswer(events, context()),
  );
  const [thought, call] = whole.candidates[0]?.content.parts ?? [];
  assert.deepEqual(unsealSignature(String(thought?.["thoughtSignature"])), { keep, origin: "claude" });
  assert.deepEqual(call, { functionCall: { id: "toolu_1", name: "f", args: {} } });
  assert.equal(whole.candidates[0]?.finishReason, "STOP");
  const streamed = decode(gemini, dataOf(encode(gemini, events)));
  assert.equal(partsOf(streamed)[0]?.text, "hm");
  assert.equal(partsOf(streamed)[0]?.keep?.gemini?.["thoughtSignature"], thought?.["thoughtSignature"]);
});

test("hard case 23: every prefix without a finish reason is a failure, for the decoder, the tap and the encoder", () => {
  for (let length = 0; length < stream.length; length += 1) {
    const prefix = stream.slice(0, length);
    assert.equal(failureOf(decode(gemini, prefix))?.kind, "broken-stream");
    assert.equal(watch(gemini, prefix).seen.failure?.kind, "broken-stream");
    for (const codec of [gemini, geminiArray]) {
      const written = encode(codec, decode(gemini, prefix));
      assert.match(written, /"error":\{"code":502/);
      assert.doesNotMatch(written, /finishReason/);
    }
  }
  const { seen, end } = watch(gemini, stream);
  assert.ok(seen.finished && seen.done && seen.failure === undefined);
  assert.equal(end, "");
  assert.deepEqual(seen.finish, { unified: "tool-calls", raw: "STOP" });
});

test("hard case 24: an error inside a stream is a failure before anything else", () => {
  const error = { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" };
  for (const data of [JSON.stringify({ error }), JSON.stringify([{ error }])]) {
    assert.equal(failureOf(decode(gemini, [data]))?.kind, "overloaded");
    const { seen, verdicts } = watch(gemini, [data]);
    assert.equal(seen.failure?.kind, "overloaded");
    assert.equal(seen.started, false);
    assert.deepEqual(verdicts, ["drop"]);
  }
  assert.equal(failureOf(readAnswer(gemini, { error }))?.kind, "overloaded");
});

const finishes: readonly (readonly [raw: string, unified: string])[] = [
  ["STOP", "stop"],
  ["MAX_TOKENS", "length"],
  ["SAFETY", "content-filter"],
  ["RECITATION", "content-filter"],
  ["PROHIBITED_CONTENT", "content-filter"],
  ["SPII", "content-filter"],
  ["BLOCKLIST", "content-filter"],
  ["IMAGE_SAFETY", "content-filter"],
  ["MALFORMED_FUNCTION_CALL", "other"],
  ["UNEXPECTED_TOOL_CALL", "other"],
  ["LANGUAGE", "other"],
  ["OTHER", "other"],
  ["SOMETHING_NEW", "other"],
];
for (const [raw, unified] of finishes) {
  test(`hard case 26: ${raw} is ${unified}, and stays Gemini's own word`, () => {
    const events = decode(gemini, [chunk([{ text: "a" }], { finishReason: raw })]);
    assert.deepEqual(foldAnswer(events).candidates.get(0)?.finish, { unified, raw });
    const last = chunksOf(encode(gemini, events)).at(-1);
    const written = candidateOf(last)["finishReason"];
    assert.equal(written, raw === "SOMETHING_NEW" ? "OTHER" : raw);
  });
}

const foreign: readonly (readonly [
  raw: string,
  unified: "stop" | "length" | "tool-calls" | "content-filter" | "other",
  word: string,
])[] = [
  ["end_turn", "stop", "STOP"],
  ["tool_calls", "tool-calls", "STOP"],
  ["length", "length", "MAX_TOKENS"],
  ["refusal", "content-filter", "SAFETY"],
  ["pause_turn", "other", "OTHER"],
];
for (const [raw, unified, word] of foreign) {
  test(`hard case 26: ${raw} is written as ${word}`, () => {
    const written = encode(gemini, [{ type: "start" }, { type: "finish", candidate: 0, reason: { unified, raw } }]);
    assert.ok(written.includes(`"finishReason":"${word}"`));
  });
}

test("hard case 26: a blocked prompt is a filtered answer without candidates, and is told so again", () => {
  const body = { promptFeedback: { blockReason: "JAILBREAK" }, usageMetadata: { promptTokenCount: 3 }, ...head };
  for (const events of [readAnswer(gemini, body), decode(gemini, [JSON.stringify(body)])]) {
    assert.deepEqual(events.at(-1), {
      type: "finish",
      candidate: 0,
      reason: { unified: "content-filter", raw: "JAILBREAK" },
    });
    assert.deepEqual(JSON.parse(gemini.ingress.writeAnswer(events, context())), body);
    assert.deepEqual(chunksOf(encode(gemini, events)), [body]);
  }
  assert.equal(watch(gemini, [JSON.stringify(body)]).seen.failure, undefined);
});

test("a finish reason with every chunk is no end: the texts behind it count", () => {
  const events = decode(gemini, [
    chunk([{ text: "a" }], { finishReason: "STOP" }),
    chunk([{ text: "b" }], { finishReason: "STOP" }),
  ]);
  assert.equal(partsOf(events)[0]?.text, "ab");
  assert.equal(events.filter(({ type }) => type === "finish").length, 1);
});

test("an image is its base64, other parts are carried whole, and what is known of the candidate stays", () => {
  const parts = [
    { inlineData: { mimeType: "image/png", data: "aGk=" }, thoughtSignature: "S" },
    { executableCode: { language: "PYTHON", code: "1" } },
    { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1" } },
  ];
  const groundingMetadata = { webSearchQueries: ["x"] };
  const body = {
    candidates: [{ content: { parts, role: "model" }, finishReason: "STOP", index: 0, groundingMetadata }],
    ...head,
  };
  const events = readAnswer(gemini, body);
  assert.deepEqual(
    partsOf(events).map((part) => part.head),
    [{ type: "image", mediaType: "image/png" }, { type: "opaque" }, { type: "opaque" }],
  );
  assert.deepEqual(JSON.parse(gemini.ingress.writeAnswer(events, context())), body);
});

test("arguments that Vertex streams in pieces are put together", () => {
  const piece = (call: JsonObject) => chunk([{ functionCall: call }]);
  const events = decode(gemini, [
    piece({ name: "f", willContinue: true }),
    piece({ partialArgs: [{ jsonPath: "$.a[0].b", stringValue: "x", willContinue: true }], willContinue: true }),
    piece({ partialArgs: [{ jsonPath: "$.a[0].b", stringValue: "y" }], willContinue: true }),
    piece({
      partialArgs: [
        { jsonPath: "$.a[1]", numberValue: 2 },
        { jsonPath: "$['c d']", nullValue: "NULL_VALUE" },
      ],
      willContinue: true,
    }),
    piece({}),
    chunk([{ functionCall: { name: "g", args: {} } }], { finishReason: "STOP" }),
  ]);
  assert.deepEqual(
    partsOf(events).map((part) => part.text),
    ['{"a":[{"b":"xy"},2],"c d":null}', "{}"],
  );
});

test("a stream for clients without alt=sse is one JSON list, of the same values", () => {
  const events = decode(gemini, stream);
  assert.deepEqual(JSON.parse(encode(geminiArray, events)), chunksOf(encode(gemini, events)));
  const [, last] = JSON.parse(
    encode(geminiArray, [
      ...events.slice(0, 4),
      { type: "failure", failure: { kind: "overloaded", message: "Busy." } },
    ]),
  );
  assert.equal(last.error.code, 503);
  assert.equal(JSON.parse(`${geminiArray.ingress.keepalive}${encode(geminiArray, [])}`)[0].error.code, 502);
});

test("a stream is framed as Google's, without comments, and keeps alive with blank lines", () => {
  const written = encode(gemini, decode(gemini, stream));
  assert.match(written, /^(?:data: \{.*\}\r\n\r\n)+$/);
  assert.equal(gemini.ingress.keepalive.trim(), "");
  const last = chunksOf(written).at(-1);
  assert.deepEqual(last?.["usageMetadata"], usageMetadata);
  assert.equal(candidateOf(last)["finishReason"], "STOP");
  assert.equal(last?.["modelVersion"], "gemini-3-pro");
});

test("a stream that is decoded, encoded and decoded again means the same", () => {
  const events = decode(gemini, stream);
  assert.deepEqual(meaning(decode(gemini, dataOf(encode(gemini, events))), gemini), meaning(events, gemini));
});

test("hard case 19: the arguments of calls keep the digits of large integers, and what is no object is wrapped", () => {
  const lost: Loss[] = [];
  const withCall = (text: string): AnswerEvent[] => [
    { type: "start" },
    { type: "part-start", candidate: 0, part: 0, head: { type: "tool-call", id: "c", name: "f", tool: "function" } },
    { type: "part-delta", candidate: 0, part: 0, text: text.slice(0, 9) },
    { type: "part-delta", candidate: 0, part: 0, text: text.slice(9) },
    { type: "part-end", candidate: 0, part: 0 },
    { type: "finish", candidate: 0, reason: { unified: "tool-calls", raw: "tool_calls" } },
  ];
  const write = (text: string) =>
    gemini.ingress.writeAnswer(withCall(text), { ...context(), lost: (loss) => lost.push(loss) });
  assert.ok(write('{"id":9007199254740993}').includes('"args":{"id":9007199254740993}'));
  assert.ok(encode(gemini, withCall('{"id":9007199254740993}')).includes('"args":{"id":9007199254740993}'));
  assert.ok(write("").includes('"args":{}'));
  assert.equal(lost.length, 0);
  assert.ok(write("nonsense").includes('"args":{"input":"nonsense"}'));
  assert.deepEqual(lost, [{ field: "tool-call.arguments", reason: "approximated" }]);
  const streamed = decode(gemini, [
    '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"id":9007199254740993}}}]},"finishReason":"STOP"}]}',
  ]);
  assert.equal(partsOf(streamed)[0]?.text, '{"id":9007199254740993}');
});

test("calls that interleave are told one after the other, and several candidates side by side", () => {
  const start = (part: number, candidate = 0): AnswerEvent => ({
    type: "part-start",
    candidate,
    part,
    head: { type: "tool-call", id: `c${part}`, name: "f", tool: "function" },
  });
  const finish = (candidate: number): AnswerEvent => ({
    type: "finish",
    candidate,
    reason: { unified: "tool-calls", raw: "x" },
  });
  const events: AnswerEvent[] = [
    start(0),
    start(1),
    start(0, 1),
    { type: "part-delta", candidate: 0, part: 1, text: '{"b":2}' },
    { type: "part-delta", candidate: 0, part: 0, text: '{"a":1}' },
    { type: "part-end", candidate: 0, part: 1 },
    { type: "part-end", candidate: 0, part: 0 },
    { type: "part-end", candidate: 1, part: 0 },
    finish(0),
    finish(1),
  ];
  const candidates = chunksOf(encode(gemini, events)).flatMap((each) => each["candidates"] as JsonObject[]);
  assert.deepEqual(
    candidates.map((each) => [each["index"], JSON.stringify((each["content"] as JsonObject)["parts"])]),
    [
      [0, '[{"functionCall":{"id":"c0","name":"f","args":{"a":1}}}]'],
      [0, '[{"functionCall":{"id":"c1","name":"f","args":{"b":2}}}]'],
      [1, '[{"functionCall":{"id":"c0","name":"f","args":{}}}]'],
      [0, '[{"text":""}]'],
      [1, '[{"text":""}]'],
    ],
  );
});

test("log probabilities are told in chat's words, and written again", () => {
  const logprobsResult = {
    topCandidates: [{ candidates: [{ token: "a", tokenId: 7, logProbability: -0.5 }] }],
    chosenCandidates: [{ token: "a", tokenId: 7, logProbability: -0.5 }],
  };
  const candidate = {
    content: { parts: [{ text: "a" }], role: "model" },
    finishReason: "STOP",
    index: 0,
    logprobsResult,
  };
  const body = { candidates: [candidate], ...head };
  const events = readAnswer(gemini, body);
  const entry = { token: "a", logprob: -0.5, bytes: [97], token_id: 7 };
  assert.deepEqual(partsOf(events)[0]?.logprobs, [{ content: [{ ...entry, top_logprobs: [entry] }], refusal: null }]);
  assert.deepEqual(JSON.parse(gemini.ingress.writeAnswer(events, context())), body);
  assert.deepEqual(meaning(decode(gemini, dataOf(encode(gemini, events))), gemini), meaning(events, gemini));
});
