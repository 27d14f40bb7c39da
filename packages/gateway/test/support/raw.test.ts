import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { close, listen } from "./port.ts";
import { rawPost, rawRequest } from "./raw.ts";
import { startUpstream } from "./upstream.ts";

test("a complete answer on a kept-alive connection returns at once", async () => {
  await using upstream = await startUpstream();
  const started = performance.now();
  const answer = await rawRequest(upstream.port, rawPost("/v1/chat/completions", "{}"));
  assert.equal(answer.status, 200);
  assert.equal(answer.closed, "open");
  assert.ok(answer.body.startsWith('{"id"'));
  assert.ok(performance.now() - started < 1000);
});

test("a chunked answer is put together", async () => {
  await using upstream = await startUpstream({ script: { kind: "stream", events: ["é"] } });
  const answer = await rawRequest(upstream.port, rawPost("/v1/chat/completions", "{}"));
  assert.equal(answer.body, "data: é\n\ndata: [DONE]\n\n");
  assert.equal(answer.closed, "open");
});

test("what node:http refuses is answered 400 and closed", async () => {
  await using upstream = await startUpstream();
  const answer = await rawRequest(
    upstream.port,
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\n",
  );
  assert.equal(answer.status, 400);
  assert.equal(answer.closed, "end");
  assert.equal(upstream.count, 0);
});

test("pieces go out one by one, a reset and silence are told apart", async () => {
  await using upstream = await startUpstream({
    script: [{ kind: "reset-before" }, { kind: "silence" }, { kind: "answer" }],
  });
  const post = rawPost("/v1/chat/completions", '{"a":1}');
  assert.equal((await rawRequest(upstream.port, post)).closed, "reset");
  const silent = await rawRequest(upstream.port, post, { timeout: 50 });
  assert.deepEqual([silent.closed, silent.status], ["timeout", undefined]);
  const slow = await rawRequest(upstream.port, [post.slice(0, 20), post.slice(20)], { pause: 20 });
  assert.equal(slow.status, 200);
  assert.deepEqual(upstream.calls[2]?.json, { a: 1 });
});

test("informational answers are skipped", async () => {
  const server = createServer((socket) => {
    socket.resume();
    socket.write("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    socket.end();
  });
  const answer = await rawRequest(await listen(server), "x");
  assert.deepEqual([answer.status, answer.closed], [204, "end"]);
  await close(server);
});
