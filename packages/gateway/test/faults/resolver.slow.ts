import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { binary, startBinary, temporaryDirectory } from "../support/binary.ts";
import { startUpstream } from "../support/upstream.ts";

/** A resolver that takes questions and never answers, for a process that sees another /etc/resolv.conf than all others. */
const resolver = "127.0.0.77";
const mayMount = process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0;
const hanging = Array.from({ length: 8 }, (_, index) => `hangs-${index}`);

test(
  "eight names that hang hold up neither other endpoints nor the gateway, and their requests go elsewhere",
  { skip: mayMount ? false : "only root may give a process a resolver of its own", timeout: 60_000 },
  async () => {
    const socket = createSocket("udp4");
    let questions = 0;
    socket.on("message", () => questions++);
    await new Promise<void>((resolve, reject) => socket.once("error", reject).bind(53, resolver, resolve));
    socket.unref();
    await using upstream = await startUpstream();
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, "resolv.conf"), `nameserver ${resolver}\noptions timeout:5 attempts:2\n`);
    const endpoint = (name: string, host: string) => ({ name, type: "openai-compatible", url: `http://${host}/v1` });
    const target = (name: string) => ({ endpoint: name, model: "m" });
    const document = {
      endpoints: [
        ...hanging.map((name) => endpoint(name, `${name}.example.com`)),
        endpoint("well", `localhost:${upstream.port}`),
      ],
      models: [
        ...hanging.map((name) => ({ name, targets: [target(name), target("well")] })),
        { name: "well", targets: [target("well")] },
      ],
    };
    const file = join(directory.path, "patchbay.yaml");
    writeFileSync(file, JSON.stringify(document));
    const start = [process.execPath, binary, "start", "--port", "0", "--no-detect", "--config", file];
    const script = 'mount --bind resolv.conf /etc/resolv.conf && exec "$@"';
    await using gateway = await startBinary(["-m", "sh", "-c", script, "sh", ...start], {
      directory: directory.path,
      program: "unshare",
    });
    const ask = async (model: string) => {
      const began = performance.now();
      const body = JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] });
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", headers, body });
      await response.text();
      const took = performance.now() - began;
      return { status: response.status, endpoint: response.headers.get("x-patchbay-endpoint"), took };
    };
    const others = hanging.map(ask);
    while (questions < hanging.length) await new Promise((resolve) => setTimeout(resolve, 20));
    const began = performance.now();
    await (await fetch(`${gateway.url}/health`)).text();
    const health = performance.now() - began;
    const well = await ask("well");
    assert.deepEqual([well.status, well.endpoint], [200, "well"]);
    assert.ok(health < 1000 && well.took < 2000, `/health took ${health} ms, an answer ${well.took} ms`);
    for (const { status, endpoint: by, took } of await Promise.all(others)) {
      assert.deepEqual([status, by], [200, "well"]);
      assert.ok(took > 4500 && took < 10_000, `a connection has five seconds, and it took ${took} ms`);
    }
  },
);
