import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { renderedObject } from "./json-arbitrary.test-data.ts";
import { foldName, readField, scanObject } from "./json-scan.ts";
import { Rope } from "./rope.ts";

test("of any object, the scan finds each member's name and the exact bytes of its key and value", () => {
  fc.assert(
    fc.property(renderedObject, ({ text, members }) => {
      const bytes = Buffer.from(text);
      const outcome = scanObject(bytes, 64);
      assert.ok(outcome.ok);
      const { fields, open, close } = outcome.object;
      assert.equal(bytes.toString("utf8", 0, open).trim(), "");
      assert.equal(bytes.toString("utf8", close + 1).trim(), "");
      assert.deepEqual(
        fields.map(({ name, valueStart, valueEnd }) => ({
          name,
          valueText: bytes.toString("utf8", valueStart, valueEnd),
        })),
        members.map(({ name, valueText }) => ({ name, valueText })),
      );
      const parsed = JSON.parse(text) as object;
      // Engines list names that look like array indexes first.
      assert.deepEqual(fields.map(({ name }) => name).toSorted(), Object.keys(parsed).toSorted());
      for (const [index, { name, value, keyText }] of members.entries()) {
        const start = fields[index]?.keyStart ?? -1;
        const key = Buffer.from(keyText);
        assert.ok(bytes.subarray(start, start + key.length).equals(key));
        assert.deepEqual(readField(new Rope([bytes]), outcome.object, name), value);
      }
    }),
    { numRuns: 500 },
  );
});

test("of any object that JSON.stringify writes, the scan finds the names in their order", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()),
      fc.constantFrom(0, 1, 3),
      (object, indent) => {
        const folded = new Set(Object.keys(object).map(foldName));
        fc.pre(folded.size === Object.keys(object).length);
        const outcome = scanObject(Buffer.from(JSON.stringify(object, null, indent)), 64);
        assert.ok(outcome.ok);
        assert.deepEqual(
          outcome.object.fields.map(({ name }) => name),
          Object.keys(object),
        );
      },
    ),
    { numRuns: 200 },
  );
});

const seeds = [
  '{"model":"gpt-4o","messages":[{"role":"user","content":"a \\"quoted\\" \\\\ text \\u00e9 longer than twenty"}],"n":1.5e3}',
  ' { "a" : [ 1 , -2.50 , true , false , null , "" , {} , [] ] , "b\\u0041" : { "c" : { "d" : "é😀" } } } ',
  '{"0":10,"x":[[[[]]]],"y":1e308,"z":"\\\\\\\\\\"\\\\"}',
].map((text) => Buffer.from(text));

/** Bytes that matter to the grammar are put in more often than others. */
const byte = fc.oneof(
  fc.constantFrom(...Buffer.from('"\\{}[],:0123456789-+.eE tfn\nu/x\u0000')),
  fc.integer({ min: 0, max: 255 }),
);
const mutation = fc.tuple(fc.constantFrom("set", "insert", "delete", "flip", "cut", "copy"), fc.nat(), byte);

const mutated = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...seeds),
      renderedObject.map(({ text }) => Buffer.from(text)),
    ),
    fc.array(mutation, { maxLength: 4 }),
  )
  .map(([seed, mutations]) => {
    let bytes = [...seed];
    for (const [kind, position, value] of mutations) {
      const at = position % (bytes.length + 1);
      if (kind === "set") bytes[at] = value;
      else if (kind === "insert") bytes.splice(at, 0, value);
      else if (kind === "delete") bytes.splice(at, 1);
      else if (kind === "flip") bytes[at] = (bytes[at] ?? 0) ^ (1 << (value & 7));
      else if (kind === "copy") bytes.splice(at, 0, ...bytes.slice(at, at + (value % 16)));
      else bytes = bytes.slice(0, at);
    }
    return Buffer.from(bytes);
  });

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The text with the inside of each string replaced: what is left is the grammar that the scan answers for. */
function withoutStrings(text: string): string {
  return text.replace(/"(?:[^"\\]|\\[^])*"/g, '""');
}

/** A key as a parser reads it; `written` holds a character for each byte. */
function keyName(written: string): string {
  return foldName(JSON.parse(Buffer.from(written, "latin1").toString("utf8")) as string);
}

const stricter: readonly (readonly [RegExp, (text: string, at: number) => boolean])[] = [
  [/^the body must be a JSON object$/, (text) => !text.trimStart().startsWith("{")],
  [
    /is given twice$/,
    (text, at) => {
      const here = /^"(?:[^"\\]|\\[^])*"/.exec(text.slice(at))?.[0] ?? "";
      const before = text.slice(0, at).match(/"(?:[^"\\]|\\[^])*"(?=\s*:)/g) ?? [];
      return before.some((key) => keyName(key) === keyName(here));
    },
  ],
  [/^a number is out of range$/, (text, at) => !Number.isFinite(Number(/^[-+.0-9eE]+/.exec(text.slice(at))?.[0]))],
];

test("of mangled bytes, the scan accepts what JSON.parse accepts, but for what it documents", () => {
  const counts = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(mutated, (bytes) => {
      // One character for each byte, so that offsets mean the same; both parsers look at ASCII only outside strings.
      const text = bytes.toString("latin1");
      const outcome = scanObject(bytes, 64);
      if (outcome.ok) {
        counts.accepted++;
        // Whatever JSON.parse has against it is inside a string.
        assert.ok(parses(text) || parses(withoutStrings(text)), text);
        assert.ok(
          outcome.object.fields.every(({ valueStart, valueEnd }) =>
            parses(withoutStrings(text.slice(valueStart, valueEnd))),
          ),
        );
        return;
      }
      counts.refused++;
      assert.ok(outcome.offset >= 0 && outcome.offset <= bytes.length);
      if (!parses(text)) return;
      const reason = stricter.find(([message]) => message.test(outcome.message));
      assert.ok(reason?.[1](text, outcome.offset), `${outcome.message} at ${outcome.offset} in ${text}`);
    }),
    { numRuns: 3000 },
  );
  assert.ok(counts.accepted > 200 && counts.refused > 200, JSON.stringify(counts));
});

test("arbitrary bytes are refused or scanned, never thrown at", () => {
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 40 }), (inner) => {
      const outcome = scanObject(Buffer.from([123, ...inner, 125]), 8);
      if (!outcome.ok) assert.ok(outcome.offset <= inner.length + 2);
    }),
    { numRuns: 3000 },
  );
});
