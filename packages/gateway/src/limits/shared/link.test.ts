import assert from "node:assert/strict";
import { test } from "node:test";
import { Link } from "./link.ts";
import type { Counting } from "./link.ts";
import { wordOf } from "./wire.ts";
import type { Line } from "./wire.ts";

const clock = { now: () => 0, monotonic: () => performance.now() };
const nothing: Counting = {
  seats: () => [],
  seatsTold: () => {},
  untold: () => undefined,
  told: () => {},
  stirred: () => {},
};

/** A Redis that answers as it is told; `dials` counts connections, `commands` what was sent. */
function fakeRedis() {
  const from = performance.now();
  const redis = {
    isThere: true,
    /** Undefined: it answers; else a command is never answered, or refused. */
    mood: undefined as "silent" | "refusing" | undefined,
    /** What it answers to scripts instead. */
    nonsense: undefined as { readonly reply: unknown } | undefined,
    dials: 0,
    commands: [] as string[],
    epoch: "",
    changes: [] as string[],
    paused: [] as string[],
    dial: (): Promise<Line | string> => {
      redis.dials++;
      if (!redis.isThere) return Promise.resolve("ECONNREFUSED");
      return Promise.resolve({ send: (command) => redis.answer(command), close: () => {} });
    },
    answer: (command: readonly string[]): Promise<unknown> => {
      redis.commands.push(command[1] ?? "");
      if (redis.mood === "silent") return new Promise(() => {});
      if (redis.mood === "refusing") return Promise.reject(new Error("READONLY no writes here"));
      if (command[0] === "SCRIPT") return Promise.resolve(`sha${redis.commands.length}`);
      if (redis.nonsense !== undefined) return Promise.resolve(redis.nonsense.reply);
      redis.epoch ||= command[9] ?? "";
      return Promise.resolve([redis.epoch, 1_000_000, 2, "1", '["up"]', 5000 - Math.floor(performance.now() - from)]);
    },
  };
  const link = new Link({
    dial: redis.dial,
    clock,
    id: "me",
    changed: (isUp, why) => void redis.changes.push(isUp ? "up" : why),
    paused: ({ text }) => void redis.paused.push(text),
  });
  return { redis, link };
}

test("three failures in a row end the use of Redis, and nothing more is sent", async () => {
  const { redis, link } = fakeRedis();
  await link.begin(nothing);
  assert.deepEqual([link.isUp, link.replicas, redis.changes], [true, 2, ["up"]]);
  redis.mood = "refusing";
  await link.run("leave", [], []);
  await link.run("leave", [], []);
  assert.ok(link.isUp);
  await link.run("leave", [], []);
  assert.deepEqual([link.isUp, link.run("leave", [], []), redis.changes], [false, undefined, ["up", "READONLY"]]);
  await link[Symbol.asyncDispose]();
});

test("a Redis that refuses from the beginning is named as one", async () => {
  const { redis, link } = fakeRedis();
  redis.mood = "refusing";
  await link.begin(nothing);
  assert.deepEqual([link.isUp, redis.changes], [false, ["READONLY"]]);
  await link[Symbol.asyncDispose]();
});

test("after one command without an answer nobody else waits", async () => {
  const { redis, link } = fakeRedis();
  await link.begin(nothing);
  redis.mood = "silent";
  const answer = await link.run("leave", [], []);
  assert.equal(answer?.state, "late");
  const sent = redis.commands.length;
  assert.deepEqual([link.run("leave", [], []), link.run("leave", [], [])], [undefined, undefined]);
  assert.deepEqual(
    [redis.commands.length, link.isUp, redis.changes.at(-1)],
    [sent, false, "it does not answer in time"],
  );
  await link[Symbol.asyncDispose]();
});

test("many failed tries to come back are told once", async () => {
  const { redis, link } = fakeRedis();
  redis.isThere = false;
  await link.begin(nothing);
  while (redis.dials < 4) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(redis.changes, ["ECONNREFUSED"]);
  redis.isThere = true;
  while (!link.isUp) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(redis.changes, ["ECONNREFUSED", "up"]);
  await link[Symbol.asyncDispose]();
});

test("a pause of others is told once, for as long as it is no longer than before", async () => {
  const { redis, link } = fakeRedis();
  await link.begin(nothing);
  const beats = redis.commands.length;
  while (redis.commands.length < beats + 2) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(redis.paused, ['["up"]']);
  await link[Symbol.asyncDispose]();
});

const aReserve = ["epoch", "", "me", "1", "1", "1000", "61", "0", "0", "10", "1", "4"];
const nonsense: readonly unknown[] = [
  null,
  undefined,
  7,
  "OK",
  [],
  [null],
  [[], []],
  [1],
  [1, 5],
  [1, 5, 6, "x"],
  [0, 0],
  [0, 5, 3, -1, 0],
  [0, 5, 0, -1, 0],
  [0, 5, 1, Number.NaN, 0],
  new Error("as a value"),
];
for (const reply of nonsense) {
  test(`a Redis that answers ${JSON.stringify(reply)} is taken for one that fails`, async () => {
    const { redis, link } = fakeRedis();
    await link.begin(nothing);
    redis.nonsense = { reply };
    const answers = [
      await link.run("reserve", ["e", "r", "c", "s"], aReserve),
      await link.run("add", ["e", "r", "c", "s"], aReserve),
    ];
    assert.deepEqual(
      answers.map((answer) => answer?.state),
      ["failed", "failed"],
    );
    // The third is a beat, unless it comes back before.
    while (link.isUp) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(redis.changes, ["up", "EPROTO"]);
    await link[Symbol.asyncDispose]();
  });
}

test("what scripts answer is understood: room, no room, and an epoch that is over", async () => {
  const { redis, link } = fakeRedis();
  await link.begin(nothing);
  for (const reply of [[-1], [1, 5, 6, 7], [0, 5, 1, -1, 7], [0, 5, 2, 0, 7]]) {
    redis.nonsense = { reply };
    assert.deepEqual(await link.run("reserve", ["e", "r", "c", "s"], aReserve), { state: "answered", reply });
  }
  await link[Symbol.asyncDispose]();
});

test("a Redis without memory is named by its own word, short as it is", () => {
  assert.equal(wordOf(new Error("OOM command not allowed when used memory > 'maxmemory'.")), "OOM");
});
