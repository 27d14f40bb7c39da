import assert from "node:assert/strict";
import { test } from "node:test";
import { inTime } from "../../test/support/in-time.ts";
import { foldName, readField, scanObject } from "./json-scan.ts";
import { Rope } from "./rope.ts";

function scan(text: string, depth = 64) {
  return scanObject(Buffer.from(text), depth);
}

/** Names and value texts of the members. */
function members(text: string): readonly (readonly [string, string])[] {
  const bytes = Buffer.from(text);
  const outcome = scanObject(bytes, 64);
  assert.ok(outcome.ok, outcome.ok ? "" : `${outcome.message} at ${outcome.offset} in ${text}`);
  assert.equal(bytes[outcome.object.open], 123);
  assert.equal(bytes[outcome.object.close], 125);
  return outcome.object.fields.map(({ name, keyStart, valueStart, valueEnd }) => {
    assert.equal(bytes[keyStart], 34);
    return [name, bytes.toString("utf8", valueStart, valueEnd)];
  });
}

const valid: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ["{}", []],
  [" \t\r\n{ \t\r\n} \t\r\n", []],
  ['{"a":1}', [["a", "1"]]],
  [
    '{ "a" : 1 , "b" : 2 }',
    [
      ["a", "1"],
      ["b", "2"],
    ],
  ],
  ['{"":""}', [["", '""']]],
  [
    '{"a":-0,"b":0,"c":-0.0e-0}',
    [
      ["a", "-0"],
      ["b", "0"],
      ["c", "-0.0e-0"],
    ],
  ],
  [
    '{"a":1.5E+3,"b":1e308,"c":1e-999}',
    [
      ["a", "1.5E+3"],
      ["b", "1e308"],
      ["c", "1e-999"],
    ],
  ],
  ['{"a":9007199254740993}', [["a", "9007199254740993"]]],
  [`{"a":${"9".repeat(300)}}`, [["a", "9".repeat(300)]]],
  [
    '{"a":true,"b":false,"c":null}',
    [
      ["a", "true"],
      ["b", "false"],
      ["c", "null"],
    ],
  ],
  [
    '{"a":[],"b":{},"c":[ ],"d":{ }}',
    [
      ["a", "[]"],
      ["b", "{}"],
      ["c", "[ ]"],
      ["d", "{ }"],
    ],
  ],
  [
    '{"a":[1,[2,{"a":"]}"}],3] ,"b":1}',
    [
      ["a", '[1,[2,{"a":"]}"}],3]'],
      ["b", "1"],
    ],
  ],
  [
    '{"2":1,"1":2,"b":3}',
    [
      ["2", "1"],
      ["1", "2"],
      ["b", "3"],
    ],
  ],
  [
    '{"__proto__":{"a":1},"constructor":2}',
    [
      ["__proto__", '{"a":1}'],
      ["constructor", "2"],
    ],
  ],
  [
    '{"\\u006dodel":"x","a\\"b\\\\":1}',
    [
      ["model", '"x"'],
      ['a"b\\', "1"],
    ],
  ],
  ['{"é😀":"ü\\ud83d\\ude00"}', [["é😀", '"ü\\ud83d\\ude00"']]],
  ['{"a":{"b":1,"b":2}}', [["a", '{"b":1,"b":2}']]],
  ['{"a":"\\x\u0001"}', [["a", '"\\x\u0001"']]],
];

for (const [text, expected] of valid) {
  test(`scans ${text.slice(0, 60)}`, () => assert.deepEqual(members(text), expected));
}

const invalid: readonly (readonly [text: string, message: string, offset: number])[] = [
  ["", "the body is empty", 0],
  [" \n ", "the body is empty", 3],
  ["[]", "the body must be a JSON object", 0],
  ["null", "the body must be a JSON object", 0],
  ['"{}"', "the body must be a JSON object", 0],
  ["\u0000", "the body must be a JSON object", 0],
  ["\ufeff{}", "the body must be a JSON object", 0],
  ["{}{}", "unexpected text behind the JSON object", 2],
  ["{} x", "unexpected text behind the JSON object", 3],
  ["{}\u0000", "unexpected text behind the JSON object", 2],
  ["{", "the body ends where a string should be", 1],
  ["{a:1}", "expected a string but found 'a'", 1],
  ["{'a':1}", "expected a string but found '''", 1],
  ["{,}", "expected a string but found ','", 1],
  ["{1:1}", "expected a string but found '1'", 1],
  ["{\u0000}", "expected a string but found byte 0x00", 1],
  ["{é}", "expected a string but found byte 0xc3", 1],
  ['{"a"}', "expected ':' but found '}'", 4],
  ['{"a"', "the body ends where ':' should be", 4],
  ['{"a" 1}', "expected ':' but found '1'", 5],
  ['{"a":', "the body ends where a value should be", 5],
  ['{"a":}', "expected a value but found '}'", 5],
  ['{"a":1', "the body ends where ',' or '}' should be", 6],
  ['{"a":1]', "expected ',' or '}' but found ']'", 6],
  ['{"a":1 2}', "expected ',' or '}' but found '2'", 7],
  ['{"a":1,}', "expected a string but found '}'", 7],
  ['{"a":1,,}', "expected a string but found ','", 7],
  ['{"a":[', "the body ends where a value should be", 6],
  ['{"a":[1', "the body ends where ',' or ']' should be", 7],
  ['{"a":[1,]}', "expected a value but found ']'", 8],
  ['{"a":[,1]}', "expected a value but found ','", 6],
  ['{"a":[1}}', "expected ',' or ']' but found '}'", 7],
  ['{"a":[1 2]}', "expected ',' or ']' but found '2'", 8],
  ['{"a":{"b":1]}', "expected ',' or '}' but found ']'", 11],
  ['{"a":{"b":1,}}', "expected a string but found '}'", 12],
  ['{"a":{"b"}}', "expected ':' but found '}'", 9],
  ['{"a":{1:2}}', "expected a string but found '1'", 6],
  ['{"a":[]"b":1}', "expected ',' or '}' but found '\"'", 7],
  ['{"a":"b', "a string is not closed", 5],
  ['{"a":"b\\', "a string is not closed", 5],
  ['{"a":"b\\"}', "a string is not closed", 5],
  [`{"a":"${"x".repeat(50)}\\"}`, "a string is not closed", 5],
  ['{"a', "a string is not closed", 1],
  ['{"a\\x":1}', "a field name has a bad escape", 1],
  ['{"a":01}', "expected a value but found '0'", 5],
  ['{"a":-01}', "expected a value but found '-'", 5],
  ['{"a":00}', "expected a value but found '0'", 5],
  ['{"a":+1}', "expected a value but found '+'", 5],
  ['{"a":.5}', "expected a value but found '.'", 5],
  ['{"a":1.}', "expected a value but found '1'", 5],
  ['{"a":1e}', "expected a value but found '1'", 5],
  ['{"a":1-2}', "expected a value but found '1'", 5],
  ['{"a":-}', "expected a value but found '-'", 5],
  ['{"a":--1}', "expected a value but found '-'", 5],
  ['{"a":0x10}', "expected ',' or '}' but found 'x'", 6],
  ['{"a":1_000}', "expected ',' or '}' but found '_'", 6],
  ['{"a":\u000b1}', "expected a value but found byte 0x0b", 5],
  ['{"a":1\u000c}', "expected ',' or '}' but found byte 0x0c", 6],
  ['{"a":NaN}', "expected a value but found 'N'", 5],
  ['{"a":Infinity}', "expected a value but found 'I'", 5],
  ['{"a":-Infinity}', "expected a value but found '-'", 5],
  ['{"a":undefined}', "expected a value but found 'u'", 5],
  ['{"a":True}', "expected a value but found 'T'", 5],
  ['{"a":tru}', "expected a value but found 't'", 5],
  ['{"a":truex}', "expected ',' or '}' but found 'x'", 9],
  ['{"a":nul', "expected a value but found 'n'", 5],
  ['{"a":1e999}', "a number is out of range", 5],
  ['{"a":[0,-1e309]}', "a number is out of range", 8],
  [`{"a":${"9".repeat(310)}}`, "a number is out of range", 5],
  ['{"a":1\u00a0}', "expected ',' or '}' but found byte 0xc2", 6],
  ['{"a":1}//', "unexpected text behind the JSON object", 7],
  ['{/**/"a":1}', "expected a string but found '/'", 1],
  ['{"a":1,"a":2}', 'the field "a" is given twice', 7],
  ['{"model":1,"b":2,"MODEL":3}', 'the field "MODEL" is given twice', 17],
  ['{"model":1,"\\u006dodel":3}', 'the field "model" is given twice', 11],
  ['{"\\u004dodel":1,"model":3}', 'the field "model" is given twice', 16],
  ['{"messages":1,"me\u017f\u017fages":2}', 'the field "me\u017f\u017fages" is given twice', 14],
  ['{"k":1,"\u212a":2}', 'the field "\u212a" is given twice', 7],
  ['{"é":1,"É":2}', 'the field "É" is given twice', 8],
];

for (const [text, message, offset] of invalid) {
  test(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.deepEqual(scan(text), { ok: false, message, offset });
  });
}

test("a message repeats only the beginning of a long name", () => {
  const name = "n".repeat(100_000);
  const outcome = scan(`{"${name}":1,"${name}":2}`);
  assert.ok(!outcome.ok && outcome.message.length < 120);
});

function nested(open: string, close: string, levels: number): string {
  return `{"a":${open.repeat(levels)}1${close.repeat(levels)}}`;
}

for (const [open, close] of [
  ["[", "]"],
  ['{"a":', "}"],
  ['[{"b":', "}]"],
] as const) {
  const each = open.startsWith("[{") ? 2 : 1;
  test(`${open} may be nested up to the depth and no deeper`, () => {
    assert.ok(scan(nested(open, close, 6), 6 * each + 1).ok);
    const outcome = scan(nested(open, close, 6), 6 * each);
    assert.ok(!outcome.ok);
    assert.equal(outcome.message, `nested deeper than ${6 * each} levels`);
  });
}

test("depth 64 passes and depth 65 is refused at the bracket that is too deep", () => {
  assert.ok(scan(nested("[", "]", 63)).ok);
  assert.deepEqual(scan(nested("[", "]", 64)), {
    ok: false,
    message: "nested deeper than 64 levels",
    offset: 5 + 63,
  });
  assert.ok(scan("{}", 1).ok);
  assert.ok(!scan('{"a":[]}', 1).ok);
});

test("200,000 brackets are refused at once, whatever depth is asked for, and a thousand are scanned", async () => {
  await inTime(500, async () => {
    const text = nested("[", "]", 200_000);
    const started = performance.now();
    assert.ok(!scan(text).ok);
    assert.deepEqual(scan(nested("[", "]", 1022), Infinity).ok, true);
    assert.deepEqual(scan(nested("[", "]", 1024), Infinity), {
      ok: false,
      message: "nested deeper than 1024 levels",
      offset: 5 + 1023,
    });
    assert.ok(!scan(`{"a":${"[".repeat(200_000)}`, 1_000_000).ok);
    return performance.now() - started;
  });
});

for (const count of [15, 16, 17, 18, 40]) {
  test(`among ${count} names, each is told from a second one of its kind`, () => {
    const names = Array.from({ length: count }, (_, index) => `"n${index}":0`);
    assert.ok(scan(`{${names.join(",")}}`).ok);
    for (const index of names.keys()) {
      const outcome = scan(`{${names.join(",")},"N${index}":0}`);
      assert.deepEqual(outcome.ok ? "" : outcome.message, `the field "N${index}" is given twice`);
    }
  });
}

// Every piece at every distance from the opening quote, so also across the end of what is stepped through by hand.
const pieces = [
  '\\"',
  "\\\\",
  '\\\\\\"',
  '\\"\\"',
  "\\u0022",
  "\\ud83d\\ude00",
  "é",
  "😀",
  "\\n",
  "\\/",
  '\\\\\\\\\\"',
];

test("a string ends at its own quote, whatever stands at whatever distance", () => {
  for (const piece of pieces) {
    for (let before = 0; before < 50; before++) {
      for (const after of [0, 1, 19, 20, 21]) {
        const inner = `"${"x".repeat(before)}${piece}${"y".repeat(after)}"`;
        const name = JSON.parse(inner) as string;
        assert.deepEqual(members(`{${inner}:${inner},"z":[${inner},{${inner}:${inner}}]}`), [
          [name, inner],
          ["z", `[${inner},{${inner}:${inner}}]`],
        ]);
      }
    }
  }
});

test("a cut-off document is refused at every byte", () => {
  const text = Buffer.from(
    ' {"a\\"é": [1.5, {"b": "\\\\\\u00e9", "c": null}, true, "a longer text \\" than twenty bytes"]}',
  );
  assert.ok(scanObject(text, 64).ok);
  for (let length = 0; length < text.length; length++) {
    const outcome = scanObject(text.subarray(0, length), 64);
    assert.ok(!outcome.ok && outcome.offset <= length, `accepted ${length} bytes`);
  }
});

test("readField gives the parsed value, and undefined for what is absent or not JSON after all", () => {
  const bytes = Buffer.from('{"a":{"b":[1,"é"]},"bad":"\\x","control":"\n","null":null}');
  const outcome = scanObject(bytes, 64);
  assert.ok(outcome.ok);
  assert.deepEqual(readField(new Rope([bytes]), outcome.object, "a"), { b: [1, "é"] });
  assert.equal(readField(new Rope([bytes]), outcome.object, "null"), null);
  for (const name of ["bad", "control", "none", "A", "__proto__", "toString"]) {
    assert.equal(readField(new Rope([bytes]), outcome.object, name), undefined, name);
  }
});

test("names fold together as servers without regard to case fold them", () => {
  for (const [a, b] of [
    ["Model", "mODEL"],
    ["\u212a", "k"],
    ["\u017f", "S"],
    ["Σ", "ς"],
    ["É", "é"],
  ] as const) {
    assert.equal(foldName(a), foldName(b));
  }
  assert.notEqual(foldName("model"), foldName("model_"));
});

/** The quickest of several runs, in milliseconds. */
function quickest(work: () => unknown): number {
  let best = Infinity;
  for (let run = 0; run < 7; run++) {
    const started = performance.now();
    work();
    best = Math.min(best, performance.now() - started);
  }
  return best;
}

for (const [what, piece] of [
  ["backslashes", "\\\\"],
  ["escaped quotes", '\\"'],
  ["quotes behind text", `${"x".repeat(30)}\\"`],
  ["quotes behind backslashes", `${"\\\\".repeat(30)}\\"`],
] as const) {
  test(`a string of ${what} takes time in proportion to its length`, () => {
    const length = 100_000;
    const body = (bytes: number) => Buffer.from(`{"a":"${piece.repeat(bytes / piece.length)}"}`);
    const short = body(length);
    const long = body(4 * length);
    const one = quickest(() => assert.ok(scanObject(short, 64).ok));
    const four = quickest(() => assert.ok(scanObject(long, 64).ok));
    // Quadratic time would be 16 times as much.
    assert.ok(four < 9 * one + 1, `${four} ms for four times what takes ${one} ms`);
  });
}

test("an unclosed string of quotes takes time in proportion to its length", () => {
  const body = Buffer.from(`{"a":"${'\\"'.repeat(500_000)}`);
  assert.ok(quickest(() => assert.ok(!scanObject(body, 64).ok)) < 200);
});

const roleCases: readonly (readonly [string, readonly string[]])[] = [
  ['{"messages":[{"role":"user","content":"a"},{"role":"developer"},{"role":"user"}]}', ["user", "developer"]],
  ['{"input":[{"content":[{"x":1}],"role" : "tool"}]}', ["tool"]],
  ['{"role":"top"}', []],
  ['{"messages":[{"content":"\\"role\\":\\"developer\\""}]}', []],
  ['{"messages":[{"role":1},{"role":null},{"role":{"role":"inner"}}]}', ["inner"]],
  [`{"messages":[{"role":"${"x".repeat(40)}"}]}`, []],
  ['{"messages":[{"rule":"user"},{"Role":"user"}]}', []],
];
for (const [text, roles] of roleCases) {
  test(`who speaks in ${text.slice(0, 60)}`, () => {
    const outcome = scanObject(Buffer.from(text), 64);
    assert.ok(outcome.ok);
    assert.deepEqual([...outcome.object.roles], roles);
  });
}
