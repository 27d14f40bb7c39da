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
