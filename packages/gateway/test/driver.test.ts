import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "./support/exchange.ts";
import { documentFor, startHouse } from "./support/house.ts";
import { startUpstream } from "./support/upstream.ts";

test("no client notices that an upstream closes idle connections as they are used", async () => {
  // The upstream closes after 30 ms; each lane asks again after 28 to 33 ms, which hits the moment again and again.
  await using upstream = await startUpstream({
    keepAlive: 30,
    script: { kind: "answer", headers: { connection: "keep-alive" } },
  });
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
  console.log(upstream.connections, upstream.count);
});
test("bursts", async () => {
  await using upstream = await startUpstream({
    keepAlive: 30,
    script: { kind: "answer", headers: { connection: "keep-alive" } },
  });
  await using house = await startHouse({ document: documentFor({ upstream: upstream.url }) });
  const failed: string[] = [];
  for (let turn = 0; turn < 40; turn++) {
    const outcomes = await Promise.all(
      Array.from({ length: 15 }, () => ask(house, { model: "upstream/model", stream: turn % 2 === 0 })),
    );
    for (const outcome of outcomes) if (outcome.status !== 200 || outcome.error !== undefined) failed.push(outcome.raw);
    upstream.closeIdle();
  }
  console.log(upstream.connections, upstream.count, failed.length, failed[0]);
});
