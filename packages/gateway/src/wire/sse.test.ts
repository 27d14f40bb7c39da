import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import type { WireEvent } from "../kernel/codec.ts";
import { SseSplitter } from "./sse.ts";

const limit = 1 << 20;

interface Reading {
  readonly messages: readonly WireEvent[];
  /** The blocks' bytes, one behind the other, with what `end` adds. */
  readonly raw: Buffer;
}

function read(chunks: Iterable<Buffer>): Reading {
  const splitter = new SseSplitter(limit);
  const blocks = [...chunks].flatMap((chunk) => splitter.push(chunk));
  blocks.push(...splitter.end());
  assert.ok(!splitter.overflow);
  return {
    messages: blocks.flatMap(({ message }) => (message === undefined ? [] : [message])),
    raw: Buffer.concat(blocks.map(({ raw }) => raw)),
  };
}

function cut(bytes: Buffer, positions: readonly number[]): Buffer[] {
  return [0, ...positions].map((start, index) => bytes.subarray(start, positions[index] ?? bytes.length));
}

/** The specification's own algorithm, over the whole text, in the plainest way. */
function reference(bytes: Buffer, lastWithoutBlank: boolean): WireEvent[] {
  const text = bytes
    .toString()
    .replace(/^\ufeff/, "")
    .replaceAll("\r\n", "\n")
    .replaceAll("\r", "\n");
  const lines = text.split("\n");
  const rest = lines.pop() ?? "";
  if (lastWithoutBlank) lines.push(rest, "");
  const messages: WireEvent[] = [];
  let event = "";
  let data = "";
  for (const line of lines) {
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/su.exec(line) ?? [];
    if (line === "") {
      if (data !== "") messages.push({ event, data: data.slice(0, -1) });
      event = "";
      data = "";
    } else if (field === "event") event = value ?? "";
    else if (field === "data") data += `${value ?? ""}\n`;
  }
  return messages;
}

/** What `end` may add: nothing behind a blank line, else the line ends that make the block a whole one. */
function checkReading(bytes: Buffer, reading: Reading): void {
  assert.deepEqual(reading.messages, reference(bytes, true));
  assert.ok(reading.raw.subarray(0, bytes.length).equals(bytes), "the bytes come out as they came in");
  const added = reading.raw.toString("latin1", bytes.length);
  assert.ok(["", "\n", "\n\n"].includes(added), JSON.stringify(added));
  const plain = bytes.toString().replaceAll("\r\n", "\n").replaceAll("\r", "\n");
  assert.equal(added === "", /^$|(?:^|\n)\n$/.test(plain), JSON.stringify(added));
  // A client that follows the specification to the letter reads the same.
  assert.deepEqual(reference(reading.raw, false), reading.messages);
}

const lines = [
  'data: {"a":1}',
  "",
  ": ping",
  "",
  "event: x",
  "data:two",
  "data:  lines",
  "id: 7",
  "",
  "data",
  "",
  "data: é😀",
  "",
];

const streams: readonly (readonly [what: string, text: string])[] = [
  ["line feeds", `${lines.join("\n")}\n`],
  ["carriage returns and line feeds", `${lines.join("\r\n")}\r\n`],
  ["carriage returns", `${lines.join("\r")}\r`],
  ["mixed line ends", lines.map((line, index) => line + ["\n", "\r\n", "\r"][index % 3]).join("")],
  ["line ends mixed in blank lines", "data: a\r\r\ndata: b\n\rdata: c\r\n\rdata: d\r\n\ndata: e\n\r\n"],
  ["a byte order mark", "\ufeffdata: a\n\ndata: b\n\n"],
  ["a byte order mark before a blank line", "\ufeff\r\n\ufeffdata: no field\r\ndata: a\r\n\r\n"],
  ["a byte order mark alone", "\ufeff"],
  ["a byte order mark in the middle", "data: a\n\n\ufeffdata: no field\n\ndata: \ufeffb\n\n"],
  ["comments", ":\n\n: a\n\n:data: no\ndata: a\n: in between\ndata: b\n\n::\n\n"],
  ["several lines of data", "data: a\ndata:\ndata: b\n\ndata\ndata\n\ndata:\n\n"],
  ["event names", "event: a\nevent: b\ndata: 1\n\nevent: lost\n\ndata: 2\n\nevent\ndata: 3\n\nevent:a:b\ndata:c:d\n\n"],
  ["ids and retries", "id: 1\nretry: 10\n\nid\ndata: a\nid: 2\n\n"],
  ["unknown fields", 'Data: no\ndatax: no\n data: no\ndata : no\n{"a":1}\ndata:yes\n\n'],
  ["blank lines in a row", "\n\n\r\n\r\r\ndata: a\n\n\n\n\r\rdata: b\r\r\r\n\n"],
  ["no blank line at the end", "data: a\n\ndata: b\n"],
  ["no line end at the end", "data: a\n\nevent: x\ndata: b"],
  ["no blank line at the end and CRLF", "data: a\r\n\r\ndata: b\r\n"],
  ["no blank line at the end and CR", "data: a\r\rdata: b\r"],
  ["a comment at the end", "data: a\n\n: bye"],
  ["nothing", ""],
  ["control characters", "data: a\u0000\u000b\u000c\u0085\u2028b\n\n"],
];

for (const [what, text] of streams) {
  test(`a stream with ${what} reads the same wherever it is cut once or twice, or at every byte`, () => {
    const bytes = Buffer.from(text);
    const whole = read([bytes]);
    checkReading(bytes, whole);
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const positions = second === first ? [first] : [first, second];
        const reading = read(cut(bytes, positions));
        if (!reading.raw.equals(whole.raw)) assert.fail(`the bytes differ when cut at ${positions.join(" and ")}`);
        if (
          reading.messages.length !== whole.messages.length ||
          JSON.stringify(reading.messages) !== JSON.stringify(whole.messages)
        ) {
          assert.deepEqual(reading.messages, whole.messages, `cut at ${positions.join(" and ")}`);
        }
      }
    }
    assert.deepEqual(read(cut(bytes, [...bytes.keys()].slice(1))), whole);
  });
}

const token = fc.oneof(
  fc.constantFrom("\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n"),
  fc.constantFrom(
    "data: ",
    "data:",
    "data",
    "event: x",
    "event:",
    "id: 1",
    ":",
    " ",
    ": c",
    '{"a":1}',
    "é😀",
    "\ufeff",
    "x",
  ),
);

test("any stream, cut anywhere, reads as the specification reads it", () => {
  fc.assert(
    fc.property(
      fc.array(token, { maxLength: 30 }),
      fc.array(fc.nat({ max: 120 }), { maxLength: 6 }),
      (tokens, places) => {
        const bytes = Buffer.from(tokens.join(""));
        const positions = [...new Set(places.filter((place) => place <= bytes.length))].toSorted((a, b) => a - b);
        checkReading(bytes, read(cut(bytes, positions)));
      },
    ),
    { numRuns: 4000 },
  );
});

test("arbitrary bytes come out as they came in", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), (pieces) => {
      const chunks = pieces.map((piece) => Buffer.from(piece));
      const bytes = Buffer.concat(chunks);
      assert.ok(read(chunks).raw.subarray(0, bytes.length).equals(bytes));
    }),
    { numRuns: 1000 },
  );
});

test("a block goes out with its blank line's carriage return; a line feed that follows it goes by itself", () => {
  const splitter = new SseSplitter(limit);
  const [first, ...more] = splitter.push(Buffer.from("data: a\r\n\r"));
  assert.deepEqual(first, { raw: Buffer.from("data: a\r\n\r"), message: { event: "", data: "a" } });
  assert.deepEqual(more, []);
  assert.deepEqual(splitter.push(Buffer.alloc(0)), []);
  assert.deepEqual(splitter.push(Buffer.from("\n")), [{ raw: Buffer.from("\n") }]);
  assert.deepEqual(splitter.end(), []);
});

test("a block of carriage returns goes out before anything follows it", () => {
  const splitter = new SseSplitter(limit);
  assert.deepEqual(splitter.push(Buffer.from("data: a\r")), []);
  assert.equal(splitter.push(Buffer.from("\r")).length, 1);
  assert.equal(splitter.push(Buffer.from("data: b\r\r")).length, 1);
});

for (const [begun, completed] of [
  ["data: a", "data: a\n\n"],
  ["data: a\n", "data: a\n\n"],
  ["data: a\r\n", "data: a\r\n\n"],
  ["data: a\r", "data: a\r\n\n"],
] as const) {
  test(`the end completes ${JSON.stringify(begun)} to a block, once`, () => {
    const splitter = new SseSplitter(limit);
    splitter.push(Buffer.from(begun));
    assert.deepEqual(splitter.end(), [{ raw: Buffer.from(completed), message: { event: "", data: "a" } }]);
    assert.deepEqual(splitter.end(), []);
  });
}

test("the chunk may be written over once its blocks are used", () => {
  const splitter = new SseSplitter(limit);
  const chunk = Buffer.from("data: a");
  splitter.push(chunk);
  chunk.fill(120);
  assert.equal(splitter.push(Buffer.from("b\n\n"))[0]?.message?.data, "ab");
});

test("blocks that went out are not written over by later ones", () => {
  const splitter = new SseSplitter(limit);
  splitter.push(Buffer.from("data: a"));
  const [first] = splitter.push(Buffer.from("\n\ndata: bbbb"));
  splitter.push(Buffer.from("\n\ndata: c"));
  splitter.end();
  assert.equal(first?.raw.toString(), "data: a\n\n");
});

const exactly = `data: ${"x".repeat(92)}\n\n`;

for (const size of [1, 7, 50, 1000]) {
  test(`a block of the limit passes and one byte more overflows, in pieces of ${size}`, () => {
    const pieces = (text: string) => {
      const bytes = Buffer.from(text);
      return cut(
        bytes,
        [...bytes.keys()].filter((at) => at > 0 && at % size === 0),
      );
    };
    const fits = new SseSplitter(100);
    assert.equal(
      pieces(exactly.repeat(3))
        .flatMap((piece) => fits.push(piece))
        .filter(({ message }) => message).length,
      3,
    );
    assert.ok(!fits.overflow);
    const over = new SseSplitter(99);
    assert.deepEqual(
      pieces(`data: a\n\n${exactly}`)
        .flatMap((piece) => over.push(piece))
        .map(({ message }) => message?.data),
      ["a"],
    );
    assert.ok(over.overflow);
    assert.deepEqual(over.push(Buffer.from("data: a\n\n")), []);
    assert.deepEqual(over.end(), []);
  });
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function memory(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test("a block held in single bytes takes memory in proportion to its bytes, and none after an overflow", async () => {
  const size = 2_000_000;
  const splitter = new SseSplitter(size);
  const before = memory();
  for (let count = 0; count < size; count++) splitter.push(Buffer.from([120]));
  assert.ok(memory() - before < 8 * size, "held");
  splitter.push(Buffer.from([120]));
  assert.ok(splitter.overflow);
  // What is collected is counted as free a moment later.
  for (let turn = 0; turn < 100 && memory() - before > size / 2; turn++) await sleep(10);
  assert.ok(memory() - before < size / 2, "released");
  assert.deepEqual(splitter.end(), []);
});

/** The shortest of three times: on a busy machine any one may be interrupted. */
function milliseconds(work: () => void): number {
  return Math.min(
    ...[1, 2, 3].map(() => {
      const started = performance.now();
      work();
      return performance.now() - started;
    }),
  );
}

test("a line of 8 MB in pieces of 1 KB takes under 300 ms", () => {
  const piece = Buffer.alloc(1024, "x");
  const elapsed = milliseconds(() => {
    const splitter = new SseSplitter(16 << 20);
    splitter.push(Buffer.from("data: "));
    for (let count = 0; count < 8192; count++) splitter.push(piece);
    assert.equal(splitter.push(Buffer.from("\n\n"))[0]?.message?.data.length, 8 << 20);
  });
  assert.ok(elapsed < 300, `${elapsed} ms`);
});

for (const [what, text] of [
  ["lines that end in carriage returns", "x\r"],
  ["lines that end in line feeds", "x\n"],
  ["lines of data", "data:\n"],
  ["events with carriage returns", "data: some text in the event\r\r"],
] as const) {
  test(`a chunk of 1 MB of ${what} takes under 500 ms`, () => {
    const chunk = Buffer.alloc(1 << 20, text);
    const elapsed = milliseconds(() => {
      const splitter = new SseSplitter(limit);
      splitter.push(chunk);
      splitter.end();
    });
    assert.ok(elapsed < 500, `${elapsed} ms`);
  });
}
