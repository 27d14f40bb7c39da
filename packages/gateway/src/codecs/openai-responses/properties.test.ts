import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { asked, context, cut, decode, encode, failureOf, meaning, readAnswer, watch } from "../shared/support.test.ts";
import { openaiResponses } from "./index.ts";
import { dialect, eventsOf, written } from "./support.test.ts";

const text = fc.string({ unit: "binary", maxLength: 12 });
const some = fc.string({ unit: "binary", minLength: 1, maxLength: 8 });
const itemArbitrary = fc.oneof(
  fc.record({ type: fc.constant("message" as const), role: fc.constant("assistant"), text }),
  fc.record({ type: fc.constant("refusal" as const), text }),
  fc.record({
    type: fc.constant("reasoning" as const),
    summary: fc.array(some, { maxLength: 2 }),
    state: fc.option(some),
  }),
  fc.record({ type: fc.constant("raw" as const), text: some }),
  fc.record({ type: fc.constant("function_call" as const), name: some, text }),
  fc.record({ type: fc.constant("custom_tool_call" as const), name: some, text }),
  fc.record({ type: fc.constant("web_search_call" as const), query: text }),
);
type Generated = typeof itemArbitrary extends fc.Arbitrary<infer Value> ? Value : never;

function itemOf(item: Generated, place: number): JsonObject {
  const id = `i${place}`;
  const status = "completed";
  switch (item.type) {
    case "message": {
      const part = { type: "output_text", text: item.text, annotations: [], logprobs: [] };
      return { id, type: "message", status, role: "assistant", content: [part] };
    }
    case "refusal":
      return { id, type: "message", status, role: "assistant", content: [{ type: "refusal", refusal: item.text }] };
    case "reasoning": {
      const summary = item.summary.map((each) => ({ type: "summary_text", text: each }));
      return { id, type: "reasoning", summary, ...(item.state === null ? {} : { encrypted_content: item.state }) };
    }
    case "raw":
      return { id, type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: item.text }] };
    case "function_call":
      return { id, type: item.type, status, call_id: `c${place}`, name: item.name, arguments: item.text };
    case "custom_tool_call":
      return { id, type: item.type, status, call_id: `c${place}`, name: item.name, input: item.text };
    default:
      return { id, type: item.type, status, action: { query: item.query } };
  }
}

/** The events of one item; with each thing that a backend may leave out left out as the seed says. */
function laneOf(item: JsonObject, index: number, seed: number): JsonObject[] {
  const where = { output_index: index, item_id: item["id"] ?? null };
  const deltas = (event: string, whole: Json | undefined, fields: JsonObject = {}): JsonObject[] =>
    cut(typeof whole === "string" ? whole : "", seed).map((delta) => ({
      type: `response.${event}.delta`,
      ...where,
      ...fields,
      delta,
    }));
  const empty = { content: [], summary: [], arguments: "", input: "" };
  const begun = Object.entries(empty).filter(([name]) => name in item);
  const added = { ...item, ...Object.fromEntries(begun) };
  const inner = [...arrayOf(item["content"]), ...arrayOf(item["summary"])].flatMap((value, place): JsonObject[] => {
    const part = objectOf(value) ?? {};
    const at = { content_index: place };
    switch (part["type"]) {
      case "output_text":
        return [
          { type: "response.content_part.added", ...where, ...at, part: { ...part, text: "" } },
          ...deltas("output_text", part["text"], at),
        ];
      case "refusal":
        return [
          { type: "response.content_part.added", ...where, ...at, part: { ...part, refusal: "" } },
          ...deltas("refusal", part["refusal"], at),
        ];
      case "reasoning_text":
        return deltas("reasoning_text", part["text"], at);
      default:
        return deltas("reasoning_summary_text", part["text"], { summary_index: place });
    }
  });
  return [
    { type: "response.output_item.added", output_index: index, item: added },
    ...(seed % 3 === 0 ? [] : inner),
    ...deltas("function_call_arguments", item["arguments"]),
    ...deltas("custom_tool_call_input", item["input"]),
    ...(seed % 5 === 0 ? [] : [{ type: "response.output_item.done", output_index: index, item }]),
  ];
}

function wholeOf(generated: readonly Generated[]): JsonObject {
  const usage = { input_tokens: 9, output_tokens: 3, total_tokens: 12, input_tokens_details: { cached_tokens: 1 } };
  const whole = {
    id: "resp_9",
    object: "response",
    created_at: 7,
    status: "completed",
    model: "m",
    output: generated.map(itemOf),
    usage,
  };
  // A half of a character pair is no text that JSON in UTF-8 could carry.
  return JSON.parse(JSON.stringify(whole));
}

/** The stream of the same answer, items one after the other, or side by side as their starts allow. */
function streamOf(whole: JsonObject, seed: number): string[] {
  const lanes = arrayOf(whole["output"]).map((item, index) => laneOf(objectOf(item) ?? {}, index, seed));
  const longest = Math.max(0, ...lanes.map((lane) => lane.length));
  const mixed =
    seed % 2 === 0
      ? lanes.flat()
      : Array.from({ length: longest }, (_, turn) => lanes.flatMap((lane) => lane[turn] ?? [])).flat();
  const begun = { ...whole, status: "in_progress", output: [], usage: null };
  return [{ type: "response.created", response: begun }, ...mixed, { type: "response.completed", response: whole }].map(
    (event) => JSON.stringify(event),
  );
}

const generatedItems = fc.array(itemArbitrary, { maxLength: 4 });

test("a stream, however it is cut, means what the whole answer means", () => {
  fc.assert(
    fc.property(generatedItems, fc.nat(1000), (generated, seed) => {
      const whole = wholeOf(generated);
      const streamed = decode(openaiResponses, streamOf(whole, seed));
      assert.deepEqual(
        meaning(streamed, openaiResponses),
        meaning(readAnswer(openaiResponses, whole), openaiResponses),
      );
    }),
    { numRuns: 200 },
  );
});

test("every prefix of a stream is a failure, for the decoder, the tap and the encoder", () => {
  fc.assert(
    fc.property(generatedItems, fc.nat(1000), (generated, seed) => {
      const lines = streamOf(wholeOf(generated), seed);
      for (let length = 0; length < lines.length; length += 1) {
        const prefix = lines.slice(0, length);
        const decoded = decode(openaiResponses, prefix);
        assert.equal(failureOf(decoded)?.kind, "broken-stream");
        assert.equal(watch(openaiResponses, prefix).seen.failure?.kind, "broken-stream");
        assert.doesNotMatch(encode(openaiResponses, decoded), /event: response\.(?:completed|incomplete)/);
      }
    }),
    { numRuns: 40 },
  );
});

test("what is encoded keeps the grammar, is what writeAnswer writes, and means the same when it is read again", () => {
  fc.assert(
    fc.property(generatedItems, fc.nat(1000), (generated, seed) => {
      const decoded = decode(openaiResponses, streamOf(wholeOf(generated), seed));
      const { events, response } = written(decoded);
      const answer: JsonObject = JSON.parse(openaiResponses.ingress.writeAnswer(decoded, context()));
      assert.deepEqual(answer, response);
      const again = decode(
        openaiResponses,
        events.map((event) => JSON.stringify(event)),
      );
      assert.deepEqual(heard(again), heard(decoded));
      assert.deepEqual(heard(readAnswer(openaiResponses, answer)), heard(decoded));
    }),
    { numRuns: 100 },
  );
});

/** The parts of an answer with their texts, and its end. */
function heard(events: ReturnType<typeof decode>): Json {
  const { candidates, usage, failure } = objectOf(meaning(events, openaiResponses)) ?? {};
  const parts = arrayOf(candidates).flatMap((candidate) =>
    arrayOf(objectOf(candidate)?.["parts"]).map((part) => [
      objectOf(part)?.["head"] ?? null,
      objectOf(part)?.["text"] ?? null,
    ]),
  );
  const [first] = arrayOf(candidates);
  // Counts that nobody knew are written as 0.
  const counts = { ...objectOf(usage), reasoningTokens: 0 };
  return [parts, objectOf(first)?.["finish"] ?? null, counts, failure ?? null];
}

test("an answer's items go back as the input that they were", () => {
  fc.assert(
    fc.property(generatedItems, (generated) => {
      const input = [{ type: "message", role: "user", content: "x" }, ...arrayOf(wholeOf(generated)["output"])];
      const body = { model: "m", input };
      const first = openaiResponses.ingress.readRequest(body, asked(body));
      assert.ok(first.ok);
      const rewritten: JsonObject = JSON.parse(
        JSON.stringify(openaiResponses.egress.writeRequest(first.value.request, dialect).body),
      );
      const second = openaiResponses.ingress.readRequest(rewritten, asked(rewritten));
      assert.ok(second.ok);
      assert.deepEqual(second.value.request, first.value.request);
    }),
    { numRuns: 200 },
  );
});

const names = (
  "__proto__ constructor type item item_id output_index content_index summary_index part delta text " +
  "refusal arguments input name namespace call_id id content summary role response output status error " +
  "usage incomplete_details tools annotations logprobs"
).split(" ");
const words = [
  "",
  ...(
    "x message reasoning function_call custom_tool_call output_text refusal user assistant completed " +
    "failed incomplete function_call_output input_text summary_text namespace function"
  ).split(" "),
];
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, depthSize: "large" },
    fc.constantFrom<Json>(null, 0, 1, true, ...words),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom(...names), tie("tree")), { maxLength: 5 })
      .map((entries) => Object.fromEntries(entries)),
  ),
}));
const types = fc.constantFrom(
  ...(
    "created output_item.added output_item.done content_part.added content_part.done output_text.delta " +
    "output_text.done output_text.annotation.added refusal.delta reasoning_text.delta completed failed " +
    "reasoning_summary_text.delta reasoning_summary_text.done function_call_arguments.delta incomplete " +
    "function_call_arguments.done custom_tool_call_input.delta tomorrow"
  ).split(" "),
);
const known = fc.record({
  type: fc.constantFrom(...words),
  id: fc.constantFrom("a", "b"),
  name: tree,
  content: tree,
  summary: tree,
  arguments: tree,
});
const hostileEvent = fc.oneof(
  tree,
  fc.record({
    type: types.map((type) => `response.${type}`),
    output_index: fc.constantFrom<Json>(0, 1, null, "0"),
    item: fc.oneof(known, tree),
    part: tree,
    delta: tree,
    text: tree,
    response: fc.oneof(
      fc.record({ status: tree, output: fc.array(fc.oneof(known, tree), { maxLength: 2 }), tools: tree }),
      tree,
    ),
  }),
);

test("any JSON is decoded without a throw, and decoder and tap agree on what fails", () => {
  fc.assert(
    fc.property(fc.array(hostileEvent, { maxLength: 5 }), (events) => {
      const data = events.map((event) => JSON.stringify(event));
      const decoded = decode(openaiResponses, data);
      eventsOf(encode(openaiResponses, decoded));
      assert.deepEqual(watch(openaiResponses, data).seen.failure, failureOf(decoded));
      const whole = objectOf(events[0]);
      if (whole === undefined) return;
      const read = readAnswer(openaiResponses, whole);
      const tap = openaiResponses.egress.tap({ dropUsageEvent: false });
      tap.whole(whole);
      assert.deepEqual(tap.seen.failure, failureOf(read));
      if (failureOf(read) === undefined) openaiResponses.ingress.writeAnswer(read, context(whole));
    }),
    { numRuns: 1000 },
  );
});

test("any JSON is read as a request without a throw, and what is read can be written", () => {
  fc.assert(
    fc.property(
      fc.record({ model: fc.constant("m"), input: tree, tools: tree, text: tree, reasoning: tree, tool_choice: tree }),
      (body) => {
        const result = openaiResponses.ingress.readRequest(body, asked(body));
        if (result.ok) openaiResponses.egress.writeRequest(result.value.request, dialect);
      },
    ),
    { numRuns: 1000 },
  );
});
