import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { ask } from "./support/exchange.ts";
import { documentFor, startHouse } from "./support/house.ts";
import { startUpstream } from "./support/upstream.ts";

/** What upstreams claim, and endpoints that go while something is known of them. */

test("what the ledger holds of usage that nobody can have is read all the same, so that the gateway starts again", async () => {
  const usage = { prompt_tokens: Number.MAX_SAFE_INTEGER, completion_tokens: Number.MAX_SAFE_INTEGER, total_tokens: 0 };
  await using upstream = await startUpstream({ script: { kind: "answer", text: "ok", usage } });
  await using house = await startHouse({
    document: documentFor({ up: upstream.url }, { models: [{ name: "m", targets: [{ endpoint: "up", model: "a" }] }] }),
  });
  for (const stream of [true, false]) {
    const { id, text } = await ask(house, { model: "m", stream });
    assert.equal(text, "ok");
    await house.row(id);
  }
  const used = house.store.ledger.used(0);
  assert.equal(used.length, 1);
  assert.ok((used[0]?.tokens ?? 0) > Number.MAX_SAFE_INTEGER);
});

test("an endpoint that a reload takes away leaves nothing behind, though its health was asked for", async () => {
  await using upstream = await startUpstream();
  const document = (...names: readonly string[]) => ({
    endpoints: names.map((name) => ({
      name,
      type: "openai-compatible",
      url: upstream.url,
      health: { url: upstream.url.replace("/v1", "/v1/models"), every: "1h" },
    })),
    models: [{ name: "m", targets: names.map((endpoint) => ({ endpoint, model: "a" })) }],
  });
  await using house = await startHouse({ document: document("one", "two") });
  const known = async () => {
    const metrics = await (await fetch(`${house.url}/metrics`)).text();
    return [...metrics.matchAll(/^patchbay_endpoint_healthy\{endpoint="(\w+)"\}/gm)].map(([, name]) => name);
  };
  const text = JSON.stringify(document("one", "renamed"));
  writeFileSync(house.file, text);
  house.app.reload(text);
  assert.deepEqual(await known(), ["one", "renamed"]);
});

test("what a pattern's `*` takes from a name climbs nowhere in an upstream's path", async () => {
  await using upstream = await startUpstream();
  await using house = await startHouse({
    document: {
      endpoints: [{ name: "up", type: "gemini", url: upstream.url, credentials: [{ apiKey: "key-1" }] }],
      models: [
        { name: "p-*", targets: [{ endpoint: "up", model: "*" }] },
        { name: "q-*-q", targets: [{ endpoint: "up", model: "models/*" }] },
      ],
    },
  });
  const messages = [{ role: "user", content: "hi" }];
  for (const model of ["p-../../files/x", "p-../tunedModels/x", "p-..", "p-.", "p-./x", "q-..-q", "q-../x-q"]) {
    const { status } = await house.post("/v1/chat/completions", { model, messages });
    assert.ok([400, 404].includes(status), `${model}: ${status}`);
  }
  assert.deepEqual(
    upstream.calls.map(({ path }) => path),
    [],
  );
});

test("an answer that outgrows its model's window goes on with a larger one, and never with a smaller or the same", async () => {
  const text = "one two three four five six";
  const error = { message: "This model's maximum context length is 1000 tokens.", code: "context_length_exceeded" };
  await using first = await startUpstream({ script: { kind: "error-event", text, after: 3, error } });
  await using small = await startUpstream({ script: { kind: "answer", text } });
  await using large = await startUpstream({ script: { kind: "answer", text } });
  await using house = await startHouse({
    document: {
      endpoints: [
        { name: "first", type: "openai-compatible", url: first.url, models: [{ id: "a", contextWindow: 100_000 }] },
        { name: "small", type: "openai-compatible", url: small.url, models: [{ id: "a", contextWindow: 2000 }] },
        { name: "large", type: "openai-compatible", url: large.url, models: [{ id: "a", contextWindow: 200_000 }] },
      ],
      models: [
        {
          name: "m",
          rescue: "continue",
          failover: { attempts: 4 },
          targets: ["first", "small", "large"].map((endpoint) => ({ endpoint, model: "a" })),
        },
      ],
    },
  });
  const outcome = await ask(house, { model: "m", stream: true });
  assert.deepEqual([outcome.text, outcome.error], [text, undefined]);
  assert.deepEqual([first.count, small.count, large.count], [1, 0, 1]);
  large.script({ kind: "error-event", text, after: 4, error });
  assert.notEqual((await ask(house, { model: "m", stream: true })).error, undefined);
  assert.deepEqual([first.count, small.count, large.count], [2, 0, 2]);
});

test("a prompt that is too long for a model is sent to no stand-in that is known to hold no more", async () => {
  const error = { message: "This model's maximum context length is 1000 tokens.", code: "context_length_exceeded" };
  await using first = await startUpstream({ script: { kind: "status", status: 400, body: { error } } });
  await using others = await startUpstream();
  const models = (contextWindow: number) => ({ models: [{ id: "a", contextWindow }] });
  await using house = await startHouse({
    document: {
      endpoints: [
        { name: "first", type: "openai-compatible", url: first.url, ...models(100_000) },
        { name: "second", type: "openai-compatible", url: others.url, ...models(100_000) },
        { name: "third", type: "openai-compatible", url: others.url, ...models(50_000) },
      ],
      models: [
        {
          name: "m",
          failover: { attempts: 2 },
          targets: ["first", "second", "third"].map((endpoint) => ({ endpoint, model: "a" })),
        },
      ],
    },
  });
  assert.equal((await ask(house, { model: "m", stream: false })).status, 400);
  assert.deepEqual([first.count, others.count], [1, 0]);
});

for (const rescue of ["hold", "continue"]) {
  test(`a race whose winner breaks off and whose next target fails ends at once, with \`${rescue}\``, async () => {
    const text = "one two three four five six";
    await using first = await startUpstream({ script: { kind: "cut", text, after: 3, how: "end" } });
    await using second = await startUpstream({ script: { kind: "status", status: 500 } });
    await using house = await startHouse({
      document: documentFor(
        { first: first.url, second: second.url },
        {
          models: [
            {
              name: "m",
              strategy: "race",
              rescue,
              failover: { attempts: 2 },
              targets: ["first", "second"].map((endpoint) => ({ endpoint, model: "a" })),
            },
          ],
        },
      ),
    });
    const signal = AbortSignal.timeout(10_000);
    const { error } = await ask(house, { model: "m", stream: true, signal });
    assert.notEqual(error, undefined);
    assert.deepEqual([first.count, second.count], [1, 1]);
  });
}
