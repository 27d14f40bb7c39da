import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { ask } from "../support/exchange.ts";
import { startHouse } from "../support/house.ts";
import { close, listen } from "../support/port.ts";
import { field } from "../support/read-stream.ts";
import { startUpstream } from "../support/upstream.ts";

/** An endpoint that says of itself how it is. */
let answer = { status: 200, body: "" };
let asked = 0;
const paths = new Set<string | undefined>();
const authorizations = new Set<string | undefined>();
const server = createServer((request, response) => {
  asked++;
  paths.add(request.url);
  authorizations.add(request.headers.authorization);
  response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
});
const port = await listen(server);
const first = await startUpstream({ models: ["x"] });
const second = await startUpstream({ models: ["y"] });
const third = await startUpstream({ models: ["z"] });
const house = await startHouse({
  document: {
    endpoints: [
      {
        name: "first",
        type: "openai-compatible",
        url: first.url,
        credentials: [{ apiKey: "key" }],
        health: { url: `http://127.0.0.1:${port}/status`, every: "1s" },
      },
      {
        name: "alone",
        type: "openai-compatible",
        url: third.url,
        health: { url: `http://127.0.0.1:${port}/alone`, every: "1s" },
      },
      { name: "second", type: "openai-compatible", url: second.url },
    ],
    models: [
      {
        name: "m",
        targets: [
          { endpoint: "first", model: "x" },
          { endpoint: "second", model: "x" },
        ],
      },
      { name: "unbacked", targets: [{ endpoint: "alone", model: "z" }] },
      { name: "only", targets: [{ endpoint: "first", model: "x" }] },
    ],
  },
});
after(async () => {
  await house[Symbol.asyncDispose]();
  await close(server);
  for (const upstream of [first, second, third]) await upstream[Symbol.asyncDispose]();
});

const endpoint = async (model: string) =>
  (await ask(house, { model, stream: false })).headers.get("x-patchbay-endpoint");

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 8000; !(await condition());) {
    assert.ok(performance.now() < deadline, "it did not come to that");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("an endpoint that says it is down is passed over, asked where nobody else is, and used again when it is well", async () => {
  assert.equal(await endpoint("m"), "first");
  answer = { status: 200, body: '{"status":"down"}' };
  await until(async () => (await endpoint("m")) === "second");
  assert.equal(await endpoint("only"), "first");
  const health: unknown = await (await fetch(`${house.url}/health`)).json();
  assert.deepEqual(field(health, "ailments"), [{ endpoint: "first", state: "unhealthy" }]);
  answer = { status: 200, body: '{"healthy":true}' };
  await until(async () => (await endpoint("m")) === "first");
  assert.ok(asked >= 2);
  assert.deepEqual([...paths], ["/status"], "who has nobody in its place is not asked");
  assert.deepEqual([...authorizations], [undefined], "no credential is sent there");
});

test("what makes requests go elsewhere is shown, and can be ended by endpoint and model", async () => {
  const ailments = async () => field(await (await fetch(`${house.url}/health`)).json(), "ailments");
  const reset = async (query: string) =>
    (await fetch(`${house.url}/admin/api/ailments${query}`, { method: "DELETE" })).json() as Promise<unknown>;
  first.script({ kind: "status", status: 429, headers: { "retry-after": "600" } });
  assert.equal(await endpoint("m"), "second");
  first.script({ kind: "answer" });
  assert.equal(await endpoint("m"), "second");
  const [pause] = (await ailments()) as readonly unknown[];
  assert.partialDeepStrictEqual(pause, { endpoint: "first", model: "x", state: "cooldown", why: "rate-limited" });
  assert.partialDeepStrictEqual(await reset("?endpoint=first&model=other"), { ended: 0 });
  assert.partialDeepStrictEqual(await reset("?endpoint=first&model=x"), { ended: 1 });
  assert.deepEqual(await ailments(), []);
  assert.equal(await endpoint("m"), "first");
});
