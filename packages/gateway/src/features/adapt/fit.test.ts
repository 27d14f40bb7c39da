import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { NameRule } from "../../kernel/codec.ts";
import { fitAll, fits, fitted, free } from "./fit.ts";

const plain: NameRule = { character: /[a-zA-Z0-9_-]/, longest: 64 };
const gemini: NameRule = { character: /[a-zA-Z0-9_.:-]/, first: /[a-zA-Z_]/, longest: 64 };
const mistral: NameRule = { character: /[a-zA-Z0-9]/, longest: 9, shortest: 9 };

const cases: readonly { what: string; text: string; rule: NameRule; matches: RegExp }[] = [
  { what: "what fits stays", text: "get_weather", rule: plain, matches: /^get_weather$/ },
  { what: "a dot is replaced", text: "files.read", rule: plain, matches: /^files_read_[0-9a-f]{10}$/ },
  { what: "a dot stays where it is allowed", text: "files.read", rule: gemini, matches: /^files\.read$/ },
  { what: "a long one is cut", text: "a".repeat(80), rule: plain, matches: /^a{53}_[0-9a-f]{10}$/ },
  { what: "just long enough stays", text: "a".repeat(64), rule: plain, matches: /^a{64}$/ },
  { what: "a digit may not stand first", text: "3d_view", rule: gemini, matches: /^tool_3d_view_[0-9a-f]{10}$/ },
  { what: "nothing becomes something", text: "", rule: plain, matches: /^tool_[0-9a-f]{10}$/ },
  { what: "foreign letters are replaced", text: "prüfe😀", rule: plain, matches: /^pr_fe__[0-9a-f]{10}$/ },
  { what: "no room but for the hash", text: "call_1", rule: mistral, matches: /^[0-9a-f]{9}$/ },
  { what: "too short", text: "abc", rule: mistral, matches: /^[0-9a-f]{9}$/ },
];

for (const { what, text, rule, matches } of cases) {
  test(`fitting a name: ${what}`, () => {
    assert.match(fitted(text, rule, { stem: "tool" }), matches);
  });
}

test("names that differ only in what is replaced stay different", () => {
  const names = ["a.b", "a:b", "a/b", "a b", `${"x".repeat(70)}1`, `${"x".repeat(70)}2`];
  assert.equal(new Set(names.map((name) => fitted(name, plain, { stem: "tool" }))).size, names.length);
});

test("a name that looks like another one's short form keeps itself, and the other gives way", () => {
  const short = fitted("a.b", plain, { stem: "tool" });
  const changed = fitAll(new Set(["a.b", short]), plain, "tool");
  assert.equal(changed.has(short), false);
  assert.notEqual(changed.get("a.b"), short);
});

test("a rule without room for all texts still comes to an end", () => {
  const tiny: NameRule = { character: /[0-9a-f]/, longest: 1 };
  const taken = new Set("0123456789abcdef");
  assert.equal(free("x", tiny, { stem: "tool", taken }).length, 1);
});

test("property: any text fits in the end, the same way each time, and not again differently", () => {
  const rules = [plain, gemini, mistral, { character: /[a-z0-9]/g, longest: Infinity }];
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 100 }), fc.constantFrom(...rules), (text, rule) => {
      const short = fitted(text, rule, { stem: "tool" });
      assert.ok(fits(short, rule), short);
      assert.equal(fitted(text, rule, { stem: "tool" }), short);
      assert.equal(fitted(short, rule, { stem: "tool" }), short);
    }),
    { numRuns: 200 },
  );
});
