import assert from "node:assert/strict";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { test } from "node:test";
import { documentFor, startHouse } from "./support/house.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";

/** A test that waits in vain fails soon. */
const patience = { timeout: 10_000 };
const path = "/v1/chat/completions";
const chat = { model: "up/x", messages: [{ role: "user", content: "hi" }] };

test(
  "beyond the most exchanges at a time one is told to come again, and there is room again afterwards",
  patience,
  async () => {
    await using upstream = await startUpstream({ script: { kind: "silence" } });
    await using house = await startHouse({
      document: documentFor({ up: upstream.url }, { server: { limits: { concurrent: 2 } } }),
    });
    const controller = new AbortController();
    const waiting = [1, 2].map(() =>
      fetch(house.url + path, { method: "POST", body: JSON.stringify(chat), signal: controller.signal }).catch(
        () => "left",
      ),
    );
    await upstream.reached(2);
    const refused = await house.post(path, chat);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.equal(refused.headers.get("x-should-retry"), null);
    assert.equal(field(await refused.json(), "error", "code"), "overwhelmed");
    assert.equal(upstream.count, 2);
    // Health, lists and figures have their own room.
    for (const target of ["/livez", "/v1/models", "/metrics"])
      assert.equal((await fetch(house.url + target)).status, 200);
    controller.abort();
    assert.deepEqual(await Promise.all(waiting), ["left", "left"]);
    await Promise.all(upstream.calls.map(({ ended }) => ended));
    upstream.script({ kind: "answer" });
    assert.equal((await house.post(path, chat)).status, 200);
  },
);

/** Opens connections that say so much and then nothing; resolves when all stand. */
async function dawdlers(port: number, count: number, text: string): Promise<readonly Socket[]> {
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect({ port, host: "127.0.0.1" });
          socket.once("error", reject);
          socket.once("connect", () => {
            socket.removeAllListeners("error").on("error", () => {});
            socket.write(text, () => resolve(socket.resume()));
          });
        }),
    ),
  );
}

const closed = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => (socket.closed ? resolve(undefined) : socket.once("close", resolve)));

test("five hundred who dawdle hold up nobody, and are all gone soon", patience, async () => {
  await using house = await startHouse({
    document: {
      server: { timeouts: { header: "1s", request: "1s" } },
      endpoints: [{ name: "sim", type: "simulator" }],
    },
  });
  const sockets = [
    ...(await dawdlers(house.port, 250, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nx: ")),
    ...(await dawdlers(
      house.port,
      250,
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"model":`,
    )),
  ];
  const gone = Promise.all(sockets.map(closed));
  const times: number[] = [];
  for (let round = 0; round < 10; round++) {
    const started = performance.now();
    assert.equal((await house.post(path, { ...chat, model: "echo" })).status, 200);
    times.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok((times.toSorted((a, b) => a - b)[5] ?? Infinity) < 100, times.join(" "));
  await gone;
});

test("a time for whole requests that is shorter than the one for their heads holds for both", async () => {
  await using house = await startHouse({ document: { server: { timeouts: { header: "20s", request: "1s" } } } });
  const [socket] = await dawdlers(house.port, 1, "GET /livez HTTP/1.1\r\nHost: ");
  assert.ok(socket !== undefined);
  const started = performance.now();
  await closed(socket);
  assert.ok(performance.now() - started < 4000);
});

test("connections beyond their cap are closed at once, and those that stand are served", patience, async () => {
  await using house = await startHouse({ document: { server: { limits: { connections: 20 } } } });
  const standing = await dawdlers(house.port, 20, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const started = performance.now();
  const extra = await dawdlers(house.port, 10, "");
  await Promise.all(extra.map(closed));
  assert.ok(performance.now() - started < 1000);
  const [first] = standing;
  assert.ok(first !== undefined && !first.closed);
  first.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const text = await new Promise<string>((resolve) => first.once("data", (bytes) => resolve(bytes.toString())));
  assert.match(text, /^HTTP\/1\.1 200 OK/u);
  for (const socket of standing) socket.destroy();
});

test("a client that does not read its answer does not fill the memory, and is cut off", patience, async () => {
  await using upstream = await startUpstream({ script: { kind: "endless-stream", bytes: 60_000 } });
  await using house = await startHouse({
    document: documentFor({ up: upstream.url }, { server: { timeouts: { stall: "1s" } } }),
  });
  const socket = connect({ port: house.port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.pause();
  const body = JSON.stringify({ ...chat, stream: true });
  socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await upstream.reached(1);
  const call = upstream.calls[0];
  await call?.ended;
  assert.equal(call?.aborted, true);
  // What the sockets' own buffers hold, on both sides; an endless answer would have brought far more.
  assert.ok(call.sent < 30_000_000, `${call.sent} bytes were taken`);
  const [row] = await house.rows(1);
  assert.deepEqual([row?.status, row?.failureKind], [499, "cancelled"]);
  socket.destroy();
});
