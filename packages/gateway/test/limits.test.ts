import assert from "node:assert/strict";
import { test } from "node:test";
import { figure } from "./support/figure.ts";
import { bearer, documentFor, startHouse } from "./support/house.ts";
import { startUpstream } from "./support/upstream.ts";

const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };
const path = "/v1/chat/completions";
const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };

/** A model `m` at endpoints in this order, with limits by endpoint. */
function documentOf(
  endpoints: { readonly [name: string]: string },
  limits: { readonly [name: string]: object } = {},
  more: { readonly model?: object; readonly server?: object } = {},
): object {
  const { endpoints: plain } = documentFor(endpoints) as { endpoints: { name: string }[] };
  const targets = Object.keys(endpoints).map((endpoint) => ({ endpoint, model: "actual" }));
  return {
    ...(more.server === undefined ? {} : { server: more.server }),
    endpoints: plain.map((each) => ({
      ...each,
      ...(limits[each.name] === undefined ? {} : { limits: limits[each.name] }),
    })),
    models: [{ name: "m", targets, ...more.model }],
  };
}

/** A thousand connections at once take a busy machine a while. */
const crowd = { limits: { concurrent: 2000 }, timeouts: { header: "2m", request: "2m" } };

async function statuses(answers: readonly Promise<Response>[]): Promise<{ readonly [status: number]: number }> {
  const counts: { [status: number]: number } = {};
  for (const answer of await Promise.all(answers)) {
    await answer.text();
    counts[answer.status] = (counts[answer.status] ?? 0) + 1;
  }
  return counts;
}

const times = <Value>(count: number, make: (index: number) => Value): Value[] =>
  Array.from({ length: count }, (_, i) => make(i));

test("a thousand requests at once do not get a key over its limit, nor an endpoint", async () => {
  await using first = await startUpstream();
  await using second = await startUpstream();
  await using house = await startHouse({
    document: documentOf(
      { first: first.url, second: second.url },
      { first: { requestsPerMinute: 50, headroom: 0.8 } },
      { server: crowd },
    ),
  });
  const { key } = await house.issue({ limits: { requestsPerMinute: 100 } });
  const counts = await statuses(times(1000, () => house.post(path, chat, bearer(key))));
  assert.deepEqual(counts, { 200: 100, 429: 900 });
  assert.deepEqual([first.count, second.count], [40, 60]);
  // Another key has its own limit, and the endpoint's is used up.
  const other = await house.issue({ limits: { requestsPerMinute: 100 } });
  assert.deepEqual(await statuses(times(10, () => house.post(path, chat, bearer(other.key)))), { 200: 10 });
  assert.deepEqual([first.count, second.count], [40, 70]);
  assert.equal(await figure(house, 'patchbay_limit_refusals_total{scope="key",limit="requestsPerMinute"}'), 900);
});

test("tokens are counted before they are used, so that requests at once do not exceed them", async () => {
  await using upstream = await startUpstream({ script: { kind: "answer", usage } });
  await using house = await startHouse({
    document: documentOf({ up: upstream.url }, { up: { tokensPerMinute: 10_000 } }),
  });
  const counts = await statuses(times(50, () => house.post(path, { ...chat, max_tokens: 2000 })));
  // Each reserves 2,000 and its prompt: four fit; what they did not use is free again when they have ended.
  assert.ok(upstream.count >= 4 && upstream.count * 120 <= 10_000, `${upstream.count} went through`);
  assert.equal(counts[200], upstream.count);
});

test("places are given to those who wait, and who finds the queue full is told at once", async () => {
  // The first four take long, so that on a busy machine too all have come before a place is free.
  await using upstream = await startUpstream({
    script: (_call, index) => ({ kind: "slow-headers", delay: index < 4 ? 1500 : 40 }),
  });
  await using house = await startHouse({
    document: documentOf({ up: upstream.url }, { up: { concurrent: 4, queue: 20 } }),
  });
  const counts = await statuses(times(40, () => house.post(path, chat)));
  assert.deepEqual(counts, { 200: 24, 429: 16 });
  const moments = upstream.calls.flatMap(({ at, endedAt = 0 }) => [[at, 1] as const, [endedAt, -1] as const]);
  let running = 0;
  let most = 0;
  for (const [, change] of moments.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]))
    most = Math.max(most, (running += change));
  assert.equal(most, 4);
  assert.deepEqual([await figure(house, "patchbay_limit_held"), await figure(house, "patchbay_limit_waiting")], [0, 0]);
});

test("who leaves while it waits, or in the midst of its answer, gives its place up", async () => {
  await using upstream = await startUpstream({ script: { kind: "slow-headers", delay: 300 } });
  await using house = await startHouse({ document: documentOf({ up: upstream.url }, { up: { concurrent: 1 } }) });
  const post = (signal: AbortSignal) =>
    fetch(house.url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(chat),
      signal,
    }).catch(() => undefined);
  const first = new AbortController();
  const second = new AbortController();
  const running = post(first.signal);
  await upstream.reached(1);
  const waiting = post(second.signal);
  const last = house.post(path, chat);
  await new Promise((resolve) => setTimeout(resolve, 50));
  second.abort();
  first.abort();
  await Promise.all([running, waiting]);
  assert.equal((await last).status, 200);
  assert.equal(upstream.count, 2);
  assert.deepEqual([await figure(house, "patchbay_limit_held"), await figure(house, "patchbay_limit_waiting")], [0, 0]);
});

test("a refusal names the limit, in the surface's shape, and says when to come again", async () => {
  await using upstream = await startUpstream();
  await using house = await startHouse({ document: documentOf({ up: upstream.url }) });
  const { key } = await house.issue({ limits: { requestsPerMinute: 1, tokensPerMinute: 5000 } });
  const good = await house.post(path, chat, bearer(key));
  await good.text();
  assert.equal(good.headers.get("x-ratelimit-limit-requests"), "1");
  assert.equal(good.headers.get("x-ratelimit-remaining-requests"), "0");
  assert.equal(good.headers.get("x-ratelimit-limit-tokens"), "5000");
  assert.match(good.headers.get("x-ratelimit-reset-requests") ?? "", /^1m[01]s$/);

  const refused = await house.post(path, chat, bearer(key));
  const body = (await refused.json()) as { error: { message: string; code: string } };
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("x-patchbay-limit"), "key.requestsPerMinute");
  assert.ok(Number(refused.headers.get("retry-after")) >= 59);
  assert.match(body.error.message, /^This key has reached its limit requestsPerMinute \(1 requests per minute\)\./);

  const anthropic = await house.post("/v1/messages", { ...chat, max_tokens: 5 }, { "x-api-key": key });
  const error = (await anthropic.json()) as { type: string; error: { type: string } };
  assert.deepEqual([anthropic.status, error.type, error.error.type], [429, "error", "rate_limit_error"]);
  assert.equal(anthropic.headers.get("anthropic-ratelimit-requests-remaining"), "0");
  assert.match(anthropic.headers.get("anthropic-ratelimit-requests-reset") ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const open = await house.post(path, chat);
  assert.equal(open.headers.get("x-ratelimit-limit-requests"), null);
  await open.text();
});

test("an endpoint without room is told of only when no other is left", async () => {
  await using upstream = await startUpstream();
  await using house = await startHouse({
    document: documentOf({ up: upstream.url }, { up: { requestsPerMinute: 1 } }),
  });
  assert.equal((await house.post(path, chat)).status, 200);
  const refused = await house.post(path, chat);
  const { error } = (await refused.json()) as { error: { message: string } };
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("x-patchbay-limit"), "endpoint.requestsPerMinute");
  assert.match(error.message, /endpoint up has reached its limit requestsPerMinute/);
  assert.equal(upstream.count, 1);
});

test("a model's limits hold for all clients together", async () => {
  await using upstream = await startUpstream();
  await using house = await startHouse({
    document: documentOf({ up: upstream.url }, {}, { model: { limits: { requestsPerMinute: 3 } } }),
  });
  assert.deepEqual(await statuses(times(5, () => house.post(path, chat))), { 200: 3, 429: 2 });
});

test("money is reserved by price and settled by use, and the refusal is final for today", async () => {
  await using upstream = await startUpstream({ script: { kind: "answer", usage } });
  await using house = await startHouse({
    document: documentOf({ up: upstream.url }, {}, { model: { price: { input: 100, output: 500 } } }),
  });
  // 100 * 100 + 20 * 500 micro-dollars each.
  const { key, id } = await house.issue({ limits: { microDollarsPerDay: 45_000 } });
  for (let index = 0; index < 2; index++) {
    assert.equal((await house.post(path, { ...chat, max_tokens: 40 }, bearer(key))).status, 200);
  }
  const dear = await house.post(path, { ...chat, max_tokens: 100 }, bearer(key));
  assert.equal(dear.status, 429);
  assert.equal(dear.headers.get("x-should-retry"), "false");
  assert.equal(dear.headers.get("x-patchbay-limit"), "key.usdPerDay");
  await dear.text();
  const rows = (await house.rows(3)).filter(({ keyId }) => keyId === id);
  assert.equal(
    rows.reduce((sum, { costMicroDollars = 0 }) => sum + costMicroDollars, 0),
    40_000,
  );
});

test("hundreds of requests at once do not spend more than a budget, nor less", async () => {
  await using upstream = await startUpstream({
    script: { kind: "answer", usage: { prompt_tokens: 10, completion_tokens: 100, total_tokens: 110 } },
  });
  await using house = await startHouse({
    document: documentOf({ up: upstream.url }, {}, { model: { price: { input: 0, output: 1 } }, server: crowd }),
  });
  const { key } = await house.issue({ limits: { microDollarsPerMonth: 5000 } });
  const counts = await statuses(times(300, () => house.post(path, { ...chat, max_tokens: 100 }, bearer(key))));
  assert.deepEqual([counts, upstream.count], [{ 200: 50, 429: 250 }, 50]);
});

test("what limits count is what the ledger says, whatever became of the requests", async () => {
  const script = [
    { kind: "answer", usage },
    { kind: "status", status: 500 },
    { kind: "answer", usage },
    { kind: "reset-before" },
  ] as const;
  await using upstream = await startUpstream({ script: (_call, index) => script[index % script.length] ?? script[0] });
  await using house = await startHouse({
    document: documentOf({ up: upstream.url }, {}, { model: { failover: { attempts: 1 } } }),
  });
  const { key, id } = await house.issue({ limits: { tokensPerDay: 1_000_000 } });
  await statuses(times(40, () => house.post(path, { ...chat, max_tokens: 900 }, bearer(key))));
  const last = await house.post(path, chat, bearer(key));
  await last.text();
  const rows = (await house.rows(41)).filter(({ keyId }) => keyId === id);
  const used = rows.reduce((sum, { inputTokens = 0, outputTokens = 0 }) => sum + inputTokens + outputTokens, 0);
  assert.ok(used > 0);
  const after = await house.post(path, chat, bearer(key));
  await after.text();
  const left = Number(after.headers.get("x-ratelimit-remaining-tokens"));
  // Headers of a whole answer go out when it is settled.
  const more = (await house.rows(42)).find(({ id: row }) => row === after.headers.get("x-request-id"));
  assert.equal(1_000_000 - left, used + (more?.inputTokens ?? 0) + (more?.outputTokens ?? 0));
});

test("what a provider says that is left goes before what we think", async () => {
  const headers = { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s" };
  await using first = await startUpstream({ script: { kind: "answer", headers } });
  await using second = await startUpstream();
  await using house = await startHouse({
    document: documentOf({ first: first.url, second: second.url }, { first: { requestsPerMinute: 1000 } }),
  });
  assert.deepEqual(await statuses(times(1, () => house.post(path, chat))), { 200: 1 });
  assert.deepEqual(await statuses(times(5, () => house.post(path, chat))), { 200: 5 });
  assert.deepEqual([first.count, second.count], [1, 5]);
});

test("room that comes soon is waited for where nobody else is left", async () => {
  const headers = { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "400ms" };
  await using upstream = await startUpstream({ script: { kind: "answer", headers } });
  await using house = await startHouse({
    document: documentOf({ up: upstream.url }, { up: { requestsPerMinute: 1000 } }),
  });
  assert.equal((await house.post(path, chat)).status, 200);
  const from = performance.now();
  assert.equal((await house.post(path, chat)).status, 200);
  assert.ok(performance.now() - from >= 390);
});

test("the seed's variables alone limit every address, failed logins too", async () => {
  await using house = await startHouse({
    environment: { RATE_LIMIT_ENABLED: "true", RATE_LIMIT_CHAT_PER_MINUTE: "3", PROXY_API_KEY: "right" },
  });
  const ask = (key: string) => house.post(path, { ...chat, model: "simulator/echo" }, bearer(key));
  assert.deepEqual(await statuses(times(5, () => ask("right"))), { 200: 3, 429: 2 });
  const refused = await ask("right");
  const { error } = (await refused.json()) as { error: { message: string } };
  assert.equal(refused.headers.get("x-patchbay-limit"), "address.chat");
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  assert.match(error.message, /Try again in \d+ s/);
  const models = (key: string) => fetch(`${house.url}/v1/models`, { headers: bearer(key) });
  assert.deepEqual(await statuses(times(12, () => models("wrong"))), { 401: 10, 429: 2 });
  // Whoever guesses keys is kept out also with the right one, so that guessing tells nothing.
  assert.equal((await models("right")).status, 429);
  const live = () => fetch(`${house.url}/livez`);
  assert.deepEqual(await statuses(times(35, live)), { 200: 30, 429: 5 });
});

test("without the variables no address is limited", async () => {
  await using house = await startHouse({
    environment: { RATE_LIMIT_ENABLED: "false", RATE_LIMIT_CHAT_PER_MINUTE: "3" },
  });
  assert.deepEqual(await statuses(times(50, () => house.post(path, { ...chat, model: "simulator/echo" }))), {
    200: 50,
  });
});
