import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { documentFor, startHouse } from "./support/house.ts";
import { field, readStream } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";
import type { UsageBody } from "./support/behaviour.ts";

const upstream = await startUpstream();
const backup = await startUpstream();
const first = { endpoint: "up", model: "actual" };
const house = await startHouse({
  document: documentFor(
    { up: upstream.url, backup: backup.url },
    {
      server: { limits: { body: 100_000 } },
      models: [
        {
          name: "priced",
          aliases: ["also"],
          targets: [first],
          price: { input: 2, output: 8, cacheRead: 0.5, cacheWrite: 2.5 },
        },
        { name: "in-only", targets: [first], price: { input: 2 } },
        { name: "free", targets: [first], price: { input: 0, output: 0 } },
        { name: "plain", targets: [first] },
        { name: "translated", relay: "never", targets: [first], price: { input: 2, output: 8, cacheRead: 0.5 } },
        { name: "two", targets: [first, { endpoint: "backup", model: "spare" }] },
      ],
    },
  ),
});
after(async () => {
  await house[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await backup[Symbol.asyncDispose]();
});

const path = "/v1/chat/completions";
const chat = { messages: [{ role: "user", content: "hi" }] };
const usage: UsageBody = {
  prompt_tokens: 1000,
  completion_tokens: 100,
  total_tokens: 1100,
  prompt_tokens_details: { cached_tokens: 600 },
  completion_tokens_details: { reasoning_tokens: 40 },
};
const idOf = (response: Response): string => response.headers.get("x-request-id") ?? "";

test("a success has a row with everything that is known of it", async () => {
  upstream.script({ kind: "answer", usage, model: "actual-2026" });
  const { id: keyId, key } = await house.issue();
  const body = JSON.stringify({ ...chat, model: "also" });
  const from = Date.now();
  const response = await house.post(path, body, { authorization: `Bearer ${key}`, "user-agent": "a test/1.0" });
  const text = await response.text();
  const { at, duration, timeToFirstToken, route = "", ...row } = await house.row(idOf(response));
  assert.deepEqual(JSON.parse(route), {
    model: "priced",
    strategy: "backup",
    maxAttempts: 3,
    winner: "up/actual",
    attempts: [{ endpoint: "up", model: "actual", reason: "first target" }],
    excluded: [],
  });
  assert.deepEqual(row, {
    id: idOf(response),
    keyId,
    surface: "openai-chat",
    requestedModel: "also",
    virtualModel: "priced",
    endpoint: "up",
    actualModel: "actual-2026",
    attempts: 1,
    status: 200,
    stream: false,
    sight: "tap",
    finishReason: "stop",
    inputTokens: 1000,
    outputTokens: 100,
    cacheReadTokens: 600,
    reasoningTokens: 40,
    costMicroDollars: 400 * 2 + 600 * 0.5 + 100 * 8,
    bytesIn: body.length,
    bytesOut: Buffer.byteLength(text),
    clientAgent: "a test/1.0",
  });
  assert.ok(at >= from - 5 && at <= Date.now());
  assert.ok(duration > 0 && timeToFirstToken !== undefined && timeToFirstToken <= duration);
});

test("streams count the same, whether the client asked for usage or not, watched or translated", async () => {
  upstream.script({ kind: "answer", usage });
  for (const model of ["priced", "translated"]) {
    for (const more of [{}, { stream_options: { include_usage: true } }]) {
      const response = await house.post(path, { ...chat, model, stream: true, ...more });
      const stream = await readStream(response);
      assert.equal(stream.usage === undefined, !("stream_options" in more));
      const row = await house.row(idOf(response));
      assert.equal(row.stream, true);
      assert.equal(row.sight, model === "priced" ? "tap" : "translate");
      assert.deepEqual(
        [row.inputTokens, row.outputTokens, row.cacheReadTokens, row.reasoningTokens],
        [1000, 100, 600, 40],
      );
      assert.equal(row.costMicroDollars, 1900);
      assert.equal(row.bytesOut, stream.bytes.length);
    }
  }
});

test("what is not known is NULL and never 0", async () => {
  const database = new DatabaseSync(house.app.config.store, { readOnly: true });
  const cases = [
    // No usage: neither tokens nor cost.
    { model: "priced", usage: null, tokens: [null, null, null], cost: null },
    { model: "free", usage: null, tokens: [null, null, null], cost: null },
    // No price: tokens, but no cost.
    { model: "plain", usage, tokens: [1000, 100, 600], cost: null },
    // A price for one side only is no price for the whole.
    { model: "in-only", usage, tokens: [1000, 100, 600], cost: null },
    // A price of nothing is known to be nothing.
    { model: "free", usage, tokens: [1000, 100, 600], cost: 0 },
  ];
  for (const { model, usage: told, tokens, cost } of cases) {
    for (const stream of [false, true]) {
      upstream.script({ kind: "answer", usage: told });
      const response = await house.post(path, { ...chat, model, stream });
      await response.text();
      await house.row(idOf(response));
      const found = database.prepare("SELECT * FROM ledger WHERE id = ?").get(idOf(response)) ?? {};
      assert.deepEqual([found["input_tokens"], found["output_tokens"], found["cache_read_tokens"]], tokens, model);
      assert.equal(found["cost_micro_dollars"], cost, model);
      assert.equal(found["cache_write_tokens"], null);
      assert.equal(found["key_id"], null);
      assert.equal(found["failure_kind"], null);
    }
  }
  database.close();
});

test("embeddings and completions are counted on their own surfaces", async () => {
  upstream.script({ kind: "answer" });
  const embedded = await house.post("/v1/embeddings", { model: "plain", input: "hi" });
  const completed = await house.post("/v1/completions", { model: "plain", prompt: "hi" });
  const rows = [await house.row(idOf(embedded)), await house.row(idOf(completed))];
  assert.deepEqual(
    rows.map((row) => [row.surface, row.inputTokens, row.outputTokens, row.finishReason]),
    [
      ["openai-embeddings", 11, undefined, undefined],
      ["openai-completions", 11, 7, "stop"],
    ],
  );
});

test("a failover has one row, of the endpoint that answered", async () => {
  upstream.script({ kind: "status", status: 500 });
  const response = await house.post(path, { ...chat, model: "two" });
  const row = await house.row(idOf(response));
  assert.deepEqual([row.status, row.attempts, row.endpoint, row.failureKind], [200, 2, "backup", undefined]);
});

test("a failure has its kind, and no tokens that nobody counted", async () => {
  backup.script({ kind: "status", status: 400 });
  const cases = [
    [{ ...chat, model: "two" }, 400, "bad-request", 2, "backup"],
    [{ ...chat, model: "plain" }, 502, "upstream-error", 3, "up"],
    [{ ...chat, model: "unheard-of" }, 404, "model-not-found", 0, undefined],
    [{ ...chat, model: 5 }, 400, "bad-request", 0, undefined],
    [{ ...chat, model: "plain", filler: "a".repeat(100_000) }, 413, "too-large", 0, undefined],
  ] as const;
  for (const [body, status, kind, attempts, endpoint] of cases) {
    const response = await house.post(path, body);
    assert.equal(response.status, status);
    const row = await house.row(idOf(response));
    assert.deepEqual([row.status, row.failureKind, row.attempts, row.endpoint], [status, kind, attempts, endpoint]);
    assert.equal(row.bytesOut, Buffer.byteLength(await response.text()));
    assert.deepEqual([row.inputTokens, row.costMicroDollars, row.timeToFirstToken], [undefined, undefined, undefined]);
  }
});

test("a stream that broke, and one that the client left, keep what had been counted until then", async () => {
  upstream.script({ kind: "cut", after: 4, how: "reset" });
  const broken = await house.post(path, { ...chat, model: "priced", stream: true });
  const stream = await readStream(broken);
  assert.notEqual(stream.error, undefined);
  const row = await house.row(idOf(broken));
  assert.deepEqual([row.status, row.failureKind, row.inputTokens], [502, "broken-stream", undefined]);
  assert.equal(row.bytesOut, stream.bytes.length);

  upstream.script({ kind: "endless-stream", pause: 5 });
  const left = await house.post(path, { ...chat, model: "priced", stream: true });
  await readStream(left, () => true);
  const gone = await house.row(idOf(left));
  assert.deepEqual([gone.status, gone.failureKind, gone.endpoint], [499, "cancelled", "up"]);
  assert.ok(gone.timeToFirstToken !== undefined && gone.bytesOut > 0);
});

test("nobody without a key fills the ledger where a key is needed", async () => {
  await using closed = await startHouse({ document: documentFor({ up: upstream.url }, { access: { open: "never" } }) });
  for (let round = 0; round < 20; round++) await closed.post(path, { ...chat, model: "up/x" });
  const { key } = await closed.issue();
  upstream.script({ kind: "answer" });
  await closed.post(path, { ...chat, model: "up/x" }, { authorization: `Bearer ${key}` });
  assert.equal((await closed.rows(1)).length, 1);
});

test("a store that is locked holds up nobody, is told by /health, and loses nothing", async () => {
  upstream.script({ kind: "answer" });
  const health = async (): Promise<unknown> => (await fetch(`${house.url}/health`)).json();
  const lock = new DatabaseSync(house.app.config.store);
  lock.exec("BEGIN IMMEDIATE");
  const ids: string[] = [];
  const times: number[] = [];
  for (let round = 0; round < 60; round++) {
    const started = performance.now();
    const response = await house.post(path, { ...chat, model: "plain" });
    await response.text();
    times.push(performance.now() - started);
    assert.equal(response.status, 200);
    ids.push(idOf(response));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const told = await health();
  assert.equal(field(told, "status"), "degraded");
  assert.match(String(field(told, "troubles", 0)), /locked by another process/u);
  for (const target of ["livez", "readyz"]) assert.equal((await fetch(`${house.url}/${target}`)).status, 200);
  const sorted = times.toSorted((a, b) => a - b);
  assert.ok((sorted[30] ?? Infinity) < 30, `half of the answers took ${sorted[30]} ms or more`);
  lock.exec("ROLLBACK");
  lock.close();
  await Promise.all(ids.map((id) => house.row(id)));
  assert.equal(field(await health(), "status"), "ok");
});
