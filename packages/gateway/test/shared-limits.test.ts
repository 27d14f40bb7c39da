import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspectState } from "../src/app/inspect.ts";
import { figure } from "./support/figure.ts";
import { configure, documentFor, startHouse } from "./support/house.ts";
import type { House } from "./support/house.ts";
import { startProgram } from "./support/process.ts";
import { startProxy } from "./support/proxy.ts";
import { redisTest, startRedis } from "./support/redis-server.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Upstream } from "./support/upstream.ts";

const path = "/v1/chat/completions";
const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };

/** A model `m` with these limits at one endpoint, with its shared state at this port. */
function documentOf(upstream: Upstream, port: number, limits: object, more: object = {}): object {
  return {
    ...documentFor({ up: upstream.url }),
    server: { limits: { concurrent: 2000 } },
    state: `redis://127.0.0.1:${port}`,
    models: [{ name: "m", targets: [{ endpoint: "up", model: "actual" }], limits }],
    ...more,
  };
}

async function status(house: House): Promise<number> {
  const answer = await house.post(path, chat);
  await answer.text();
  return answer.status;
}

const times = <Value>(count: number, make: (index: number) => Value): Value[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** How many of so many requests, spread over the gateways, are answered. */
async function answered(houses: readonly House[], count: number): Promise<number> {
  const all = await Promise.all(times(count, (index) => status(houses[index % houses.length] as House)));
  for (const each of all) assert.ok(each === 200 || each === 429, `a request was answered with ${each}`);
  return all.filter((each) => each === 200).length;
}

/**
 * Sends so many requests, of which so many must be answered. A machine that keeps Redis from answering for 50 ms makes
 * gateways decide alone; then it may be more, though not more than half of the limit.
 */
async function lets(houses: readonly House[], count: number, wanted: number, limit: number): Promise<void> {
  const failures = async () => {
    const all = await Promise.all(houses.map((house) => figure(house, "patchbay_shared_failures_total")));
    return all.reduce((sum, each) => sum + each, 0);
  };
  const before = await failures();
  const passed = await answered(houses, count);
  if ((await failures()) === before) assert.equal(passed, wanted);
  else assert.ok(passed <= wanted + limit / 2, `${passed} passed`);
}

/** How long it took until something was so, in milliseconds. */
async function eventually(what: string, isSo: () => Promise<boolean>): Promise<number> {
  for (const from = performance.now(); ;) {
    if (await isSo()) return performance.now() - from;
    assert.ok(performance.now() - from < 10_000, `not within ten seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits for a figure. */
const until = (house: House, name: string, wanted: (value: number) => boolean): Promise<number> =>
  eventually(name, async () => wanted(await figure(house, name)));

/** How long it took until Redis was used, or not, in milliseconds. */
const isUp = (house: House) => until(house, "patchbay_shared_up", (value) => value === 1);
const isDown = (house: House) => until(house, "patchbay_shared_up", (value) => value === 0);

redisTest("two gateways over one Redis let exactly the limit through", async () => {
  await using redis = await startRedis();
  await using upstream = await startUpstream();
  const document = documentOf(upstream, redis.port, { requestsPerMinute: 100 });
  await using first = await startHouse({ document });
  await using second = await startHouse({ document });
  await lets([first, second], 1000, 100, 100);
  assert.ok(upstream.count >= 100);
});

redisTest("a frozen Redis delays nobody but the first, and is used again within two seconds of its thaw", async () => {
  await using redis = await startRedis();
  await using proxy = await startProxy(redis.port);
  await using upstream = await startUpstream();
  await using house = await startHouse({ document: documentOf(upstream, proxy.port, { requestsPerMinute: 100_000 }) });
  const durations = async (count: number) => {
    const all: number[] = [];
    for (let index = 0; index < count; index++) {
      const from = performance.now();
      assert.equal(await status(house), 200);
      all.push(performance.now() - from);
    }
    return all;
  };
  await durations(50);
  const usual = (await durations(50)).toSorted((a, b) => a - b)[25] ?? 0;
  proxy.freeze();
  const frozen = (await durations(100)).map((each) => each - usual);
  // One waits for 50 ms; what else is slow is so because the machine is busy.
  assert.ok(frozen.filter((each) => each > 40).length <= 20, `waited: ${frozen.join(" ")}`);
  assert.ok(Math.max(...frozen) < 1000);
  assert.equal(await figure(house, "patchbay_shared_up"), 0);
  await proxy.heal();
  const back = await isUp(house);
  assert.ok(back < 2000, `it took ${back} ms`);
  // And with many at once, who all wait no longer than one.
  proxy.freeze();
  const from = performance.now();
  assert.equal(await answered([house], 50), 50);
  assert.ok(performance.now() - from < 2000);
});

redisTest("a process that is stopped is as a connection that is frozen", async () => {
  await using redis = await startRedis();
  await using upstream = await startUpstream();
  await using house = await startHouse({ document: documentOf(upstream, redis.port, { requestsPerMinute: 1000 }) });
  redis.signal("SIGSTOP");
  // Without any request, too: the beat finds it out.
  await isDown(house);
  assert.equal(await answered([house], 100), 100);
  redis.signal("SIGCONT");
  assert.ok((await isUp(house)) < 2000);
});

redisTest("a Redis that is slow, and one that is cut off or gone, is done without", async () => {
  await using redis = await startRedis();
  await using proxy = await startProxy(redis.port);
  await using upstream = await startUpstream();
  await using house = await startHouse({ document: documentOf(upstream, proxy.port, { requestsPerMinute: 100_000 }) });
  proxy.slow(150);
  assert.equal(await answered([house], 100), 100);
  await isDown(house);
  const from = performance.now();
  for (let index = 0; index < 20; index++) assert.equal(await status(house), 200);
  // With 150 ms for each it would be three seconds.
  assert.ok(performance.now() - from < 2000);
  await proxy.heal();
  assert.ok((await isUp(house)) < 2000);

  proxy.cut();
  assert.equal(await answered([house], 100), 100);
  assert.ok((await isUp(house)) < 2000);

  await proxy.refuse();
  assert.equal(await answered([house], 100), 100);
  await isDown(house);
  await proxy.heal();
  assert.ok((await isUp(house)) < 2000);
});

redisTest(
  "while Redis is away each replica keeps to its part; what was used then is told when it is back",
  async () => {
    await using redis = await startRedis();
    await using proxy = await startProxy(redis.port);
    await using upstream = await startUpstream();
    const document = documentOf(upstream, proxy.port, { requestsPerMinute: 20 });
    await using first = await startHouse({ document });
    await using second = await startHouse({ document });
    const houses = [first, second];
    for (const house of houses) await until(house, "patchbay_shared_replicas", (value) => value === 2);
    await proxy.refuse();
    for (const house of houses) await isDown(house);
    await lets([first], 30, 10, 20);
    await lets([second], 4, 4, 20);
    await proxy.heal();
    for (const house of houses) await isUp(house);
    await lets(houses, 30, 6, 20);
  },
);

redisTest("a Redis that forgets everything is told what was used, by a restart or without one", async () => {
  await using redis = await startRedis();
  await using upstream = await startUpstream();
  const document = documentOf(upstream, redis.port, { requestsPerMinute: 20 });
  await using first = await startHouse({ document });
  await using second = await startHouse({ document });
  const houses = [first, second];
  await lets(houses, 12, 12, 20);
  await redis.run("FLUSHALL");
  // The next beat of each tells.
  await eventually("what was used is known again", async () => {
    return (await redis.run("HGET", "{patchbay:1}:limit:model:m:requestsPerMinute", "s")).endsWith("12");
  });
  for (const house of houses) await isUp(house);
  await lets([first], 3, 3, 20);
  await redis.stop();
  for (const house of houses) await isDown(house);
  await redis.start();
  for (const house of houses) await isUp(house);
  await lets(houses, 30, 5, 20);
});

redisTest("a gateway starts without its Redis, goes on alone, and finds it when it comes", async () => {
  await using redis = await startRedis();
  await using upstream = await startUpstream();
  await redis.stop();
  await using house = await startHouse({ document: documentOf(upstream, redis.port, { requestsPerMinute: 5 }) });
  assert.equal(await figure(house, "patchbay_shared_up"), 0);
  assert.equal(await answered([house], 3), 3);
  const health = (await (await fetch(`${house.url}/health`)).json()) as { notes: readonly string[] };
  assert.match(health.notes.join(), /the shared state is away \(ECONNREFUSED\)/);
  assert.equal((await fetch(`${house.url}/readyz`)).status, 200);
  await redis.start();
  await isUp(house);
  await lets([house], 10, 2, 5);
});

redisTest("one replica's 429 pauses all", async () => {
  await using redis = await startRedis();
  await using upstream = await startUpstream({
    script: { kind: "status", status: 429, headers: { "retry-after": "30" } },
  });
  const document = documentOf(upstream, redis.port, { requestsPerMinute: 1000 });
  await using first = await startHouse({ document });
  await using second = await startHouse({ document });
  assert.equal(await status(first), 429);
  assert.equal(upstream.count, 1);
  await until(second, 'patchbay_cooldowns{endpoint="up"}', (value) => value === 1);
  assert.equal(await status(second), 429);
  assert.equal(upstream.count, 1);
  // Also who comes later.
  await using third = await startHouse({ document });
  assert.equal(await status(third), 429);
  assert.equal(upstream.count, 1);
});

redisTest("places are of all replicas together, and everybody gets one in turn", async () => {
  await using redis = await startRedis();
  await using upstream = await startUpstream({ script: { kind: "slow-headers", delay: 40 } });
  const document = documentOf(upstream, redis.port, { concurrent: 3 });
  await using first = await startHouse({ document });
  await using second = await startHouse({ document });
  assert.equal(await answered([first, second], 40), 40);
  const moments = upstream.calls.flatMap(({ at, endedAt = 0 }) => [[at, 1] as const, [endedAt, -1] as const]);
  let running = 0;
  let most = 0;
  for (const [, change] of moments.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])) {
    most = Math.max(most, (running += change));
  }
  assert.equal(most, 3);
});

redisTest("the only place goes to each replica in turn, and a dead one's is free again", async () => {
  await using redis = await startRedis();
  await using upstream = await startUpstream({ script: { kind: "slow-headers", delay: 20 } });
  const document = documentOf(upstream, redis.port, { concurrent: 1 });
  await using first = await startHouse({ document });
  await using second = await startHouse({ document });
  let isOver = false;
  // Somebody who always has one more request.
  const busy = Promise.all(
    times(3, async () => {
      while (!isOver) assert.equal(await status(first), 200);
    }),
  );
  assert.equal(await answered([second], 3), 3);
  isOver = true;
  await busy;

  const now = Date.now();
  await redis.run("ZADD", "{patchbay:1}:replicas", String(now - 2000), "ghost");
  await redis.run("HSET", "{patchbay:1}:seats:model:m", "ghost", `1 0 ${now}`);
  const from = performance.now();
  assert.equal(await status(first), 200);
  assert.ok(performance.now() - from > 800, "the place was free at once");
});

redisTest("the log has one line for each change, and no password is told anywhere", async () => {
  await using redis = await startRedis(["--requirepass", "wonder%land"]);
  const directory = mkdtempSync(join(tmpdir(), "patchbay-test-"));
  const file = join(directory, "patchbay.yaml");
  writeFileSync(file, `state: redis://:\${SECRET}@127.0.0.1:${redis.port}/3\n`);
  try {
    await using program = await startProgram(["--config", file, "--data-dir", directory], { SECRET: "wonder%25land" });
    const lines = () => program.output.stderr.split("\n").filter((line) => line.includes("the shared state is"));
    const seen = (count: number) => eventually(`${count} lines`, () => Promise.resolve(lines().length >= count));
    await seen(1);
    await redis.stop();
    await seen(2);
    // Some tries to come back are made meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await redis.start();
    await seen(3);
    const told = lines().map((line) => /the shared state is \w+/.exec(line)?.[0]);
    assert.deepEqual(told, ["the shared state is there", "the shared state is away", "the shared state is there"]);
    assert.ok(!/wonder/.test(program.output.stdout + program.output.stderr));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

redisTest("a wrong password is named, but not told, and the gateway serves", async () => {
  await using redis = await startRedis(["--requirepass", "right-one"]);
  const state = `redis://:wrong-one@127.0.0.1:${redis.port}`;
  await using house = await startHouse({ document: { state } });
  const health = await (await fetch(`${house.url}/health`)).text();
  assert.match(health, /the shared state is away \(WRONGPASS\)/);
  assert.equal(await inspectState(house.app.config), "WRONGPASS");
  const right = configure({ document: { state: state.replace("wrong", "right") } }).config;
  assert.equal(await inspectState(right), "");
  assert.ok(!/wrong-one/.test(health + JSON.stringify(house.app.config)));
  assert.equal((await house.post(path, { ...chat, model: "simulator/echo" })).status, 200);
});

test("where nothing is shared nothing is told of it", async () => {
  await using house = await startHouse();
  assert.ok(Number.isNaN(await figure(house, "patchbay_shared_up")));
});
