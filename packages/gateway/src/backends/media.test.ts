import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { HttpMediaFetcher } from "./media.ts";

const png = Buffer.from("\x89PNG\r\n\x1a\nrest", "latin1");
const image = { "content-type": "image/png" };
const redirect = (to: string) => (_request: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(302, { location: to }).end("moved");

const pages: { readonly [path: string]: (request: IncomingMessage, response: ServerResponse) => void } = {
  "/good": (_request, response) => void response.writeHead(200, image).end(png),
  "/parameter": (_request, response) =>
    void response.writeHead(200, { "content-type": "Image/JPEG; charset=binary" }).end("jpeg"),
  "/vague": (_request, response) =>
    void response.writeHead(200, { "content-type": "application/octet-stream" }).end(png),
  "/untyped": (_request, response) => void response.writeHead(200).end(png),
  "/vague-text": (_request, response) =>
    void response.writeHead(200, { "content-type": "binary/octet-stream" }).end("root:x:0:0"),
  "/page": (_request, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
  "/json": (_request, response) => void response.writeHead(200, { "content-type": "application/json" }).end("{}"),
  "/empty": (_request, response) => void response.writeHead(200, image).end(),
  "/gzip": (_request, response) =>
    void response.writeHead(200, { ...image, "content-encoding": "gzip" }).end(gzipSync(png)),
  "/missing": (_request, response) => void response.writeHead(404, image).end(png),
  "/partial": (_request, response) => void response.writeHead(206, image).end(png),
  "/huge": (_request, response) => {
    response.writeHead(200, image);
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(10_000)));
    };
    response.on("drain", more);
    more();
  },
  "/huge-told": (_request, response) =>
    void response.writeHead(200, { ...image, "content-length": "1000000" }).write(png),
  "/slow": (_request, response) => void response.writeHead(200, image).write(png),
  "/silent": () => {},
  "/cut": (_request, response) => {
    response.writeHead(200, { ...image, "content-length": "100" }).write(png);
    setTimeout(() => response.destroy(), 10);
  },
  "/once": redirect("/good"),
  "/thrice": redirect("/twice"),
  "/twice": redirect("/once"),
  "/four-times": redirect("/thrice"),
  "/circle": redirect("/circle"),
  "/to-file": redirect("file:///etc/passwd"),
  "/to-credentials": redirect("http://user:word@127.0.0.1/good"),
  "/to-nonsense": redirect("http://[nonsense"),
  "/to-metadata": redirect("http://169.254.169.254/latest/meta-data"),
  "/nowhere": (_request, response) => void response.writeHead(302).end(),
};

let connections = 0;
const asked: IncomingMessage[] = [];
const server = createServer((request, response) => {
  asked.push(request);
  (pages[request.url ?? ""] ?? assert.fail(request.url))(request, response);
}).on("connection", () => connections++);
await new Promise<void>((resolve) => server.listen(0, resolve));
const { port } = server.address() as AddressInfo;
const limits = { connect: 500, time: 300, size: 100_000 };
const anywhere = new HttpMediaFetcher("anywhere", limits);
const open = new HttpMediaFetcher("public", limits);
after(async () => {
  await anywhere[Symbol.asyncDispose]();
  await open[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

const { signal } = new AbortController();
const got = (mediaType: string, bytes: Buffer | string) => ({
  ok: true,
  value: { mediaType, base64: Buffer.from(bytes).toString("base64") },
});

for (const [path, mediaType, bytes] of [
  ["/good", "image/png", png],
  ["/parameter", "image/jpeg", "jpeg"],
  ["/vague", "image/png", png],
  ["/untyped", "image/png", png],
  ["/once", "image/png", png],
  ["/thrice", "image/png", png],
] as const) {
  test(`${path} is had`, async () => {
    assert.deepEqual(await anywhere.get(`http://127.0.0.1:${port}${path}`, signal), got(mediaType, bytes));
  });
}

for (const [path, why] of [
  ["/vague-text", "no image"],
  ["/page", "no image"],
  ["/json", "no image"],
  ["/empty", "no image"],
  ["/gzip", "compressed"],
  ["/missing", "answered 404"],
  ["/partial", "answered 206"],
  ["/nowhere", "answered 302"],
  ["/huge", "could not be fetched"],
  ["/huge-told", "could not be fetched"],
  ["/slow", "could not be fetched"],
  ["/silent", "could not be fetched"],
  ["/cut", "could not be fetched"],
  ["/four-times", "too often"],
  ["/circle", "too often"],
  ["/to-file", "no http or https"],
  ["/to-nonsense", "no http or https"],
  ["/to-credentials", "credentials"],
  ["/to-metadata", "not a public one"],
] as const) {
  test(`${path} is refused: ${why}`, async () => {
    const url = `http://127.0.0.1:${port}${path}?`.slice(0, -1);
    const answer = await anywhere.get(url, signal);
    assert.ok(!answer.ok);
    assert.equal(answer.failure.kind, "bad-request");
    assert.match(answer.failure.message, new RegExp(why));
    assert.ok(!answer.failure.message.includes(path.slice(1)) || path === "/slow", "the URL is repeated");
  });
}

const inner = [
  "http://127.0.0.1:PORT/good",
  "http://localhost:PORT/good",
  "http://LOCALHOST:PORT/good",
  "http://127.1:PORT/good",
  "http://2130706433:PORT/good",
  "http://0x7f.0.0.1:PORT/good",
  "http://0177.0.0.1:PORT/good",
  "http://0:PORT/good",
  "http://[::1]:PORT/good",
  "http://[0:0:0:0:0:0:0:1]:PORT/good",
  "http://[::ffff:127.0.0.1]:PORT/good",
  "http://[::ffff:7f00:1]:PORT/good",
  "http://[::127.0.0.1]:PORT/good",
  "http://[64:ff9b::7f00:1]:PORT/good",
  "http://[fd00::1]:PORT/good",
  "http://10.0.0.1:PORT/good",
  "http://169.254.169.254/latest/meta-data",
  "https://localhost:PORT/good",
];
for (const url of inner) {
  test(`${url} is not reached from outside`, async () => {
    const before = connections;
    const answer = await open.get(url.replace("PORT", String(port)), signal);
    assert.match(answer.ok ? "" : answer.failure.message, /not a public one/);
    assert.equal(connections, before);
  });
}

for (const url of ["ftp://127.0.0.1/x", "file:///etc/passwd", "data:image/png;base64,AA==", "nonsense", ""]) {
  test(`${url || "an empty text"} is no URL to fetch`, async () => {
    const answer = await anywhere.get(url, signal);
    assert.match(answer.ok ? "" : answer.failure.message, /no http or https/);
  });
}

test("a URL with credentials is refused, and neither is repeated", async () => {
  const answer = await anywhere.get(`http://name:canary@127.0.0.1:${port}/good?token=canary`, signal);
  const { message } = answer.ok ? assert.fail() : answer.failure;
  assert.match(message, /credentials/);
  assert.doesNotMatch(message, /canary|127/);
});

test("nothing is fetched where that is switched off", async () => {
  await using never = new HttpMediaFetcher("never", limits);
  const before = connections;
  const answer = await never.get(`http://127.0.0.1:${port}/good`, signal);
  assert.match(answer.ok ? "" : answer.failure.message, /switched off/);
  assert.equal(connections, before);
});

test("a fetch ends when it is no longer wanted", async () => {
  await using patient = new HttpMediaFetcher("anywhere");
  const controller = new AbortController();
  const started = performance.now();
  setTimeout(() => controller.abort(), 30);
  const answer = await patient.get(`http://127.0.0.1:${port}/silent`, controller.signal);
  assert.equal(answer.ok, false);
  assert.ok(performance.now() - started < 1000);
});

test("what is sent along tells nothing of anybody", async () => {
  await anywhere.get(`http://127.0.0.1:${port}/good`, signal);
  const { headers } = asked.at(-1) ?? assert.fail();
  assert.deepEqual(Object.keys(headers).toSorted(), ["accept", "accept-encoding", "connection", "host", "user-agent"]);
});
