import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatKey, keyAlphabet, parseKey } from "./key-format.ts";

const digits = (length: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom(...keyAlphabet.split("")),
    minLength: length,
    maxLength: length,
  });
const parts = fc.record({ id: digits(8), secret: digits(43) }, { noNullPrototype: true });

// No key that is or was valid anywhere: its secret is one letter.
const sample = formatKey({ id: "abcdefgh", secret: "s".repeat(43) });

test("a key has 63 characters, and its checksum does not change between versions", () => {
  assert.equal(sample, `pbk_abcdefgh_${"s".repeat(43)}_4KUN2w`);
  assert.equal(sample.length, 63);
});

test("what is formatted is parsed", () => {
  fc.assert(fc.property(parts, (key) => assert.deepEqual(parseKey(formatKey(key)), key)));
});

test("a key with any one character changed is refused", () => {
  const change = fc.tuple(parts, fc.nat(62), fc.string({ unit: "binary", minLength: 1, maxLength: 1 }));
  fc.assert(
    fc.property(change, ([key, index, character]) => {
      const text = formatKey(key);
      fc.pre(text[index] !== character);
      assert.equal(parseKey(text.slice(0, index) + character + text.slice(index + 1)), undefined);
    }),
    { numRuns: 300 },
  );
});

test("any other text is refused, and nothing is thrown", () => {
  const junk = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.tuple(digits(8), digits(43), digits(6)).map(([id, secret, check]) => `pbk_${id}_${secret}_${check}`),
  );
  fc.assert(fc.property(junk, (text) => assert.equal(parseKey(text), undefined)));
});

const refused: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["the prefix alone", "pbk_"],
  ["a cut key", sample.slice(0, -1)],
  ["a key with a line end", `${sample}\n`],
  ["a key with a leading space", ` ${sample}`],
  ["two keys", `${sample}, ${sample}`],
  ["a key in capitals", sample.toUpperCase()],
  ["another prefix", `sk-${sample.slice(3)}`],
  ["SQL", "pbk_' OR 1=1 --"],
  ["ten kilobytes", "pbk_".padEnd(10_240, "a")],
  ["zero bytes", sample.replace("s", "\0")],
  ["full-width letters", sample.replace("s", "ｓ")],
];
for (const [name, text] of refused) {
  test(`${name}: refused`, () => assert.equal(parseKey(text), undefined));
}
