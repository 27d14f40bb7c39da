import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Secret } from "../../kernel/secret.ts";
import { HttpBackend } from "./driver.ts";
import { vendorOf } from "./vendors.ts";

type Listener = (path: string, body: string) => { readonly status?: number; readonly body: unknown };

/** A backend of a type, its server, and what that was asked. */
async function startBackend(type: string, answer: Listener) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      asked.push(`${request.method ?? ""} ${request.url ?? ""} ${body}`.trim());
      const { status = 200, body: said } = answer(request.url ?? "", body);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(said));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const vendor = vendorOf(type);
  assert.ok(vendor !== undefined);
  const backend = new HttpBackend({
    name: "up",
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    vendor,
    credentials: [{ apiKey: new Secret("key-of-upstream") }],
    headers: {},
    connectTimeout: 1000,
  });
  return {
    backend,
    asked,
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("Ollama's models are listed with what each shows, and as listed where it shows nothing", async () => {
  await using up = await startBackend("ollama", (path, body) => {
    if (path === "/api/tags")
      return {
        body: {
          models: [
            { name: "a", model: "a" },
            { name: "b", model: "b" },
          ],
        },
      };
    if (body !== '{"model":"a"}') return { status: 500, body: {} };
    return {
      body: {
        capabilities: ["completion", "tools"],
        model_info: { "general.architecture": "q", "q.context_length": 40960 },
      },
    };
  });
  const [a, b] = await up.backend.models();
  assert.deepEqual([a?.id, a?.facts.contextWindow, a?.facts.tools], ["a", 40960, true]);
  assert.deepEqual([b?.id, b?.facts.contextWindow, b?.facts.tools], ["b", undefined, undefined]);
  assert.deepEqual(up.asked.sort(), ["GET /api/tags", 'POST /api/show {"model":"a"}', 'POST /api/show {"model":"b"}']);
});

test("a thousand models are not all asked", async () => {
  const models = Array.from({ length: 1000 }, (_, index) => ({ model: `m${index}` }));
  await using up = await startBackend("ollama", (path) => ({ body: path === "/api/tags" ? { models } : {} }));
  assert.equal((await up.backend.models()).length, 1000);
  assert.equal(up.asked.length, 101);
});

test("Google's models are asked for without turning pages", async () => {
  await using up = await startBackend("gemini", () => ({ body: { models: [{ name: "models/x" }] } }));
  assert.deepEqual(
    (await up.backend.models()).map(({ id }) => id),
    ["x"],
  );
  assert.deepEqual(up.asked, ["GET /models?pageSize=1000"]);
});

const counters: readonly (readonly [type: string, model: string, path: string | undefined])[] = [
  ["gemini", "gemini-x", "/models/gemini-x:countTokens"],
  ["gemini", "models/gemini-x", "/models/gemini-x:countTokens"],
  ["gemini", "a b/c?d", "/models/a%20b/c%3Fd:countTokens"],
  ["gemini", "$&", "/models/%24%26:countTokens"],
  ["openai", "gpt", undefined],
];

for (const [type, model, path] of counters) {
  test(`${type} counts for ${model} at ${path ?? "no place"}`, async () => {
    await using up = await startBackend(type, () => ({ body: {} }));
    assert.equal(up.backend.countPath("gemini", model), path);
  });
}

test("a call that is cancelled tells nobody anything more", async () => {
  await using up = await startBackend("ollama", () => ({ body: {} }));
  const heard: string[] = [];
  const flow = up.backend.forward(
    { method: "GET", path: "/api/ps", requestId: "r", credential: 0, headers: {} },
    {
      head: () => void heard.push("head"),
      data: () => void heard.push("data"),
      end: () => void heard.push("end"),
      fail: () => void heard.push("fail"),
    },
  );
  flow.cancel();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(heard, []);
});
