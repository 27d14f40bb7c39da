import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startHouse } from "./support/house.ts";
import { rawPost } from "./support/raw.ts";
import { startRecorder } from "./support/recorder.ts";
import { askWire, places, until, wireClients } from "./support/wire-clients.ts";
import type { Seen } from "./support/vendors/scene.ts";
import { endpointOf, vendorKinds } from "./support/vendors/server.ts";
import type { VendorKind } from "./support/vendors/server.ts";

/** Translated streams that come faster than they are read, and slower than clients can bear. */

const kinds = Object.keys(vendorKinds) as VendorKind[];
const seen = { model: "real", body: { max_tokens: 1000 } } as unknown as Seen;
const words = "word ".repeat(200);

/** The pieces of a stream, of which one in the middle can be said for ever. */
function piecesOf(kind: VendorKind): { readonly all: readonly string[]; readonly middle: number } {
  const all = vendorKinds[kind].protocol.stream({ text: words }, seen, "1");
  const middle = all.findLastIndex((piece) => piece.includes("word") && !piece.includes(words));
  return { all, middle };
}

/** Bytes that were written for each prompt. */
const sent = new Map<string, number>();
const cut = new Set<string>();

function endless(response: ServerResponse, kind: VendorKind, name: string): void {
  const { all, middle } = piecesOf(kind);
  response.write(all.slice(0, middle).join(""));
  const more = (all[middle] ?? "").repeat(50);
  const write = () => {
    while (!response.destroyed) {
      sent.set(name, (sent.get(name) ?? 0) + more.length);
      if (!response.write(more)) return;
    }
  };
  response.on("drain", write).on("close", () => cut.add(name));
  write();
}

const vendors = new Map(
  await Promise.all(
    kinds.map(async (kind) => {
      const recorder = await startRecorder((call, response) => {
        if (!places[kind].test(call.path)) return void response.writeHead(404).end("404 page not found");
        const { protocol } = vendorKinds[kind];
        const name = /endless-[a-z-]+/u.exec(call.body)?.[0];
        const head = () => response.writeHead(200, { "content-type": protocol.streamType });
        if (name !== undefined) {
          head();
          return endless(response, kind, name);
        }
        setTimeout(() => head().end(protocol.stream({ text: words }, seen, "1").join("")), 1300);
      });
      return [kind, recorder] as const;
    }),
  ),
);
const house = await startHouse({
  document: {
    server: { keepalive: "1s", timeouts: { stall: "5s" } },
    endpoints: kinds.map((kind) => endpointOf({ kind, url: `${vendors.get(kind)?.url}${vendorKinds[kind].base}` })),
    models: kinds.map((kind) => ({ name: `plain-${kind}`, targets: [{ endpoint: kind, model: "real" }] })),
  },
});
after(async () => {
  await house[Symbol.asyncDispose]();
  for (const vendor of vendors.values()) await vendor[Symbol.asyncDispose]();
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function held(): number {
  collect();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

/** A client that has asked and reads nothing. */
function ask(path: string, body: string): Socket {
  const socket = connect({ port: house.port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.pause();
  socket.write(rawPost(path, body));
  return socket;
}

/** Each protocol is once read and once written. */
const pairs = wireClients.map((client, index) => [client, kinds[(index + 2) % kinds.length] ?? "ollama"] as const);

describe("an endless stream, translated for a client that does not read", { concurrency: 1 }, () => {
  for (const [client, kind] of pairs) {
    test(`${client.kind} over ${kind}: waits for it, goes on with it, ends with it, and is not kept`, async () => {
      const name = `endless-${client.kind}`;
      const wish = { model: `plain-${kind}`, stream: true, prompt: name };
      const before = held();
      const socket = ask(client.path(wish), JSON.stringify(client.body(wish)));
      let last = -1;
      for (let turn = 0; turn < 20 && last !== sent.get(name); turn++) {
        last = sent.get(name) ?? -2;
        await sleep(150);
      }
      assert.ok(last > 0 && !cut.has(name));
      assert.ok(held() - before < 12_000_000, `${held() - before} bytes are held`);
      let got = 0;
      socket.on("data", (bytes: Buffer) => (got += bytes.length));
      socket.resume();
      await until(() => (sent.get(name) ?? 0) >= last + 500_000);
      assert.ok((sent.get(name) ?? 0) >= last + 500_000, "it did not go on");
      socket.destroy();
      await until(() => cut.has(name));
      assert.ok(cut.has(name), "it did not end");
    });
  }
});

const keepalives: { readonly [kind in VendorKind]: RegExp } = {
  "openai-chat": /^(?:: ?[^\n]*\n\n)+data:/u,
  "openai-responses": /^(?:: ?[^\n]*\n\n)+event:/u,
  "openai-completions": /^(?:: ?[^\n]*\n\n)+data:/u,
  "anthropic-messages": /^(?:: ?[^\n]*\n\n)+event:/u,
  gemini: /^(?:\r?\n){2,}data:/u,
  // Its clients take each line for JSON.
  ollama: /^\{/u,
};

describe("a vendor that takes its time", { concurrency: true }, () => {
  for (const client of wireClients) {
    for (const kind of kinds) {
      test(`${client.kind} over ${kind}: the client hears what it bears in the meantime`, async () => {
        const heard = await askWire(house, client, { model: `plain-${kind}`, stream: true });
        assert.deepEqual([heard.status, heard.text, heard.complete], [200, words, true], heard.raw);
        assert.match(heard.raw, keepalives[client.kind]);
      });
    }
  }
});
