import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { WireEvent } from "../../kernel/codec.ts";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { operations } from "../../kernel/protocol.ts";
import { foldAnswer } from "../shared/fold.ts";
import { arrayOf, objectOf, without } from "../shared/json.ts";
import { asked, context, failureOf, meaning, readAnswer } from "../shared/support.test.ts";
import { anthropicMessages } from "./index.ts";
import { accept, again, bodyOf, decode, encode, read, wire, write } from "./support.test.ts";

const word = fc.stringMatching(/^[a-z_]{1,8}$/);
/** Text that says something: blank texts are dropped on purpose. */
const said = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).map((value) => `x${value.toWellFormed()}y`);
const json = fc.jsonValue({ maxDepth: 2 }).map((value): Json => JSON.parse(JSON.stringify(value)));
const input = fc.dictionary(word, json, { maxKeys: 3 });
const mark = fc.option(fc.constant({ cache_control: { type: "ephemeral" } }), { nil: {} });
const block = (entries: fc.Arbitrary<JsonObject>) =>
  fc.tuple(entries, mark).map(([each, cached]): JsonObject => ({ ...each, ...cached }));

const textBlock = block(said.map((text) => ({ type: "text", text })));
const imageBlock = block(
  fc.constant({ type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } }),
);
const userBlock = fc.oneof(textBlock, imageBlock, block(fc.record({ type: fc.constant("odd_block"), value: json })));
const thinking = fc.oneof(
  fc.record({ type: fc.constant("thinking"), thinking: fc.oneof(said, fc.constant("")), signature: word }),
  fc.record({ type: fc.constant("redacted_thinking"), data: word }),
);
const use = fc.record({ type: fc.constant("tool_use"), id: word, name: word, input });
const result = block(
  fc.record({
    type: fc.constant("tool_result"),
    tool_use_id: word,
    content: fc.array(imageBlock, { minLength: 1, maxLength: 2 }),
  }),
);
const userMessage = fc
  .tuple(fc.array(result, { maxLength: 2 }), fc.array(userBlock, { minLength: 1, maxLength: 3 }))
  .map(([results, blocks]): JsonObject => ({ role: "user", content: [...results, ...blocks] }));
const assistantMessage = fc
  .tuple(fc.array(fc.oneof(textBlock, thinking, block(use)), { maxLength: 4 }), use)
  .map(([blocks, last]): JsonObject => ({ role: "assistant", content: [...blocks, last] }));
const requestArbitrary: fc.Arbitrary<JsonObject> = fc.record(
  {
    model: fc.constant("m"),
    max_tokens: fc.integer({ min: 5000, max: 9000 }),
    messages: fc
      .tuple(fc.array(fc.tuple(userMessage, assistantMessage), { maxLength: 3 }), userMessage)
      .map(([turns, last]) => [...turns.flat(), last]),
    tools: fc.array(
      fc.oneof(
        block(
          fc.record({
            name: word,
            input_schema: input.map((rest) => ({ ...without(rest, new Set(["type"])), type: "object" })),
          }),
        ),
        fc.record({ type: fc.constant("web_search_20250305"), name: word }),
      ),
      { minLength: 1, maxLength: 4 },
    ),
    system: fc.array(textBlock, { minLength: 1, maxLength: 3 }),
    thinking: fc.oneof(
      fc.record({ type: fc.constant("adaptive"), display: fc.constantFrom("summarized", "omitted") }),
      fc.constant({ type: "disabled" }),
    ),
    output_config: fc.record({ effort: fc.constantFrom("low", "high", "max") }),
    stop_sequences: fc.array(said, { minLength: 1, maxLength: 2 }),
    "x-unknown": json.filter((value) => value !== null),
  },
  { requiredKeys: ["model", "max_tokens", "messages", "tools"] },
);

test("reading, writing and reading any request gives the same request", () => {
  fc.assert(
    fc.property(requestArbitrary, (body) => {
      const parsed: JsonObject = JSON.parse(JSON.stringify(body));
      assert.deepEqual(read(again(parsed)), read(parsed));
      assert.deepEqual(write(read(parsed)).losses, []);
    }),
    { numRuns: 150 },
  );
});

const citations = fc.array(fc.record({ url: word }), { minLength: 1, maxLength: 2 });
const answerBlock: fc.Arbitrary<JsonObject> = fc.oneof(
  said.map((text) => ({ type: "text", text })),
  fc.record({ citations, type: fc.constant("text"), text: said }),
  thinking,
  use,
  fc.record({ type: fc.constant("server_tool_use"), id: word, name: word, input }),
  fc.record({ type: fc.constant("odd_result"), content: json.filter((value) => value !== null) }),
);
const count = fc.nat(1000);
const answerArbitrary: fc.Arbitrary<JsonObject> = fc
  .record({
    id: word,
    type: fc.constant("message"),
    role: fc.constant("assistant"),
    model: word,
    content: fc.array(answerBlock, { maxLength: 4 }),
    stop_reason: fc.constantFrom("max_tokens", "refusal", "model_context_window_exceeded"),
    stop_sequence: fc.constant(null),
    usage: fc.record({
      input_tokens: count,
      cache_read_input_tokens: count,
      cache_creation_input_tokens: count,
      output_tokens: count,
    }),
  })
  .map((answer): JsonObject => JSON.parse(JSON.stringify(answer)));

test("reading and writing any whole answer gives an equal one", () => {
  fc.assert(
    fc.property(answerArbitrary, (answer) => {
      const written = anthropicMessages.ingress.writeAnswer(readAnswer(anthropicMessages, answer), context());
      assert.deepEqual(JSON.parse(written), answer);
    }),
    { numRuns: 150 },
  );
});

/** Cuts a text where the numbers say. */
function cut(value: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((each) => each % (value.length + 1)))].toSorted((left, right) => left - right);
  return [...places, value.length].map((place, index) => value.slice(index === 0 ? 0 : places[index - 1], place));
}

/** The events in which the API streams an answer, with texts cut where the numbers say. */
function streamOf(answer: JsonObject, cuts: readonly number[]): readonly WireEvent[] {
  const { content, stop_reason, stop_sequence, usage, ...head } = answer;
  const blocks = arrayOf(content).flatMap((item, index): JsonObject[] => {
    const each = objectOf(item) ?? {};
    const delta = (fields: JsonObject): JsonObject => ({ type: "content_block_delta", index, delta: fields });
    const pieces = (value: Json | undefined, type: string, name: string) =>
      typeof value === "string" ? cut(value, cuts).map((piece) => delta({ type, [name]: piece })) : [];
    const start = (fields: JsonObject): JsonObject => ({
      type: "content_block_start",
      index,
      content_block: { ...each, ...fields },
    });
    const stop: JsonObject = { type: "content_block_stop", index };
    switch (each["type"]) {
      case "text": {
        const quoted = arrayOf(each["citations"]).map((citation) => delta({ type: "citations_delta", citation }));
        return [start({ text: "", citations: [] }), ...pieces(each["text"], "text_delta", "text"), ...quoted, stop];
      }
      case "thinking": {
        const signature = delta({ type: "signature_delta", signature: each["signature"] ?? "" });
        return [
          start({ thinking: "", signature: "" }),
          ...pieces(each["thinking"], "thinking_delta", "thinking"),
          signature,
          stop,
        ];
      }
      case "tool_use":
      case "server_tool_use":
        return [
          start({ input: {} }),
          ...pieces(JSON.stringify(each["input"]), "input_json_delta", "partial_json"),
          stop,
        ];
      default:
        return [start({}), { type: "ping" }, stop];
    }
  });
  const total = objectOf(usage) ?? {};
  return [
    {
      type: "message_start",
      message: { ...head, content: [], stop_reason: null, usage: { ...total, output_tokens: 1 } },
    },
    ...blocks,
    {
      type: "message_delta",
      delta: { stop_reason: stop_reason ?? null, stop_sequence: stop_sequence ?? null },
      usage: { output_tokens: total["output_tokens"] ?? 0 },
    },
    { type: "message_stop" },
  ].map(wire);
}

const cutsArbitrary = fc.array(fc.nat(20), { maxLength: 4 });

test("a streamed answer means the same as a whole one, wherever it is cut", () => {
  fc.assert(
    fc.property(answerArbitrary, cutsArbitrary, (answer, cuts) => {
      const events = decode(streamOf(answer, cuts));
      const whole = readAnswer(anthropicMessages, answer);
      assert.deepEqual(meaning(events, anthropicMessages), meaning(whole, anthropicMessages));
      // And so does what we write of it.
      const message = accept(encode(events));
      assert.deepEqual(
        meaning(readAnswer(anthropicMessages, message ?? {}), anthropicMessages),
        meaning(whole, anthropicMessages),
      );
      const tap = anthropicMessages.egress.tap({ dropUsageEvent: false });
      for (const event of streamOf(answer, cuts)) assert.equal(tap.event(event), "pass");
      const folded = foldAnswer(whole);
      assert.deepEqual([tap.seen.usage, tap.seen.finish], [folded.usage, folded.candidates.get(0)?.finish]);
    }),
    { numRuns: 150 },
  );
});

test("every beginning of a stream is a failure, to the decoder, the tap and the client", () => {
  fc.assert(
    fc.property(answerArbitrary, cutsArbitrary, fc.nat(), (answer, cuts, length) => {
      const stream = streamOf(answer, cuts);
      const beginning = stream.slice(0, length % stream.length);
      const events = decode(beginning);
      assert.equal(failureOf(events)?.kind, "broken-stream");
      assert.ok(events.every(({ type }) => type !== "finish"));
      assert.equal(accept(encode(events)), undefined);
      const tap = anthropicMessages.egress.tap({ dropUsageEvent: false });
      for (const event of beginning) tap.event(event);
      tap.end();
      assert.equal(tap.seen.failure?.kind, "broken-stream");
    }),
    { numRuns: 100 },
  );
});

const head: fc.Arbitrary<PartHead> = fc.oneof(
  fc.constantFrom<PartHead>(
    { type: "text" },
    { type: "refusal" },
    { type: "reasoning" },
    { type: "opaque" },
    { type: "image", mediaType: "image/png" },
  ),
  fc.record({
    type: fc.constant("tool-call" as const),
    id: fc.oneof(word, fc.constant("")),
    name: fc.oneof(word, fc.constant("")),
    tool: fc.constantFrom("function" as const, "custom" as const),
  }),
);
const keeps = fc
  .constantFrom(...Object.keys(operations))
  .chain((protocol) =>
    fc
      .dictionary(fc.constantFrom("signature", "data", "type", "input", "citations", "x"), json, { maxKeys: 2 })
      .map((fields) => ({ [protocol]: fields })),
  );
const partArbitrary = fc.record({
  head,
  texts: fc.array(fc.string({ maxLength: 4 }), { maxLength: 3 }),
  keep: fc.option(keeps),
});

/** Parts whose events are dealt by turns, so that they overlap. */
function overlap(
  parts: readonly {
    head: PartHead;
    texts: readonly string[];
    keep: JsonObject | null;
  }[],
  order: readonly number[],
): AnswerEvent[] {
  const queues = parts.map(({ texts, keep }, part): AnswerEvent[] => [
    ...texts.map((text): AnswerEvent => ({ type: "part-delta", candidate: 0, part, text })),
    { type: "part-end", candidate: 0, part, ...(keep && { keep: keep as { gemini: JsonObject } }) },
  ]);
  const out = parts.map(({ head: each }, part): AnswerEvent => ({
    type: "part-start",
    candidate: 0,
    part,
    head: each,
  }));
  for (const turn of order) {
    const event = queues[turn % Math.max(1, queues.length)]?.shift();
    if (event !== undefined) out.push(event);
  }
  return [...out, ...queues.flat()];
}

test("whatever an answer holds, its stream is one that clients accept", () => {
  fc.assert(
    fc.property(
      fc.array(partArbitrary, { maxLength: 4 }),
      fc.array(fc.nat(9), { maxLength: 12 }),
      fc.constantFrom("stop", "tool-calls", "length"),
      (parts, order, unified) => {
        const finish = { type: "finish", candidate: 0, reason: { unified, raw: unified } } as const;
        const events = [...overlap(parts, order), finish];
        const message = accept(encode(events));
        const whole = JSON.parse(anthropicMessages.ingress.writeAnswer(events, context()));
        assert.equal(message?.["stop_reason"], whole.stop_reason);
        assert.deepEqual(
          arrayOf(message?.["content"]).map((each) => objectOf(each)?.["type"]),
          whole.content.map((each: JsonObject) => each["type"]),
        );
      },
    ),
    { numRuns: 200 },
  );
});

const key = fc.constantFrom(
  "__proto__",
  "type",
  "role",
  "content",
  "text",
  "source",
  "data",
  "input",
  "id",
  "name",
  "message",
  "delta",
  "index",
  "usage",
  "error",
  "content_block",
  "messages",
  "system",
  "tools",
  "thinking",
  "output_config",
  "signature",
  "tool_use_id",
);
const words: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1e308,
  "",
  "user",
  "assistant",
  "system",
  "text",
  "image",
  "document",
  "thinking",
  "redacted_thinking",
  "tool_use",
  "tool_result",
  "base64",
  "content",
  "enabled",
  "json_schema",
];
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, depthSize: "large" },
    fc.constantFrom(...words),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie("tree")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
}));

const texts = fc.oneof(fc.constantFrom("", " ", "x", "~patchbaye30"), tree);
/** Blocks that are nearly right, so that most are read. */
const almostBlock = fc.record(
  {
    type: fc.constantFrom(
      "text",
      "image",
      "document",
      "search_result",
      "thinking",
      "redacted_thinking",
      "tool_use",
      "tool_result",
      "odd",
    ),
    text: texts,
    thinking: texts,
    signature: texts,
    data: texts,
    id: texts,
    tool_use_id: texts,
    name: texts,
    input: tree,
    content: tree,
    title: texts,
    source: fc.record({
      type: fc.constantFrom("base64", "text", "url", "file", "content"),
      media_type: texts,
      data: texts,
      url: texts,
      file_id: texts,
      content: tree,
    }),
  },
  { requiredKeys: ["type"] },
);
const almostTop = fc.record(
  {
    thinking: tree,
    output_config: tree,
    tools: fc.array(tree),
    tool_choice: tree,
    system: fc.array(almostBlock),
    temperature: fc.double({ noNaN: true, noDefaultInfinity: true }),
    unknown: tree,
  },
  { requiredKeys: [] },
);
const almostMessage = fc.record({
  role: fc.constantFrom("user", "assistant", "system"),
  content: fc.oneof(texts, fc.array(almostBlock, { maxLength: 3 })),
});

test("any JSON is read as a request or refused, and what is read can be written", () => {
  fc.assert(
    fc.property(almostTop, fc.array(almostMessage, { minLength: 1, maxLength: 4 }), (rest, messages) => {
      const body: JsonObject = JSON.parse(JSON.stringify({ ...rest, model: "claude-x", messages }));
      const outcome = anthropicMessages.ingress.readRequest(body, asked(body));
      if (!outcome.ok) return assert.equal(outcome.failure.kind, "bad-request");
      assert.ok(outcome.value.request.operation === "generate");
      for (const model of ["m", "claude-3-opus", "claude-sonnet-4-5", "claude-opus-5"]) {
        const turns: readonly JsonObject[] = arrayOf(write({ ...outcome.value.request, model }).body["messages"]).map(
          (each) => objectOf(each) ?? {},
        );
        assert.equal(turns.find(({ role }) => role !== "system")?.["role"], "user");
        for (const { content } of turns) assert.notEqual(Array.isArray(content) ? arrayOf(content).length : content, 0);
      }
      return assert.equal(({} as JsonObject)["polluted"], undefined);
    }),
    { numRuns: 300 },
  );
});

const names = fc.constantFrom(
  "message_start",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "message_delta",
  "message_stop",
  "error",
  "ping",
  "odd",
);

test("any events are decoded to something that can be written, and the tap judges as the decoder does", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(names, tree), { maxLength: 8 }), (given) => {
      const stream = given.map(([event, data]): WireEvent => ({ event, data: JSON.stringify(data) }));
      const events = decode(stream);
      accept(encode(events));
      const tap = anthropicMessages.egress.tap({ dropUsageEvent: false });
      for (const event of stream) tap.event(event);
      tap.end();
      assert.equal(tap.seen.failure?.kind, failureOf(events)?.kind);
      for (const event of stream) {
        readAnswer(anthropicMessages, bodyOf(event));
        anthropicMessages.egress.readError(400, bodyOf(event));
      }
    }),
    { numRuns: 500 },
  );
});
