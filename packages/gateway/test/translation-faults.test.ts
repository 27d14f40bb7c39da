import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { inTime } from "./support/in-time.ts";
import { startHouse } from "./support/house.ts";
import { startRecorder } from "./support/recorder.ts";
import { askWire, places, send, until, wireClients } from "./support/wire-clients.ts";
import type { Seen } from "./support/vendors/scene.ts";
import { endpointOf, vendorKinds } from "./support/vendors/server.ts";
import type { VendorKind } from "./support/vendors/server.ts";

/** Vendors that answer in another shape than was asked for, break off, or hang; clients that leave. */

const kinds = Object.keys(vendorKinds) as VendorKind[];
const words = "One two three four five six seven eight nine ten. ".repeat(8);
const usage = { input: 210, output: 70, cached: 50 };
const seen = { model: "real", body: { stream_options: { include_usage: true }, max_tokens: 1000 } } as unknown as Seen;

type Act = (response: ServerResponse, kind: VendorKind) => void;

const streamOf = (kind: VendorKind, text = words) =>
  vendorKinds[kind].protocol.stream({ text, usage }, seen, "1") as readonly string[];
const wholeOf = (kind: VendorKind) =>
  JSON.stringify(vendorKinds[kind].protocol.whole({ text: words, usage }, seen, "1"));
const streamType = (kind: VendorKind) => ({ "content-type": vendorKinds[kind].protocol.streamType });
const json = { "content-type": "application/json" };

/** What a vendor does with a request, by the model that it is asked for. */
const acts: { readonly [name: string]: Act } = {
  streams: (response, kind) => response.writeHead(200, streamType(kind)).end(streamOf(kind).join("")),
  whole: (response, kind) => response.writeHead(200, json).end(wholeOf(kind)),
  "streams-untyped": (response, kind) => response.writeHead(200).end(streamOf(kind).join("")),
  "streams-as-json": (response, kind) => response.writeHead(200, json).end(streamOf(kind).join("")),
  "streams-gzip": (response, kind) =>
    response.writeHead(200, { ...streamType(kind), "content-encoding": "gzip" }).end(gzipSync(streamOf(kind).join(""))),
  "whole-gzip": (response, kind) =>
    response.writeHead(200, { ...json, "content-encoding": "gzip" }).end(gzipSync(wholeOf(kind))),
  overloaded: (response, kind) => {
    const { protocol } = vendorKinds[kind];
    response.writeHead(529, json).end(JSON.stringify(protocol.error(529, "overloaded", "Overloaded")));
  },
  "cut-before": (response, kind) => {
    response.writeHead(200, streamType(kind)).write(streamOf(kind)[0]);
    setTimeout(() => response.destroy(), 20);
  },
  "cut-within": (response, kind) => {
    const pieces = streamOf(kind);
    response.writeHead(200, streamType(kind)).write(pieces.slice(0, 8).join(""));
    setTimeout(() => response.destroy(), 20);
  },
  "ends-within": (response, kind) => {
    const pieces = streamOf(kind);
    response.writeHead(200, streamType(kind)).end(pieces.slice(0, 8).join(""));
  },
  hangs: (response, kind) => {
    response.writeHead(200, streamType(kind)).write(streamOf(kind).slice(0, 8).join(""));
  },
  "hangs-before": () => {},
};

/** What became of the calls for a model's name at a vendor; each test has a name of its own. */
interface Fate {
  calls: number;
  /** `performance.now()` when one was cut off. */
  cutAt?: number;
}
const fates = new Map<string, Fate>();
function fateOf(kind: VendorKind, model: string): Fate {
  const name = `${kind} ${model}`;
  const fate = fates.get(name) ?? { calls: 0 };
  fates.set(name, fate);
  return fate;
}

const vendors = new Map(
  await Promise.all(
    kinds.map(async (kind) => {
      const recorder = await startRecorder((call, response) => {
        if (!places[kind].test(call.path)) {
          response.writeHead(404).end("404 page not found");
          return;
        }
        const model = /"model":"([^"]+)"/u.exec(call.body)?.[1] ?? /models\/([^:]+):/u.exec(call.path)?.[1] ?? "";
        const fate = fateOf(kind, model);
        fate.calls++;
        response.on("close", () => {
          if (!response.writableFinished) fate.cutAt = performance.now();
        });
        (acts[model.split(".")[0] ?? ""] ?? assert.fail(model))(response, kind);
      });
      return [kind, recorder] as const;
    }),
  ),
);
const vendorOf = (kind: VendorKind) => vendors.get(kind) ?? assert.fail();
let number = 0;
const house = await startHouse({
  document: {
    server: { timeouts: { stall: "2s" } },
    endpoints: kinds.map((kind) => endpointOf({ kind, url: vendorOf(kind).url + vendorKinds[kind].base })),
    models: [
      ...kinds.map((kind) => ({ name: `${kind}-*`, targets: [{ endpoint: kind, model: "*" }] })),
      {
        name: "then-chat-*",
        targets: [
          { endpoint: "anthropic-messages", model: "*" },
          { endpoint: "openai-chat", model: "streams.*" },
        ],
      },
    ],
  },
});
after(async () => {
  await house[Symbol.asyncDispose]();
  for (const vendor of vendors.values()) await vendor[Symbol.asyncDispose]();
});

const shapes = [
  ["stream", "whole"],
  ["stream", "whole-gzip"],
  ["stream", "streams-gzip"],
  ["stream", "streams-untyped"],
  ["stream", "streams-as-json"],
  ["whole", "streams"],
  ["whole", "streams-gzip"],
  ["whole", "streams-untyped"],
  ["whole", "streams-as-json"],
  ["whole", "whole-gzip"],
] as const;

for (const client of wireClients) {
  describe(`a client of ${client.kind}`, { concurrency: 8 }, () => {
    for (const kind of kinds) {
      for (const [wanted, act] of shapes) {
        test(`over ${kind}: asks for a ${wanted} and is answered ${act}`, async () => {
          const heard = await askWire(house, client, { model: `${kind}-${act}`, stream: wanted === "stream" });
          assert.equal(heard.status, 200, heard.raw);
          assert.deepEqual([heard.text, heard.complete, heard.error], [words, true, undefined], heard.raw);
        });
      }

      for (const act of ["cut-within", "ends-within"]) {
        test(`over ${kind}: a stream that ${act} is told as a failure in the client's own words`, async () => {
          const model = `${act}.${++number}`;
          const heard = await askWire(house, client, { model: `${kind}-${model}`, stream: true });
          assert.equal(heard.status, 200, heard.raw);
          assert.ok(heard.text.length > 10 && words.startsWith(heard.text), heard.raw);
          assert.notEqual(heard.error, undefined, heard.raw);
          assert.deepEqual([heard.complete, heard.broken], [false, false], heard.raw);
          assert.equal(fateOf(kind, model).calls, 1);
          const row = await house.row(heard.id);
          assert.equal(row.failureKind, "broken-stream");
        });
      }

      for (const act of ["hangs", "hangs-before"]) {
        for (const stream of [true, false]) {
          test(`over ${kind}: leaves a ${stream ? "stream" : "whole answer"} that ${act}, and the vendor is told soon`, async () => {
            await inTime(250, async () => {
              const model = `${act}.${++number}`;
              const fate = fateOf(kind, model);
              const controller = new AbortController();
              const wish = { model: `${kind}-${model}`, stream, signal: controller.signal };
              const sent = send(house, client, wish).catch(() => undefined);
              await until(() => fate.calls > 0);
              await sleep(20);
              const left = performance.now();
              controller.abort();
              await sent;
              await until(() => fate.cutAt !== undefined, 1000);
              return (fate.cutAt ?? Infinity) - left;
            });
          });
        }
      }
    }

    for (const act of ["overloaded", "cut-before"]) {
      for (const stream of [true, false]) {
        test(`${stream ? "streamed" : "whole"}: Anthropic is ${act}, and chat answers`, async () => {
          const model = `${act}.${++number}`;
          const heard = await askWire(house, client, { model: `then-chat-${model}`, stream });
          assert.deepEqual([heard.status, heard.text, heard.complete], [200, words, true], heard.raw);
          assert.equal(heard.error, undefined, heard.raw);
          assert.equal(heard.headers.get("x-patchbay-endpoint"), "openai-chat");
          assert.equal(heard.headers.get("x-patchbay-attempts"), "2");
          const asked = kinds.flatMap((kind) => {
            const calls = fateOf(kind, model).calls + fateOf(kind, `streams.${model}`).calls;
            return calls === 0 ? [] : [[kind, calls]];
          });
          assert.deepEqual(asked, [
            ["openai-chat", 1],
            ["anthropic-messages", 1],
          ]);
        });
      }
    }
  });
}
