import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import {
  chunksOf,
  context,
  cut,
  dataOf,
  decode,
  encode,
  failureOf,
  meaning,
  readAnswer,
  watch,
} from "../shared/support.test.ts";
import { openaiChat } from "./index.ts";

const answer = { id: "chatcmpl-9", created: 7, model: "gpt-x", system_fingerprint: "fp_1" };
const usage = { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 };

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 12 });
const callArbitrary = fc.record({ name: fc.string({ minLength: 1, maxLength: 5 }), text });
const messageArbitrary = fc.record({
  reasoning: fc.option(text),
  content: fc.option(text),
  refusal: fc.option(text),
  images: fc.array(fc.base64String({ minLength: 4, maxLength: 8 }), { maxLength: 2 }),
  calls: fc.array(callArbitrary, { maxLength: 3 }),
});
type GeneratedMessage = typeof messageArbitrary extends fc.Arbitrary<infer Value> ? Value : never;

const imageOf = (base64: string): JsonObject => ({
  type: "image_url",
  image_url: { url: `data:image/png;base64,${base64}` },
});

function wholeOf(messages: readonly GeneratedMessage[]): JsonObject {
  const choices = messages.map(({ reasoning, content, refusal, images, calls }, index) => ({
    index,
    message: {
      role: "assistant",
      content,
      refusal,
      ...(reasoning === null ? {} : { reasoning_content: reasoning }),
      ...(images.length > 0 && { images: images.map(imageOf) }),
      ...(calls.length > 0 && {
        tool_calls: calls.map((call, place) => ({
          id: `c${place}`,
          type: "function",
          function: { name: call.name, arguments: call.text },
        })),
      }),
    },
    logprobs: null,
    finish_reason: "stop",
  }));
  return { ...answer, choices, usage };
}

/** The stream of the same answer: the candidates take turns, the calls of each too if they are to interleave. */
function streamOf(messages: readonly GeneratedMessage[], seed: number): string[] {
  const lanes = messages.map(({ reasoning, content, refusal, images, calls }, index) => {
    const deltas: JsonObject[] = [
      { role: "assistant", content: "" },
      ...cut(reasoning ?? "", seed).map((piece) => ({ reasoning_content: piece })),
      ...cut(content ?? "", seed).map((piece) => ({ content: piece })),
      ...cut(refusal ?? "", seed).map((piece) => ({ refusal: piece })),
      ...calls.map((call, place) => ({
        tool_calls: [{ index: place, id: `c${place}`, type: "function", function: { name: call.name, arguments: "" } }],
      })),
    ];
    const fragments = calls.flatMap((call, place) =>
      cut(call.text, seed).map((piece) => ({ tool_calls: [{ index: place, function: { arguments: piece } }] })),
    );
    // Fragments of one call keep their order; those of several mix.
    const mixed = seed % 2 === 0 ? fragments : interleave(fragments);
    return [
      ...[...deltas, ...mixed].map((delta): JsonObject => ({ index, delta, logprobs: null, finish_reason: null })),
      ...images.map((base64): JsonObject => ({ index, delta: { images: [imageOf(base64)] }, finish_reason: null })),
      { index, delta: {}, logprobs: null, finish_reason: "stop" },
    ];
  });
  const longest = Math.max(...lanes.map((lane) => lane.length));
  const choices = Array.from({ length: longest }, (_, turn) => lanes.flatMap((lane) => lane[turn] ?? [])).flat();
  const head = { ...answer, object: "chat.completion.chunk" };
  return [...choices.map((choice) => ({ ...head, choices: [choice] })), { ...head, choices: [], usage }].map((chunk) =>
    JSON.stringify(chunk),
  );
}

function interleave(fragments: { tool_calls: { index: number; function: { arguments: string } }[] }[]) {
  const byIndex = Map.groupBy(fragments, (fragment) => fragment.tool_calls[0]?.index ?? 0);
  const lanes = [...byIndex.values()];
  const longest = Math.max(0, ...lanes.map((lane) => lane.length));
  return Array.from({ length: longest }, (_, turn) => lanes.flatMap((lane) => lane[turn] ?? [])).flat();
}

const messages = fc.array(messageArbitrary, { minLength: 1, maxLength: 3 });

test("a stream, however it is cut, means what the whole answer means", () => {
  fc.assert(
    fc.property(messages, fc.nat(1000), (generated, seed) => {
      // A half of a character pair is no text that JSON in UTF-8 could carry.
      const whole: JsonObject = JSON.parse(JSON.stringify(wholeOf(generated)));
      const streamed = decode(openaiChat, [...streamOf(generated, seed), "[DONE]"]);
      assert.deepEqual(meaning(streamed, openaiChat), meaning(readAnswer(openaiChat, whole), openaiChat));
    }),
    { numRuns: 200 },
  );
});

/** The meaning of events with OpenAI's word for their end, which a backend may have said otherwise. */
const worded = (events: readonly AnswerEvent[]) =>
  meaning(
    events.map((event) =>
      event.type === "finish" ? { ...event, reason: { ...event.reason, raw: event.reason.unified } } : event,
    ),
    openaiChat,
  );

test("what is encoded, whole or streamed, is decoded to the same answer", () => {
  fc.assert(
    fc.property(messages, fc.nat(1000), (generated, seed) => {
      const events = decode(openaiChat, streamOf(generated, seed));
      const streamed = decode(
        openaiChat,
        dataOf(encode(openaiChat, events, { stream_options: { include_usage: true } })),
      );
      const whole: JsonObject = JSON.parse(openaiChat.ingress.writeAnswer(events, context()));
      assert.deepEqual(worded(streamed), worded(events));
      assert.deepEqual(worded(readAnswer(openaiChat, whole)), worded(events));
    }),
    { numRuns: 100 },
  );
});

test("every prefix without all finish reasons is a failure, for the decoder, the tap and the encoder", () => {
  fc.assert(
    fc.property(messages, fc.nat(1000), (generated, seed) => {
      const data = streamOf(generated, seed);
      const finishes = data.flatMap((each, index) => (each.includes('"finish_reason":"stop"') ? [index] : []));
      // A further candidate that was never seen cannot be missed.
      const last = generated.length === 1 ? (finishes[0] ?? 0) : Math.max(...finishes);
      for (let length = 0; length <= last; length += 1) {
        const prefix = data.slice(0, length);
        const decoded = decode(openaiChat, prefix);
        assert.equal(failureOf(decoded)?.kind, "broken-stream");
        assert.equal(watch(openaiChat, prefix).seen.failure?.kind, "broken-stream");
        assert.equal(watch(openaiChat, [...prefix, "[DONE]"]).seen.done, false);
        assert.doesNotMatch(encode(openaiChat, decoded), /\[DONE\]/);
      }
    }),
    { numRuns: 40 },
  );
});

/** Accepts what a client may see of one candidate: role, then content and calls, then one finish, then nothing. */
function checkGrammar(chunks: readonly JsonObject[]): void {
  const state = new Map<Json | undefined, { finished: boolean; calls: number }>();
  for (const chunk of chunks) {
    assert.deepEqual(
      Object.keys(chunk).filter((name) => ["id", "object", "created", "model", "choices"].includes(name)).length,
      5,
    );
    for (const item of arrayOf(chunk["choices"])) {
      const choice = objectOf(item) ?? {};
      const delta = objectOf(choice["delta"]) ?? {};
      const seen = state.get(choice["index"]);
      assert.equal(typeof choice["index"], "number");
      if (seen === undefined) assert.equal(delta["role"], "assistant");
      else assert.ok(!seen.finished && !("role" in delta));
      const calls = arrayOf(delta["tool_calls"]).map((call) => objectOf(call) ?? {});
      let count = seen?.calls ?? 0;
      for (const call of calls) {
        if ("id" in call) {
          assert.equal(call["index"], count);
          assert.ok("type" in call);
          count += 1;
        } else assert.ok(Number(call["index"]) < count);
      }
      state.set(choice["index"], { finished: choice["finish_reason"] !== null, calls: count });
    }
  }
  assert.ok([...state.values()].every(({ finished }) => finished));
}

test("what is encoded keeps the grammar of chunks", () => {
  fc.assert(
    fc.property(messages, fc.nat(1000), (generated, seed) => {
      const stream = encode(openaiChat, decode(openaiChat, streamOf(generated, seed)));
      assert.ok(stream.endsWith("data: [DONE]\n\n"));
      checkGrammar(chunksOf(stream));
    }),
    { numRuns: 100 },
  );
});

test("the arguments of calls stay the same to the byte", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.nat(1000), (argumentText, seed) => {
      const data = streamOf(
        [{ reasoning: null, content: null, refusal: null, images: [], calls: [{ name: "f", text: argumentText }] }],
        seed,
      );
      const written: { choices: { message: { tool_calls: { function: JsonObject }[] } }[] } = JSON.parse(
        openaiChat.ingress.writeAnswer(decode(openaiChat, data), context()),
      );
      assert.equal(written.choices[0]?.message.tool_calls[0]?.function["arguments"], argumentText);
    }),
    { numRuns: 100 },
  );
});

const hostileKey = fc.constantFrom(
  "__proto__",
  "constructor",
  "choices",
  "delta",
  "message",
  "index",
  "content",
  "tool_calls",
  "function",
  "id",
  "name",
  "arguments",
  "finish_reason",
  "usage",
  "error",
  "logprobs",
);
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, depthSize: "large" },
    fc.constantFrom<Json>(null, 0, 1, "", "x", "stop", "{}"),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.array(fc.tuple(hostileKey, tie("tree")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
}));
const hostileChunk = fc.oneof(
  tree,
  fc.record({
    choices: fc.array(
      fc.record({
        index: fc.constantFrom(0, 1, "0"),
        delta: tree,
        finish_reason: fc.constantFrom(null, "", "stop", "tool_calls", 5),
      }),
      { maxLength: 2 },
    ),
  }),
);

test("any JSON is decoded without a throw, and decoder and tap agree on what fails", () => {
  fc.assert(
    fc.property(fc.array(hostileChunk, { maxLength: 4 }), fc.boolean(), (chunks, done) => {
      const data = [...chunks.map((chunk) => JSON.stringify(chunk)), ...(done ? ["[DONE]"] : [])];
      const decoded = decode(openaiChat, data);
      encode(openaiChat, decoded);
      const { seen } = watch(openaiChat, data);
      assert.deepEqual(seen.failure, failureOf(decoded));
      const whole = objectOf(chunks[0]);
      if (whole === undefined) return;
      const read = readAnswer(openaiChat, whole);
      const tap = openaiChat.egress.tap({ dropUsageEvent: false });
      tap.whole(whole);
      assert.deepEqual(tap.seen.failure, failureOf(read));
      if (failureOf(read) === undefined) openaiChat.ingress.writeAnswer(read, context());
    }),
    { numRuns: 1000 },
  );
});
