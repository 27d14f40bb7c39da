import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, test } from "node:test";
import { documentFor, startHouse } from "./support/house.ts";
import { rawPost, rawRequest } from "./support/raw.ts";
import type { RawAnswer } from "./support/raw.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";

const upstream = await startUpstream();
const house = await startHouse({
  document: documentFor(
    { up: upstream.url },
    {
      server: { limits: { body: 200_000 }, timeouts: { header: "1s", request: "1s" } },
      models: [{ name: "m", targets: [{ endpoint: "up", model: "actual" }] }],
    },
  ),
});
after(async () => {
  await house[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** A test that waits in vain fails soon. */
const patience = { timeout: 10_000 };
const chat = '{"model":"m","messages":[{"role":"user","content":"hi"}]}';
const path = "/v1/chat/completions";
const host = "Host: 127.0.0.1";

/** A chat request whose head is these lines, and what follows the blank line. */
function post(lines: readonly string[], body: string, target = path): string {
  return `POST ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}

function codeOf(answer: RawAnswer): unknown {
  try {
    return field(JSON.parse(answer.body), "error", "code");
  } catch {
    return undefined;
  }
}

const length = `Content-Length: ${chat.length}`;
const chunks = `${chat.length.toString(16)}\r\n${chat}\r\n0\r\n\r\n`;
const manyHeaders = Array.from({ length: 2100 }, (_, index) => `x${index}: 1`);

/** Name, bytes, status, error code. `undefined` as a status: the connection is closed without a word. */
const cases: readonly (readonly [name: string, bytes: string, status: number | undefined, code: string | undefined])[] =
  [
    ["both lengths", post([host, length, "Transfer-Encoding: chunked"], chunks), 400, "bad-request"],
    ["two lengths", post([host, length, "Content-Length: 5"], chat), 400, "bad-request"],
    ["two equal lengths", post([host, length, length], chat), 400, "bad-request"],
    ["a list of lengths", post([host, `Content-Length: ${chat.length}, ${chat.length}`], chat), 400, "bad-request"],
    ["a length with a sign", post([host, "Content-Length: +5"], chat), 400, "bad-request"],
    ["a negative length", post([host, "Content-Length: -1"], chat), 400, "bad-request"],
    ["a length in hexadecimal", post([host, "Content-Length: 0x10"], chat), 400, "bad-request"],
    ["an endless length", post([host, "Content-Length: 99999999999999999999"], chat), 400, "bad-request"],
    ["an unknown coding", post([host, "Transfer-Encoding: xchunked"], chunks), 400, "bad-request"],
    ["a blank before the colon", post([host, "Transfer-Encoding : chunked"], chunks), 400, "bad-request"],
    ["gzip and chunked", post([host, "Transfer-Encoding: gzip, chunked"], chunks), 400, "bad-request"],
    ["chunked and identity", post([host, "Transfer-Encoding: chunked, identity"], chunks), 400, "bad-request"],
    [
      "chunked in two headers",
      post([host, ...Array(2).fill("Transfer-Encoding: chunked")], chunks),
      400,
      "bad-request",
    ],
    ["bare line feeds", post([host, length], chat).replaceAll("\r\n", "\n"), 400, "bad-request"],
    ["a folded header", post([host, "x-a: 1\r\n  2", length], chat), 400, "bad-request"],
    ["a bare CR in a header", post([host, "x-a: 1\r2", length], chat), 400, "bad-request"],
    ["NUL in a header", post([host, "x-a: 1\u00002", length], chat), 400, "bad-request"],
    ["a header without a name", post([host, ": 1", length], chat), 400, "bad-request"],
    ["a chunk size with a blank", post([host, "Transfer-Encoding: chunked"], `17 F\r\n${chat}`), 400, "bad-request"],
    [
      "a chunk size beyond all",
      post([host, "Transfer-Encoding: chunked"], `${"f".repeat(20)}\r\n`),
      400,
      "bad-request",
    ],
    ["a negative chunk size", post([host, "Transfer-Encoding: chunked"], `-1\r\n${chat}\r\n`), 400, "bad-request"],
    [
      "a chunk extension of 20 KB",
      post([host, "Transfer-Encoding: chunked"], `1;${"a".repeat(20_000)}\r\n{\r\n`),
      400,
      "bad-request",
    ],
    [
      "a chunk that ends in LF",
      post([host, "Transfer-Encoding: chunked"], chunks.replace("}\r\n", "}\n")),
      400,
      "bad-request",
    ],
    ["two Hosts", post([host, host, length], chat), 400, "bad-request"],
    [
      "a second Host behind 2,100 headers",
      post([host, ...manyHeaders, "Host: evil", length], chat),
      400,
      "bad-request",
    ],
    ["no Host", post([length], chat), 400, "bad-request"],
    ["no Host in HTTP/1.0", `POST ${path} HTTP/1.0\r\n${length}\r\n\r\n${chat}`, 400, "bad-request"],
    [
      "two Authorizations",
      post([host, "Authorization: Bearer a", "authorization: Bearer b", length], chat),
      400,
      "bad-request",
    ],
    ["a path that begins with two slashes", post([host, length], chat, "//evil/..;/admin"), 400, "bad-request"],
    ["an absolute target", post([host, length], chat, `http://127.0.0.1${path}`), 400, "bad-request"],
    ["an absolute target elsewhere", post([host, length], chat, "http://169.254.169.254/latest"), 400, "bad-request"],
    ["a target with a backslash", post([host, length], chat, "/\\evil"), 400, "bad-request"],
    ["a target with a fragment", post([host, length], chat, `${path}#/health`), 400, "bad-request"],
    ["a target that is no path", post([host, length], chat, "v1"), 400, "bad-request"],
    ["the whole server as a target", `OPTIONS * HTTP/1.1\r\n${host}\r\n\r\n`, 400, "bad-request"],
    ["a blank in the target", post([host, length], chat, "/v1 /x"), 400, "bad-request"],
    ["a version to come", `GET /livez HTTP/3.0\r\n${host}\r\n\r\n`, 400, "bad-request"],
    ["HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad-request"],
    ["TLS on a plain port", "\u0016\u0003\u0001\u0002\u0000\u0001", 400, "bad-request"],
    ["a method that nobody knows", `FROB /livez HTTP/1.1\r\n${host}\r\n\r\n`, 400, "bad-request"],
    ["CONNECT", `CONNECT 169.254.169.254:80 HTTP/1.1\r\n${host}\r\n\r\n`, undefined, undefined],
    ["a Host that is not ours", post(["Host: rebind.evil:8080", length], chat), 421, "misdirected"],
    ["a Host that begins like ours", post(["Host: 127.0.0.1.evil.com", length], chat), 421, "misdirected"],
    ["a Host with a path", post(["Host: localhost/?", length], chat), 421, "misdirected"],
    ["a Host with a fragment", post(["Host: localhost#", length], chat), 421, "misdirected"],
    ["a Host with a user", post(["Host: localhost@evil", length], chat), 421, "misdirected"],
    ["an empty Host", post(["Host:", length], chat), 421, "misdirected"],
    ["a head beyond 32 KB", post([host, `x-a: ${"a".repeat(33_000)}`, length], chat), 431, "headers-too-large"],
    ["a target beyond 32 KB", post([host, length], chat, `/${"a".repeat(33_000)}`), 431, "headers-too-large"],
    ["a head of 1 MB", post([host, `x-a: ${"a".repeat(1_000_000)}`, length], chat), 431, "headers-too-large"],
    ["a compressed body", rawPost(path, chat, ["Content-Encoding: gzip"]), 415, "unsupported-media"],
    [
      "a body compressed fifty times",
      rawPost(path, chat, [`Content-Encoding: ${Array(50).fill("gzip").join(", ")}`]),
      415,
      "unsupported-media",
    ],
    [
      "a form",
      rawPost(path, chat).replace("application/json", "multipart/form-data; boundary=x"),
      415,
      "unsupported-media",
    ],
  ];

for (const [name, bytes, status, code] of cases) {
  test(`refuses ${name} with ${status ?? "silence"}, and calls nobody`, async () => {
    const before = upstream.count;
    const answer = await rawRequest(house.port, bytes);
    assert.equal(answer.status, status, answer.head);
    assert.equal(codeOf(answer), code, answer.body);
    assert.notEqual(answer.closed, "timeout");
    if (status !== undefined) assert.match(answer.head, /^x-request-id: req_[\w-]+$/imu);
    assert.equal(upstream.count, before);
  });
}

test("after all of this a clean request is answered", async () => {
  const answer = await rawRequest(house.port, rawPost(path, chat));
  assert.equal(answer.status, 200);
  assert.equal(answer.closed, "open");
});

test("the head and the whole must come in time: 408", async () => {
  const before = upstream.count;
  const answers = await Promise.all([
    rawRequest(house.port, `POST ${path} HTTP/1.1\r\n${host}\r\nx-a:`, { timeout: 5000 }),
    rawRequest(house.port, post([host, "Content-Length: 100"], '{"model":'), { timeout: 5000 }),
    rawRequest(house.port, post([host, "Transfer-Encoding: chunked"], "5\r\n{"), { timeout: 5000 }),
    // One byte at a time, so that there is never silence.
    rawRequest(house.port, [post([host, length], ""), ...chat.slice(0, 40).split("")], { timeout: 5000, pause: 100 }),
  ]);
  for (const answer of answers) {
    assert.equal(answer.status, 408, answer.head);
    assert.equal(codeOf(answer), "request-timeout");
    assert.notEqual(answer.closed, "timeout");
  }
  assert.equal(upstream.count, before);
});

test("a WebSocket is refused with 426 at once where there is none, with or without a key in its protocol", async () => {
  const started = performance.now();
  const lines = [host, "Connection: Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13"];
  const answer = await rawRequest(
    house.port,
    `GET /v1/chat/completions HTTP/1.1\r\n${lines.join("\r\n")}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: openai-insecure-api-key.x\r\n\r\n`,
  );
  assert.equal(answer.status, 426);
  assert.equal(codeOf(answer), "upgrade-required");
  assert.equal(answer.closed, "end");
  assert.ok(performance.now() - started < 500);
});

test("an offer of h2c is ignored and the request answered as HTTP/1.1", async () => {
  const answer = await rawRequest(
    house.port,
    rawPost(path, chat, ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"]),
  );
  assert.equal(answer.status, 200);
  assert.match(answer.head, /^HTTP\/1\.1 200 OK/u);
});

test("a client that asks for an upgrade and resets does not end the process", async () => {
  for (let round = 0; round < 20; round++) {
    const socket = connect({ port: house.port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.write(`GET / HTTP/1.1\r\n${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    await new Promise((resolve) => socket.once("data", resolve));
    socket.write("x".repeat(100_000));
    socket.resetAndDestroy();
  }
  assert.equal((await fetch(`${house.url}/livez`)).status, 200);
});

test("nonsense behind a request does not get into the answer that is being streamed", async () => {
  upstream.script({ kind: "stream", pause: 30 });
  const stream = rawPost(path, chat.replace("{", '{"stream":true,'));
  for (const nonsense of [
    "\u0000\u0001nonsense\r\n\r\n",
    `GET / HTTP/1.1\r\n${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  ]) {
    const answer = await rawRequest(house.port, [stream, nonsense], { pause: 150 });
    assert.equal(answer.status, 200);
    assert.equal(answer.bytes.indexOf("HTTP/1.1", 10), -1, answer.bytes.toString());
  }
  upstream.script({ kind: "answer" });
});

const limit = 200_000;
const tooMuch = `{"model":"m","messages":"${"a".repeat(3_000_000)}"}`;

test("a body whose stated length is beyond the limit is refused before any of it is read", async () => {
  const answer = await rawRequest(house.port, post([host, `Content-Length: ${limit + 1}`], ""));
  assert.equal(answer.status, 413);
  assert.equal(codeOf(answer), "too-large");
});

test("a chunked body is refused before 1.1 times the limit was sent", async () => {
  const piece = "a".repeat(1000);
  const chunk = `3e8\r\n${piece}\r\n`;
  const head = post([host, "Transfer-Encoding: chunked"], "");
  const socket = connect({ port: house.port, host: "127.0.0.1", noDelay: true });
  const answer: string[] = [];
  socket.on("data", (bytes) => answer.push(bytes.toString()));
  socket.on("error", () => {});
  socket.write(head);
  let sent = 0;
  for (; answer.length === 0 && sent < 2 * limit; sent += piece.length) {
    socket.write(chunk);
    if (sent > 0.95 * limit) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.match(answer.join(""), /^HTTP\/1\.1 413 /u);
  assert.ok(sent > limit && sent < 1.1 * limit, `${sent} bytes were sent`);
  socket.destroy();
});

test("a client that sends all of a body which is too large reads the 413 all the same", async () => {
  const whole = rawPost(path, tooMuch);
  const chunked = post(
    [host, "Transfer-Encoding: chunked"],
    `${tooMuch.length.toString(16)}\r\n${tooMuch}\r\n0\r\n\r\n`,
  );
  for (const bytes of [whole, chunked]) {
    const answer = await rawRequest(house.port, bytes, { timeout: 5000 });
    assert.equal(answer.status, 413);
    assert.equal(codeOf(answer), "too-large");
    assert.equal(answer.closed, "end");
  }
});

/** The statuses of all answers on one connection, until it is closed or nothing has come for so many milliseconds. */
async function statuses(bytes: string, silence = 300): Promise<readonly string[]> {
  const socket = connect({ port: house.port, host: "127.0.0.1" });
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString("latin1")));
  socket.on("error", () => {});
  socket.setTimeout(silence, () => socket.destroy());
  socket.write(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
  return text.match(/(?<=HTTP\/1\.1 )\d{3}(?= )/gu) ?? [];
}

const get = (target: string): string => `GET ${target} HTTP/1.1\r\n${host}\r\n\r\n`;

test("a client that reads only when it has sent everything reads the 413 too", async () => {
  const socket = connect({ port: house.port, host: "127.0.0.1" });
  const errors: unknown[] = [];
  socket.on("error", (error) => errors.push(error));
  socket.pause();
  const bytes = Buffer.from(rawPost(path, tooMuch));
  for (let sent = 0; sent < bytes.length; sent += 200_000) {
    socket.write(bytes.subarray(sent, sent + 200_000));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const text = await new Promise((resolve) => socket.once("data", resolve).once("close", resolve).resume());
  assert.deepEqual(errors, []);
  assert.match(String(text), /^HTTP\/1\.1 413 /u);
  socket.destroy();
});

test("behind a refused body of moderate size the connection serves the next request, and no part of the body", async () => {
  const before = upstream.count;
  const body = rawPost(path, chat) + "a".repeat(limit);
  assert.deepEqual(await statuses(rawPost(path, body) + get("/livez")), ["413", "200"]);
  assert.deepEqual(await statuses(rawPost("/nowhere", body) + get("/livez")), ["404", "200"]);
  assert.deepEqual(await statuses(rawPost(path, body, ["Content-Encoding: br"]) + get("/livez")), ["415", "200"]);
  assert.equal(upstream.count, before);
});

test("what two servers could read as a body or as a request is neither", async () => {
  const before = upstream.count;
  const smuggled = rawPost(path, chat);
  assert.deepEqual(await statuses(post([host, "Transfer-Encoding: xchunked"], smuggled)), ["400"]);
  assert.deepEqual(await statuses(post([host, "Transfer-Encoding: xchunked"], get("/livez"))), ["400"]);
  assert.deepEqual(await statuses(post([host, host, "Content-Length: 0"], smuggled)), ["400"]);
  assert.deepEqual(await statuses(get("//x") + smuggled), ["400"]);
  assert.equal(upstream.count, before);
});

test("requests in a row on one connection are answered in order", async () => {
  const before = upstream.count;
  assert.deepEqual(await statuses(get("/nowhere") + rawPost(path, chat) + get("/readyz") + rawPost(path, "[]")), [
    "404",
    "200",
    "200",
    "400",
  ]);
  assert.equal(upstream.count, before + 1);
});

test("HTTP/1.0 is answered, and its connection closed", async () => {
  const answer = await rawRequest(house.port, `GET /livez HTTP/1.0\r\n${host}\r\n\r\n`);
  assert.equal(answer.status, 200);
  assert.equal(answer.closed, "end");
});

test("a refused connection is closed for good, even when its client keeps its own side open", patience, async () => {
  const upgrade = `GET / HTTP/1.1\r\n${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  const gone = ["nonsense\r\n\r\n", get("//x"), upgrade].map(async (bytes) => {
    const socket = connect({ port: house.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => {});
    socket.resume().write(bytes);
    await new Promise((resolve) => socket.once("end", resolve));
    await new Promise((resolve) => setTimeout(resolve, 1100));
    // Only who writes on learns that nobody is there.
    const more = setInterval(() => socket.write("x"), 20);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(more);
  });
  await Promise.all(gone);
});
