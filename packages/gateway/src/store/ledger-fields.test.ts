import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LedgerRow } from "./ports.ts";
import { openStore } from "./sqlite.ts";
import { clock, ledgerRow } from "./support.test.ts";

const whole: Required<LedgerRow> = {
  id: "request-1",
  at: 1_700_000_000_123,
  keyId: "abcdefgh",
  surface: "openai-chat",
  requestedModel: "fast",
  virtualModel: "fast",
  endpoint: "cerebras",
  actualModel: "llama-4",
  attempts: 2,
  status: 499,
  stream: false,
  sight: "tap",
  failureKind: "cancelled",
  finishReason: "stop",
  inputTokens: 1,
  outputTokens: 2,
  cacheReadTokens: 3,
  cacheWriteTokens: 4,
  reasoningTokens: 0,
  costMicroDollars: 1_234_567_890_123,
  timeToFirstToken: 0.25,
  duration: 1_234.5,
  bytesIn: 0,
  bytesOut: 9_000_000_000,
  clientAgent: "OpenAI/Python",
  route: '{"strategy":"backup"}',
};

async function roundTrip(...rows: readonly LedgerRow[]): Promise<readonly LedgerRow[]> {
  await using store = openStore({ file: ":memory:", clock });
  for (const row of rows) store.ledger.append(row);
  const back = (await store.ledger.recent(100)).toReversed();
  assert.equal(store.ledger.state.written + store.ledger.state.dropped, rows.length);
  return back;
}

test("a whole row comes back as it was, and an unknown field comes back absent, not 0", async () => {
  const bare = ledgerRow();
  assert.deepEqual(await roundTrip(whole, bare), [whole, bare]);
});

test("hostile text is cut to 256 characters and made well-formed, and SQL in it is text", async () => {
  const hostile = ledgerRow({
    requestedModel: "'; DROP TABLE ledger; --",
    clientAgent: "\ud800\u0000\u0007é模型".padEnd(100_000, "x"),
  });
  const [row] = await roundTrip(hostile);
  assert.equal(row?.requestedModel, hostile.requestedModel);
  assert.equal(row?.clientAgent, "\ufffd\u0000\u0007é模型".padEnd(256, "x"));
});

test("a number that is none is unknown", async () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300]) {
    const [row] = await roundTrip(ledgerRow({ inputTokens: value, costMicroDollars: value }));
    assert.ok(row !== undefined);
    assert.equal("inputTokens" in row, false, `${value}`);
    assert.equal("costMicroDollars" in row, false, `${value}`);
  }
  assert.equal((await roundTrip(ledgerRow({ costMicroDollars: 1.6 })))[0]?.costMicroDollars, 2);
});

test("a row without a required value is dropped alone", async () => {
  const bad = ledgerRow({ id: "bad", duration: Number.NaN });
  const ids = (await roundTrip(ledgerRow({ id: "a" }), bad, ledgerRow({ id: "b" }))).map(({ id }) => id);
  assert.deepEqual(ids, ["a", "b"]);
});

test("no text can break a batch", async () => {
  const text = fc.string({ unit: "binary", maxLength: 300 });
  await using store = openStore({ file: ":memory:", clock });
  fc.assert(
    fc.property(text, text, (id, model) => {
      store.ledger.append(ledgerRow({ id, requestedModel: model }));
      store.ledger.flush();
      assert.deepEqual([store.ledger.state.pending, store.ledger.state.dropped], [0, 0]);
    }),
    { numRuns: 50 },
  );
});
