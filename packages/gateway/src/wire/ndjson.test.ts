import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NdjsonSplitter } from "./ndjson.ts";

const limit = 1 << 20;

interface Reading {
  /** The lines that say something. */
  readonly data: readonly string[];
  /** All blocks, as text. */
  readonly blocks: readonly string[];
  readonly raw: Buffer;
}

function read(chunks: Iterable<Buffer>): Reading {
  const splitter = new NdjsonSplitter(limit);
  const blocks = [...chunks].flatMap((chunk) => splitter.push(chunk));
  blocks.push(...splitter.end());
  assert.ok(!splitter.overflow);
  for (const { message } of blocks) assert.equal(message?.event ?? "", "");
  return {
    data: blocks.flatMap(({ message }) => (message === undefined ? [] : [message.data])),
    blocks: blocks.map(({ raw }) => raw.toString()),
    raw: Buffer.concat(blocks.map(({ raw }) => raw)),
  };
}

function cut(bytes: Buffer, positions: readonly number[]): Buffer[] {
  return [0, ...positions].map((start, index) => bytes.subarray(start, positions[index] ?? bytes.length));
}

const streams: readonly (readonly [what: string, text: string, data: readonly string[]])[] = [
  ["lines", '{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
  ["CRLF", '{"a":1}\r\n{"b":2}\r\n', ['{"a":1}', '{"b":2}']],
  ["a carriage return alone, which ends nothing", '{"a":\r1}\n', ['{"a":\r1}']],
  ["blank lines", '\n\r\n{"a":1}\n\n \n{"b":2}\n\n', ['{"a":1}', '{"b":2}']],
  ["a last line without line feed", '{"a":1}\n{"b":2}', ['{"a":1}', '{"b":2}']],
  ["characters of several bytes", '{"a":"é😀"}\n{"ü":"日本語"}\n', ['{"a":"é😀"}', '{"ü":"日本語"}']],
  ["escaped line feeds within a line", String.raw`{"a":"x\ny"}` + "\n", [String.raw`{"a":"x\ny"}`]],
  ["other line separators, which end nothing", '{"a":"\u2028\u0085\u000b"}\n', ['{"a":"\u2028\u0085\u000b"}']],
  ["half a line at the end", '{"a":1}\n{"b":', ['{"a":1}', '{"b":']],
  ["nothing", "", []],
];

for (const [what, text, data] of streams) {
  test(`a stream with ${what} reads the same wherever it is cut once or twice, or at every byte`, () => {
    const bytes = Buffer.from(text);
    const whole = read([bytes]);
    assert.deepEqual(whole.data, data);
    assert.equal(whole.raw.toString(), text === "" || text.endsWith("\n") ? text : `${text}\n`);
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        assert.deepEqual(read(cut(bytes, [first, second])), whole, `cut at ${first} and ${second}`);
      }
    }
    assert.deepEqual(read(cut(bytes, [...bytes.keys()].slice(1))), whole);
  });
}

const line = fc.oneof(
  { weight: 5, arbitrary: fc.json().map((text) => text.replaceAll("\n", " ")) },
  fc.constantFrom("", " ", "\r", "é", "😀", '{"a":"b"}\r'),
);

test("any lines, however their bytes are cut, give the same blocks, whose bytes add up to the stream", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.boolean(), fc.array(fc.nat(400)), (lines, closed, positions) => {
      const bytes = Buffer.from(lines.map((each) => `${each}\n`).join("") + (closed ? "" : "{"));
      const places = positions.filter((at) => at < bytes.length).toSorted((left, right) => left - right);
      const reading = read(cut(bytes, places));
      assert.deepEqual(reading.blocks, [...lines.map((each) => `${each}\n`), ...(closed ? [] : ["{\n"])]);
      assert.deepEqual(reading.data, [...lines.map((each) => each.trim()), ...(closed ? [] : ["{"])].filter(Boolean));
      assert.ok(reading.raw.subarray(0, bytes.length).equals(bytes));
    }),
    { numRuns: 200 },
  );
});

test("a line of just the limit passes, and one byte more is too much, however it comes", () => {
  for (const size of [1, 3, 10]) {
    const splitter = new NdjsonSplitter(10);
    const blocks = cut(Buffer.from("123456789\n123456789\n"), [size, 2 * size]).flatMap((chunk) =>
      splitter.push(chunk),
    );
    assert.deepEqual(
      blocks.map(({ message }) => message?.data),
      ["123456789", "123456789"],
    );
    assert.ok(!splitter.overflow);
    for (const text of ["1234567890\n", "12345678901"]) {
      const strict = new NdjsonSplitter(10);
      assert.deepEqual(
        cut(Buffer.from(text), [size]).flatMap((chunk) => strict.push(chunk)),
        [],
      );
      assert.ok(strict.overflow);
      assert.deepEqual(strict.push(Buffer.from("{}\n")), [], "nothing more is read");
      assert.deepEqual(strict.end(), []);
    }
  }
});

test("the lines before one that is too long still come out", () => {
  const splitter = new NdjsonSplitter(5);
  assert.deepEqual(
    splitter.push(Buffer.from("{}\n1234567\n{}\n")).map(({ message }) => message?.data),
    ["{}"],
  );
  assert.ok(splitter.overflow);
});

test("a chunk may be overwritten once its lines were taken", () => {
  const splitter = new NdjsonSplitter(limit);
  const chunk = Buffer.from('{"a"');
  splitter.push(chunk);
  chunk.fill(0x78);
  assert.deepEqual(
    splitter.push(Buffer.from(":1}\n")).map(({ message }) => message?.data),
    ['{"a":1}'],
  );
});

test("a long line that comes byte by byte takes no more than linear time", () => {
  const size = 200_000;
  const splitter = new NdjsonSplitter(size + 1);
  const byte = Buffer.from("x");
  for (let index = 0; index < size; index++) assert.equal(splitter.push(byte).length, 0);
  assert.equal(splitter.push(Buffer.from("\n"))[0]?.message?.data.length, size);
});
