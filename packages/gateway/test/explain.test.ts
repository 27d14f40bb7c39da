import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { startHouse } from "./support/house.ts";
import { runBinary, temporaryDirectory } from "./support/binary.ts";
import { rawRequest } from "./support/raw.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";

const upstreams = await Promise.all([0, 1, 2].map(() => startUpstream({ models: [] })));
const [a, b, c] = upstreams;
assert.ok(a !== undefined && b !== undefined && c !== undefined);
const names = ["a", "b", "c"];
const targets = names.map((endpoint) => ({ endpoint, model: "m" }));
const document = (port: number, open = "loopback") => ({
  server: { port, cors: { origins: ["https://app.example"] } },
  access: { open },
  circuit: { failures: 2, cooldown: "1h" },
  endpoints: upstreams.map(({ url }, index) => ({
    name: names[index],
    type: "openai-compatible",
    url,
    credentials: [{ apiKey: "key" }],
    models: [{ id: "m", tools: index !== 0, contextWindow: 1000 * (index + 1) }],
  })),
  models: [
    { name: "ordered", targets },
    { name: "turns", strategy: "rotate", targets },
    { name: "few", targets, failover: { attempts: 1 } },
    { name: "quick", strategy: "fastest", targets },
  ],
  fallback: "ordered",
});
const house = await startHouse({ document: document(0) });
const closed = await startHouse({ document: document(0, "never") });

after(async () => {
  for (const resource of [house, closed, ...upstreams]) await resource[Symbol.asyncDispose]();
});
beforeEach(() => {
  for (const upstream of upstreams) upstream.script({ kind: "answer" });
});

const messages = [{ role: "user", content: "hi" }];

async function explain(query: string, at = house): Promise<unknown> {
  const response = await fetch(`${at.url}/admin/api/route?${query}`);
  assert.equal(response.status, 200);
  return response.json();
}

test("a running gateway tells where a request would go, and calls nobody for it", async () => {
  const before = upstreams.map(({ count }) => count);
  const found = await explain("model=few&tools=true&tokens=1500");
  const now = { healthy: true, circuit: "closed", cooldown: 0, inFlight: 0 };
  assert.deepEqual(found, {
    requested: "few",
    model: "few",
    strategy: "backup",
    maxAttempts: 1,
    winner: "b/m",
    attempts: [{ endpoint: "b", model: "m", reason: "backup 1", now }],
    excluded: [
      { endpoint: "a", model: "m", reason: "the model cannot call tools", now },
      { endpoint: "c", model: "m", reason: "not tried: failover.attempts is 1", now },
    ],
    document: house.file,
  });
  assert.deepEqual(
    upstreams.map(({ count }) => count),
    before,
  );
  assert.deepEqual(field(await explain("model=nobody-has-it"), "understood"), { as: "ordered", by: "fallback" });
});

test("it knows pauses, circuits and speeds, and whose turn it is; asking takes no turn", async () => {
  const ask = async (model: string, stream = false): Promise<void> => {
    await (await house.post("/v1/chat/completions", { model, messages, stream })).text();
  };
  const winner = async (): Promise<unknown> => field(await explain("model=turns"), "winner");
  assert.deepEqual([await winner(), await winner()], ["a/m", "a/m"]);
  await ask("turns");
  assert.deepEqual([await winner(), await winner()], ["b/m", "b/m"]);
  await ask("ordered", true);
  a.script({ kind: "status", status: 500 });
  await ask("ordered");
  await ask("ordered");
  b.script({ kind: "status", status: 429, headers: { "retry-after": "3600" } });
  await ask("ordered");
  const found = await explain("model=ordered");
  assert.equal(field(found, "winner"), "c/m");
  const [open] = [field(found, "excluded", 0)];
  assert.deepEqual([field(open, "reason"), field(open, "now", "circuit")], ["its circuit is open", "open"]);
  assert.ok(Number(field(open, "now", "latency")) >= 0, "a stream of it was seen");
  assert.match(String(field(found, "attempts", 1, "reason")), /^backup 1, cooling down for \d+ ms$/u);
  const wait = Number(field(found, "attempts", 1, "wait"));
  assert.ok(wait > 3_000_000 && wait <= 3_600_000, String(wait));
});

test("what was explained is what is kept of the exchange that follows", async () => {
  const explained = await explain("model=quick");
  const response = await house.post("/v1/chat/completions", { model: "few", messages });
  const kept: unknown = JSON.parse((await house.row(response.headers.get("x-request-id") ?? "")).route ?? "");
  await response.text();
  const told = await explain("model=few");
  for (const name of ["model", "strategy", "maxAttempts", "winner"])
    assert.deepEqual(field(kept, name), field(told, name));
  assert.equal(field(explained, "strategy"), "fastest");
  assert.equal(field(kept, "excluded", 0, "reason"), field(told, "excluded", 0, "reason"));
});

const bad: readonly (readonly [what: string, query: string, status: number, kind: string])[] = [
  ["no model", "", 400, "bad-request"],
  ["an empty model", "model=", 400, "bad-request"],
  ["a model of hostile length", `model=${"x".repeat(10_000)}`, 400, "bad-request"],
  ["a model that climbs", "model=a/../b", 400, "bad-request"],
  ["tokens that are no number", "model=ordered&tokens=many", 400, "bad-request"],
  ["fewer tokens than none", "model=ordered&tokens=-1", 400, "bad-request"],
];
for (const [what, query, status, kind] of bad) {
  test(`asked for ${what}, it answers ${status}`, async () => {
    const response = await fetch(`${house.url}/admin/api/route?${query}`);
    const body: unknown = await response.json();
    assert.deepEqual([response.status, field(body, "error", "kind") ?? ""], [status, kind]);
  });
}

/** Head lines of a request from this machine, and how it is answered. */
const heads: readonly (readonly [what: string, lines: readonly string[], status: number])[] = [
  ["a program on this machine", [], 200],
  ["the gateway's own page", ["Origin: http://localhost", "Sec-Fetch-Site: same-origin"], 200],
  ["a page of another origin", ["Origin: https://evil.example"], 403],
  ["a page whose origin may call models", ["Origin: https://app.example"], 403],
  ["a picture or link on another site's page", ["Sec-Fetch-Site: cross-site"], 403],
  ["a proxy that tells for whom it asks", ["X-Forwarded-For: 203.0.113.7"], 401],
  ["a proxy that does so by the standard", ["Forwarded: for=203.0.113.7"], 401],
];
for (const [what, lines, status] of heads) {
  test(`the control plane answers ${what} with ${status}`, async () => {
    const head = ["GET /admin/api/route?model=few HTTP/1.1", "Host: localhost", ...lines, "", ""].join("\r\n");
    const answer = await rawRequest(house.port, head);
    assert.equal(answer.status, status);
    assert.doesNotMatch(answer.head.toLowerCase(), /access-control-allow/u);
  });
}

test("no client's key opens the control plane where open access is shut", async () => {
  const { key } = await closed.issue();
  for (const headers of [{}, { authorization: `Bearer ${key}` }, { "x-api-key": key }]) {
    const response = await fetch(`${closed.url}/admin/api/route?model=few`, { headers });
    assert.equal(response.status, 401);
    assert.doesNotMatch(await response.text(), /a\/m|backup/u);
  }
});

test("no origin's page may ask beforehand, and nothing is changed by asking", async () => {
  const preflight = await fetch(`${house.url}/admin/api/route`, {
    method: "OPTIONS",
    headers: { origin: "https://app.example", "access-control-request-method": "GET" },
  });
  assert.equal(preflight.status, 405);
  for (const method of ["POST", "PUT", "DELETE"]) {
    assert.equal((await fetch(`${house.url}/admin/api/route?model=few`, { method })).status, 405);
  }
});

const command = async (directory: string, ...args: readonly string[]) =>
  runBinary(["route", "explain", ...args], { directory });

test("the command asks the gateway that runs by the same document, and no other", async () => {
  using home = temporaryDirectory();
  const file = join(home.path, "patchbay.yaml");
  // The same document, but for where it is: this gateway is somebody else's.
  writeFileSync(file, JSON.stringify(document(house.port)));
  const other = await command(home.path, "turns", "--json");
  assert.equal(other.code, 0, other.stderr);
  assert.equal(field(JSON.parse(other.stdout), "gateway"), undefined);
  assert.equal(field(JSON.parse(other.stdout), "winner"), "a/m", "nobody had a turn");
  const flags = ["--config", house.file];
  writeFileSync(house.file, JSON.stringify(document(house.port)));
  const live = await command(home.path, "turns", "--json", ...flags);
  const route: unknown = JSON.parse(live.stdout);
  assert.equal(field(route, "gateway"), house.url);
  assert.notEqual(field(route, "winner"), "a/m", "its circuit is open");
  const text = await command(home.path, "turns", ...flags);
  assert.match(text.stdout, /^turns -> turns \(rotate, at most 3 attempts\)\n/u);
  assert.match(
    text.stdout,
    / -\s+a\/m\s+its circuit is open\s+first token after \d+ ms, whole answers after \d+ ms\n/u,
  );
  assert.ok(text.stdout.endsWith(`\nas ${house.url} sees it now\n`), text.stdout);
  const offline = await command(home.path, "turns", "--offline", "--json", ...flags);
  assert.equal(field(JSON.parse(offline.stdout), "winner"), "a/m");
  const refused = await command(home.path, "x".repeat(600), "--json", ...flags);
  assert.equal(refused.code, 1);
  assert.equal(field(JSON.parse(refused.stdout), "error", "kind"), "bad-request");
});

test("the command goes by the document where somebody else listens, or answers with anything", async () => {
  using home = temporaryDirectory();
  const answers = [
    "{}",
    "[]",
    "no JSON",
    '{"document":null,"attempts":7}',
    JSON.stringify({
      requested: "few",
      model: "\u001b[31mred",
      strategy: "backup",
      maxAttempts: 1,
      attempts: [{ endpoint: 1, model: "m", reason: "r" }],
      excluded: [],
      document: join(home.path, "patchbay.yaml"),
    }),
    JSON.stringify({
      requested: "few",
      model: "few",
      strategy: "backup\u001b]0;a terminal obeys\u0007",
      maxAttempts: 1,
      winner: "nobody/m",
      attempts: [{ endpoint: "nobody", model: "m", reason: "r" }],
      excluded: [],
      document: join(home.path, "patchbay.yaml"),
    }),
  ];
  let answer = "";
  const server = createServer((_request, response) => response.end(answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    writeFileSync(join(home.path, "patchbay.yaml"), JSON.stringify(document(address.port)));
    for (answer of answers) {
      const { code, stdout } = await command(home.path, "few", "--json");
      assert.equal(code, 0);
      assert.equal(field(JSON.parse(stdout), "winner"), "a/m");
    }
  } finally {
    server.close();
  }
});
