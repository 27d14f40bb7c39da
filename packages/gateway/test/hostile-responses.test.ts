import assert from "node:assert/strict";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { after, test } from "node:test";
import type { JsonObject } from "../src/kernel/json.ts";
import { startHouse } from "./support/house.ts";

/** The Responses surface, its WebSocket and what it keeps, before clients that send what no honest one would. */

const house = await startHouse({ document: { endpoints: [{ name: "simulator", type: "simulator" }] } });
after(() => house[Symbol.asyncDispose]());

const model = "simulator/echo";

interface Shape {
  readonly fin?: boolean;
  readonly masked?: boolean;
  /** The three reserved bits. */
  readonly reserved?: number;
  /** What the head says of the length; the payload's own unless told. */
  readonly length?: number;
}

/** One frame of a client's (RFC 6455, 5.2). Its mask is all zeros, which is as good as any. */
function frame(opcode: number, payload: string | Buffer, shape: Shape = {}): Buffer {
  const { fin = true, masked = true, reserved = 0 } = shape;
  const bytes = Buffer.from(payload);
  const length = shape.length ?? bytes.length;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, ...(masked ? [Buffer.alloc(4)] : []), bytes]);
}

interface Wire extends Disposable {
  readonly socket: Socket;
  /** The next text message, or the code with which the gateway closes the connection. */
  next(): Promise<JsonObject | number>;
}

/** A WebSocket of bytes, so that frames can be wrong. */
async function open(): Promise<Wire> {
  const socket = connect(house.port, "127.0.0.1");
  socket.on("error", () => {});
  const head = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"].join("\r\n");
  socket.write(
    `GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:${house.port}\r\n${head}\r\n` +
      "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n",
  );
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest = Buffer.alloc(0);
  const more = async () => {
    const { value, done } = await chunks.next();
    if (done === true) assert.fail("The connection is closed without a word.");
    rest = Buffer.concat([rest, value]);
  };
  while (!rest.includes("\r\n\r\n")) await more();
  assert.match(rest.toString("latin1"), /^HTTP\/1\.1 101 /);
  rest = rest.subarray(rest.indexOf("\r\n\r\n") + 4);
  const next = async (): Promise<JsonObject | number> => {
    for (;;) {
      while (rest.length < 10) {
        // A close frame may be all that there is.
        if (rest.length >= 2 && rest.length >= 2 + ((rest[1] ?? 0) & 127)) break;
        await more();
      }
      const short = (rest[1] ?? 0) & 127;
      const [start, length] =
        short === 127 ? [10, Number(rest.readBigUInt64BE(2))] : short === 126 ? [4, rest.readUInt16BE(2)] : [2, short];
      while (rest.length < start + length) await more();
      const opcode = (rest[0] ?? 0) & 15;
      const payload = rest.subarray(start, start + length);
      rest = rest.subarray(start + length);
      if (opcode === 8) return payload.readUInt16BE(0);
      if (opcode === 1) return JSON.parse(payload.toString()) as JsonObject;
    }
  };
  return { socket, next, [Symbol.dispose]: () => socket.destroy() };
}

const create = (input: unknown = "hi") => JSON.stringify({ type: "response.create", model, input, store: false });

async function isAnswered(wire: Wire): Promise<void> {
  for (;;) {
    const message = await wire.next();
    assert.ok(typeof message === "object", `closed with ${String(message)}`);
    assert.notEqual(message["type"], "error", JSON.stringify(message));
    if (message["type"] === "response.completed") return;
  }
}

test("a message in pieces, with pings between, is one request", async () => {
  using wire = await open();
  const text = create("é✓😀".repeat(200));
  const bytes = Buffer.from(text);
  wire.socket.write(frame(1, bytes.subarray(0, 100), { fin: false }));
  wire.socket.write(frame(9, "are you there?"));
  // Within a character.
  wire.socket.write(frame(0, bytes.subarray(100, 301), { fin: false }));
  wire.socket.write(frame(0, bytes.subarray(301)));
  await isAnswered(wire);
});

const broken: readonly (readonly [what: string, bytes: Buffer, code: number])[] = [
  ["a frame without a mask", frame(1, create(), { masked: false }), 1002],
  ["reserved bits", frame(1, create(), { reserved: 4 }), 1002],
  ["an unknown opcode", frame(3, create()), 1002],
  ["a continuation of nothing", frame(0, create()), 1002],
  ["a ping of more than 125 bytes", frame(9, "x".repeat(126)), 1002],
  ["a ping in pieces", frame(9, "x", { fin: false }), 1002],
  ["text that is not UTF-8", frame(1, Buffer.from([0x22, 0xff, 0xfe, 0x22])), 1007],
  ["a length beyond all limits", frame(1, "x", { length: 2 ** 40 }), 1009],
  ["a close without a whole code", frame(8, Buffer.from([3])), 1002],
  ["a close with a code that nobody may send", frame(8, Buffer.from([0, 5])), 1002],
  ["bytes instead of text", frame(2, create()), 1003],
];

test("frames that break the rules end their connection with the code for it, and no other", async () => {
  using other = await open();
  for (const [what, bytes, code] of broken) {
    using wire = await open();
    wire.socket.write(bytes);
    assert.equal(await wire.next(), code, what);
  }
  other.socket.write(frame(1, create()));
  await isAnswered(other);
});

test("messages that ask for nothing that there is are refused, and the connection goes on", async () => {
  using wire = await open();
  const wrong = [
    "",
    "null",
    "[]",
    '"response.create"',
    '{"type":',
    '{"type":1e999}',
    '{"type":{"toString":"response.create"}}',
    '{"type":"response.cancel"}',
    '{"type":"__proto__"}',
    `{"__proto__":${create()}}`,
    `{"type":"response.create","type":"x","model":"${model}","input":"hi"}`,
    `{"type":"response.create","model":"${model}","input":${"[".repeat(2000)}${"]".repeat(2000)}}`,
    `{"type":"response.create","model":{"toString":1},"input":"hi"}`,
    `{"type":"response.create","model":"${model}","input":12345678901234567890}`,
    `{"type":"response.create","model":"${model}","input":"hi","max_output_tokens":-12345678901234567890}`,
    `{"type":"response.create","model":"${model}","input":"hi","previous_response_id":"__proto__"}`,
    `{"type":"response.create","model":"${model}","input":[{"type":"item_reference","id":"constructor"}]}`,
    `{"type":"response.create","model":"${model}","input":"hi","conversation":{"id":"toString"}}`,
  ];
  for (const text of wrong) {
    wire.socket.write(frame(1, text));
    const message = await wire.next();
    assert.ok(typeof message === "object", `${text} closed the connection with ${String(message)}`);
    const { type, status, error } = message;
    assert.equal(type, "error", text);
    assert.ok(status === 400 || status === 404, `${text}: ${JSON.stringify(message)}`);
    assert.equal(typeof (error as JsonObject)["message"], "string");
  }
  wire.socket.write(frame(1, create()));
  await isAnswered(wire);
});

test("no id reaches what is not kept under it", async () => {
  const ids = ["__proto__", "constructor", "toString", "%00", "%2e%2e", "resp_%0d%0ax", "%ed%a0%80", "a".repeat(2000)];
  for (const id of ids) {
    for (const [method, path] of [
      ["GET", `/v1/responses/${id}`],
      ["GET", `/v1/responses/${id}/input_items`],
      ["POST", `/v1/responses/${id}/cancel`],
      ["DELETE", `/v1/responses/${id}`],
      ["GET", `/v1/conversations/${id}`],
      ["GET", `/v1/conversations/${id}/items/${id}`],
      ["DELETE", `/v1/conversations/${id}`],
    ] as const) {
      const response = await fetch(house.url + path, { method });
      const { error } = (await response.json()) as { error: JsonObject };
      assert.ok(response.status === 404 || response.status === 400, `${method} ${path}: ${response.status}`);
      assert.equal(typeof error["message"], "string");
    }
  }
});

test("numbers that a double cannot hold are no fault of ours, whatever route they come by", async () => {
  const number = "12345678901234567890";
  const body = (rest: string) => `{"model":"${model}","input":"hi",${rest}}`;
  for (const path of ["/v1/responses", "/v1/responses/input_tokens", "/v1/responses/compact"]) {
    for (const rest of [
      `"max_output_tokens":${number}`,
      `"temperature":${number}`,
      `"metadata":${number}`,
      `"store":${number}`,
      `"tools":[${number}]`,
      `"reasoning":{"effort":${number}}`,
      `"top_logprobs":${number},"background":${number}`,
    ]) {
      const response = await house.post(path, body(rest));
      assert.ok(response.status < 500, `${path} ${rest}: ${response.status} ${await response.text()}`);
    }
  }
});
