import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { wrapInput, WrappedInput } from "./wrapped-input.ts";

function unwrap(...pieces: readonly string[]): string {
  const input = new WrappedInput();
  return pieces.map((piece) => input.push(piece)).join("") + input.end();
}

const patch = '*** Begin Patch\n+say "hi"\t\\o/ \u{1F600}\u0000';
const many = "x".repeat(70_000);

/** Arguments as a model may write them, and the text that they mean. */
const cases: readonly { what: string; from: string; text: string }[] = [
  { what: "as we ask for it", from: wrapInput(patch), text: patch },
  { what: "with space everywhere", from: ' {\n "input" :\t"a b" } \r\n', text: "a b" },
  { what: "an empty text", from: '{"input":""}', text: "" },
  { what: "every escape", from: String.raw`{"input":"\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00"}`, text: '"\\/\b\f\n\r\té😀' },
  { what: "half a pair alone", from: String.raw`{"input":"a\ud83d"}`, text: "a\ud83d" },
  { what: "another field behind", from: '{"input":"a", "why":"b\\"}"}', text: "a" },
  { what: "another field before", from: '{"why":"b","input":"a\\n"}', text: "a\n" },
  { what: "the name escaped", from: String.raw`{"\u0069nput":"a"}`, text: "a" },
  { what: "cut in the text", from: '{"input":"half a', text: "half a" },
  { what: "cut in an escape", from: String.raw`{"input":"a\u12`, text: String.raw`a\u12` },
  { what: "cut behind the text", from: '{"input":"a"', text: "a" },
  { what: "cut in the opening", from: '{"inp', text: '{"inp' },
  { what: "an escape that is none", from: String.raw`{"input":"\q\u12"}`, text: String.raw`\q\u12` },
  { what: "line ends that were not escaped", from: '{"input":"a\nb"}', text: "a\nb" },
  { what: "quotes that were not escaped", from: '{"input":"say "hi""}', text: 'say "hi"' },
  { what: "such quotes before a comma", from: '{"input":"a "b", c"}', text: 'a "b", c' },
  { what: "nothing", from: "", text: "" },
  { what: "free text", from: patch, text: patch },
  { what: "an empty object", from: "{}", text: "{}" },
  { what: "a JSON string", from: '"a"', text: '"a"' },
  { what: "another type", from: '{"input":["a"]}', text: '{"input":["a"]}' },
  { what: "another name", from: '{"inputs":"a"}', text: '{"inputs":"a"}' },
  { what: "much free text", from: many, text: many },
  { what: "a long text in another form", from: `{"why":"","input":"${many}"}`, text: `{"why":"","input":"${many}"}` },
  {
    what: "much space before the opening",
    from: `${" ".repeat(70_000)}{"input":"a"}`,
    text: `${" ".repeat(70_000)}{"input":"a"}`,
  },
];

for (const { what, from, text } of cases) {
  test(`the free text within arguments: ${what}`, () => {
    assert.equal(unwrap(from), text);
    assert.equal(unwrap(...from.split("")), text, "in single characters");
  });
}

test("the text comes as it grows", () => {
  const input = new WrappedInput();
  const pieces = ['{"in', 'put": "', "abc", "d\\", "ne", '"', "}"];
  assert.deepEqual(
    pieces.map((piece) => input.push(piece)),
    ["", "", "abc", "d", "\ne", "", ""],
  );
});

test("the halves of a pair travel together", () => {
  const input = new WrappedInput();
  assert.equal(input.push('{"input":"a\\ud83d'), "a");
  assert.equal(input.push("\\ude00"), "\u{1F600}");
});

/** Texts that look like JSON, or nearly so. */
const nearJson = fc
  .array(
    fc.constantFrom("{", "}", '"', "\\", "u", "00e9", "d83d", "de00", ",", ":", "input", " ", "\n", "x", '{"input":"'),
    {
      maxLength: 20,
    },
  )
  .map((pieces) => pieces.join(""));

test("property: any text comes out of its own wrapping unchanged", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary" }), nearJson, fc.string({ unit: fc.constantFrom("\ud83d", "\ude00", "a") })),
      (text) => {
        assert.equal(unwrap(wrapInput(text)), text);
        assert.equal(unwrap(JSON.stringify({ input: text }, undefined, 2)), text);
      },
    ),
    { numRuns: 200 },
  );
});

test("property: however the arguments are cut, the text is the same", () => {
  const whole = fc.oneof(
    nearJson,
    nearJson.map((text) => `{"input":"${text}`),
    nearJson.map(wrapInput),
  );
  fc.assert(
    fc.property(whole, fc.array(fc.nat(40), { maxLength: 8 }), (text, cuts) => {
      const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
      const pieces = places.slice(1).map((end, index) => text.slice(places[index], end));
      assert.equal(unwrap(...pieces), unwrap(text));
    }),
    { numRuns: 500 },
  );
});
