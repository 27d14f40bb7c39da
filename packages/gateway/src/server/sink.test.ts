import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { close, listen } from "../../test/support/port.ts";
import { ResponseSink } from "./sink.ts";

interface Heard {
  gone: number;
  closed: number;
  drained: number;
}

/** A sink on a real connection, whose client is a raw socket. */
async function open() {
  const heard: Heard = { gone: 0, closed: 0, drained: 0 };
  const { promise, resolve } = Promise.withResolvers<{ sink: ResponseSink; response: ServerResponse }>();
  const server = createServer((_request, response) => {
    const sink = new ResponseSink(response, ["x-request-id", "r1"], () => (heard.closed += 1));
    sink.onGone = () => (heard.gone += 1);
    sink.onDrained = () => (heard.drained += 1);
    resolve({ sink, response });
  });
  const port = await listen(server);
  const client = connect({ port, host: "127.0.0.1" });
  client.on("error", () => {});
  client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  return {
    ...(await promise),
    client,
    heard,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      server.closeAllConnections();
      await close(server);
    },
  };
}

const closing = (response: ServerResponse): Promise<unknown> =>
  new Promise((resolve) => (response.closed ? resolve(undefined) : response.once("close", resolve)));

test("an answer that is read to its end is closed, not gone", async () => {
  await using line = await open();
  let text = "";
  line.client.on("data", (chunk) => (text += chunk.toString()));
  line.sink.open(200, ["content-type", "text/plain"]);
  line.sink.write(Buffer.from("a"));
  line.sink.end(Buffer.from("b"), 1000);
  await closing(line.response);
  assert.deepEqual(line.heard, { gone: 0, closed: 1, drained: 0 });
  await new Promise((resolve) => line.client.once("close", resolve));
  assert.match(text, /^HTTP\/1\.1 200 OK\r\nx-request-id: r1\r\ncontent-type: text\/plain\r\n/u);
});

test("a client that leaves is told of once, and writing to it afterwards does no harm", async () => {
  await using line = await open();
  line.sink.open(200, []);
  line.sink.write(Buffer.from("a"));
  line.client.destroy();
  await closing(line.response);
  assert.deepEqual(line.heard, { gone: 1, closed: 1, drained: 0 });
  line.sink.open(500, []);
  // Nobody needs to wait for a client that is not there.
  assert.equal(line.sink.write(Buffer.from("b")), true);
  line.sink.end(Buffer.from("c"), 1000);
  line.sink.destroy();
  assert.equal(line.heard.gone, 1);
});

test("a client that does not read makes writing wait, and reading on resumes it", async () => {
  await using line = await open();
  line.client.pause();
  line.sink.open(200, []);
  const piece = Buffer.alloc(65_536);
  let count = 0;
  while (line.sink.write(piece) && count < 1000) count += 1;
  assert.ok(count < 1000);
  assert.equal(line.heard.drained, 0);
  const drained = new Promise((resolve) => line.response.once("drain", resolve));
  line.client.resume();
  await drained;
  assert.equal(line.heard.drained, 1);
});

test("breaking the connection leaves the client without a proper end", async () => {
  await using line = await open();
  let text = "";
  line.client.on("data", (chunk) => (text += chunk.toString()));
  line.sink.open(200, []);
  line.sink.write(Buffer.from("half"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  line.sink.destroy();
  await Promise.all([closing(line.response), new Promise((resolve) => line.client.once("close", resolve))]);
  assert.match(text, /4\r\nhalf\r\n$/u);
  assert.deepEqual([line.heard.gone, line.heard.closed], [1, 1]);
});
