import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { App } from "../src/app/app.ts";
import { configure, documentFor, startHouse } from "./support/house.ts";
import { field, readStream } from "./support/read-stream.ts";
import { allRoutes } from "./support/routes.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour } from "./support/upstream.ts";

/**
 * What was found wrong in the programs that Patchbay follows after, as far as this storey could repeat it. More of it
 * is in access.test.ts (health, origins, carriers), canary.test.ts (secrets, what is logged) and openai-sdk.test.ts
 * (the client that leaves).
 */

const path = "/v1/chat/completions";
const chat = { messages: [{ role: "user", content: "hi" }] };

test("the seed serves everyone when its key is unset, we do not start on a network without a key", async () => {
  for (const host of ["0.0.0.0", "::"]) {
    const { options, config } = configure({ document: { server: { host }, store: ":memory:" } }, tmpdir());
    await assert.rejects(App.start(options, config), (error) => {
      assert.ok(error instanceof Error && "exitCode" in error);
      assert.equal(error.exitCode, 78);
      assert.match(error.message, /there is no client key\. Make one with `patchbay keys create NAME`/u);
      return true;
    });
  }
});

test("the seed takes an empty or blank key for none to check, we refuse both where a key is needed", async () => {
  const document = { access: { open: "never" } };
  await using house = await startHouse({ document, environment: { API_KEY: "   ", PROXY_API_KEY: "" } });
  for (const value of ["", "Bearer", "Bearer ", "Bearer undefined", "Bearer null"]) {
    assert.equal((await house.post(path, { ...chat, model: "echo" }, { authorization: value })).status, 401, value);
  }
});

test("the seed tells its errors with stack and standard error, we tell what concerns the caller", async () => {
  await using upstream = await startUpstream();
  await using house = await startHouse({ document: documentFor({ up: upstream.url }) });
  const behaviours: readonly Behaviour[] = [
    { kind: "html", status: 500 },
    { kind: "status", status: 500, body: 'Traceback (most recent call last):\n  File "/srv/app.py", line 7' },
    { kind: "reset-before" },
    { kind: "raw", bytes: "nonsense\r\n\r\n", next: "fin" },
    { kind: "truncated-json" },
    { kind: "null" },
  ];
  for (const behaviour of behaviours) {
    for (const stream of [false, true]) {
      upstream.script(behaviour);
      const response = await house.post(path, { ...chat, model: "up/x", stream });
      const text = await response.text();
      assert.equal(response.status, 502);
      assert.doesNotMatch(text, /\n\s+at |node_modules|\.[jt]s:\d|127\.0\.0\.1|<html|node:/u, text);
      assert.deepEqual(Object.keys(JSON.parse(text)), ["error"]);
    }
  }
});

test("the seed gives an error as the model's words, we give it as an error and never as an end", async () => {
  await using upstream = await startUpstream({ script: { kind: "status", status: 500 } });
  await using house = await startHouse({ document: documentFor({ up: upstream.url }) });
  for (const model of ["up/x", "simulator/none"]) {
    const whole: unknown = await (await house.post(path, { ...chat, model })).json();
    assert.equal(field(whole, "choices"), undefined);
    assert.notEqual(field(whole, "error", "message"), undefined);
  }
  upstream.script({ kind: "error-event", after: 3 });
  const stream = await readStream(await house.post(path, { ...chat, model: "up/x", stream: true }));
  assert.notEqual(field(stream.error, "message"), undefined);
  assert.equal(stream.finishReason, undefined);
  assert.equal(stream.text.includes("Overloaded"), false);
});

test("the seed breaks characters that come in two pieces, we do not", async () => {
  const text = "Größe 🦊 模型 \u200d👩‍🚀 e\u0301";
  await using upstream = await startUpstream({ script: { kind: "answer", text, framing: { chunk: 1 } } });
  const document = documentFor(
    { up: upstream.url },
    { models: [{ name: "t", relay: "never", targets: [{ endpoint: "up", model: "x" }] }] },
  );
  await using house = await startHouse({ document });
  for (const model of ["up/x", "t"]) {
    const stream = await readStream(await house.post(path, { ...chat, model, stream: true }));
    assert.equal(stream.text, text);
    assert.equal(stream.finishReason, "stop");
  }
});

test("the seed deletes by GET, we change nothing by it", async () => {
  await using house = await startHouse();
  await house.issue();
  const before = JSON.stringify(house.store.keys.snapshot());
  const version = house.store.keys.version();
  const config = house.app.config;
  for (const { method, path: routePath } of allRoutes(config, house.store.keys)) {
    assert.ok(["GET", "HEAD", "POST", "DELETE"].includes(method), method);
    if (method !== "GET" && method !== "HEAD") continue;
    await (await fetch(house.url + routePath.replace("{name}", "delete"), { method })).text();
  }
  assert.equal(JSON.stringify(house.store.keys.snapshot()), before);
  assert.equal(house.store.keys.version(), version);
  assert.equal(house.app.config, config);
});

test("the seed sends what it does not know as a flag, we send it as the model's name and nothing else", async () => {
  await using upstream = await startUpstream();
  await using house = await startHouse({ document: documentFor({ up: upstream.url }) });
  for (const name of ["--help", "-m", "$(id)", "; ls", "etc/passwd", "[Image: /etc/passwd]", "file:///etc/passwd"]) {
    const content = `${name} [Image #1]`;
    await (await house.post(path, { model: `up/${name}`, messages: [{ role: "user", content }] })).text();
    const call = upstream.calls.at(-1);
    assert.deepEqual(call?.json, { model: name, messages: [{ role: "user", content }] });
    assert.equal(call?.path, "/v1/chat/completions");
  }
  // Elsewhere a model's name is a part of the path.
  const before = upstream.count;
  const climbing = { model: "up/../../etc/passwd", messages: [{ role: "user", content: "hello" }] };
  assert.equal((await house.post(path, climbing)).status, 400);
  assert.equal(upstream.count, before);
});

test("the seed fetches the images that a client names, we leave the name to the upstream", async () => {
  await using upstream = await startUpstream();
  await using trap = await startUpstream();
  const document = documentFor(
    { up: upstream.url },
    { models: [{ name: "t", relay: "never", targets: [{ endpoint: "up", model: "x" }] }] },
  );
  await using house = await startHouse({ document });
  for (const model of ["up/x", "t", "echo"]) {
    const content = [{ type: "image_url", image_url: { url: `${trap.url}/image.png` } }];
    await (await house.post(path, { model, messages: [{ role: "user", content }] })).text();
  }
  assert.equal(trap.connections, 0);
  assert.equal(
    field(upstream.calls[0]?.json, "messages", 0, "content", 0, "image_url", "url"),
    `${trap.url}/image.png`,
  );
  assert.deepEqual(field(upstream.calls[1]?.json, "messages"), field(upstream.calls[0]?.json, "messages"));
});
