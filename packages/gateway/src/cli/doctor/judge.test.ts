import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointReport } from "../../app/survey.ts";
import type { PortFinding, StoreFinding } from "../../app/inspect.ts";
import { readConfig } from "../../app/configuration.ts";
import { environmentOf } from "../../config/environment.ts";
import type { Config } from "../../config/types.ts";
import type { Check } from "./check.ts";
import { judgeClock, judgeEndpoint, judgePort, judgeState, judgeStore } from "./judge.ts";
import { reportLines } from "./report.ts";

function configOf(text: string): Config {
  const loaded = readConfig(
    { directory: "/", environment: environmentOf({ KEY: "sk-of-a-test" }), overrides: { detect: false } },
    text,
  );
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
}

const config = configOf(
  'endpoints: [{ name: a, type: openai-compatible, url: "http://gpu:8000/v1", credentials: [{ apiKey: "${KEY}" }] }]',
);
const [settings] = config.endpoints;

/** Every finding says what to do. */
function expect(check: Check | undefined, state: Check["state"], says: RegExp): void {
  assert.ok(check !== undefined);
  assert.equal(check.state, state, check.message);
  assert.match(`${check.message} | ${check.fix ?? ""}`, says);
  assert.equal(check.fix === undefined, state === "ok");
}

const endpoints: readonly (readonly [string, Omit<EndpointReport, "name" | "type">, Check["state"], RegExp])[] = [
  ["answers", { state: "answered", models: 3, duration: 12 }, "ok", /^3 models in 12 ms/],
  ["is disabled", { state: "disabled" }, "ok", /disabled/],
  ["has an empty list", { state: "answered", models: 0, duration: 5 }, "warning", /empty.*\| state its models/],
  ["refuses the key", { state: "failed", status: 401, duration: 5 }, "failed", /key \(401\) \| check what \$\{KEY\}/],
  ["forbids", { state: "failed", status: 403, duration: 5 }, "failed", /key \(403\)/],
  ["has no list", { state: "failed", status: 404, duration: 5 }, "warning", /no model list \(404\).*http:\/\/gpu:8000/],
  ["is rate limited", { state: "failed", status: 429 }, "warning", /pause/],
  ["is broken", { state: "failed", status: 503 }, "failed", /broken \(503\)/],
  ["redirects", { state: "failed", status: 301 }, "failed", /redirects \(301\)/],
  ["does not listen", { state: "failed", reason: "ECONNREFUSED" }, "failed", /ECONNREFUSED \| is it running\?/],
  ["has no such name", { state: "failed", reason: "ENOTFOUND" }, "failed", /\| check the name/],
  ["is a metadata service", { state: "failed", reason: "PATCHBAY_OUTBOUND_REFUSED" }, "failed", /never calls/],
  ["has a bad certificate", { state: "failed", reason: "CERT_HAS_EXPIRED" }, "failed", /check the certificate/],
  ["is late", { state: "late", reason: "no answer within 5000 ms" }, "failed", /within 5000 ms \| check its url/],
];
for (const [name, report, state, says] of endpoints) {
  test(`an endpoint that ${name} is ${state}`, () => {
    expect(judgeEndpoint({ name: "a", type: "openai-compatible", ...report }, settings), state, says);
  });
}

const ports: readonly (readonly [string, PortFinding, Check["state"], RegExp])[] = [
  ["free", { state: "free" }, "ok", /free/],
  ["taken", { state: "unusable", code: "EADDRINUSE" }, "failed", /another program.*--port N/],
  ["privileged", { state: "unusable", code: "EACCES" }, "failed", /above 1023/],
  ["of another machine", { state: "unusable", code: "EADDRNOTAVAIL" }, "failed", /server\.host/],
  ["ours", { state: "patchbay", gateway: { version: "1.0.0", troubles: [], notes: [] } }, "ok", /Patchbay 1\.0\.0/],
];
for (const [name, finding, state, says] of ports) {
  test(`a port that is ${name} is ${state}`, () => expect(judgePort(config, finding, "1.0.0")[0], state, says));
}

test("a running gateway's version, troubles and notes are told", () => {
  const gateway = { version: "0.9.0", troubles: ["the disk is full"], notes: ["the document was not taken over"] };
  const states = judgePort(config, { state: "patchbay", gateway }, "1.0.0").map(({ state }) => state);
  assert.deepEqual(states, ["ok", "warning", "failed", "warning"]);
});

const stores: readonly (readonly [string, Omit<StoreFinding, "file">, string, readonly Check["state"][]])[] = [
  ["works", { state: "works" }, "", ["ok", "ok"]],
  ["is not there yet", { state: "new" }, "", ["ok", "ok"]],
  ["is memory", { state: "memory" }, "", ["warning", "ok"]],
  ["fails", { state: "failed", problem: "The disk is full." }, "", ["failed", "ok"]],
  ["works in an open network", { state: "works", exposed: "why" }, "", ["ok", "failed"]],
  ["works with access for all", { state: "works" }, "access: { open: always }", ["ok", "warning"]],
];
for (const [name, finding, document, states] of stores) {
  test(`a store that ${name}: ${states.join(", ")}`, () => {
    const checks = judgeStore({ file: "/data/patchbay.db", ...finding }, configOf(document));
    assert.deepEqual(
      checks.map(({ state }) => state),
      states,
    );
    for (const { state, fix } of checks) assert.equal(fix === undefined, state === "ok");
  });
}

test("a Redis that replicas share is told of only where there is one", () => {
  const states = (problem: string | undefined) => judgeState(problem).map(({ state }) => state);
  assert.deepEqual([states(undefined), states(""), states("ECONNREFUSED")], [[], ["ok"], ["warning"]]);
});

test("a clock before this program's time, or before what the store recorded, is wrong", () => {
  const now = Date.UTC(2026, 10, 21);
  expect(judgeClock(now, undefined), "ok", /2026-11-21/);
  expect(judgeClock(now, now + 60_000), "ok", /2026-11-21/);
  expect(judgeClock(now, now + 3_600_000), "failed", /has a record of 2026-11-21T01:00/);
  expect(judgeClock(0, undefined), "failed", /1970/);
});

test("the report marks every line, and puts the fix below the finding", () => {
  const checks: readonly Check[] = [
    { name: "node", state: "ok", message: "v24" },
    { name: "a\u001b[2J", state: "failed", message: "gone", fix: "bring it back" },
  ];
  assert.deepEqual(
    reportLines(checks, (_paint, text) => text),
    ["✓ node: v24", "✗ a?[2J: gone", "    fix: bring it back"],
  );
});
