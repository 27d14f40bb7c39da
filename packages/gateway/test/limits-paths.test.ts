import assert from "node:assert/strict";
import { on, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";
import { bearer, endpointAt, startHouse } from "./support/house.ts";
import type { House } from "./support/house.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Upstream } from "./support/upstream.ts";

/** Limits on every way into the gateway and out of it. What they count is in `limits.test.ts`. */

const hi = [{ role: "user", content: "hi" }];
const chat = { model: "m", messages: hi };
const path = "/v1/chat/completions";

async function read(response: Response): Promise<{ status: number; body: Record<string, never> }> {
  return { status: response.status, body: (await response.json()) as Record<string, never> };
}

async function left(house: House, key: string): Promise<number> {
  const response = await house.post(path, { ...chat, max_tokens: 1 }, bearer(key));
  await response.text();
  return Number(response.headers.get("x-ratelimit-remaining-tokens"));
}

const contents = [{ role: "user", parts: [{ text: "hi" }] }];

/** A request of every surface, and where its shape says that it was too much. */
const surfaces: readonly (readonly [path: string, body: object, word: string])[] = [
  [path, chat, '"code":"rate_limit_exceeded"'],
  [path, { ...chat, stream: true }, '"code":"rate_limit_exceeded"'],
  ["/v1/completions", { model: "m", prompt: "hi" }, '"code":"rate_limit_exceeded"'],
  ["/v1/embeddings", { model: "m", input: "hi" }, '"code":"rate_limit_exceeded"'],
  ["/v1/responses", { model: "m", input: "hi" }, '"code":"rate_limit_exceeded"'],
  ["/v1/responses", { model: "m", input: "hi", stream: true }, '"code":"rate_limit_exceeded"'],
  ["/v1/messages", { ...chat, max_tokens: 5 }, '"type":"rate_limit_error"'],
  ["/v1/messages", { ...chat, max_tokens: 5, stream: true }, '"type":"rate_limit_error"'],
  ["/v1beta/models/m:generateContent", { contents }, '"status":"RESOURCE_EXHAUSTED"'],
  ["/v1beta/models/m:streamGenerateContent?alt=sse", { contents }, '"status":"RESOURCE_EXHAUSTED"'],
  ["/api/chat", chat, '"error":"This key has reached'],
  ["/api/generate", { model: "m", prompt: "hi" }, '"error":"This key has reached'],
];

test("every surface refuses in its own shape, with the limit's name and the time to come again", async () => {
  await using upstream = await startUpstream();
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("up", upstream)],
      models: [{ name: "m", targets: [{ endpoint: "up", model: "m" }] }],
    },
  });
  const { key } = await house.issue({ limits: { requestsPerMinute: 1 } });
  await (await house.post(path, chat, bearer(key))).text();
  for (const [where, body, word] of surfaces) {
    const response = await house.post(where, body, bearer(key));
    const text = await response.text();
    assert.equal(response.status, 429, where);
    assert.ok(text.includes(word), `${where}: ${text}`);
    assert.match(text, /requestsPerMinute/);
    assert.equal(response.headers.get("x-patchbay-limit"), "key.requestsPerMinute", where);
    assert.ok(Number(response.headers.get("retry-after")) >= 1, where);
  }
  assert.equal(upstream.count, 1);
});

test("a response that goes on in the background, and one over a WebSocket, count and are refused too", async () => {
  await using upstream = await startUpstream();
  await using house = await startHouse({
    document: {
      server: { limits: { perAddress: { chat: 4 } } },
      endpoints: [endpointAt("up", upstream)],
      models: [{ name: "m", targets: [{ endpoint: "up", model: "m" }] }],
    },
  });
  const { key } = await house.issue({ limits: { requestsPerMinute: 2 } });
  const socket = new WebSocket(`${house.url.replace("http", "ws")}/v1/responses`, { headers: bearer(key) });
  await once(socket, "open");
  const messages = on(socket, "message", { signal: AbortSignal.timeout(20_000) });
  const say = async () => {
    socket.send(JSON.stringify({ type: "response.create", model: "m", input: "hi", store: false }));
    for (;;) {
      const { value } = (await messages.next()) as { value: [Buffer] };
      const message = JSON.parse(value[0].toString()) as { type: string; status?: number; error?: { message: string } };
      if (message.type === "response.completed" || message.type === "error") return message;
    }
  };
  assert.equal((await say()).type, "response.completed");
  const order = { model: "m", input: "hi", background: true };
  const begun = await read(await house.post("/v1/responses", order, bearer(key)));
  assert.equal(begun.status, 200);
  const refused = await say();
  assert.deepEqual([refused.type, refused.status], ["error", 429]);
  assert.match(refused.error?.message ?? "", /limit requestsPerMinute/);
  // The address has had three requests; its limit holds for messages as it does for requests.
  await (await house.post("/v1/responses", order, bearer(key))).text();
  assert.match((await say()).error?.message ?? "", /perAddress\.chat/);
  socket.terminate();
  assert.equal(upstream.count, 2);
});

test("whoever hangs up in the midst of an answer pays for what came", async () => {
  const events = Array.from({ length: 40 }, (_, index) => ({
    id: "c",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [
      { index: 0, delta: { content: index === 0 ? "" : `these are some words ${index} ` }, finish_reason: null },
    ],
  }));
  await using upstream = await startUpstream({ script: { kind: "stall", events, after: 40 } });
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("up", upstream)],
      models: [{ name: "m", targets: [{ endpoint: "up", model: "m" }] }],
    },
  });
  const { key } = await house.issue({ limits: { tokensPerDay: 1_000_000 } });
  for (const relay of ["tap", "translate"] as const) {
    const where = relay === "tap" ? path : "/v1/messages";
    const before = await leftBy(house, key, upstream);
    upstream.script({ kind: "stall", events, after: 40 });
    const hangUp = new AbortController();
    const response = await fetch(house.url + where, {
      method: "POST",
      headers: { ...bearer(key), "content-type": "application/json" },
      body: JSON.stringify({ ...chat, max_tokens: 100_000, stream: true }),
      signal: hangUp.signal,
    });
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes("words 39")) break;
    }
    hangUp.abort();
    await upstream.calls.at(-1)?.ended;
    // 39 pieces of 23 letters are about 230 tokens, and the prompt's; not the 100,000 that were foreseen.
    const used = before - (await leftBy(house, key, upstream));
    assert.ok(used > 150 && used < 600, `${relay}: ${used} were counted`);
  }
});

/** Asks for next to nothing, and says what is left. */
async function leftBy(house: House, key: string, upstream: Upstream): Promise<number> {
  upstream.script({ kind: "answer", usage: { prompt_tokens: 1, completion_tokens: 0, total_tokens: 1 } });
  return left(house, key);
}

test("a key with a budget is not sent where the price is unknown, which is not zero", async () => {
  await using dear = await startUpstream();
  await using known = await startUpstream();
  const targets = [
    { endpoint: "dear", model: "m" },
    { endpoint: "known", model: "m" },
  ];
  await using house = await startHouse({
    document: {
      endpoints: [
        endpointAt("dear", dear),
        endpointAt("known", known, { models: [{ id: "m", price: { input: 0, output: 0 } }] }),
      ],
      models: [{ name: "m", targets }],
    },
  });
  const { key } = await house.issue({ limits: { microDollarsPerMonth: 1 } });
  assert.equal((await house.post(path, chat, bearer(key))).status, 200);
  assert.deepEqual([dear.count, known.count], [0, 1]);
  const refused = await read(await house.post(path, { ...chat, model: "dear/m" }, bearer(key)));
  assert.equal(refused.status, 403);
  assert.match(JSON.stringify(refused.body), /the price of dear\/m is not known.*\(0 if it is free\)/);
  assert.equal((await house.post(path, { ...chat, model: "dear/m" })).status, 200);
});

test("budgets survive a restart, for keys of the store and of the document", async () => {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-limits-"));
  try {
    await using upstream = await startUpstream({
      script: { kind: "answer", usage: { prompt_tokens: 600, completion_tokens: 100, total_tokens: 700 } },
    });
    const tokens = { tokensPerDay: 10_000 };
    const options = {
      environment: { CI_KEY: "0123456789abcdefghij" },
      document: {
        store: join(directory, "patchbay.db"),
        endpoints: [endpointAt("up", upstream, { credentials: [{ apiKey: "k", limits: tokens }] })],
        models: [
          { name: "m", targets: [{ endpoint: "up", model: "m" }], limits: tokens, price: { input: 1, output: 4 } },
        ],
        keys: [{ name: "ci", key: "${CI_KEY}", limits: { ...tokens, usdPerDay: 0.01 } }],
      },
    };
    let issued = "";
    {
      await using house = await startHouse(options);
      issued = (await house.issue({ limits: { tokensPerDay: 1500 } })).key;
      for (const key of [issued, "0123456789abcdefghij"]) {
        assert.equal((await house.post(path, { ...chat, max_tokens: 100 }, bearer(key))).status, 200);
      }
    }
    await using house = await startHouse(options);
    const metrics = await (await fetch(`${house.url}/metrics`)).text();
    for (const scope of ['scope="model",name="m"', 'scope="credential",name="up#1"']) {
      assert.match(metrics, new RegExp(`patchbay_limit_used{${scope},limit="tokensPerDay"} 1400\n`));
    }
    const first = await house.post(path, { ...chat, max_tokens: 800 }, bearer(issued));
    assert.deepEqual([first.status, first.headers.get("x-patchbay-limit")], [429, "key.tokensPerDay"]);
    const budget = await house.post(path, { ...chat, max_tokens: 2300 }, bearer("0123456789abcdefghij"));
    assert.deepEqual([budget.status, budget.headers.get("x-patchbay-limit")], [429, "key.usdPerDay"]);
    for (const each of [first, budget]) await each.text();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a key of the document has its models and its limits, and nobody is shown it", async () => {
  const secret = "a-secret-of-the-document";
  await using upstream = await startUpstream();
  await using house = await startHouse({
    environment: { CI_KEY: secret },
    document: {
      access: { open: "never" },
      endpoints: [endpointAt("up", upstream)],
      models: [{ name: "m", targets: [{ endpoint: "up", model: "m" }] }],
      keys: [{ name: "ci", key: "${CI_KEY}", models: ["m"], limits: { requestsPerMinute: 1 } }],
    },
  });
  const good = await house.post(path, chat, bearer(secret));
  const row = await house.row(good.headers.get("x-request-id") ?? "");
  assert.deepEqual([good.status, row.keyId], [200, "document:ci"]);
  assert.equal((await house.post(path, { ...chat, model: "up/m" }, bearer(secret))).status, 403);
  const refused = await house.post(path, chat, bearer(secret));
  assert.deepEqual([refused.status, refused.headers.get("x-patchbay-limit")], [429, "key.requestsPerMinute"]);
  assert.equal((await house.post(path, chat, bearer("a-secret-of-the-documents"))).status, 401);
  const metrics = await (await fetch(`${house.url}/metrics`, { headers: bearer(secret) })).text();
  for (const text of [metrics, await good.text(), await refused.text()]) assert.ok(!text.includes(secret));
});

test("every attempt counts at the endpoint that it is sent to, and only there", async () => {
  await using bad = await startUpstream({ script: { kind: "status", status: 500 } });
  await using good = await startUpstream();
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("bad", bad, { limits: { requestsPerMinute: 3 } }), endpointAt("good", good)],
      circuit: { failures: 100 },
      models: [
        {
          name: "m",
          targets: [
            { endpoint: "bad", model: "m" },
            { endpoint: "good", model: "m" },
          ],
        },
      ],
    },
  });
  for (let index = 0; index < 6; index++) assert.equal((await house.post(path, chat)).status, 200);
  assert.deepEqual([bad.count, good.count], [3, 6]);
});

test("a council and a race count all that they send, also when the client leaves before anybody has won", async () => {
  const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
  await using first = await startUpstream({ script: { kind: "answer", usage } });
  await using second = await startUpstream({ script: { kind: "answer", usage } });
  const limits = { requestsPerMinute: 50, tokensPerMinute: 100_000 };
  const targets = [
    { endpoint: "first", model: "m" },
    { endpoint: "second", model: "m" },
  ];
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("first", first, { limits }), endpointAt("second", second, { limits })],
      models: [
        { name: "council", strategy: "council", targets },
        { name: "race", strategy: "race", hedge: { after: "20ms" }, targets },
      ],
    },
  });
  assert.equal((await house.post(path, { ...chat, model: "council" })).status, 200);
  assert.deepEqual([first.count, second.count], [1, 1]);
  const tokens = await (await fetch(`${house.url}/metrics`)).text();
  for (const name of ["first", "second"]) {
    assert.match(
      tokens,
      new RegExp(`patchbay_limit_used{scope="endpoint",name="${name}",limit="tokensPerMinute"} 120\n`),
    );
  }
  for (const each of [first, second]) each.script({ kind: "silence" });
  const hangUp = new AbortController();
  const gone = fetch(house.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...chat, model: "race" }),
    signal: hangUp.signal,
  }).catch(() => undefined);
  await second.reached(2);
  hangUp.abort();
  await gone;
  await Promise.all([first.calls.at(-1)?.ended, second.calls.at(-1)?.ended]);
  const metrics = await (await fetch(`${house.url}/metrics`)).text();
  for (const name of ["first", "second"]) {
    assert.match(
      metrics,
      new RegExp(`patchbay_limit_used{scope="endpoint",name="${name}",limit="requestsPerMinute"} 2\n`),
    );
  }
});

test("what one credential has left says nothing of another", async () => {
  await using upstream = await startUpstream({
    script: (call) =>
      call.headers.authorization === "Bearer poor"
        ? {
            kind: "answer",
            headers: { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m0s" },
          }
        : { kind: "answer" },
  });
  await using house = await startHouse({
    document: {
      endpoints: [
        endpointAt("up", upstream, {
          credentials: [{ apiKey: "poor" }, { apiKey: "rich" }],
          limits: { requestsPerMinute: 1000 },
        }),
      ],
      models: [{ name: "m", targets: [{ endpoint: "up", model: "m" }] }],
    },
  });
  for (let index = 0; index < 6; index++) assert.equal((await house.post(path, chat)).status, 200);
  const poor = upstream.calls.filter(({ headers }) => headers.authorization === "Bearer poor");
  assert.deepEqual([upstream.count, poor.length], [6, 1]);
});

test("an address is the connection's: what a request claims of it changes nothing", async () => {
  await using house = await startHouse({
    document: {
      server: { limits: { perAddress: { chat: 3 } } },
      endpoints: [{ name: "sim", type: "simulator" }],
    },
  });
  const answers: number[] = [];
  for (let index = 0; index < 5; index++) {
    const address = `203.0.113.${index}`;
    const forged = { "x-forwarded-for": address, "x-real-ip": address, forwarded: `for=${address}` };
    const response = await house.post(path, { ...chat, model: "sim/echo" }, forged);
    await response.text();
    answers.push(response.status);
  }
  assert.deepEqual(answers, [200, 200, 200, 429, 429]);
});

test("embeddings count what they read, and nothing that they might write", async () => {
  await using upstream = await startUpstream();
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("up", upstream)],
      models: [{ name: "m", targets: [{ endpoint: "up", model: "m" }] }],
    },
  });
  const { key } = await house.issue({ limits: { tokensPerMinute: 100 } });
  const good = await house.post("/v1/embeddings", { model: "m", input: "hi" }, bearer(key));
  await good.text();
  const remaining = Number(good.headers.get("x-ratelimit-remaining-tokens"));
  assert.ok(good.status === 200 && remaining > 60 && remaining < 100, String(remaining));
});

test("a reload that changes limits is heard by those who wait, and forgets nothing that was counted", async () => {
  await using upstream = await startUpstream({ script: { kind: "slow-headers", delay: 400 } });
  const documentOf = (limits: object) => ({
    endpoints: [endpointAt("up", upstream, { limits })],
    models: [{ name: "m", targets: [{ endpoint: "up", model: "m" }] }],
  });
  await using house = await startHouse({ document: documentOf({ requestsPerMinute: 5, concurrent: 1 }) });
  const answers = [0, 1, 2].map(() => house.post(path, chat));
  await upstream.reached(1);
  house.app.reload(JSON.stringify(documentOf({ requestsPerMinute: 3, concurrent: 3 })));
  await upstream.reached(3);
  assert.deepEqual(await Promise.all(answers.map(async (each) => (await each).status)), [200, 200, 200]);
  const refused = await house.post(path, chat);
  assert.deepEqual([refused.status, refused.headers.get("x-patchbay-limit")], [429, "endpoint.requestsPerMinute"]);
});

test("pauses are seen and can be ended, together with what the provider said that is left", async () => {
  const headers = { "retry-after": "600", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "10m" };
  await using upstream = await startUpstream({ script: { kind: "status", status: 429, headers } });
  await using house = await startHouse({
    document: {
      endpoints: [endpointAt("up", upstream, { limits: { requestsPerMinute: 100 } })],
      models: [{ name: "m", targets: [{ endpoint: "up", model: "m" }] }],
    },
  });
  const pauses = `${house.url}/admin/api/ailments`;
  assert.equal((await house.post(path, chat)).status, 429);
  upstream.script({ kind: "answer" });
  assert.equal((await house.post(path, chat)).status, 429);
  const seen = (await (await fetch(pauses)).json()) as { ailments: { endpoint: string; state: string; why: string }[] };
  assert.deepEqual(
    seen.ailments.map(({ endpoint: name, state, why }) => [name, state, why]),
    [["up", "cooldown", "rate-limited"]],
  );
  const { key } = await house.issue({ models: ["m"] });
  const elsewhere = { method: "DELETE", headers: { origin: "https://evil.example" } };
  assert.equal((await fetch(pauses, elsewhere)).status, 403);
  assert.equal((await fetch(`${pauses}?endpont=other`, { method: "DELETE" })).status, 400, "not all for a slip");
  assert.equal((await fetch(`${pauses}?model=m`, { method: "DELETE" })).status, 400, "whose model?");
  assert.equal((await fetch(`${pauses}?endpoint=other`, { method: "DELETE" })).status, 200);
  assert.equal((await house.post(path, chat, bearer(key))).status, 429);
  assert.deepEqual(await (await fetch(`${pauses}?endpoint=up&model=m`, { method: "DELETE" })).json(), {
    ended: 1,
    ailments: [],
  });
  assert.equal((await house.post(path, chat)).status, 200);
  assert.equal(upstream.count, 2);
});

test("an answer that is there at once counts like any other", async () => {
  await using house = await startHouse({
    document: {
      endpoints: [{ name: "sim", type: "simulator" }],
      models: [{ name: "m", targets: [{ endpoint: "sim", model: "echo" }] }],
    },
  });
  const { key } = await house.issue({ limits: { requestsPerMinute: 2, tokensPerDay: 10_000 } });
  const answers: number[] = [];
  for (let index = 0; index < 3; index++) answers.push((await house.post(path, chat, bearer(key))).status);
  assert.deepEqual(answers, [200, 200, 429]);
  const row = (await house.rows(3)).find(({ status }) => status === 200);
  assert.ok((row?.inputTokens ?? 0) > 0);
});
