import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, test } from "node:test";
import { startHouse } from "./support/house.ts";
import { startListener } from "./support/listener.ts";
import { field } from "./support/read-stream.ts";
import { startRecorder } from "./support/recorder.ts";
import type { Recorded } from "./support/recorder.ts";

type Answer = (call: Recorded, response: ServerResponse, request: IncomingMessage) => void;

const fine: Answer = (_call, response) =>
  void response.writeHead(200, { "content-type": "application/x-ndjson" }).end('{"status":"success"}\n');
let next: Answer = fine;
const second = await startRecorder(fine);
const first = await startRecorder((...call) => next(...call));
const document = {
  endpoints: [
    { name: "sim", type: "simulator", priority: 9 },
    { name: "low", type: "ollama", url: `${second.url}/v1`, priority: 1 },
    { name: "high", type: "ollama", url: first.url, priority: 5, credentials: [{ apiKey: "key-of-ollama" }] },
    { name: "off", type: "ollama", url: "http://127.0.0.1:1", priority: 10, enabled: false },
  ],
  models: [
    { name: "coder", targets: [{ endpoint: "low", model: "qwen3:8b" }] },
    { name: "elsewhere", targets: [{ endpoint: "sim", model: "echo" }] },
  ],
};
const house = await startListener({ document });
const lonely = await startListener({ document: { endpoints: [{ name: "sim", type: "simulator" }] } });
after(async () => {
  for (const one of [house, lonely, first, second]) await one[Symbol.asyncDispose]();
});

const call = (path: string, body?: unknown, method = "POST", at = house) =>
  fetch(at.url + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

const passed: readonly (readonly [method: string, path: string, body: object, to: typeof first, asked: string])[] = [
  ["POST", "/api/pull", { model: "new:7b" }, first, 'POST /api/pull {"model":"new:7b"}'],
  ["POST", "/api/pull", { model: "coder" }, second, 'POST /api/pull {"model":"qwen3:8b"}'],
  ["POST", "/api/pull", { model: "elsewhere" }, first, 'POST /api/pull {"model":"elsewhere"}'],
  ["POST", "/api/push", { model: "low/mine" }, second, 'POST /api/push {"model":"mine"}'],
  ["POST", "/api/create", { model: "m", from: "x" }, first, 'POST /api/create {"model":"m","from":"x"}'],
  [
    "POST",
    "/api/copy",
    { source: "coder", destination: "b" },
    second,
    'POST /api/copy {"source":"qwen3:8b","destination":"b"}',
  ],
  ["DELETE", "/api/delete", { model: "coder" }, second, 'DELETE /api/delete {"model":"qwen3:8b"}'],
  ["POST", "/api/delete", { model: "gone" }, first, 'DELETE /api/delete {"model":"gone"}'],
  ["POST", "/v1/api/pull", { name: "old" }, first, 'POST /api/pull {"name":"old"}'],
  ["POST", "/api/show", { model: "coder" }, second, 'POST /api/show {"model":"qwen3:8b"}'],
];

for (const [method, path, body, to, asked] of passed) {
  test(`${method} ${path} ${JSON.stringify(body)} goes on as ${asked}`, async () => {
    next = fine;
    const before = to.calls.length;
    const response = await call(path, body, method);
    assert.equal(response.status, 200);
    assert.equal(await response.text(), '{"status":"success"}\n');
    assert.equal(response.headers.get("x-patchbay-endpoint"), to === first ? "high" : "low");
    const seen = to.calls.slice(before).map((one) => `${one.method} ${one.path} ${one.body}`);
    assert.deepEqual(seen, [asked]);
    assert.equal(to.calls.at(-1)?.headers.authorization, to === first ? "Bearer key-of-ollama" : undefined);
  });
}

test("a model that is elsewhere counts as fetched where there is no Ollama, and nothing else can be done", async () => {
  const pulled = await call("/api/pull", { model: "sim/echo" }, "POST", lonely);
  assert.deepEqual([pulled.status, await pulled.text()], [200, '{"status":"success"}\n']);
  const whole = await call("/api/pull", { model: "sim/echo", stream: false }, "POST", lonely);
  assert.deepEqual(await whole.json(), { status: "success" });
  for (const [path, method] of [
    ["/api/pull", "POST"],
    ["/api/delete", "DELETE"],
    [`/api/blobs/sha256:${"0".repeat(64)}`, "POST"],
  ] as const) {
    const response = await call(path, { model: "unknown" }, method, lonely);
    assert.equal(response.status, 404);
    const body: unknown = await response.json();
    assert.equal(field(body, "shape"), "ollama");
    assert.match(String(field(body, "message")), /no Ollama endpoint/);
  }
  assert.deepEqual(await (await call("/api/ps", undefined, "GET", lonely)).json(), { models: [] });
});

test("what is said of progress passes as it comes", async () => {
  let finish = (): void => {};
  next = (_call, response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" }).write('{"status":"one"}\n');
    finish = () => response.end('{"status":"two"}\n');
  };
  const response = await call("/api/pull", { model: "x" });
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const reader = response.body?.getReader();
  const one = await reader?.read();
  assert.equal(Buffer.from(one?.value ?? []).toString(), '{"status":"one"}\n');
  finish();
  const two = await reader?.read();
  assert.equal(Buffer.from(two?.value ?? []).toString(), '{"status":"two"}\n');
});

test("an upstream's error passes with its status and without our key", async () => {
  next = (_call, response) =>
    void response.writeHead(418, { "content-type": "application/json" }).end('{"error":"no key-of-ollama here"}');
  const response = await call("/api/pull", { model: "x" });
  assert.deepEqual([response.status, await response.json()], [418, { error: "no [secret] here" }]);
});

test("a redirect is not followed, and an upstream that hangs up before it answers is a failure in Ollama's words", async () => {
  next = (_call, response) => void response.writeHead(302, { location: "http://169.254.169.254/" }).end();
  assert.equal((await call("/api/pull", { model: "x" })).status, 502);
  next = (_call, response) => void response.socket?.destroy();
  const response = await call("/api/pull", { model: "x" });
  assert.deepEqual([response.status, field(await response.json(), "shape")], [502, "ollama"]);
});

test("an answer that is cut is cut for the client too", async () => {
  next = (_call, response) => {
    response.writeHead(200).write("half");
    setTimeout(() => response.socket?.destroy(), 20);
  };
  const response = await call("/api/pull", { model: "x" });
  await assert.rejects(response.text());
});

test("a client that leaves ends the call", async () => {
  next = (_call, response) => void response.writeHead(200).write("begun");
  const before = first.cut;
  const stop = new AbortController();
  const response = await fetch(`${house.url}/api/pull`, { method: "POST", body: '{"model":"x"}', signal: stop.signal });
  assert.equal(response.status, 200);
  stop.abort();
  for (let turn = 0; turn < 100 && first.cut === before; turn++) await new Promise((done) => setTimeout(done, 10));
  assert.equal(first.cut, before + 1);
});

const digest = `sha256:${createHash("sha256").update("x").digest("hex")}`;

test("a file's presence is asked of the endpoint, and a name that is no digest of nobody", async () => {
  next = ({ method }, response) => void response.writeHead(method === "HEAD" ? 404 : 200).end();
  assert.equal((await call(`/api/blobs/${digest}`, undefined, "HEAD")).status, 404);
  assert.equal(first.calls.at(-1)?.path, `/api/blobs/${digest}`);
  const before = first.calls.length;
  for (const name of ["..%2f..%2fapi%2fdelete", "sha256:zz", "x", digest.toUpperCase(), "%"]) {
    assert.equal((await call(`/api/blobs/${name}`, undefined, "HEAD")).status, 400, name);
  }
  assert.equal(first.calls.length, before);
});

test("a file goes through piece by piece, no faster than it is taken", async () => {
  const size = 48 * 1024 * 1024;
  const hash = createHash("sha256");
  let got = 0;
  let most = 0;
  let sent = 0;
  // The fake reads nothing by itself for this one.
  const sink = await startRecorder((_call, response, incoming) => {
    incoming.pause();
    setTimeout(() => {
      most = sent;
      incoming.on("data", (chunk: Buffer) => {
        got += chunk.length;
        hash.update(chunk);
      });
      incoming.resume();
    }, 300);
    incoming.on("end", () => response.writeHead(201).end());
  });
  const passing = await startListener({
    document: {
      endpoints: [{ name: "o", type: "ollama", url: sink.url, headers: { "x-test-unread": "yes" } }],
    },
  });
  const ours = createHash("sha256");
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const outgoing = request(`${passing.url}/api/blobs/${digest}`, {
      method: "POST",
      headers: { "content-length": String(size) },
    });
    outgoing.on("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.on("error", reject);
    const piece = Buffer.alloc(262_144, 7);
    const more = (): void => {
      while (sent < size) {
        sent += piece.length;
        ours.update(piece);
        if (!outgoing.write(piece)) return void outgoing.once("drain", more);
      }
      outgoing.end();
    };
    more();
  });
  assert.deepEqual([status, got], [201, size]);
  assert.equal(hash.digest("hex"), ours.digest("hex"));
  assert.ok(most < size / 2, `${most} bytes were taken while nothing was read`);
  await passing[Symbol.asyncDispose]();
  await sink[Symbol.asyncDispose]();
});

test("an upload that the endpoint refuses at once still gets the answer", async () => {
  const sink = await startRecorder((_call, response) => void response.writeHead(500).end('{"error":"full"}'));
  const passing = await startListener({
    document: { endpoints: [{ name: "o", type: "ollama", url: sink.url, headers: { "x-test-unread": "yes" } }] },
  });
  const response = await fetch(`${passing.url}/api/blobs/${digest}`, { method: "POST", body: Buffer.alloc(4_000_000) });
  assert.equal(response.status, 500);
  await passing[Symbol.asyncDispose]();
  await sink[Symbol.asyncDispose]();
});

test("only a key that may use every model may manage them", async () => {
  next = fine;
  await using strict = await startHouse({ document: { ...document, access: { open: "never" } } });
  const whole = (await strict.issue()).key;
  const part = (await strict.issue({ models: ["*"] })).key;
  const before = first.calls.length;
  const statuses: number[] = [];
  for (const key of [undefined, part, whole]) {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    for (const [method, path] of [
      ["POST", "/api/pull"],
      ["DELETE", "/api/delete"],
      ["HEAD", `/api/blobs/${digest}`],
    ] as const) {
      const body = method === "HEAD" ? null : '{"model":"x"}';
      statuses.push((await fetch(strict.url + path, { method, headers, body })).status);
    }
  }
  assert.deepEqual(statuses, [401, 401, 401, 403, 403, 403, 200, 200, 200]);
  const shown = await fetch(`${strict.url}/api/ps`, { headers: { authorization: `Bearer ${part}` } });
  assert.deepEqual(await shown.json(), { models: [] });
  assert.equal(first.calls.slice(before).filter(({ path }) => path !== "/api/tags").length, 3);
});
