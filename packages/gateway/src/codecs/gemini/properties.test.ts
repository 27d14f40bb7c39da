import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SseSplitter } from "../../wire/sse.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest } from "../../kernel/request.ts";
import { arrayOf, objectOf, without } from "../shared/json.ts";
import { context, decode, encode, failureOf, meaning, readAnswer, watch } from "../shared/support.test.ts";
import { gemini, geminiArray, geminiEmbeddings } from "./index.ts";
import { chunksOf, dataOf, dialect } from "./support.test.ts";

const head = { modelVersion: "gemini-3-pro", responseId: "r1" };
const usageMetadata = { promptTokenCount: 9, candidatesTokenCount: 3, totalTokenCount: 12 };

const words = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).map((text) => text.toWellFormed());
const signature = fc.constantFrom({}, {}, { thoughtSignature: "Uw==" });
const data = fc.dictionary(words, fc.oneof(words, fc.integer(), fc.constant(null)), {
  maxKeys: 3,
  noNullPrototype: true,
});
const textPart = fc
  .tuple(words, fc.boolean(), signature)
  .map(([text, thought, rest]): JsonObject => ({ text, ...(thought && { thought }), ...rest }));
const callPart = fc.tuple(words, data, signature, fc.option(words)).map(([name, args, rest, id]): JsonObject => ({
  functionCall: { ...(id !== null && { id: `x${id}` }), name, args },
  ...rest,
}));
const otherPart = fc.constantFrom<JsonObject>(
  { inlineData: { mimeType: "image/png", data: "aGk=" } },
  { inlineData: { mimeType: "audio/wav", data: "aGk=" }, thoughtSignature: "Uw==" },
  { executableCode: { language: "PYTHON", code: "1" } },
);
/** Texts of one kind never follow each other unsigned: in a stream they would be one. */
const partList = fc.array(fc.oneof(textPart, callPart, otherPart), { maxLength: 5 }).map((parts) =>
  parts.filter((part, place) => {
    const before = parts[place - 1];
    const both = typeof part["text"] === "string" && typeof before?.["text"] === "string";
    return !both || part["thought"] !== before?.["thought"];
  }),
);
const candidates = fc
  .array(partList, { minLength: 1, maxLength: 2 })
  .map((lists) =>
    lists.map((parts, index): JsonObject => ({ content: { parts, role: "model" }, finishReason: "STOP", index })),
  );

/** The stream of the same answer: texts are cut, and the candidates take turns. */
function streamOf(all: readonly JsonObject[], seed: number): string[] {
  const lanes = all.map((candidate) => {
    const parts = arrayOf(objectOf(candidate["content"])?.["parts"]).flatMap((part) => cut(objectOf(part) ?? {}, seed));
    const pieces = parts.map((part): JsonObject => ({ ...candidate, content: { parts: [part], role: "model" } }));
    const last: JsonObject = { ...candidate, content: { parts: [{ text: "" }], role: "model" } };
    const early = new Set(["finishReason"]);
    return [...pieces.map((piece) => without(piece, early)), last];
  });
  const longest = Math.max(...lanes.map((lane) => lane.length));
  const turns = Array.from({ length: longest }, (_, turn) => lanes.flatMap((lane) => lane[turn] ?? []));
  return turns.map((turn) => JSON.stringify({ candidates: turn, usageMetadata, ...head }));
}

function cut(part: JsonObject, seed: number): JsonObject[] {
  const { text, thought, ...rest } = part;
  if (typeof text !== "string") return [part];
  const kind = thought === true ? { thought } : {};
  // A signature comes with the last piece, or behind it.
  const letters = Array.from(text);
  const at = letters.length === 0 ? 0 : seed % letters.length;
  const pieces = [letters.slice(0, at).join(""), letters.slice(at).join("")].filter((piece) => piece !== "");
  const isBehind = seed % 2 === 0 && Object.keys(rest).length > 0;
  return [
    ...pieces.map((piece, place) => ({ text: piece, ...kind, ...(!isBehind && place === pieces.length - 1 && rest) })),
    ...(isBehind ? [{ text: "", ...kind, ...rest }] : []),
  ];
}

const wholeOf = (all: readonly JsonObject[]): JsonObject => ({ candidates: all, usageMetadata, ...head });

test("a whole answer that is read, written and read again is the same", () => {
  fc.assert(
    fc.property(candidates, (all) => {
      const events = readAnswer(gemini, wholeOf(all));
      const again = readAnswer(gemini, JSON.parse(gemini.ingress.writeAnswer(events, context())));
      assert.deepEqual(meaning(again, gemini), meaning(events, gemini));
    }),
    { numRuns: 200 },
  );
});

test("a stream, however it is cut, means what the whole answer means, also when it is encoded and decoded again", () => {
  fc.assert(
    fc.property(candidates, fc.nat(1000), (all, seed) => {
      // Ids that are made up are numbered in the order of arrival, which is another where candidates take turns.
      const plain = (events: Parameters<typeof meaning>[0]) =>
        JSON.parse(JSON.stringify(meaning(events, gemini)).replaceAll(/call_attempt-1_\d/g, "made"));
      const events = decode(gemini, streamOf(all, seed));
      assert.deepEqual(plain(events), plain(readAnswer(gemini, wholeOf(all))));
      assert.deepEqual(plain(decode(gemini, dataOf(encode(gemini, events)))), plain(events));
      assert.deepEqual(JSON.parse(encode(geminiArray, events)), chunksOf(encode(gemini, events)));
    }),
    { numRuns: 200 },
  );
});

test("every prefix of a stream is a failure, for the decoder, the tap and the encoder", () => {
  fc.assert(
    fc.property(partList, fc.nat(1000), (parts, seed) => {
      const stream = streamOf([{ content: { parts }, finishReason: "STOP", index: 0 }], seed);
      for (let length = 0; length < stream.length; length += 1) {
        const prefix = stream.slice(0, length);
        const decoded = decode(gemini, prefix);
        assert.equal(failureOf(decoded)?.kind, "broken-stream");
        assert.equal(watch(gemini, prefix).seen.failure?.kind, "broken-stream");
        assert.equal(objectOf(chunksOf(encode(gemini, decoded)).at(-1)?.["error"])?.["code"], 502);
      }
      const { seen } = watch(gemini, stream);
      assert.equal(seen.failure, undefined);
      assert.deepEqual(
        seen.finish,
        decode(gemini, stream).flatMap((each) => (each.type === "finish" ? [each.reason] : []))[0],
      );
    }),
    { numRuns: 60 },
  );
});

test("a stream that arrives byte by byte is the same stream", () => {
  fc.assert(
    fc.property(candidates, fc.integer({ min: 1, max: 7 }), (all, size) => {
      const bytes = Buffer.from(encode(gemini, decode(gemini, streamOf(all, 3))));
      const machine = new SseSplitter(1_000_000);
      const found: string[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        for (const { message } of machine.push(bytes.subarray(at, at + size))) if (message) found.push(message.data);
      }
      for (const { message } of machine.end()) if (message) found.push(message.data);
      assert.deepEqual(found, dataOf(bytes.toString()));
    }),
    { numRuns: 40 },
  );
});

const contents = fc.array(fc.tuple(partList, words), { minLength: 1, maxLength: 3 }).map((turns) => [
  ...turns.flatMap(([parts, text]): JsonObject[] => {
    const calls = parts.map((each) => objectOf(each["functionCall"])).filter((each) => each !== undefined);
    return [
      { role: "user", parts: [{ text }] },
      ...(parts.length > 0 ? [{ role: "model", parts }] : []),
      ...(calls.length > 0 && parts.length > 0
        ? [
            {
              role: "user",
              parts: calls.map(({ id, name }) => ({
                functionResponse: { ...(id !== undefined && { id }), name: name ?? "", response: { output: text } },
              })),
            },
          ]
        : []),
    ];
  }),
  { role: "user", parts: [{ text: "last" }] },
]);

function again(request: GenerationRequest): GenerationRequest {
  const { body, losses } = gemini.egress.writeRequest(request, dialect);
  assert.deepEqual(losses, []);
  const read = gemini.ingress.readRequest(JSON.parse(JSON.stringify(body)), { model: request.model, stream: false });
  assert.ok(read.ok && read.value.request.operation === "generate");
  return read.value.request;
}

test("a request that is read, written and read again is the same", () => {
  fc.assert(
    fc.property(contents, (list) => {
      const read = gemini.ingress.readRequest({ contents: list }, { model: "gemini-2.5-pro", stream: false });
      assert.ok(read.ok && read.value.request.operation === "generate", JSON.stringify(read));
      // Neighbours of one role are one from then on.
      const once = again(read.value.request);
      assert.deepEqual(again(once), once);
      const parts = ({ messages }: GenerationRequest) => messages.flatMap((message) => message.parts);
      assert.deepEqual(parts(once), parts(read.value.request));
    }),
    { numRuns: 150 },
  );
});

const key = fc.constantFrom(
  ..."contents role parts text thought thoughtSignature inlineData fileData functionCall functionResponse".split(" "),
  ..."name id args response partialArgs jsonPath willContinue mimeType data fileUri candidates content index".split(
    " ",
  ),
  ..."finishReason usageMetadata promptFeedback blockReason error code details systemInstruction tools".split(" "),
  ..."functionDeclarations parameters generationConfig responseSchema thinkingConfig toolConfig requests".split(" "),
  ..."functionCallingConfig mode embedding embeddings values type properties $ref".split(" "),
  "__proto__",
  "constructor",
);
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, depthSize: "large" },
    fc.constantFrom<Json>(null, true, 0, 1, "", "x", "user", "model", "STOP", "$.a[0].b", "$.a", "#"),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie("tree")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
}));
const part = fc.dictionary(key, tree, { maxKeys: 4 });
const hostile = fc.oneof(
  tree,
  fc.record({
    candidates: fc.array(
      fc.record({
        index: fc.constantFrom(0, 1, "0"),
        content: fc.record({ parts: fc.array(part, { maxLength: 3 }) }),
        finishReason: fc.constantFrom(null, "", "STOP", 5),
      }),
      { maxLength: 2 },
    ),
  }),
);

test("any JSON is decoded without a throw, and decoder and tap agree on what fails", () => {
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 4 }), (values) => {
      const stream = values.map((value) => JSON.stringify(value));
      const decoded = decode(gemini, stream);
      for (const codec of [gemini, geminiArray]) encode(codec, decoded);
      assert.deepEqual(watch(gemini, stream).seen.failure, failureOf(decoded));
      const whole = objectOf(values[0]);
      if (whole === undefined) return;
      for (const codec of [gemini, geminiEmbeddings]) {
        const read = readAnswer(codec, whole);
        const tap = codec.egress.tap({ dropUsageEvent: false });
        tap.whole(whole);
        assert.deepEqual(tap.seen.failure, failureOf(read));
        if (failureOf(read) === undefined) codec.ingress.writeAnswer(read, context());
        codec.egress.readError(400, whole);
      }
    }),
    { numRuns: 500 },
  );
});

test("any body is read, or refused, without a throw, and what was read can be written", () => {
  const content = fc.record({
    role: fc.constantFrom("user", "model", "system"),
    parts: fc.array(part, { maxLength: 3 }),
  });
  const body = fc.oneof(
    fc.dictionary(key, tree),
    fc.record({ contents: fc.array(content, { maxLength: 3 }), tools: tree, generationConfig: tree, toolConfig: tree }),
  );
  fc.assert(
    fc.property(body, (given) => {
      for (const codec of [gemini, geminiEmbeddings]) {
        const read = codec.ingress.readRequest(given, { model: "gemini-3-pro", stream: false });
        if (read.ok) JSON.stringify(codec.egress.writeRequest(read.value.request, dialect).body);
      }
    }),
    { numRuns: 500 },
  );
});
