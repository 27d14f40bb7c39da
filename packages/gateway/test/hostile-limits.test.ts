import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "./support/exchange.ts";
import { figure } from "./support/figure.ts";
import { startHouse } from "./support/house.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Upstream } from "./support/upstream.ts";

/** Limits and keys that keep out who would stand in. */

const endpoint = (name: string, { url }: Upstream, more: object = {}) => ({
  name,
  type: "openai-compatible",
  url,
  ...more,
});

test("a stand-in that has no place left is asked for one once, and the request ends", async () => {
  await using bad = await startUpstream({ script: { kind: "status", status: 500 } });
  await using full = await startUpstream({ script: { kind: "silence" } });
  const limits = { concurrent: 1, queue: 0 };
  await using house = await startHouse({
    document: {
      endpoints: [endpoint("bad", bad), endpoint("full", full, { limits }), endpoint("spare", full, { limits })],
      models: [
        {
          name: "m",
          failover: { attempts: 2 },
          targets: ["bad", "full", "spare"].map((each) => ({ endpoint: each, model: "a" })),
        },
        ...["full", "spare"].map((each) => ({ name: each, targets: [{ endpoint: each, model: "a" }] })),
      ],
    },
  });
  const gone = new AbortController();
  const holders = ["full", "spare"].map((model) =>
    ask(house, { model, stream: false, signal: gone.signal }).catch(() => undefined),
  );
  await full.reached(2);
  const outcome = await ask(house, { model: "m", stream: false });
  gone.abort();
  await Promise.all(holders);
  assert.equal(outcome.status, 429, outcome.raw);
});

test("a stand-in whose price nobody knows ends a request whose key has a budget, and nothing else", async () => {
  await using bad = await startUpstream({ script: { kind: "status", status: 500 } });
  await using other = await startUpstream();
  const free = [{ id: "a", price: { input: 0, output: 0 } }];
  await using house = await startHouse({
    document: {
      endpoints: [
        endpoint("bad", bad, { models: free }),
        endpoint("one", other, { models: ["a"] }),
        endpoint("two", other, { models: ["a"] }),
      ],
      models: [
        {
          name: "m",
          failover: { attempts: 2 },
          targets: ["bad", "one", "two"].map((each) => ({ endpoint: each, model: "a" })),
        },
      ],
    },
  });
  const { key } = await house.issue({ limits: { microDollarsPerDay: 1_000_000 } });
  const response = await house.post(
    "/v1/chat/completions",
    { model: "m", messages: [{ role: "user", content: "hi" }] },
    { authorization: `Bearer ${key}` },
  );
  const text = await response.text();
  assert.ok([403, 502].includes(response.status), text);
  assert.equal(other.count, 0);
});

test("a retry that gets no place is given up, and takes no more of everybody's budget", async () => {
  await using upstream = await startUpstream({
    script: [{ kind: "status", status: 500 }, { kind: "silence" }],
  });
  await using house = await startHouse({
    document: {
      endpoints: [endpoint("up", upstream, { limits: { concurrent: 1, queue: 1, patience: "50ms" } })],
      models: [{ name: "m", targets: [{ endpoint: "up", model: "a" }] }],
    },
  });
  const gone = new AbortController();
  const first = ask(house, { model: "m", stream: false });
  const holder = ask(house, { model: "m", stream: false, signal: gone.signal }).catch(() => undefined);
  const { status } = await first;
  const retries = await figure(house, "patchbay_retries_total");
  gone.abort();
  await holder;
  assert.ok(status === 429 || status === 502, String(status));
  assert.equal(upstream.count, 2);
  assert.ok(retries <= 1, `${retries} retries`);
});

test("of a thousand targets without a place some are asked for one, and the request is refused", async () => {
  await using upstream = await startUpstream({ script: { kind: "silence" } });
  await using house = await startHouse({
    document: {
      endpoints: [endpoint("up", upstream, { limits: { concurrent: 1, queue: 0 } })],
      models: [
        { name: "m", targets: Array.from({ length: 1000 }, (_, index) => ({ endpoint: "up", model: `a${index}` })) },
      ],
    },
  });
  const gone = new AbortController();
  const holder = ask(house, { model: "m", stream: false, signal: gone.signal }).catch(() => undefined);
  await upstream.reached(1);
  const { status, raw } = await ask(house, { model: "m", stream: false });
  gone.abort();
  await holder;
  assert.equal(status, 429, raw);
});
