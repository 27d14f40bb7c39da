import assert from "node:assert/strict";
import { test } from "node:test";
import { readDocument } from "./document.ts";

const lines = (text: string): readonly string[] =>
  readDocument(text).problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);

test("JSON is read as it is", () => {
  const { value, problems } = readDocument('{"a": [1, true, null, "x"], "b": {"c": 1.5}}\n');
  assert.deepEqual(problems, []);
  assert.deepEqual(JSON.parse(JSON.stringify(value)), { a: [1, true, null, "x"], b: { c: 1.5 } });
});

test("words of YAML 1.1 are texts, whatever a directive says", () => {
  const { value } = readDocument("%YAML 1.1\n---\na: yes\nb: 2001-01-01\nc: 012\n");
  assert.deepEqual(JSON.parse(JSON.stringify(value)), { a: "yes", b: "2001-01-01", c: 12 });
});

test("positions count lines and columns from 1, with a byte order mark and with Windows line ends", () => {
  const tree = readDocument("\uFEFFa: 1\r\nb:\r\n  - c: x\r\n");
  assert.deepEqual(tree.locate(["b", 0, "c"]), { line: 3, column: 8 });
  assert.deepEqual(tree.locateKey(["b", 0, "c"]), { line: 3, column: 5 });
  assert.deepEqual(tree.locate(["b", 0, "missing"]), { line: 3, column: 5 });
  assert.deepEqual(tree.locate(["nowhere", 1]), { line: 1, column: 2 });
});

test("anchors and aliases are followed", () => {
  const { value, problems } = readDocument("a: &x [1, 2]\nb: *x\nc: &x 3\nd: *x\n");
  assert.deepEqual(problems, []);
  assert.deepEqual(JSON.parse(JSON.stringify(value)), { a: [1, 2], b: [1, 2], c: 3, d: 3 });
});

test("an alias bomb is refused before it goes off", () => {
  const levels = Array.from({ length: 30 }, (_, level) => {
    const alias = level === 0 ? '"lol"' : `*a${level - 1}`;
    return `a${level}: &a${level} [${Array(9).fill(alias).join(", ")}]`;
  });
  const began = performance.now();
  assert.match(lines(levels.join("\n")).join(), /more than 100000 values, aliases expanded/);
  assert.ok(performance.now() - began < 2000);
});

test("a document beyond 1 MiB is refused unread", () => {
  assert.deepEqual(lines("x".repeat(1024 * 1024 + 1)), ["1:1: the document is longer than 1 MiB"]);
});

for (const [name, text] of [
  ["brackets", "[".repeat(30_000)],
  ["braces", "{a: ".repeat(30_000)],
  ["dashes", "- ".repeat(30_000)],
  ["question marks", "? ".repeat(30_000)],
  ["closed brackets", "[".repeat(100) + "]".repeat(100)],
] as const) {
  test(`deep nesting of ${name} is refused`, () => {
    assert.match(lines(text).join(), /nested (too deeply|more than 64 levels deep)/);
  });
}

test("of a file that is no document at all, a hundred problems are listed at most", () => {
  assert.ok(lines("&a ".repeat(5000)).length <= 101);
});

test("what the parser stumbles over is not repeated, since it may be a secret", () => {
  const canary = "sk-canary-1234";
  for (const text of [
    `a: [${canary}\nb: ${canary}: ${canary}`,
    `a: {b} ${canary}`,
    `a: | ${canary}\n  x`,
    `a: !${canary} x`,
    `a: *${canary}`,
    `a: &${canary} &${canary} x`,
    `%${canary}\n---\na: 1`,
    `"a" "${canary}"`,
    `- a\n${canary}`,
  ]) {
    const found = lines(text);
    assert.ok(found.length > 0, text);
    assert.ok(!found.join().includes(canary), found.join());
  }
});
