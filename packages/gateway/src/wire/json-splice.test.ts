import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Edit } from "../kernel/edit.ts";
import type { Json } from "../kernel/json.ts";
import { renderedObject } from "./json-arbitrary.test-data.ts";
import { foldName, scanObject } from "./json-scan.ts";
import { splice } from "./json-splice.ts";

function set(field: string, value: Json): Edit {
  return { kind: "set", field, value };
}

function remove(field: string): Edit {
  return { kind: "remove", field };
}

function rename(field: string, to: string): Edit {
  return { kind: "rename", field, to };
}

function edited(text: string, edits: readonly Edit[]): string {
  const bytes = Buffer.from(text);
  const outcome = scanObject(bytes, 64);
  assert.ok(outcome.ok);
  return splice(bytes, outcome.object, edits).toString();
}

const three = ' { "a" : 1 , "b":[2] ,"c": "3" } ';

const cases: readonly (readonly [text: string, edits: readonly Edit[], expected: string])[] = [
  [three, [], three],
  [three, [set("b", "x")], ' { "a" : 1 , "b":"x" ,"c": "3" } '],
  [three, [set("z", { y: null })], ' {"z":{"y":null}, "a" : 1 , "b":[2] ,"c": "3" } '],
  [three, [set("y", 1), set("z", 2)], ' {"y":1,"z":2, "a" : 1 , "b":[2] ,"c": "3" } '],
  [three, [remove("a")], ' { "b":[2] ,"c": "3" } '],
  [three, [remove("b")], ' { "a" : 1 , "c": "3" } '],
  [three, [remove("c")], ' { "a" : 1 , "b":[2] } '],
  [three, [remove("a"), remove("b")], ' { "c": "3" } '],
  [three, [remove("c"), remove("b")], ' { "a" : 1 } '],
  [three, [remove("a"), remove("c")], ' { "b":[2] } '],
  [three, [remove("a"), remove("b"), remove("c")], " {  } "],
  [three, [remove("a"), remove("b"), remove("c"), set("z", 1)], ' {"z":1  } '],
  [three, [remove("c"), set("b", 0)], ' { "a" : 1 , "b":0 } '],
  [three, [rename("b", "d\n")], ' { "a" : 1 , "d\\n":[2] ,"c": "3" } '],
  [three, [rename("none", "x"), remove("absent")], three],
  ["{}", [set("a", 1)], '{"a":1}'],
  [" { } ", [set("a", 1), set("b", 2)], ' {"a":1,"b":2 } '],
  ["{}", [remove("a")], "{}"],
  ['{"a":1}', [remove("a")], "{}"],
  // An insertion and a cut at the very same byte.
  ['{"a":1,"b":2}', [remove("a"), set("z", 9)], '{"z":9,"b":2}'],
  ['{"a":1,"b":2}', [rename("a", "c"), set("z", 9)], '{"z":9,"c":1,"b":2}'],
  ['{"a":1}', [remove("a"), set("z", 9)], '{"z":9}'],
  ['{"A":1}', [set("a", 2), set("z", 9)], '{"z":9,"a":2}'],
  // The name's own quotes and colons do not lead astray.
  ['{"a\\"b:":"x\\"y"}', [rename('a"b:', "c")], '{"c":"x\\"y"}'],
  ['{"":1}', [rename("", "c")], '{"c":1}'],
  ['{"\\u0061" \n:\t1}', [rename("a", "b")], '{"b" \n:\t1}'],
  ['{"\\u0061":1}', [set("a", 2)], '{"\\u0061":2}'],
  ['{"__proto__":1,"b":2}', [remove("__proto__"), set("constructor", 3)], '{"constructor":3,"b":2}'],
  ['{"é":"😀","b":1}', [set("b", "ü")], '{"é":"😀","b":"ü"}'],
  // No name is ever given twice, in whatever case.
  ['{"a":1,"b":2}', [rename("a", "b")], '{"b":2}'],
  ['{"a":1,"B":2}', [rename("a", "b")], '{"B":2}'],
  ['{"a":1,"b":2}', [rename("a", "b"), rename("b", "a")], '{"b":1,"a":2}'],
  ['{"a":1,"b":2}', [rename("a", "b"), remove("b")], '{"b":1}'],
  ['{"a":1}', [rename("a", "b"), set("b", 5)], '{"b":5}'],
  ['{"a":1,"b":2}', [rename("a", "c"), rename("b", "c")], '{"c":1}'],
  ['{"a":1}', [rename("a", "A")], '{"A":1}'],
  ['{"A":1,"b":2}', [set("a", 5)], '{"a":5,"b":2}'],
  ['{"A":1,"b":2}', [remove("a")], '{"b":2}'],
];

for (const [text, edits, expected] of cases) {
  test(`${text.trim()} with ${JSON.stringify(edits)}`, () => assert.equal(edited(text, edits), expected));
}

test("without edits the very same bytes come back", () => {
  const bytes = Buffer.from(three);
  const outcome = scanObject(bytes, 64);
  assert.ok(outcome.ok);
  assert.equal(splice(bytes, outcome.object, []), bytes);
});

test("the bytes that come in are not written to", () => {
  const bytes = Buffer.from(three);
  const outcome = scanObject(bytes, 64);
  assert.ok(outcome.ok);
  splice(bytes, outcome.object, [remove("a"), set("b", "longer than before"), rename("c", "d")]);
  assert.equal(bytes.toString(), three);
});

interface Choice {
  readonly kind: Edit["kind"];
  readonly pick: number;
  readonly absent: string;
  readonly value: Json;
  readonly target: string;
  readonly targetPick: number;
}

const choice: fc.Arbitrary<Choice> = fc.record({
  kind: fc.constantFrom("set", "remove", "rename"),
  // Half of the edits are of a field that may be absent.
  pick: fc.nat({ max: 13 }),
  absent: fc.constantFrom("model", "stream", "b", "new", 'q"\\', "é", "__proto__"),
  value: fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  target: fc.constantFrom("renamed", "model", "x", "a"),
  targetPick: fc.nat({ max: 13 }),
});

function toEdits(names: readonly string[], choices: readonly Choice[]): readonly Edit[] {
  const edits = new Map<string, Edit>();
  for (const { kind, pick, absent, value, target, targetPick } of choices) {
    const field = names[pick] ?? absent;
    const edit =
      kind === "set"
        ? set(field, value)
        : kind === "remove"
          ? remove(field)
          : rename(field, names[targetPick] ?? target);
    if (!edits.has(foldName(field))) edits.set(foldName(field), edit);
  }
  return [...edits.values()];
}

interface Expected {
  readonly name: string;
  readonly edit: Edit | undefined;
  /** Where the member stood; -1 for one that was not there. */
  readonly index: number;
}

/** The members that should be there in the end. */
function expectedMembers(names: readonly string[], edits: readonly Edit[]): readonly Expected[] {
  const editOf = (name: string) => edits.find((edit) => foldName(edit.field) === foldName(name));
  const isThere = (name: string) => names.some((other) => foldName(other) === foldName(name));
  const settled = [
    ...names.filter((name) => (editOf(name)?.kind ?? "set") === "set"),
    ...edits.filter(({ kind }) => kind === "set").map(({ field }) => field),
  ];
  const taken = new Set(settled.map(foldName));
  const won = new Set<Edit>();
  for (const edit of edits) {
    if (edit.kind !== "rename" || !isThere(edit.field) || taken.has(foldName(edit.to))) continue;
    taken.add(foldName(edit.to));
    won.add(edit);
  }
  const inserted = edits.flatMap((edit) =>
    edit.kind === "set" && !isThere(edit.field) ? [{ name: edit.field, edit, index: -1 }] : [],
  );
  const kept = names.flatMap((name, index): Expected[] => {
    const edit = editOf(name);
    if (edit === undefined) return [{ name, edit, index }];
    if (edit.kind === "set") return [{ name: edit.field, edit, index }];
    return edit.kind === "rename" && won.has(edit) ? [{ name: edit.to, edit, index }] : [];
  });
  return [...inserted, ...kept];
}

test("of any object and any edits, the result holds what the edits say, and all else byte for byte", () => {
  fc.assert(
    fc.property(renderedObject, fc.array(choice, { maxLength: 9 }), ({ text }, choices) => {
      const bytes = Buffer.from(text);
      const before = scanObject(bytes, 64);
      assert.ok(before.ok);
      const { fields, open, close } = before.object;
      const edits = toEdits(
        fields.map(({ name }) => name),
        choices,
      );
      const result = splice(bytes, before.object, edits);
      const after = scanObject(result, 64);
      assert.ok(
        after.ok,
        after.ok ? "" : `${after.message}: ${text} with ${JSON.stringify(edits)} gave ${result.toString()}`,
      );
      const expected = expectedMembers(
        fields.map(({ name }) => name),
        edits,
      );
      assert.deepEqual(
        after.object.fields.map(({ name }) => name),
        expected.map(({ name }) => name),
      );
      for (const [index, { edit, index: from }] of expected.entries()) {
        const now = after.object.fields[index];
        const then = fields[from];
        assert.ok(now);
        const value = result.toString("utf8", now.valueStart, now.valueEnd);
        if (edit?.kind === "set") assert.equal(value, JSON.stringify(edit.value));
        else if (then === undefined) assert.fail("only a set field comes from nowhere");
        else {
          assert.equal(value, bytes.toString("utf8", then.valueStart, then.valueEnd));
          if (edit === undefined) {
            assert.ok(result.subarray(now.keyStart, now.valueEnd).equals(bytes.subarray(then.keyStart, then.valueEnd)));
          }
        }
      }
      assert.ok(result.subarray(0, open + 1).equals(bytes.subarray(0, open + 1)));
      assert.ok(result.subarray(after.object.close).equals(bytes.subarray(close)));
      JSON.parse(result.toString());
    }),
    { numRuns: 1000 },
  );
});

test("every set of removals from five members, with and without an insertion, leaves the others", () => {
  for (const [separator, gap] of [
    [",", ""],
    [" ,\n ", " "],
  ] as const) {
    const names = ["a", "b", "c", "d", "e"];
    const text = `{${gap}${names.map((name) => `"${name}":"${name}"`).join(separator)}${gap}}`;
    for (let mask = 0; mask < 32; mask++) {
      const gone = names.filter((_, index) => (mask >> index) & 1);
      const kept = names.filter((name) => !gone.includes(name)).map((name) => [name, name]);
      assert.deepEqual(Object.entries(JSON.parse(edited(text, gone.map(remove))) as object), kept);
      const inserted = edited(text, [...gone.map(remove), set("z", 1)]);
      assert.deepEqual(Object.entries(JSON.parse(inserted) as object), [["z", 1], ...kept]);
      const rejoined = edited(text, [set("z", 1), ...gone.toReversed().map(remove)]);
      assert.equal(rejoined, inserted);
    }
  }
});
