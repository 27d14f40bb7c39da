import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "./families.ts";
import { Metrics, type MeasuredExchange, type MeasuredTarget } from "./metrics.ts";

const clock = { now: () => 1_700_000_000_000, monotonic: () => 0 };
const target: MeasuredTarget = { endpoint: "main", type: "xai", model: "grok-9" };
const exchange: MeasuredExchange = {
  surface: "openai-chat",
  model: "coder",
  status: 200,
  target,
  duration: 150,
  timeToFirstToken: 30,
  usage: { inputTokens: 100, outputTokens: 0 },
  costMicroDollars: 1_250_000,
};

function create(cap?: number): Metrics {
  const metrics = new Metrics({ clock, version: "1.2.3", ...(cap !== undefined && { cap }) });
  metrics.know({ models: ["coder", "grok-9"], endpoints: ["main", "spare"], types: ["xai"] });
  return metrics;
}

/** Series and their values, without buckets. */
async function series(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  const text = await metrics.text();
  const found = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    found.map((line) => {
      const cut = line.lastIndexOf(" ");
      return [line.slice(0, cut), Number(line.slice(cut + 1))];
    }),
  );
}

test("an exchange and its attempt are told under OpenTelemetry's names and ours", async () => {
  using metrics = create();
  metrics.recordAttempt({ surface: "openai-chat", target, outcome: "success", duration: 140 });
  metrics.recordExchange(exchange);
  const found = await series(metrics);
  const called = 'gen_ai_operation_name="chat",gen_ai_provider_name="x_ai",gen_ai_request_model="grok-9"';
  const served = called.replace("grok-9", "coder");
  const expected: readonly (readonly [name: string, value: number])[] = [
    ['patchbay_requests_total{surface="openai-chat",model="coder",status="200"}', 1],
    ['patchbay_upstream_attempts_total{endpoint="main",outcome="success"}', 1],
    ['patchbay_cost_usd_total{model="coder",endpoint="main"}', 1.25],
    [`gen_ai_server_request_duration_seconds_sum{${served}}`, 0.15],
    [`gen_ai_server_request_duration_seconds_bucket{${served},le="0.08"}`, 0],
    [`gen_ai_server_request_duration_seconds_bucket{${served},le="0.16"}`, 1],
    [`gen_ai_server_time_to_first_token_seconds_sum{${served}}`, 0.03],
    [`gen_ai_client_operation_duration_seconds_count{${called}}`, 1],
    [`gen_ai_client_token_usage_sum{${called},gen_ai_token_type="input"}`, 100],
    [`gen_ai_client_token_usage_count{${called},gen_ai_token_type="output"}`, 1],
    ['patchbay_build_info{version="1.2.3"}', 1],
    ["process_start_time_seconds", 1_700_000_000],
  ];
  for (const [name, value] of expected) assert.equal(found.get(name), value, name);
  assert.ok((found.get("process_resident_memory_bytes") ?? 0) > 1e6);
  assert.ok((found.get("process_cpu_seconds_total") ?? 0) > 0);
});

test("what is unknown makes no series; a missing cost is counted as missing", async () => {
  using metrics = create();
  metrics.recordExchange({
    surface: "openai-embeddings",
    model: "coder",
    status: 200,
    target,
    duration: 5,
  });
  const text = await metrics.text();
  assert.doesNotMatch(text, /token_usage|time_to_first_token|cost_usd/);
  assert.match(text, /patchbay_cost_unknown_total\{model="coder",endpoint="main"\} 1/);
  assert.match(text, /gen_ai_operation_name="embeddings"/);
});

test("failures and failovers are told by their kinds", async () => {
  using metrics = create();
  metrics.recordAttempt({ surface: "openai-chat", target, outcome: "overloaded", duration: 3 });
  metrics.recordAttempt({
    surface: "openai-chat",
    target: { ...target, endpoint: "spare" },
    outcome: "timeout-connect",
    duration: 5_000,
    after: { endpoint: "main", failure: "overloaded" },
  });
  metrics.recordExchange({
    surface: "openai-chat",
    model: "coder",
    status: 504,
    failure: "timeout-connect",
    duration: 5_004,
  });
  const found = await series(metrics);
  assert.equal(found.get('patchbay_failovers_total{from="main",to="spare",reason="overloaded"}'), 1);
  assert.equal(found.get('patchbay_upstream_attempts_total{endpoint="main",outcome="overloaded"}'), 1);
  assert.equal(
    found.get('patchbay_requests_total{surface="openai-chat",model="coder",status="504",failure="timeout-connect"}'),
    1,
  );
  assert.ok([...found.keys()].every((name) => !name.startsWith("patchbay_cost")));
});

test("10,000 random model names make one series more per metric, and lose no count", async () => {
  using metrics = create();
  metrics.recordExchange(exchange);
  const before = await series(metrics);
  for (let index = 0; index < 10_000; index += 1) {
    const model = `random-${index}`;
    metrics.recordExchange({ ...exchange, model, target: { ...target, model } });
    metrics.recordAttempt({
      surface: "openai-chat",
      target: { ...target, model },
      outcome: "success",
      duration: 1,
    });
  }
  const after = await series(metrics);
  const requests = [...after.keys()].filter((name) => name.startsWith("patchbay_requests_total"));
  assert.equal(requests.length, 2);
  assert.equal(after.get('patchbay_requests_total{surface="openai-chat",model="other",status="200"}'), 10_000);
  const counts = (found: ReadonlyMap<string, number>) =>
    [...found.keys()].filter((name) => name.includes("_count{")).length;
  // Duration, first token, input and output tokens of `other`, and the attempt's duration.
  assert.equal(counts(after) - counts(before), 5);
});

test("known names beyond the cap are told as other; names once used stay after a reload", async () => {
  using metrics = create(2);
  metrics.know({ models: ["a", "b", "c"], endpoints: ["main"], types: ["xai"] });
  for (const model of ["a", "b", "c"]) metrics.recordExchange({ ...exchange, model });
  metrics.know({ models: ["c"], endpoints: [], types: [] });
  for (const model of ["a", "c"]) metrics.recordExchange({ ...exchange, model });
  const found = await series(metrics);
  const requests = (model: string) =>
    found.get(`patchbay_requests_total{surface="openai-chat",model="${model}",status="200"}`);
  assert.deepEqual(["a", "b", "c", "other"].map(requests), [2, 1, undefined, 2]);
});

test("odd statuses and kinds cannot make series", async () => {
  using metrics = create();
  for (const status of [0, 99, 600, 200.5, Number.NaN]) metrics.recordExchange({ ...exchange, status });
  const found = await series(metrics);
  assert.equal(found.get('patchbay_requests_total{surface="openai-chat",model="coder",status="other"}'), 5);
});

test("label values cannot break the text", async () => {
  using metrics = create();
  const model = 'a"b\\c\nd';
  metrics.know({ models: [model], endpoints: [], types: [] });
  metrics.recordExchange({ ...exchange, model });
  assert.ok((await metrics.text()).includes('model="a\\"b\\\\c\\nd"'));
});

test("figures that others keep are asked for at each reading", async () => {
  using metrics = create();
  assert.doesNotMatch(await metrics.text(), /patchbay_ledger/);
  let pending = 3;
  metrics.watch({
    ledgerPending: () => pending,
    ledgerDropped: () => 4,
    exchangesActive: () => 5,
    endpoints: () => [],
    limits: () => ({ waiting: 0, held: 0, refusals: new Map(), readings: () => [] }),
  });
  assert.equal((await series(metrics)).get("patchbay_ledger_pending"), 3);
  pending = 0;
  const found = await series(metrics);
  assert.equal(found.get("patchbay_ledger_pending"), 0);
  assert.equal(found.get("patchbay_ledger_dropped_total"), 4);
  assert.equal(found.get("patchbay_exchanges_active"), 5);
});

test("the event loop's delay is told, and forgotten after a reading", async () => {
  using metrics = create();
  await metrics.text();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const end = performance.now() + 120;
  while (performance.now() < end);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const worst = 'patchbay_event_loop_delay_seconds{quantile="1"}';
  assert.ok(((await series(metrics)).get(worst) ?? 0) > 0.06);
  assert.ok(((await series(metrics)).get(worst) ?? 1) < 0.06);
});

test("every metric has its help and type once, and the text ends with one line break", async () => {
  using metrics = create();
  metrics.recordExchange(exchange);
  const text = await metrics.text();
  const heads = text.split("\n").filter((line) => line.startsWith("# TYPE"));
  assert.equal(new Set(heads).size, heads.length);
  assert.equal(heads.length, text.split("\n").filter((line) => line.startsWith("# HELP")).length);
  assert.match(text, /[^\n]\n$/);
});

const bucketCases: readonly (readonly [value: number, bucket: number])[] = [
  [0, 0],
  [1, 0],
  [1.0001, 1],
  [5, 1],
  [9, 2],
  [Infinity, 2],
];

for (const [value, bucket] of bucketCases) {
  test(`with bounds 1 and 5, ${value} falls into bucket ${bucket}`, () => {
    const histogram = new Histogram([1, 5]);
    histogram.record(value);
    assert.deepEqual(
      histogram.counts,
      [0, 0, 0].map((_, index) => (index === bucket ? 1 : 0)),
    );
  });
}

test("OpenTelemetry is loaded when it is asked for, and opens no port", async () => {
  using metrics = create();
  metrics.recordExchange(exchange);
  await metrics.load();
  assert.ok(!process.getActiveResourcesInfo().includes("TCPServerWrap"));
  assert.match(await metrics.text(), /patchbay_requests_total/);
});
