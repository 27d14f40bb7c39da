import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "./support/exchange.ts";
import { documentFor, startHouse } from "./support/house.ts";
import { defaultText } from "./support/payloads.ts";
import { startUpstream } from "./support/upstream.ts";

/** An answer whose head does not tell how long the connection is kept, as with most servers. */
const headers = { connection: "keep-alive" };

test("no client notices that an upstream closes idle connections as they are used", async () => {
  // The upstream closes after 30 ms; each lane asks again after 28 to 33 ms, which hits the moment again and again.
  await using upstream = await startUpstream({ keepAlive: 30, script: { kind: "answer", headers } });
  await using house = await startHouse({ document: documentFor({ upstream: upstream.url }) });
  const failed: string[] = [];
  const lane = async (number: number): Promise<void> => {
    for (let turn = 0; turn < 75; turn++) {
      const outcome = await ask(house, { model: "upstream/model", stream: turn % 2 === 0 });
      if (outcome.status !== 200 || outcome.error !== undefined) failed.push(outcome.raw);
      await new Promise((resolve) => setTimeout(resolve, 28 + ((number + turn) % 6)));
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, number) => lane(number)));
  assert.deepEqual(failed, []);
  assert.ok(upstream.connections > 20, `${upstream.connections} connections: nothing was closed`);
});

test("one stale connection after another costs a request one more try, on a connection of its own", async () => {
  // Every connection serves one request, and is reset by the next.
  const used = new Set<number>();
  await using upstream = await startUpstream({
    script: ({ connection }) => {
      if (used.has(connection)) return { kind: "reset-before" };
      used.add(connection);
      return { kind: "slow-headers", delay: 50 };
    },
  });
  await using house = await startHouse({ document: documentFor({ upstream: upstream.url }) });
  const all = () =>
    Promise.all(
      Array.from({ length: 10 }, (_, number) => ask(house, { model: "upstream/m", stream: number % 2 === 0 })),
    );
  await all();
  assert.equal(used.size, 10);
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const outcome of await all()) {
    assert.deepEqual([outcome.status, outcome.text], [200, defaultText]);
    assert.equal(outcome.headers.get("x-patchbay-attempts"), "2");
  }
  assert.deepEqual([upstream.count, used.size], [30, 20]);
});
