import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Dialect } from "../../kernel/codec.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf } from "../shared/json.ts";
import { asked, context, failureOf, readAnswer } from "../shared/support.test.ts";
import { openaiEmbeddings } from "./index.ts";
import { decodeVector, encodeVector } from "./vector.ts";

const dialect: Dialect = { streamUsage: true, developerRole: true };

function again(body: JsonObject): Json {
  const result = openaiEmbeddings.ingress.readRequest(body, asked(body));
  assert.ok(result.ok, result.ok ? "" : result.failure.message);
  return openaiEmbeddings.egress.writeRequest(result.value.request, dialect).body;
}

const inputs: readonly (readonly [Json, Json])[] = [
  ["text", "text"],
  [["text"], "text"],
  [
    ["a", "b"],
    ["a", "b"],
  ],
  [[1, 2, 3], [[1, 2, 3]]],
  [
    [[1], [2, 3]],
    [[1], [2, 3]],
  ],
];
for (const [input, expected] of inputs) {
  test(`the input ${JSON.stringify(input)} is read and written`, () => {
    assert.deepEqual(again({ model: "m", input, dimensions: 3, user: "u", encoding_format: "base64", x: 1 }), {
      model: "m",
      input: expected,
      dimensions: 3,
      user: "u",
      x: 1,
    });
  });
}

const refused: readonly (readonly [JsonObject, string, RegExp])[] = [
  [{}, "input", /Missing/],
  [{ input: 5 }, "input", /one of a string or array, but got an integer/],
  [{ input: "" }, "input", /cannot be an empty string/],
  [{ input: [] }, "input", /empty array/],
  [{ input: ["a", ""] }, "input[1]", /cannot be an empty string/],
  [{ input: ["a", 1] }, "input[1]", /expected a string/],
  [{ input: [1, "a"] }, "input[1]", /expected a token id/],
  [{ input: [[1], []] }, "input[1]", /empty array/],
  [{ input: [[-1]] }, "input[0]", /expected a token id/],
  [
    { input: Array.from({ length: 2049 }, () => "a") },
    "input",
    /maximum length 2048, but got an array with length 2049/,
  ],
  [{ input: "a", dimensions: 0 }, "dimensions", /below minimum/],
  [{ input: "a", encoding_format: "hex" }, "encoding_format", /'float' and 'base64'/],
];
for (const [fields, param, message] of refused) {
  test(`a malformed request is refused by name: ${JSON.stringify(fields).slice(0, 60)}`, () => {
    const result = openaiEmbeddings.ingress.readRequest({ model: "m", ...fields }, asked(fields));
    assert.ok(!result.ok);
    assert.equal(result.failure.kind, "bad-request");
    assert.ok(result.failure.param?.startsWith(param), result.failure.param);
    assert.match(result.failure.message, message);
  });
}

const answer: JsonObject = {
  object: "list",
  data: [
    { object: "embedding", index: 0, embedding: [0.5, -0.25] },
    { object: "embedding", index: 1, embedding: [1, 2] },
  ],
  model: "text-embedding-3-small",
  usage: { prompt_tokens: 8, total_tokens: 8 },
};
const write = (body: JsonObject, request: JsonObject = {}): JsonObject =>
  JSON.parse(openaiEmbeddings.ingress.writeAnswer(readAnswer(openaiEmbeddings, body), context(request)));

test("an answer comes back equal, in numbers and from base64", () => {
  assert.deepEqual(write(answer), answer);
  const encoded = write(answer, { encoding_format: "base64" });
  assert.deepEqual(arrayOf(encoded["data"])[0], { object: "embedding", index: 0, embedding: "AAAAPwAAgL4=" });
  assert.deepEqual(write(encoded), answer);
});

test("vectors are put in the order of their index, and unknown usage stays unknown", () => {
  const { usage, ...rest } = answer;
  assert.ok(usage);
  const written = write({ ...rest, data: arrayOf(answer["data"]).toReversed() });
  assert.deepEqual(written["data"], answer["data"]);
  assert.ok(!("usage" in written));
});

const broken: readonly (readonly [JsonObject, string])[] = [
  [{ error: { message: "x", code: 429 } }, "rate-limited"],
  [{}, "bad-response"],
  [{ data: [] }, "bad-response"],
  [{ data: [{ embedding: "!" }] }, "bad-response"],
  [{ data: [{ embedding: "AAAA" }] }, "bad-response"],
  [{ data: [{ embedding: [] }] }, "bad-response"],
  [{ data: [{ embedding: [1, "2"] }] }, "bad-response"],
  [{ data: [null] }, "bad-response"],
];
for (const [body, kind] of broken) {
  test(`an answer is a failure: ${JSON.stringify(body)}`, () => {
    const events = readAnswer(openaiEmbeddings, body);
    assert.equal(failureOf(events)?.kind, kind);
    assert.equal(events.length, 1);
  });
}

test("base64 and numbers hold the same vector, as 32-bit floats", () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 20 }),
      (vector) => {
        assert.deepEqual(decodeVector(encodeVector(vector)), vector);
      },
    ),
  );
});

test("the tap reads usage and model, and sees an error in a 200", () => {
  const tap = openaiEmbeddings.egress.tap({ dropUsageEvent: false });
  tap.whole(answer);
  assert.deepEqual(tap.seen, {
    started: true,
    finished: true,
    done: true,
    model: "text-embedding-3-small",
    usage: { inputTokens: 8 },
  });
  assert.equal(tap.end(), "");
  const other = openaiEmbeddings.egress.tap({ dropUsageEvent: false });
  other.whole({ error: "no" });
  assert.equal(other.seen.failure?.kind, "upstream-error");
});
