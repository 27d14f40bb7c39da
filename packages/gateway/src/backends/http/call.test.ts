import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { after, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { inTime } from "../../../test/support/in-time.ts";
import type { Failure } from "../../kernel/failure.ts";
import { Secret } from "../../kernel/secret.ts";
import type { Flow, WireCall } from "../types.ts";
import { HttpBackend } from "./driver.ts";
import { vendorOf } from "./vendors.ts";

/** The driver against sockets that say what they please. */

interface Heard {
  readonly words: readonly string[];
  readonly bytes: Buffer;
  readonly failure?: Failure;
}

const open = new Set<Server>();
after(() => {
  for (const server of open) server.close();
});

/** A server that hears a request and then does what it is told with the connection. */
async function serve(answer: (socket: Socket, request: string, turn: number) => void): Promise<HttpBackend> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let turn = 0;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => answer(socket, bytes.toString(), ++turn));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.add(server);
  server.unref();
  const vendor = vendorOf("openai-compatible");
  assert.ok(vendor !== undefined);
  const { port } = server.address() as AddressInfo;
  return new HttpBackend({
    name: "up",
    baseUrl: `http://127.0.0.1:${port}/base`,
    vendor,
    credentials: [{ apiKey: new Secret("sk-test") }],
    headers: { "x-team": new Secret("blue") },
    connectTimeout: 1000,
  });
}

const call: WireCall = {
  protocol: "openai-chat",
  body: [Buffer.from('{"a":'), Buffer.from("1}")],
  stream: true,
  fresh: false,
  model: "m",
  requestId: "id-1",
  credential: 0,
  headers: { traceparent: "00-1" },
};

/** Sends a call and hears it to its end. `during` sees each piece of the body. */
function send(
  backend: HttpBackend,
  during: (flow: Flow, bytes: Buffer) => void = () => {},
  order = call,
): Promise<Heard> {
  const words: string[] = [];
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const flow = backend.send(order, {
      head: (status) => words.push(`head ${status}`),
      data: (chunk) => {
        if (words.at(-1) !== "data") words.push("data");
        chunks.push(chunk);
        during(flow, chunk);
      },
      end: () => resolve({ words: [...words, "end"], bytes: Buffer.concat(chunks) }),
      fail: (failure) => resolve({ words: [...words, `fail ${failure.kind}`], bytes: Buffer.concat(chunks), failure }),
    });
  });
}

const head = "HTTP/1.1 200 OK\r\n";
const zipped = gzipSync("hello");
const answers: readonly (readonly [
  name: string,
  bytes: string | Buffer,
  how: "fin" | "reset" | "keep",
  words: string,
])[] = [
  ["nothing", "", "fin", "fail unreachable"],
  ["nothing, and a reset", "", "reset", "fail unreachable"],
  ["what is not HTTP", "220 mail.example.com ESMTP\r\n", "fin", "fail bad-response"],
  ["HTTP/0.9", "<html>", "fin", "fail bad-response"],
  ["a whole answer", `${head}content-length: 2\r\n\r\nhi`, "keep", "head 200,data,end"],
  ["an answer that the end of the connection ends", `${head}\r\nhi`, "fin", "head 200,data,end"],
  ["a chunked answer", `${head}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`, "keep", "head 200,data,end"],
  ["half of an announced answer", `${head}content-length: 9\r\n\r\nhi`, "fin", "head 200,data,fail broken-stream"],
  ["half of a chunk", `${head}transfer-encoding: chunked\r\n\r\n9\r\nhi`, "fin", "head 200,data,fail broken-stream"],
  [
    "chunks without the last",
    `${head}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n`,
    "fin",
    "head 200,data,fail broken-stream",
  ],
  [
    "a reset among chunks",
    `${head}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n`,
    "reset",
    "head 200,data,fail broken-stream",
  ],
  ["a chunk of no size", `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`, "keep", "head 200,fail broken-stream"],
  ["two lengths", `${head}content-length: 2\r\ncontent-length: 3\r\n\r\nhi!`, "keep", "fail bad-response"],
  [
    "a length and chunks",
    `${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    "keep",
    "fail bad-response",
  ],
  [
    "an informational answer first",
    `HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n${head}content-length: 2\r\n\r\nhi`,
    "keep",
    "head 200,data,end",
  ],
  ["an answer without a body", "HTTP/1.1 204 No Content\r\n\r\n", "keep", "head 204,end"],
  ["an error", "HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\nno", "keep", "head 500,data,end"],
  [
    "a redirect",
    "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    "keep",
    "head 302,end",
  ],
  ["a head of 100 KB", `${head}x: ${"y".repeat(100_000)}\r\n\r\n`, "keep", "fail bad-response"],
  [
    "gzip",
    Buffer.concat([Buffer.from(`${head}content-encoding: GZip\r\ncontent-length: ${zipped.length}\r\n\r\n`), zipped]),
    "keep",
    "head 200,data,end",
  ],
  ["an unknown coding", `${head}content-encoding: zstd\r\ncontent-length: 2\r\n\r\nhi`, "keep", "fail bad-response"],
];
describe("answers", { concurrency: true }, () => {
  for (const [name, bytes, how, words] of answers) {
    test(`${name}: ${words}`, async () => {
      await using backend = await serve((socket) => {
        if (bytes.length > 0) socket.write(bytes);
        // The bytes must have been read before a reset, which would throw them away.
        setTimeout(
          () => {
            if (how === "fin") socket.end();
            else if (how === "reset") socket.resetAndDestroy();
          },
          bytes.length > 0 ? 30 : 0,
        );
      });
      const heard = await send(backend);
      assert.equal(heard.words.join(), words, heard.failure?.message);
      if (words.endsWith("data,end") && !words.includes("500")) {
        assert.equal(heard.bytes.toString(), name === "gzip" ? "hello" : "hi");
      }
    });
  }
});

test("the request is one POST with the endpoint's key and headers, and identity coding", async () => {
  let request = "";
  await using backend = await serve((socket, text) => {
    request = text;
    socket.write(`${head}content-length: 0\r\n\r\n`);
  });
  await send(backend);
  const [start, ...lines] = request.split("\r\n");
  assert.equal(start, "POST /base/chat/completions HTTP/1.1");
  const found = lines.slice(0, lines.indexOf("")).map((line) => line.toLowerCase());
  for (const line of [
    "authorization: bearer sk-test",
    "x-team: blue",
    "accept-encoding: identity",
    "accept: text/event-stream",
    "content-type: application/json",
    "content-length: 7",
    "x-request-id: id-1",
    "traceparent: 00-1",
    "user-agent: patchbay",
  ]) {
    assert.equal(found.filter((each) => each === line).length, 1, `${line} in\n${request}`);
  }
  assert.equal(lines.at(-1), '{"a":1}');
});

test("a call that is cancelled closes its connection, whenever that is, and says nothing more", async () => {
  for (const moment of ["at once", "before the head", "within the body"] as const) {
    const closed = Promise.withResolvers<void>();
    await using backend = await serve((socket) => {
      socket.on("close", () => closed.resolve());
      if (moment === "within the body") socket.write(`${head}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n`);
    });
    const words: string[] = [];
    const note = (word: string) => () => void words.push(word);
    const flow = backend.send(call, {
      head: note("head"),
      data: () => flow.cancel(),
      end: note("end"),
      fail: note("fail"),
    });
    if (moment === "at once") {
      flow.cancel();
      await new Promise((resolve) => setTimeout(resolve, 50));
    } else {
      if (moment === "before the head") setTimeout(() => flow.cancel(), 30);
      await closed.promise;
    }
    flow.cancel();
    flow.resume();
    flow.pause();
    assert.deepEqual(words, moment === "within the body" ? ["head"] : []);
  }
});

test("a paused call hears nothing until it goes on", async () => {
  await using backend = await serve((socket) => {
    const body = Buffer.alloc(5_000_000, "x");
    socket.write(`${head}content-length: ${body.length}\r\n\r\n`);
    socket.write(body);
  });
  let pauses = 0;
  let paused = false;
  const heard = await send(backend, (flow) => {
    assert.equal(paused, false, "it was told something while it was paused");
    if (pauses === 3) return;
    pauses++;
    paused = true;
    flow.pause();
    setTimeout(() => {
      paused = false;
      flow.resume();
    }, 30);
  });
  assert.equal(pauses, 3);
  assert.equal(heard.bytes.length, 5_000_000);
});

test("connections are used again, but not by a call that wants one of its own", async () => {
  const turns: number[] = [];
  await using backend = await serve((socket, _request, turn) => {
    turns.push(turn);
    socket.write(`${head}content-length: 2\r\n\r\nhi`);
  });
  for (const fresh of [false, false, true, false]) {
    await send(backend, undefined, { ...call, fresh });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(turns, [1, 2, 1, 3]);
});

test("a protocol or credential that it does not have is a fault of ours", async () => {
  await using backend = await serve(() => {});
  assert.equal((await send(backend, undefined, { ...call, credential: 1 })).failure?.kind, "internal");
  assert.equal((await send(backend, undefined, { ...call, protocol: "gemini" })).failure?.kind, "internal");
});

test("secrets are taken out of texts, masked ones too", async () => {
  await inTime(500, async () => {
    await using backend = await serve(() => {});
    const cases = [
      ["Bad key sk-test.", "Bad key [secret]."],
      ["sk-test sk-test blue", "[secret] [secret] [secret]"],
      ["Incorrect API key provided: sk-te***st. See docs.", "Incorrect API key provided: [secret] See docs."],
      ["'sk-***'", "'[secret]'"],
      ["nothing ** of note", "nothing ** of note"],
    ] as const;
    for (const [text, clean] of cases) assert.equal(backend.redact(text), clean);
    const started = performance.now();
    backend.redact("*".repeat(2) + "x".repeat(200_000));
    return performance.now() - started;
  });
});
