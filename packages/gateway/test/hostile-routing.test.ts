import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./support/exchange.ts";
import { figure } from "./support/figure.ts";
import { bearer, endpointAt, startHouse } from "./support/house.ts";
import type { House } from "./support/house.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour, Upstream } from "./support/upstream.ts";

/** What strategies, limits, rescue and reloads do to each other; each by itself has files of its own. */

const targets = (...endpoints: readonly string[]) => endpoints.map((each) => ({ endpoint: each, model: "m" }));
const answer = (text: string, usage?: Extract<Behaviour, { kind: "answer" }>["usage"]): Behaviour => ({
  kind: "answer",
  text,
  ...(usage === undefined ? {} : { usage }),
});

/** A request whose client leaves as soon as somebody was asked. */
async function leave(house: House, upstream: Upstream, calls: number, body: object, key: string): Promise<void> {
  const gone = new AbortController();
  const request = fetch(`${house.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...bearer(key) },
    body: JSON.stringify({ messages: [{ role: "user", content: "hi" }], stream: true, ...body }),
    signal: gone.signal,
  })
    .then((response) => response.text())
    .catch(() => "");
  await upstream.reached(calls);
  await sleep(100);
  gone.abort();
  await request;
  await house.rows(1);
}

/** Tokens of a key's minute that a request of one token finds used. */
async function used(house: House, key: string, limit: number): Promise<number> {
  const response = await house.post(
    "/v1/chat/completions",
    { model: "free", max_tokens: 1, messages: [] },
    bearer(key),
  );
  await response.text();
  return limit - Number(response.headers.get("x-ratelimit-remaining-tokens"));
}

test("a target that waits for its place in a race is waited for when the others have failed", async () => {
  await using first = await startUpstream({ script: { kind: "silence" } });
  await using second = await startUpstream({ script: { kind: "slow-headers", delay: 500, text: "two" } });
  await using house = await startHouse({
    document: {
      endpoints: [
        endpointAt("first", first, { timeouts: { firstByte: "300ms", firstToken: "300ms" } }),
        endpointAt("second", second, { limits: { concurrent: 1 } }),
      ],
      models: [
        { name: "raced", strategy: "race", hedge: { after: "50ms" }, targets: targets("first", "second") },
        { name: "holder", targets: targets("second") },
      ],
    },
  });
  const holder = ask(house, { model: "holder", stream: false });
  await second.reached(1);
  const outcome = await ask(house, { model: "raced", stream: true });
  assert.deepEqual([outcome.status, outcome.text], [200, "two"]);
  assert.equal((await holder).text, "two");
  assert.deepEqual([first.count, second.count], [1, 2]);
});

test("a race that is won gives up the place in a queue that it does not need", async () => {
  const text = "one two three four five";
  await using first = await startUpstream({ script: { kind: "slow-first-token", delay: 300, text, pause: 200 } });
  await using second = await startUpstream({ script: { kind: "silence" } });
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("first", first), endpointAt("second", second, { limits: { concurrent: 1, queue: 1 } })],
      models: [
        { name: "raced", strategy: "race", hedge: { after: "50ms" }, targets: targets("first", "second") },
        { name: "holder", targets: targets("second") },
      ],
    },
  });
  const gone = new AbortController();
  const holder = ask(house, { model: "holder", stream: false, signal: gone.signal }).catch(() => undefined);
  await second.reached(1);
  const waiting: number[] = [];
  const raced = ask(house, { model: "raced", stream: true }).finally(() => waiting.push(-1));
  while (waiting.at(-1) !== -1) {
    waiting.push(await figure(house, "patchbay_limit_waiting"));
    await sleep(50);
  }
  assert.equal((await raced).text, text);
  // It waited, and left while the winner was still telling its answer.
  assert.ok(waiting.includes(1));
  assert.ok(waiting.length - waiting.lastIndexOf(1) > 8, waiting.join());
  gone.abort();
  await holder;
});

test("who was waited for in a race can still mend the answer of its winner", async () => {
  const text = "one two three four five six";
  await using first = await startUpstream({
    script: { kind: "cut", text, after: 3, how: "end", pause: 600 },
  });
  await using second = await startUpstream({
    script: [{ kind: "status", status: 429, headers: { "retry-after": "1" } }, answer(text)],
  });
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("first", first), endpointAt("second", second)],
      models: [
        {
          name: "raced",
          strategy: "race",
          hedge: { after: "20ms" },
          rescue: "continue",
          failover: { attempts: 2 },
          targets: targets("first", "second"),
        },
        { name: "other", failover: { wait: 0 }, targets: targets("second") },
      ],
    },
  });
  // So that the second must pause when the race begins.
  await ask(house, { model: "other", stream: false });
  const outcome = await ask(house, { model: "raced", stream: true });
  assert.deepEqual([outcome.text, outcome.error], [text, undefined]);
  assert.equal(second.count, 2);
});

test("of two credentials the one is taken that has room for the request's tokens", async () => {
  await using upstream = await startUpstream({ script: answer("ok") });
  upstream.script({ kind: "answer", text: "ok", usage: null });
  const limits = { tokensPerMinute: 10_000 };
  const credentials = [
    { apiKey: "key-1", limits },
    { apiKey: "key-2", limits },
  ];
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("up", upstream, { credentials })],
      models: [{ name: "m", targets: targets("up") }],
    },
  });
  const statuses: number[] = [];
  for (const tokens of [9000, 5000, 3000]) {
    const { status } = await ask(house, { model: "m", stream: false, more: { max_tokens: tokens } });
    statuses.push(status);
  }
  assert.deepEqual(statuses, [200, 200, 200]);
  assert.deepEqual(
    upstream.calls.map(({ headers }) => headers.authorization),
    ["Bearer key-1", "Bearer key-2", "Bearer key-2"],
  );
});

test("a request that began before a reload gave its endpoint more credentials is answered with one that it had", async () => {
  await using first = await startUpstream({ script: { kind: "close-before", delay: 400 } });
  await using second = await startUpstream({ script: answer("two") });
  const document = (...keys: readonly string[]) => ({
    endpoints: [
      endpointAt("first", first),
      endpointAt("second", second, { credentials: keys.map((apiKey) => ({ apiKey })) }),
    ],
    models: [{ name: "m", targets: targets("first", "second") }],
  });
  await using house = await startHouse({ document: document("key-1") });
  const outcomes = [1, 2].map(() => ask(house, { model: "m", stream: false }));
  await first.reached(2);
  const text = JSON.stringify(document("key-1", "key-2"));
  writeFileSync(house.file, text);
  house.app.reload(text);
  for (const outcome of outcomes) assert.equal((await outcome).text, "two");
  assert.deepEqual(
    second.calls.map(({ headers }) => headers.authorization),
    ["Bearer key-1", "Bearer key-1"],
  );
});

for (const value of ["0", "Wed, 21 Oct 2015 07:28:00 GMT"]) {
  test(`a 429 that asks for no pause (${value}) is waited out as one that says nothing`, async () => {
    await using upstream = await startUpstream({
      script: [{ kind: "status", status: 429, headers: { "retry-after": value } }, answer("ok")],
    });
    await using house = await startHouse({
      document: {
        endpoints: [endpointAt("up", upstream, { cooldown: "200ms" })],
        models: [{ name: "m", targets: targets("up") }],
      },
    });
    const outcome = await ask(house, { model: "m", stream: true });
    assert.deepEqual([outcome.text, upstream.count], ["ok", 2]);
  });
}

const usage = { prompt_tokens: 3000, completion_tokens: 400, total_tokens: 3400 };
test("who leaves a council before its judge was asked pays for the members, or what was reserved", async () => {
  await using quick = await startUpstream({ script: answer("quick", usage) });
  await using silent = await startUpstream({ script: { kind: "silence" } });
  await using judge = await startUpstream({ script: answer("judged") });
  await using house = await startHouse({
    document: {
      endpoints: [
        endpointAt("quick", quick),
        endpointAt("silent", silent),
        // Who has answered as a member cannot judge in the judge's place.
        endpointAt("once", quick, { limits: { requestsPerMinute: 1 } }),
        endpointAt("judge", judge, { limits: { concurrent: 1 } }),
      ],
      models: [
        { name: "stopped", strategy: "council", targets: targets("judge", "quick", "silent") },
        { name: "waiting", strategy: "council", targets: targets("judge", "once") },
        { name: "holder", targets: targets("judge") },
        { name: "free", targets: targets("quick") },
      ],
    },
  });
  const limit = 100_000;
  const one = await house.issue({ limits: { tokensPerMinute: limit } });
  const two = await house.issue({ limits: { tokensPerMinute: limit } });
  await leave(house, silent, 1, { model: "stopped", max_tokens: 7000 }, one.key);
  assert.ok((await used(house, one.key, limit)) >= 7000, "what was reserved");
  // The judge has no place: the council is over, and its judge not asked.
  judge.script({ kind: "silence" });
  const gone = new AbortController();
  const holder = ask(house, { model: "holder", stream: false, signal: gone.signal }).catch(() => undefined);
  await judge.reached(1);
  await leave(house, quick, quick.count + 1, { model: "waiting", max_tokens: 7000 }, two.key);
  const sum = await used(house, two.key, limit);
  assert.ok(sum >= 3400 && sum < 7000, `${sum} tokens`);
  gone.abort();
  await holder;
});

test("who leaves a council in the midst of its judge's answer pays for the members, and the judge's endpoint counts it", async () => {
  await using quick = await startUpstream({ script: answer("quick", usage) });
  await using judge = await startUpstream({
    script: { kind: "stall", text: "one two three four five six", after: 4 },
  });
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("quick", quick), endpointAt("judge", judge, { limits: { tokensPerMinute: 1_000_000 } })],
      models: [
        { name: "m", strategy: "council", targets: targets("judge", "quick") },
        { name: "free", targets: targets("quick") },
      ],
    },
  });
  const limit = 100_000;
  const { key } = await house.issue({ limits: { tokensPerMinute: limit } });
  await leave(house, judge, 1, { model: "m", max_tokens: 7000 }, key);
  const sum = await used(house, key, limit);
  assert.ok(sum >= 3400 && sum < 7000, `${sum} tokens`);
  const metrics = await (await fetch(`${house.url}/metrics`)).text();
  const line = metrics.split("\n").find((each) => /limit_used.*judge/u.test(each)) ?? "";
  assert.ok(Number(line.split(" ").at(-1)) >= 4, line);
});

test("an image that cannot be had for a target of a race takes nothing from the answer of the winner", async () => {
  const text = "one two three four five six";
  await using first = await startUpstream({ script: { kind: "slow-first-token", delay: 200, text, pause: 150 } });
  await using images = await startUpstream({ script: { kind: "slow-headers", delay: 500, text: "no image" } });
  await using house = await startHouse({
    document: {
      server: { media: "anywhere" },
      endpoints: [endpointAt("first", first), { name: "second", type: "gemini", url: first.url }],
      models: [{ name: "raced", strategy: "race", hedge: { after: "50ms" }, targets: targets("first", "second") }],
    },
  });
  const url = `${images.url}/image.png`;
  const messages = [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }];
  const outcome = await ask(house, { model: "raced", stream: true, more: { messages } });
  assert.deepEqual([outcome.text, outcome.error, images.calls.length], [text, undefined, 1]);
});

test("a race that ends since its request cannot be said to the next target lets go of who was asked", async () => {
  await using first = await startUpstream({ script: { kind: "silence" } });
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("first", first), { name: "second", type: "anthropic", url: first.url }],
      models: [{ name: "raced", strategy: "race", hedge: { after: "50ms" }, targets: targets("first", "second") }],
    },
  });
  const outcome = await ask(house, {
    model: "raced",
    stream: true,
    more: { messages: [{ role: "user", content: 5 }] },
  });
  assert.deepEqual([outcome.status, first.count], [400, 1]);
  const { route } = await house.row(outcome.id);
  assert.deepEqual(field(JSON.parse(route ?? ""), "failed"), [{ endpoint: "first", model: "m", failure: "cancelled" }]);
  const call = first.calls[0];
  await Promise.race([call?.ended, sleep(3000, undefined, { ref: false })]);
  assert.equal(call?.aborted, true);
});

test("who leaves a race in which one was refused pays for the one that was still asked", async () => {
  await using refusing = await startUpstream({ script: { kind: "status", status: 500 } });
  await using silent = await startUpstream({ script: { kind: "silence" } });
  await using quick = await startUpstream({ script: answer("quick") });
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("refusing", refusing), endpointAt("silent", silent), endpointAt("quick", quick)],
      models: [
        { name: "raced", strategy: "race", hedge: { after: "50ms" }, targets: targets("silent", "refusing") },
        { name: "free", targets: targets("quick") },
      ],
    },
  });
  const limit = 100_000;
  const { key } = await house.issue({ limits: { tokensPerMinute: limit } });
  const messages = [{ role: "user", content: "word ".repeat(2000) }];
  await leave(house, refusing, 1, { model: "raced", max_tokens: 7000, messages }, key);
  const sum = await used(house, key, limit);
  assert.ok(sum >= 1000 && sum < 7000, `${sum} tokens`);
});

test("an answer that broke off and that nobody goes on with is paid for as far as it came", async () => {
  await using first = await startUpstream({
    script: { kind: "cut", text: "word ".repeat(60), after: 50, how: "end" },
  });
  await using second = await startUpstream({ script: { kind: "status", status: 400 } });
  await using quick = await startUpstream({ script: answer("quick") });
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("first", first), endpointAt("second", second), endpointAt("quick", quick)],
      models: [
        { name: "mended", rescue: "continue", failover: { attempts: 2 }, targets: targets("first", "second") },
        { name: "free", targets: targets("quick") },
      ],
    },
  });
  const limit = 100_000;
  const { key } = await house.issue({ limits: { tokensPerMinute: limit } });
  const hi = [{ role: "user", content: "hi" }];
  await house
    .post("/v1/chat/completions", { model: "mended", stream: true, max_tokens: 7000, messages: hi }, bearer(key))
    .then((response) => response.text())
    .catch(() => "");
  assert.equal(second.count, 1);
  const sum = await used(house, key, limit);
  assert.ok(sum >= 60 && sum < 7000, `${sum} tokens`);
});
