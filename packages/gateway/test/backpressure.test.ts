import assert from "node:assert/strict";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startHouse } from "./support/house.ts";
import { rawPost } from "./support/raw.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour } from "./support/upstream.ts";

/** Clients that read slowly, or not at all. */

const behaviours = new Map<unknown, Behaviour>([
  ["endless", { kind: "endless-stream", bytes: 60_000 }],
  ["large", { kind: "answer", text: "x".repeat(20_000_000) }],
]);
const upstream = await startUpstream({
  script: ({ json }) => behaviours.get(field(json, "model")) ?? { kind: "answer" },
});
/** How long a client may stay away, in ms: much longer than a busy machine needs for what is between two reads. */
const stall = 1000;
const targets = [{ endpoint: "upstream", model: "*" }];
const house = await startHouse({
  document: {
    server: { timeouts: { stall } },
    endpoints: [
      { name: "upstream", type: "openai-compatible", url: upstream.url },
      { name: "simulator", type: "simulator" },
    ],
    models: [
      { name: "tapped-*", targets },
      { name: "translated-*", targets, relay: "never" },
      { name: "unread-*", targets, relay: "always" },
    ],
  },
});
after(async () => {
  for (const resource of [house, upstream]) await resource[Symbol.asyncDispose]();
});

/** A client that has asked and reads nothing yet. */
async function ask(model: string, stream: boolean): Promise<Socket> {
  const socket = connect({ port: house.port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.pause();
  const body = JSON.stringify({ model, stream, user: model, messages: [{ role: "user", content: "Hello" }] });
  socket.write(rawPost("/v1/chat/completions", body));
  return socket;
}

const callsOf = (user: string) => upstream.calls.filter(({ json }) => field(json, "user") === user);

async function callOf(user: string) {
  for (;;) {
    const call = callsOf(user)[0];
    if (call !== undefined) return call;
    await sleep(5);
  }
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes outside the heap. What the kernels' buffers hold (tens of megabytes, as they please) is not among them. */
function held(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

describe("a client that does not read", { concurrency: true }, () => {
  for (const sight of ["tapped", "translated", "unread"]) {
    test(`${sight}: an endless stream waits for it, goes on with it, and ends when it stays away`, async () => {
      const model = `${sight}-endless`;
      const socket = await ask(model, true);
      const call = await callOf(model);
      const before = held();
      let sent = -1;
      while (sent !== call.sent) {
        sent = call.sent;
        await sleep(150);
      }
      assert.equal(call.endedAt, undefined, "it was cut off while it could still be sent something");
      assert.ok(held() - before < 10_000_000, `${held() - before} bytes`);
      let got = 0;
      socket.on("data", (bytes: Buffer) => (got += bytes.length));
      socket.resume();
      while (got < sent + 1_000_000 && !socket.destroyed) await sleep(5);
      assert.ok(!socket.destroyed, "it was cut off while it read");
      assert.ok(call.sent > sent);
      socket.pause();
      const paused = performance.now();
      // The stall begins when the last buffer is full, which a busy machine takes its time for.
      let full = paused;
      for (let last = -1; call.endedAt === undefined; await sleep(5)) {
        if (call.sent !== last) full = performance.now();
        last = call.sent;
      }
      assert.equal(call.aborted, true);
      const [away, waited] = [call.endedAt - paused, call.endedAt - full];
      assert.ok(away > stall - 100 && waited < 3 * stall, `it was cut off after ${away} ms, ${waited} of them full`);
      assert.ok(held() - before < 10_000_000, `${held() - before} bytes`);
      socket.destroy();
    });
  }
});

describe("a client that does not read the whole of it", { concurrency: true }, () => {
  for (const model of ["tapped-large", "translated-large"]) {
    test(`an unstreamed answer (${model}) is not kept for it for ever`, async () => {
      const socket = await ask(model, false);
      await (
        await callOf(model)
      ).ended;
      await sleep(3 * stall);
      let got = 0;
      socket.on("data", (bytes: Buffer) => (got += bytes.length));
      socket.resume();
      await new Promise((resolve) => socket.once("close", resolve));
      assert.ok(got > 0 && got < 16_000_000, `${got} bytes`);
    });

    test(`an unstreamed answer (${model}) waits for it a while`, async () => {
      const socket = await ask(model, false);
      await (
        await callOf(model)
      ).ended;
      let got = 0;
      socket.on("data", (bytes: Buffer) => {
        got += bytes.length;
        // Slower than it could be, but never away for long.
        if (got % 7 !== 0) return;
        socket.pause();
        setTimeout(() => socket.resume(), 20);
      });
      await sleep(400);
      socket.resume();
      while (got < 20_000_000 && !socket.destroyed) await sleep(20);
      assert.ok(got > 20_000_000, `${got} bytes`);
      socket.destroy();
    });
  }
});
