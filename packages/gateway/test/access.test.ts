import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, test } from "node:test";
import { createKey } from "../src/auth/keys.ts";
import { formatKey, parseKey } from "../src/auth/key-format.ts";
import { documentFor, keysAreRead, startHouse } from "./support/house.ts";
import type { House } from "./support/house.ts";
import { rawPost, rawRequest } from "./support/raw.ts";
import { field } from "./support/read-stream.ts";
import { allRoutes } from "./support/routes.ts";
import { startUpstream } from "./support/upstream.ts";

const upstream = await startUpstream({ models: ["listed-a", "listed-b"] });
const documentWith = (more: object): object =>
  documentFor(
    { up: upstream.url },
    {
      models: [
        { name: "m", targets: [{ endpoint: "up", model: "actual" }] },
        { name: "other", targets: [{ endpoint: "up", model: "actual" }] },
      ],
      ...more,
    },
  );
const open = await startHouse({ document: documentWith({ access: { open: "loopback" } }) });
const closed = await startHouse({
  document: documentWith({ access: { open: "never" }, server: { cors: { origins: ["https://app.example"] } } }),
  environment: { API_KEY: "fixed-key-of-the-environment" },
});
after(async () => {
  await open[Symbol.asyncDispose]();
  await closed[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const routes = allRoutes(closed.app.config, closed.store.keys);
const path = "/v1/chat/completions";
const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };

const carriers: readonly (readonly [name: string, header: (key: string) => readonly [string, string]])[] = [
  ["Authorization", (key) => ["authorization", `Bearer ${key}`]],
  ["Authorization in odd case", (key) => ["authorization", `bearer  ${key} `]],
  ["x-api-key", (key) => ["x-api-key", key]],
  ["api-key", (key) => ["api-key", key]],
  ["x-goog-api-key", (key) => ["x-goog-api-key", key]],
];

/** What may be shown, and the status with which it is answered where a key is needed and where none is. */
type Kind = "valid" | "for this model" | "for other models" | "revoked" | "expired" | "wrong" | "mistyped" | "junk";
const kinds: readonly (readonly [kind: Kind, needed: number, welcome: number])[] = [
  ["valid", 200, 200],
  ["for this model", 200, 200],
  ["for other models", 403, 403],
  ["revoked", 401, 401],
  ["expired", 401, 401],
  ["wrong", 401, 401],
  ["mistyped", 401, 401],
  // What SDKs send because they insist on some key means nothing where none is needed.
  ["junk", 401, 200],
];

async function keysOf(house: House): Promise<{ readonly [kind in Kind]: string }> {
  const valid = await house.issue();
  const another = await house.issue();
  const revoked = await house.issue();
  await house.store.keys.revoke(revoked.id, Date.now());
  const expired = createKey({ name: "old", now: 1000, expiresAt: 2000, pepper: house.store.keys.pepper() });
  await house.store.keys.insert(expired.stored);
  const secret = parseKey(another.key)?.secret ?? "";
  return {
    valid: valid.key,
    "for this model": (await house.issue({ models: ["x", "m*"] })).key,
    "for other models": (await house.issue({ models: ["o*r", "up/*"] })).key,
    revoked: revoked.key,
    expired: expired.key,
    wrong: formatKey({ id: valid.id, secret }),
    mistyped: `${valid.key.slice(0, -1)}${valid.key.endsWith("0") ? "1" : "0"}`,
    junk: "sk-whatever",
  };
}

const openKeys = await keysOf(open);
const closedKeys = await keysOf(closed);

for (const [carrier, header] of carriers) {
  for (const [kind, needed, welcome] of kinds) {
    test(`a key that is ${kind}, in ${carrier}: ${needed} where a key is needed, ${welcome} on open loopback`, async () => {
      for (const [house, keys, status] of [[closed, closedKeys, needed] as const, [open, openKeys, welcome] as const]) {
        const before = upstream.count;
        const response = await house.post(path, chat, Object.fromEntries([header(keys[kind])]));
        assert.equal(response.status, status, await response.text());
        assert.equal(upstream.count - before, status === 200 ? 1 : 0);
      }
    });
  }
}

test("a fixed key of the environment is taken by every carrier, and another is not", async () => {
  for (const [carrier, header] of carriers) {
    const good = await closed.post(path, chat, Object.fromEntries([header("fixed-key-of-the-environment")]));
    assert.equal(good.status, 200, carrier);
    const bad = await closed.post(path, chat, Object.fromEntries([header("fixed-key-of-the-environmenT")]));
    assert.equal(bad.status, 401, carrier);
  }
});

test("two different keys at once are refused, the same one twice is not", async () => {
  const { valid, "for this model": second } = closedKeys;
  const pairs = carriers.flatMap(([, one]) => carriers.map(([, two]) => [one, two] as const));
  for (const [one, two] of pairs) {
    const [first, again, other] = [one(valid), two(valid), two(second)];
    if (first[0] === again[0]) continue;
    assert.equal((await closed.post(path, chat, Object.fromEntries([first, again]))).status, 200);
    assert.equal((await closed.post(path, chat, Object.fromEntries([first, other]))).status, 400);
  }
});

test("a key in the query, a cookie, Basic or a WebSocket's protocol is none", async () => {
  const { valid } = closedKeys;
  const basic = Buffer.from(`user:${valid}`).toString("base64");
  const answers = [
    await closed.post(`${path}?key=${valid}`, chat),
    await closed.post(path, chat, { cookie: `key=${valid}; authorization=${valid}` }),
    await closed.post(path, chat, { authorization: `Basic ${basic}` }),
    await closed.post(path, chat, { authorization: valid }),
    await closed.post(path, chat, { "proxy-authorization": `Bearer ${valid}` }),
    await closed.post(path, chat, { "sec-websocket-protocol": `openai-insecure-api-key.${valid}` }),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    answers.map(() => 401),
  );
});

test("the 401 is the same for every key that is not good, and repeats nothing of it", async () => {
  const bodies = new Set<string>();
  const bad = [closedKeys.revoked, closedKeys.expired, closedKeys.wrong, closedKeys.mistyped, closedKeys.junk];
  for (const key of [...bad, "';--", "a".repeat(10_000), "pbk_x", "pbk_".padEnd(60, "0"), "\u00ff"]) {
    const response = await closed.post(path, chat, { authorization: `Bearer ${key}` });
    assert.equal(response.status, 401);
    bodies.add(await response.text());
  }
  assert.equal(bodies.size, 1);
  assert.match([...bodies][0] ?? "", /^\{"error":\{"message":"This key is not valid\..*"code":"invalid_api_key"\}\}$/u);
});

test("a new key is taken, and a revoked one is not, 10 ms after another process said so", async () => {
  const { id, key } = await closed.issue();
  const headers = { authorization: `Bearer ${key}` };
  assert.equal((await closed.post(path, chat, headers)).status, 200);
  await closed.store.keys.revoke(id, Date.now());
  await keysAreRead();
  assert.equal((await closed.post(path, chat, headers)).status, 401);
});

test("a key for some models sees and names only those", async () => {
  const { key } = await closed.issue({ models: ["m", "listed-*"] });
  const headers = { authorization: `Bearer ${key}` };
  const list: unknown = await (await fetch(`${closed.url}/v1/models`, { headers })).json();
  const data = field(list, "data");
  assert.ok(Array.isArray(data));
  assert.deepEqual(data.map((model) => String(field(model, "id"))).sort(), ["listed-a", "listed-b", "m"]);
  assert.equal(field(list, "first_id"), field(data[0], "id"));
  assert.equal(field(list, "last_id"), field(data.at(-1), "id"));
  assert.equal((await fetch(`${closed.url}/v1/models/m`, { headers })).status, 200);
  const hidden = await fetch(`${closed.url}/v1/models/other`, { headers });
  const absent = await fetch(`${closed.url}/v1/models/other2`, { headers });
  assert.equal(hidden.status, 404);
  // Whether it exists is not to be learnt.
  assert.equal((await hidden.text()).replace("other", "other2"), await absent.text());
  // A name that stands for a model needs the right for that.
  assert.equal((await closed.post(path, { ...chat, model: "M" }, headers)).status, 200);
  for (const model of ["other", "up/actual", "nothing", "OTHER", "m ", "listed"]) {
    const response = await closed.post(path, { ...chat, model }, headers);
    assert.equal(response.status, 403, model);
    assert.equal(field(await response.json(), "error", "message"), `This key may not use the model '${model}'.`);
  }
});

/** Everything that answers without a key when `access.open` is `never`. A new route is not among them by accident. */
const publicRoutes = new Set([
  "GET /",
  "GET /anthropic/api/hello",
  "GET /api/hello",
  "GET /api/version",
  "GET /health",
  "GET /health/liveliness",
  "GET /health/liveness",
  "GET /health/readiness",
  "GET /healthz",
  "GET /livez",
  "GET /openapi.json",
  "GET /readyz",
  "GET /v1/api/version",
]);

test("every route but those of a written list answers 401 without a key", async () => {
  assert.ok(routes.length > 30);
  for (const { method, path: routePath } of routes) {
    const target = routePath.replace("{name}", "m");
    const response = await fetch(closed.url + target, { method });
    const isPublic = publicRoutes.has(`${method} ${routePath}`);
    assert.equal(response.status, isPublic ? 200 : 401, `${method} ${routePath}`);
    await response.text();
  }
});

test("every route answers 421 under a name that is not ours, and nothing is called", async () => {
  const before = upstream.count;
  for (const { method, path: routePath } of routes) {
    const target = routePath.replace("{name}", "m");
    const hosts = ["rebind.evil", "rebind.evil:4141", "localhost.evil", "127.0.0.1.nip.io"];
    const answers = hosts.map(async (host) => {
      const bytes = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`;
      assert.equal((await rawRequest(open.port, bytes)).status, 421, `${method} ${target} ${host}`);
    });
    await Promise.all(answers);
  }
  assert.equal(upstream.count, before);
});

test("our own names are served", async () => {
  for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1:4141", "127.9.9.9", "[::1]:4141", "patchbay.localhost"]) {
    const answer = await rawRequest(open.port, `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal(answer.status, 200, host);
  }
});

test("a page of another site is refused without a key, and served with one, but never allowed to read", async () => {
  for (const origin of ["https://evil.example", "http://localhost.evil", "null", "http://127.0.0.1:1", "file://"]) {
    const before = upstream.count;
    const refused = await open.post(path, chat, { origin, authorization: "Bearer sk-junk" });
    assert.equal(refused.status, 403, origin);
    // What a form or a no-cors fetch can send.
    const plain = await fetch(open.url + path, {
      method: "POST",
      headers: { origin, "content-type": "text/plain" },
      body: JSON.stringify(chat),
    });
    assert.equal(plain.status, 403);
    assert.equal((await fetch(`${open.url}/v1/models`, { headers: { origin } })).status, 403);
    assert.equal((await fetch(`${open.url}/metrics`, { headers: { origin } })).status, 403);
    assert.equal(upstream.count, before);
    const served = await open.post(path, chat, { origin, authorization: `Bearer ${openKeys.valid}` });
    assert.equal(served.status, 200);
    for (const answer of [refused, plain, served]) {
      assert.deepEqual(
        [...answer.headers.keys()].filter((name) => name.startsWith("access-control-")),
        [],
      );
    }
  }
  assert.equal((await open.post(path, chat, { origin: open.url })).status, 200);
});

test("no origin gets a CORS header unless it is configured", async () => {
  for (const house of [open, closed]) {
    for (const { path: routePath } of routes) {
      const response = await fetch(house.url + routePath.replace("{name}", "m"), {
        method: "OPTIONS",
        headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
      });
      assert.equal(response.status, 405, routePath);
      assert.equal(response.headers.get("access-control-allow-origin"), null);
    }
  }
});

test("a configured origin may ask before, call and read, refusals too", async () => {
  const origin = "https://app.example";
  const preflight = await fetch(closed.url + path, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-stainless-os",
    },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get("access-control-allow-origin"), origin);
  assert.equal(preflight.headers.get("access-control-allow-headers"), "authorization,content-type,x-stainless-os");
  assert.equal(preflight.headers.get("access-control-allow-methods"), "GET, POST, DELETE, OPTIONS");
  assert.equal(preflight.headers.get("access-control-allow-credentials"), null);
  assert.equal(preflight.headers.get("vary"), "origin");
  const refused = await closed.post(path, chat, { origin });
  const served = await closed.post(path, chat, { origin, authorization: `Bearer ${closedKeys.valid}` });
  assert.equal(refused.status, 401);
  assert.equal(served.status, 200);
  for (const response of [refused, served]) {
    assert.equal(response.headers.get("access-control-allow-origin"), origin);
    // All that we say, such as of limits; what a vendor says is not passed on.
    assert.equal(response.headers.get("access-control-expose-headers"), "*");
  }
});

test("without a key, the operator's figures are for this machine only, and not even for it where a key is always needed", async () => {
  assert.equal((await fetch(`${open.url}/metrics`)).status, 200);
  assert.equal((await fetch(`${closed.url}/metrics`)).status, 401);
  const headers = { authorization: `Bearer ${closedKeys.valid}` };
  assert.equal((await fetch(`${closed.url}/metrics`, { headers })).status, 200);
  assert.deepEqual(await (await fetch(`${closed.url}/health`)).json(), { status: "ok" });
  assert.ok(Array.isArray(field(await (await fetch(`${closed.url}/health`, { headers })).json(), "notes")));
});

/** Sends requests one behind the other on one connection, and counts the statuses of their answers. */
async function inARow(port: number, requests: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const socket = connect({ port, host: "127.0.0.1" });
  let rest = "";
  let count = 0;
  const all = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`closed after ${count} answers`)));
    socket.on("data", (chunk) => {
      rest += chunk.toString("latin1");
      const statuses = rest.match(/HTTP\/1\.1 \d{3} /gu) ?? [];
      rest = rest.slice(-20).replaceAll(/HTTP\/1\.1 \d{3} /gu, "");
      count += statuses.length;
      for (const status of statuses) found.set(status.slice(9, 12), (found.get(status.slice(9, 12)) ?? 0) + 1);
      if (count >= requests.length) resolve();
    });
  });
  socket.write(requests.join(""));
  await all;
  socket.removeAllListeners("close");
  socket.destroy();
  return found;
}

test("the seed starts a program for each look at its health, we call nobody for a thousand", async () => {
  const before = [upstream.count, upstream.listings, upstream.connections];
  for (const target of ["/health", "/readyz", "/livez", "/healthz", "/v1/models"]) {
    const request = `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    assert.deepEqual(await inARow(open.port, Array<string>(1000).fill(request)), new Map([["200", 1000]]));
  }
  assert.deepEqual([upstream.count, upstream.listings, upstream.connections], before);
});

const ask = (model: string): string => rawPost(path, JSON.stringify({ ...chat, model }));

test("ten thousand made-up model names make no series in the metrics", async () => {
  const series = async (): Promise<number> => {
    const text = await (await fetch(`${open.url}/metrics`)).text();
    return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
  };
  await inARow(open.port, [ask("made-up"), ask("up/made-up")]);
  const before = await series();
  const madeUp = Array.from({ length: 10_000 }, (_, index) => ask(`made-up-${index}`));
  assert.deepEqual(await inARow(open.port, madeUp), new Map([["404", 10_000]]));
  const direct = Array.from({ length: 200 }, (_, index) => ask(`up/made-up-${index}`));
  assert.deepEqual(await inARow(open.port, direct), new Map([["200", 200]]));
  assert.equal(await series(), before);
});
