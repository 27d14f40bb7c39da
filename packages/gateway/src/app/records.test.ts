import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ExchangeReport } from "../relay/types.ts";
import { scene } from "../relay/support.test.ts";
import { buildCatalog } from "../routing/catalog.ts";
import type { LedgerRow } from "../store/ports.ts";
import { openLog } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { Records } from "./records.ts";

const folder = mkdtempSync(join(tmpdir(), "patchbay-records-"));
after(() => rmSync(folder, { recursive: true }));

/** What is recorded of an exchange whose endpoints the catalog no longer has, as after a reload. */
async function recorded(more: Partial<ExchangeReport>) {
  using parts = scene();
  const destination = join(folder, "log");
  using log = await openLog({ level: "info", clock: parts.clock, pretty: false, destination });
  using metrics = new Metrics({ clock: parts.clock, version: "0" });
  metrics.know({ models: ["asked", "actual"], endpoints: ["first"], types: ["openai-compatible"] });
  const rows: LedgerRow[] = [];
  const ledger = {
    append: (row: LedgerRow) => void rows.push(row),
    flush: () => {},
    recent: async () => rows,
    used: () => [],
    state: { pending: 0, written: 0, dropped: 0, failing: false },
  };
  const catalog = buildCatalog({ endpoints: new Map(), models: [] });
  const records = new Records({ clock: parts.clock, ledger, metrics, log, catalog: () => catalog });
  const input = { ...parts.input, caller: { keyId: "abcdefgh", agent: "a test/1.0" } };
  const settled: ExchangeReport = {
    input,
    status: 200,
    attempts: 1,
    endpoint: "first",
    targetModel: "actual",
    actualModel: "actual-2026",
    sight: "translate",
    finish: { unified: "stop", raw: "stop" },
    usage: { inputTokens: 7, outputTokens: 5, cacheReadTokens: 3, cacheWriteTokens: 2, reasoningTokens: 1 },
    losses: [],
    tried: [],
    duration: 12,
    timeToFirstToken: 3,
    bytesOut: 99,
    ...more,
  };
  records.settled(settled);
  log.flush();
  const lines = readFileSync(destination, "utf8").trim().split("\n");
  const [line = {}, ...before] = lines
    .map((text) => JSON.parse(text) as { readonly [name: string]: unknown })
    .toReversed();
  rmSync(destination);
  const [row] = rows;
  assert.ok(row !== undefined && rows.length === 1);
  return { row, line, before, metrics: await metrics.text() };
}

test("the log's line states what the ledger's row states, by the same names", async () => {
  const why = { kind: "cancelled", message: "gone" } as const;
  for (const more of [{}, { status: 499, failure: why, finish: undefined, usage: undefined }]) {
    const { row, line } = await recorded(more);
    const { level, time, message, ...stated } = line;
    assert.deepEqual([level, typeof time, message], ["info", "number", "exchange"]);
    // The route has a line of its own, at the level `debug`.
    const { id, at, route: _route, ...named } = row;
    assert.equal(typeof at, "number");
    assert.deepEqual(stated, JSON.parse(JSON.stringify({ requestId: id, ...named })));
  }
});

test("what a translation lost is named in the log", async () => {
  const losses = [
    { field: "logit_bias", reason: "unsupported" },
    { field: "messages[2].name", reason: "approximated" },
  ] as const;
  const { line, row } = await recorded({ losses });
  assert.equal(line["losses"], "logit_bias,messages[2].name");
  assert.equal("losses" in row, false);
});

test("an exchange is counted by its endpoint's type though a reload has removed the endpoint", async () => {
  const { metrics } = await recorded({});
  assert.match(metrics, /gen_ai_provider_name="openai-compatible"/u);
});

test("the log says in whose place the fallback stands, on one line whatever the name is", async () => {
  using parts = scene();
  const understood = { as: "asked", by: "fallback" } as const;
  const input = { ...parts.input, requestedModel: "gpt-9\n{}", plan: { ...parts.input.plan, understood } };
  const { before, row } = await recorded({ input });
  const told = 'nobody has the model "gpt-9\\n{}": asked stands in';
  assert.deepEqual(
    before.map(({ level, message, requestId }) => [level, message, requestId]),
    [["info", told, row.id]],
  );
  assert.deepEqual(routeOf(row)["understood"], understood);
});

/** The record of a route, with the fields that matter here. */
const routeOf = (row: LedgerRow) => JSON.parse(row.route ?? "null") as { readonly [name: string]: unknown };

test("every exchange's route is kept: the plan, who answered and what became of the others", async () => {
  const attempts = [
    { endpoint: "first", model: "actual", reason: "" },
    { endpoint: "second", model: "actual", reason: "" },
  ];
  const plan = { model: "asked", strategy: "backup", maxAttempts: 3, attempts, excluded: [] };
  const { row: plain } = await recorded({});
  assert.deepEqual(routeOf(plain), { ...plan, winner: "first/actual" });
  const tried = [{ endpoint: "first", model: "actual", failure: "overloaded" }] as const;
  const { row: other } = await recorded({ endpoint: "second", tried });
  assert.deepEqual(routeOf(other), { ...plan, winner: "second/actual", failed: tried });
  const { row: rescued } = await recorded({ endpoint: "second", tried, rescued: true });
  assert.deepEqual(routeOf(rescued), { ...plan, winner: "second/actual", failed: tried, rescued: true });
  const failure = { kind: "overloaded", message: "" } as const;
  const { row: failed } = await recorded({ tried, failure, status: 503 });
  assert.deepEqual(routeOf(failed), { ...plan, failed: tried });
  const nowhere = { endpoint: undefined, targetModel: undefined, failure, status: 503, attempts: 0 };
  const { row: unsent } = await recorded(nowhere);
  assert.deepEqual(routeOf(unsent), plan);
});
