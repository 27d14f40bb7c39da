import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startHouse } from "../support/house.ts";
import type { House } from "../support/house.ts";
import { endpointOf, startVendor, vendorKinds } from "../support/vendors/server.ts";
import type { Vendor, VendorKind } from "../support/vendors/server.ts";
import { cells } from "./cells.ts";
import { clients } from "./clients.ts";
import { Grid } from "./grid.ts";

/*
 * Every client times every backend's protocol times everything that people do. A cell passes, or names what the vendor
 * or the client cannot do. The vendors are strict: a request that the real one would refuse is refused here.
 */
const kinds = Object.keys(vendorKinds) as VendorKind[];
const grid = new Grid(kinds);
let house: House;
const vendors = new Map<VendorKind, Vendor>();

before(async () => {
  for (const kind of kinds) vendors.set(kind, await startVendor(kind));
  house = await startHouse({
    document: {
      endpoints: [...vendors.values()].map(endpointOf),
      // One attempt: what a vendor refuses is told, and not waited for.
      models: kinds.flatMap((kind) =>
        Object.entries({ [`over-${kind}`]: "real", [`over-${kind}-*`]: "*" }).map(([name, model]) => ({
          name,
          targets: [{ endpoint: kind, model }],
          failover: { attempts: 1 },
        })),
      ),
    },
  });
});

after(async () => {
  console.log(grid.toString());
  await house[Symbol.asyncDispose]();
  for (const vendor of vendors.values()) await vendor[Symbol.asyncDispose]();
});

for (const client of clients) {
  describe(client.name, () => {
    for (const kind of kinds) {
      for (const cell of cells) {
        const name = cell.name.replace(", streamed", "");
        const own = client.limits[name];
        const limit = own ?? cell.limits?.[kind];
        test(
          `${client.name}: ${cell.name} over ${kind}`,
          { ...(limit !== undefined && { skip: limit }), timeout: 20_000 },
          async () => {
            const vendor = vendors.get(kind);
            assert.ok(vendor !== undefined);
            vendor.reset();
            try {
              await cell.check({ client, vendor, place: { url: house.url, model: `over-${kind}` } });
              assert.deepEqual(vendor.refused, [], "the vendor refused what it was sent");
              grid.note(client.name, kind, true);
            } catch (error) {
              grid.note(client.name, kind, false);
              throw error;
            }
          },
        );
        const whose = own === undefined ? kind : client.name;
        if (limit !== undefined) grid.limit(client.name, kind, { whose, name, reason: limit });
      }
    }
  });
}
