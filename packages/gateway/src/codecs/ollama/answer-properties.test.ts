import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import { decode, failureOf, meaning, readAnswer, watch } from "../shared/support.test.ts";
import { ollama, ollamaGenerate } from "./index.ts";
import { bodyOf, linesOf, listening } from "./support.test.ts";

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).map((each) => each.toWellFormed());
const callArbitrary = fc.record({
  id: text,
  function: fc.record({ name: text, arguments: fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }) }),
});
const answerArbitrary = fc.record({
  thinking: fc.option(text),
  content: fc.option(text),
  calls: fc.array(callArbitrary, { maxLength: 3 }),
  reason: fc.constantFrom("stop", "length"),
  counts: fc.record({ prompt_eval_count: fc.nat(), eval_count: fc.nat() }, { requiredKeys: [] }),
});
type Generated = typeof answerArbitrary extends fc.Arbitrary<infer Value> ? Value : never;

const head = { model: "m", created_at: "2025-10-26T17:15:24.000Z" };

function wholeOf({ thinking, content, calls, reason, counts }: Generated): JsonObject {
  const message = {
    role: "assistant",
    content: content ?? "",
    ...(thinking !== null && { thinking }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return JSON.parse(
    JSON.stringify({ ...head, message, done: true, done_reason: reason, total_duration: 5, ...counts }),
  );
}

/** Cuts a text at pseudo-random places, never within a character. */
function cut(whole: string, seed: number): string[] {
  const characters = Array.from(whole);
  const pieces: string[] = [];
  for (let at = 0, step = seed; at < characters.length;) {
    step = (step * 5 + 3) % 17;
    pieces.push(characters.slice(at, at + 1 + (step % 4)).join(""));
    at += 1 + (step % 4);
  }
  return pieces;
}

/** The stream of the same answer; its calls come in one line or in several. */
function streamOf({ thinking, content, calls, reason, counts }: Generated, seed: number): string[] {
  const lists = seed % 2 === 0 ? calls.map((call) => [call]) : calls.length === 0 ? [] : [calls];
  const messages: JsonObject[] = [
    ...cut(thinking ?? "", seed).map((piece) => ({ thinking: piece })),
    ...cut(content ?? "", seed).map((piece) => ({ content: piece })),
    ...lists.map((list) => ({ tool_calls: list as unknown as JsonObject[] })),
  ];
  const line = (message: JsonObject, more: JsonObject) =>
    JSON.stringify({ ...head, message: { role: "assistant", content: "", ...message }, ...more });
  return [
    ...messages.map((message) => line(message, { done: false })),
    line({}, { done: true, done_reason: reason, total_duration: 5, ...counts }),
  ];
}

test("a stream, however it is cut, means what the whole answer means", () => {
  fc.assert(
    fc.property(answerArbitrary, fc.nat(1000), (generated, seed) => {
      const streamed = decode(ollama, streamOf(generated, seed));
      assert.deepEqual(meaning(streamed, ollama), meaning(readAnswer(ollama, wholeOf(generated)), ollama));
    }),
    { numRuns: 150 },
  );
});

test("writing an answer that was read gives it back, streamed or whole", () => {
  fc.assert(
    fc.property(answerArbitrary, fc.nat(1000), (generated, seed) => {
      const events = decode(ollama, streamOf(generated, seed));
      const again = linesOf(ollama, events).map((line) => JSON.stringify(line));
      assert.deepEqual(indexless(meaning(decode(ollama, again), ollama)), indexless(meaning(events, ollama)));
      const { context } = listening();
      const whole = bodyOf(ollama.ingress.writeAnswer(events, context));
      assert.deepEqual(indexless(whole), indexless(wholeOf(generated)));
    }),
    { numRuns: 150 },
  );
});

/** Without the numbers that our encoder gives to calls. */
function indexless(value: unknown): unknown {
  const drop = (name: string, each: unknown) =>
    name === "function" && isJsonObject(each) && "index" in each
      ? Object.fromEntries(Object.entries(each).filter(([key]) => key !== "index"))
      : each;
  return JSON.parse(JSON.stringify(value, drop));
}

test("every prefix of a stream is a failure, for the decoder, the tap and the encoder", () => {
  fc.assert(
    fc.property(answerArbitrary, fc.nat(1000), (generated, seed) => {
      const data = streamOf(generated, seed);
      for (let length = 0; length < data.length; length += 1) {
        const events = decode(ollama, data.slice(0, length));
        assert.equal(failureOf(events)?.kind, "broken-stream");
        assert.equal(watch(ollama, data.slice(0, length)).seen.failure?.kind, "broken-stream");
        const lines = linesOf(ollama, events);
        assert.ok(lines.every(({ done }) => done !== true) && lines.at(-1)?.["error"] !== undefined);
      }
    }),
    { numRuns: 100 },
  );
});

const names = [
  "model",
  "created_at",
  "message",
  "response",
  "thinking",
  "done",
  "done_reason",
  "error",
  "logprobs",
  "tool_calls",
  "images",
  "eval_count",
  "__proto__",
  "x",
];
const anyLine = fc.oneof(
  { weight: 5, arbitrary: fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.boolean(), fc.jsonValue())) },
  fc.jsonValue(),
);

test("the decoder and the tap take any JSON, agree on its end, and end every part", () => {
  fc.assert(
    fc.property(fc.array(anyLine, { maxLength: 5 }), fc.constantFrom(ollama, ollamaGenerate), (lines, codec) => {
      const data = lines.map((line) => JSON.stringify(line));
      const events = decode(codec, data);
      const { seen } = watch(codec, data);
      assert.equal(failureOf(events)?.kind, seen.failure?.kind);
      const finish = events.find((event) => event.type === "finish");
      assert.deepEqual(finish?.reason, seen.finish);
      assert.equal(["finish", "failure"].includes(events.at(-1)?.type ?? ""), true);
      if (finish !== undefined) {
        const count = (type: string) => events.filter((event) => event.type === type).length;
        assert.equal(count("part-start"), count("part-end"));
      }
      assert.equal(linesOf(codec, events).at(-1)?.["done"] === true, finish !== undefined);
    }),
    { numRuns: 200 },
  );
});
