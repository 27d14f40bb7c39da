import assert from "node:assert/strict";
import { test } from "node:test";
import { Rope } from "../../wire/rope.ts";
import { readRequest } from "./generate.ts";

const read = (text: string | Buffer) =>
  readRequest(new Rope([typeof text === "string" ? Buffer.from(text) : text]), 64, false);

test("model and stream are read, and everything else is left as it is", () => {
  const result = read('{"x":[1,{"model":"inner"}],"stream":true,"mod\\u0065l":"a\\u0062","MODELS":1}');
  assert.ok(result.ok);
  assert.equal(result.value.model, "ab");
  assert.equal(result.value.body.stream, true);
});

test("a stream that is left out or null is none", () => {
  for (const text of ['{"model":"m"}', '{"model":"m","stream":null}', '{"model":"m","stream":false}']) {
    const result = read(text);
    assert.ok(result.ok && !result.value.body.stream);
  }
});

/** Bodies, and the field that is at fault. */
const refused: readonly (readonly [body: string, param: string | undefined])[] = [
  ["", undefined],
  ["[]", undefined],
  ["{}", "model"],
  ['{"model":null}', "model"],
  ['{"model":""}', "model"],
  ['{"model":" "}', "model"],
  ['{"model":{}}', "model"],
  ['{"model":"\\x"}', "model"],
  [`{"model":"${"m".repeat(513)}"}`, "model"],
  ['{"Model":"m"}', "Model"],
  ['{"MODEL":"m","stream":true}', "MODEL"],
  ['{"mOd\\u0065l":"m"}', "mOdel"],
  ['{"model":"m","Stream":true}', "Stream"],
  ['{"model":"m","\u017Ftream":true}', "\u017Ftream"],
  ['{"model":"m","model":"n"}', undefined],
  ['{"model":"m","stream":"yes"}', "stream"],
  ['{"model":"m","stream":0}', "stream"],
];

for (const [body, param] of refused) {
  test(`refuses ${body.slice(0, 60)}`, () => {
    const result = read(body);
    assert.ok(!result.ok);
    assert.equal(result.failure.kind, "bad-request");
    assert.equal(result.failure.param, param);
  });
}

test("bytes that are no UTF-8 are refused", () => {
  const result = read(Buffer.from('{"model":"\xff"}', "latin1"));
  assert.equal(result.ok ? undefined : result.failure.message, "The request body is not valid UTF-8.");
});
