import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { JsonObject } from "../../../kernel/json.ts";
import { startHarness } from "./harness.test-data.ts";
import type { Harness } from "./harness.test-data.ts";

let harness: Harness;
before(async () => {
  harness = await startHarness({ server: { limits: { body: "1MB" } } });
});
after(() => harness[Symbol.asyncDispose]());

interface Client extends Disposable {
  readonly socket: WebSocket;
  send(message: unknown): void;
  /** The next message. */
  next(): Promise<JsonObject>;
  /** Messages up to the end of a response. */
  response(): Promise<readonly JsonObject[]>;
}

async function connect(headers: { readonly [name: string]: string } = {}, path = "/v1/responses"): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${harness.port}${path}`, { headers, perMessageDeflate: false });
  const waiting: JsonObject[] = [];
  let wake = () => {};
  socket.on("message", (data) => {
    waiting.push(JSON.parse((data as Buffer).toString()) as JsonObject);
    wake();
  });
  socket.on("error", () => {});
  await once(socket, "open");
  const next = async (): Promise<JsonObject> => {
    for (const deadline = performance.now() + 5000; ;) {
      const message = waiting.shift();
      if (message !== undefined) return message;
      if (performance.now() > deadline) throw new Error("No message came within 5 s.");
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), sleep(500)]);
    }
  };
  return {
    socket,
    send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    next,
    response: async () => {
      const events: JsonObject[] = [];
      for (;;) {
        const event = await next();
        events.push(event);
        if (/^(?:error|response\.(?:completed|failed|incomplete))$/.test(String(event["type"]))) return events;
      }
    },
    [Symbol.dispose]: () => socket.terminate(),
  };
}

/** The status and the body of the answer to an upgrade that is refused. */
async function refused(headers: { readonly [name: string]: string }): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${harness.port}/v1/responses`, { headers });
  socket.on("error", () => {});
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
  socket.terminate();
  return response.statusCode;
}

const create = (input: unknown, more: object = {}) => ({
  type: "response.create",
  model: "m",
  input,
  store: false,
  ...more,
});
/** A member that is an object. */
const inside = (message: JsonObject | undefined, name: string) => (message ?? {})[name] as JsonObject;
const idOf = (events: readonly JsonObject[]) => inside(events.at(-1), "response")["id"] as string;
const textOf = (events: readonly JsonObject[]) => JSON.stringify(inside(events.at(-1), "response")["output"]);

for (const path of ["/v1/responses", "/responses"]) {
  test(`${path}: events are messages, and a chain lives on its connection without being stored`, async () => {
    using client = await connect({ "openai-beta": "responses_websockets=2026-02-06" }, path);
    client.send(create("one"));
    const first = await client.response();
    assert.equal(first[0]?.["type"], "response.created");
    assert.equal(first.at(-1)?.["type"], "response.completed");
    client.send(create([{ type: "message", role: "user", content: "two" }], { previous_response_id: idOf(first) }));
    const second = await client.response();
    assert.match(textOf(second), /3:two/);
    assert.equal(inside(second.at(-1), "response")["previous_response_id"], idOf(first));
    assert.equal(harness.asked.at(-1)?.body["stream"], true);
    assert.equal("type" in (harness.asked.at(-1)?.body ?? {}), false);
    assert.equal(harness.asked.at(-1)?.headers["openai-beta"], undefined);
    assert.equal((await fetch(`${harness.url}/v1/responses/${idOf(first)}`)).status, 404);
    using other = await connect();
    other.send(create("three", { previous_response_id: idOf(first) }));
    const [error] = await other.response();
    assert.equal(error?.["status"], 400);
    assert.equal(inside(error, "error")["code"], "previous_response_not_found");
  });
}

test("a stored response is continued from any connection, and over HTTP", async () => {
  using client = await connect();
  client.send(create("one", { store: true }));
  const first = await client.response();
  using other = await connect();
  other.send(create("two", { previous_response_id: idOf(first) }));
  assert.match(textOf(await other.response()), /3:two/);
  assert.equal((await fetch(`${harness.url}/v1/responses/${idOf(first)}`)).status, 200);
});

test("what is sent ahead without an answer is gone on with", async () => {
  using client = await connect();
  client.send(create([{ type: "message", role: "user", content: "context" }], { generate: false }));
  const before = harness.asked.length;
  const warm = await client.response();
  assert.deepEqual(
    warm.map(({ type }) => type),
    ["response.created", "response.completed"],
  );
  assert.equal(harness.asked.length, before);
  client.send(create([{ type: "message", role: "user", content: "go" }], { previous_response_id: idOf(warm) }));
  assert.match(textOf(await client.response()), /2:go/);
});

test("requests are answered one after the other; too many end the connection", async () => {
  using client = await connect();
  client.send(create("one"));
  client.send(create("two"));
  assert.match(textOf(await client.response()), /1:one/);
  assert.match(textOf(await client.response()), /1:two/);
  const closed = once(client.socket, "close");
  for (let index = 0; index < 20; index++) client.send(create("[slow]"));
  const [code] = (await closed) as [number];
  assert.equal(code, 1008);
});

test("a refused request and garbage are errors that the connection survives", async () => {
  using client = await connect();
  const rows: readonly (readonly [unknown, number])[] = [
    ["nonsense", 400],
    ["[]", 400],
    ['{"type":"response.create","type":"x"}', 400],
    ['{"type":"session.update"}', 400],
    ['{"type":"response.create"}', 400],
    ['{"type":{"a":1},"model":"m"}', 400],
    [create("x", { model: "nobody" }), 404],
    [create("x", { background: true, store: true }), 400],
    [create("[error]"), 400],
  ];
  for (const [message, status] of rows) {
    client.send(message);
    const [error] = await client.response();
    assert.equal(error?.["type"], "error");
    assert.equal(error?.["status"], status, JSON.stringify([message, error]));
    assert.equal(typeof inside(error, "error")["message"], "string");
  }
  client.send({ type: "response.processed", response_id: "x" });
  client.send(create("still here"));
  assert.match(textOf(await client.response()), /still here/);
});

test("a failed continuation forgets what it was to continue", async () => {
  using client = await connect();
  client.send(create("one"));
  const first = idOf(await client.response());
  client.send(create("[error]", { previous_response_id: first }));
  await client.response();
  client.send(create("two", { previous_response_id: first }));
  const [error] = await client.response();
  assert.equal(inside(error, "error")["code"], "previous_response_not_found");
});

test("an upstream that breaks off is an error, and nothing is left open", async () => {
  using client = await connect();
  client.send(create("[cut]"));
  const events = await client.response();
  assert.equal(events.at(-1)?.["type"], "error");
  assert.equal(harness.gateway.active, 0);
});

test("who comes from another site, or with a bad key, is not let in", async () => {
  assert.equal(await refused({ origin: "https://evil.example" }), 403);
  assert.equal(await refused({ authorization: `Bearer ${(await harness.key()).slice(0, -4)}zzzz` }), 401);
  assert.equal(await refused({ host: "evil.example" }), 421);
  using same = await connect({ origin: harness.url });
  same.send(create("one"));
  await same.response();
});

test("a key's models and responses are its own on a socket too", async () => {
  using client = await connect({ authorization: `Bearer ${await harness.key(["other"])}` });
  client.send(create("x"));
  assert.equal((await client.next())["status"], 403);
  using mine = await connect({ authorization: `Bearer ${await harness.key()}` });
  mine.send(create("one", { store: true }));
  const first = idOf(await mine.response());
  using theirs = await connect({ authorization: `Bearer ${await harness.key()}` });
  theirs.send(create("two", { previous_response_id: first }));
  assert.equal(inside(await theirs.next(), "error")["code"], "previous_response_not_found");
});

test("a client that leaves ends the upstream's work", async () => {
  using client = await connect();
  client.send(create("[slow]"));
  await client.next();
  client.socket.terminate();
  await sleep(200);
  assert.equal(harness.asked.at(-1)?.gone, true);
  assert.equal(harness.gateway.active, 0);
});

test("a client that reads slowly slows the upstream down, and gets everything", async () => {
  using client = await connect();
  client.send(create("[flood]"));
  await client.next();
  client.socket.pause();
  await sleep(500);
  const before = process.memoryUsage().arrayBuffers;
  await sleep(500);
  assert.ok(process.memoryUsage().arrayBuffers - before < 8_000_000);
  client.socket.resume();
  const events = await client.response();
  assert.equal(events.at(-1)?.["type"], "response.completed");
  assert.ok(events.length > 3000);
});

test("a message beyond the limit of bodies, or a binary one, ends the connection", async () => {
  using large = await connect();
  large.send(create("x".repeat(1_100_000)));
  assert.equal(((await once(large.socket, "close")) as [number])[0], 1009);
  using binary = await connect();
  binary.socket.send(Buffer.from("{}"));
  assert.equal(((await once(binary.socket, "close")) as [number])[0], 1003);
});

test("nothing of a connection is kept when it is gone", async () => {
  await sleep(100);
  const before = harness.surface.responses.store.size;
  {
    using client = await connect();
    client.send(create("one"));
    await client.response();
    assert.equal(harness.surface.responses.store.size, before + 1);
  }
  await sleep(50);
  assert.equal(harness.surface.responses.store.size, before);
  assert.equal(harness.surface.sockets.size, 0);
});

test("a stop lets a response finish, and ends the idle at once", async () => {
  await using own = await startHarness();
  const socket = new WebSocket(`ws://127.0.0.1:${own.port}/v1/responses`);
  const idle = new WebSocket(`ws://127.0.0.1:${own.port}/v1/responses`);
  await Promise.all([once(socket, "open"), once(idle, "open")]);
  const messages: string[] = [];
  socket.on("message", (data) => messages.push((JSON.parse((data as Buffer).toString()) as { type: string }).type));
  socket.send(JSON.stringify(create("[slow]")));
  await once(socket, "message");
  const idleClosed = once(idle, "close");
  const closed = once(socket, "close");
  const drained = own.gateway.drain(5000);
  assert.equal(((await idleClosed) as [number])[0], 1001);
  assert.equal(((await closed) as [number])[0], 1001);
  assert.equal(messages.at(-1), "response.completed");
  await drained;
});

test("what throws where nothing should ends one request, on a socket and over HTTP, and no other", async (context) => {
  using client = await connect();
  const { gateway } = harness;
  const broken = context.mock.method(gateway, "begin", () => {
    throw new Error("a bug");
  });
  client.send({ type: "response.create", model: "m", input: "one" });
  const [event] = await client.response();
  assert.deepEqual([event?.["type"], event?.["status"]], ["error", 500]);
  const body = JSON.stringify({ model: "m", input: "one" });
  const headers = { "content-type": "application/json" };
  for (const path of ["/v1/responses", "/v1/responses/compact"]) {
    const response = await fetch(`${harness.url}${path}`, { method: "POST", headers, body });
    assert.equal(response.status, 500, path);
    const { error } = (await response.json()) as JsonObject;
    assert.equal((error as JsonObject)["code"], "internal");
  }
  broken.mock.restore();
  client.send({ type: "response.create", model: "m", input: "two" });
  assert.equal((await client.response()).at(-1)?.["type"], "response.completed");
});
