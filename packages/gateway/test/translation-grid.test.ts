import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startHouse } from "./support/house.ts";
import { askWire, wireClients } from "./support/wire-clients.ts";
import { endpointOf, startVendor, vendorKinds } from "./support/vendors/server.ts";
import type { VendorKind } from "./support/vendors/server.ts";

/** Every client's protocol at every vendor's, whole and streamed: words, names, counts. */

const kinds = Object.keys(vendorKinds) as VendorKind[];
const answer = { text: "Grüße, 世界! One two three four five six.", usage: { input: 210, output: 70, cached: 50 } };
const vendors = new Map(
  await Promise.all(
    kinds.map(async (kind) => {
      const vendor = await startVendor(kind);
      vendor.play(answer);
      return [kind, vendor] as const;
    }),
  ),
);
const price = { input: 2, output: 10, cacheRead: 1 };
const house = await startHouse({
  document: {
    endpoints: [...vendors.values()].map(endpointOf),
    models: kinds.flatMap((kind) => [
      { name: `plain-${kind}`, targets: [{ endpoint: kind, model: "real" }], price },
      { name: `echo-${kind}`, targets: [{ endpoint: kind, model: "real" }], echo: "requested" },
    ]),
  },
});
after(async () => {
  await house[Symbol.asyncDispose]();
  for (const vendor of vendors.values()) await vendor[Symbol.asyncDispose]();
});

for (const client of wireClients) {
  describe(`a client of ${client.kind}`, { concurrency: true }, () => {
    for (const kind of kinds) {
      for (const stream of [false, true]) {
        const how = stream ? "streamed" : "whole";
        test(`over ${kind}, ${how}: its words, its usage and its cost`, async () => {
          const heard = await askWire(house, client, { model: `plain-${kind}`, stream });
          assert.equal(heard.status, 200, heard.raw);
          assert.deepEqual([heard.text, heard.complete, heard.error], [answer.text, true, undefined], heard.raw);
          assert.deepEqual(heard.models, ["real"]);
          assert.equal(heard.headers.get("x-patchbay-loss"), null);
          const row = await house.row(heard.id);
          // Ollama tells nothing of a cache.
          const [cached, cost] = kind === "ollama" ? [undefined, 1120] : [50, 1070];
          assert.deepEqual(
            [row.inputTokens, row.outputTokens, row.cacheReadTokens, row.costMicroDollars, row.surface, row.sight],
            [210, 70, cached, cost, client.kind, client.kind === kind ? "tap" : "translate"],
          );
        });

        test(`over ${kind}, ${how}: the name that was asked for, where that is wanted`, async () => {
          const heard = await askWire(house, client, { model: `echo-${kind}`, stream });
          assert.deepEqual([heard.text, heard.complete, heard.error], [answer.text, true, undefined], heard.raw);
          assert.deepEqual(heard.models, [`echo-${kind}`]);
        });
      }
    }
  });
}
