import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { close, listen } from "../../../test/support/port.ts";
import { Secret } from "../../kernel/secret.ts";
import { redisDial } from "./redis.ts";

test("a server that accepts and says nothing is given up, with its password not yet taken", async () => {
  const server = createServer((socket) => void socket.on("error", () => {}).resume());
  const port = await listen(server);
  const dial = await redisDial(new Secret(`redis://:password@127.0.0.1:${port}`));
  const from = performance.now();
  assert.equal(typeof (await dial(() => {})), "string");
  assert.ok(performance.now() - from < 5000);
  await close(server);
});

test("a refused connection is given up at once, by the system's word for it", async () => {
  const server = createServer();
  const port = await listen(server);
  await close(server);
  const dial = await redisDial(new Secret(`redis://:password@127.0.0.1:${port}`));
  assert.equal(await dial(() => {}), "ECONNREFUSED");
});
