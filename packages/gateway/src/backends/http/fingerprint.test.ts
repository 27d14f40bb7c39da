import assert from "node:assert/strict";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { Vendor } from "../../kernel/vendor.ts";
import { findLocalServers, probeTimeout, recognise, type FetchText, type ProbeAnswer } from "./fingerprint.ts";
import { vendors } from "./vendors.ts";

const models = (owner: string, spaces?: number) =>
  JSON.stringify({ object: "list", data: [{ id: "m", object: "model", owned_by: owner }] }, undefined, spaces);

/** Answers by port and path, as real servers give them. */
function world(answers: { readonly [place: string]: Partial<ProbeAnswer> }): FetchText {
  return async (url) => {
    const { port, pathname } = new URL(url);
    const answer = answers[`${port}${pathname}`];
    return answer === undefined ? undefined : { status: 200, body: "", headers: {}, ...answer };
  };
}

const ollama = { body: "Ollama is running" };
const studio = { body: '{"data":[{"id":"m","compatibility_type":"gguf"}],"object":"list"}' };

const cases: readonly {
  readonly name: string;
  readonly answers: { readonly [place: string]: Partial<ProbeAnswer> };
  readonly found: readonly string[];
}[] = [
  { name: "nothing", answers: {}, found: [] },
  {
    name: "every server at its own port",
    answers: {
      "11434/": ollama,
      "1234/api/v0/models": studio,
      "8000/v1/models": { body: models("vllm") },
      "8080/v1/models": { body: models("llamacpp") },
      "30000/v1/models": { body: models("sglang") },
    },
    found: [
      "llamacpp http://127.0.0.1:8080/v1",
      "lmstudio http://127.0.0.1:1234/v1",
      "ollama http://127.0.0.1:11434",
      "sglang http://127.0.0.1:30000/v1",
      "vllm http://127.0.0.1:8000/v1",
    ],
  },
  {
    name: "SGLang at vLLM's port",
    answers: { "8000/v1/models": { body: models("sglang") } },
    found: ["sglang http://127.0.0.1:8000/v1"],
  },
  {
    name: "vLLM at llama.cpp's port",
    answers: { "8080/v1/models": { body: models("vllm") } },
    found: ["vllm http://127.0.0.1:8080/v1"],
  },
  {
    name: "llama.cpp at vLLM's port, written with spaces",
    answers: { "8000/v1/models": { body: models("llamacpp", 2) } },
    found: ["llamacpp http://127.0.0.1:8000/v1"],
  },
  {
    name: "llama.cpp without a model, by its Server header",
    answers: {
      "8080/v1/models": { body: '{"object":"list","data":[]}', headers: { server: "llama.cpp" } },
    },
    found: ["llamacpp http://127.0.0.1:8080/v1"],
  },
  {
    name: "somebody else's OpenAI-like server",
    answers: { "8000/v1/models": { body: models("my-proxy") } },
    found: [],
  },
  {
    name: "mini-sglang, which is another server",
    answers: { "8000/v1/models": { body: models("mini-sglang") } },
    found: [],
  },
  {
    name: "a web page",
    answers: { "8080/v1/models": { body: "<h1>Tomcat</h1>" }, "11434/": { body: "hello" } },
    found: [],
  },
  {
    name: "an error page that quotes",
    answers: { "11434/": { status: 404, body: "Ollama is running" } },
    found: [],
  },
  {
    name: "a server that wants a key",
    answers: { "8000/v1/models": { status: 401, body: '{"error":"Unauthorized"}' } },
    found: [],
  },
];

for (const { name, answers, found } of cases) {
  test(`finds ${name}`, async () => {
    const servers = await findLocalServers(vendors, world(answers));
    assert.deepEqual(servers.map(({ vendor, url }) => `${vendor.type} ${url}`).sort(), found);
  });
}

test("asks each port once per path, all at the same time", async () => {
  const asked: string[] = [];
  let most = 0;
  let under = 0;
  await findLocalServers(vendors, async (url, timeout) => {
    asked.push(url);
    assert.ok(timeout <= probeTimeout);
    under += 1;
    most = Math.max(most, under);
    await new Promise((resolve) => setImmediate(resolve));
    under -= 1;
    return undefined;
  });
  assert.equal(new Set(asked).size, asked.length);
  assert.equal(most, asked.length);
});

test("is done in time though probes hang, throw or reject", async () => {
  const start = performance.now();
  let call = 0;
  const servers = await findLocalServers(vendors, (url) => {
    call += 1;
    if (call === 1) throw new Error("thrown");
    if (call === 2) return Promise.reject(new Error("rejected"));
    if (url.includes("1234")) return Promise.resolve({ status: 200, body: studio.body, headers: {} });
    return new Promise(() => {});
  });
  assert.ok(performance.now() - start < probeTimeout + 150);
  assert.ok(servers.every(({ vendor }) => vendor.type === "lmstudio"));
});

test("recognises a real server over HTTP", async () => {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(request.url === "/v1/models" ? models("vllm") : "{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const here = vendors.map((vendor): Vendor =>
      vendor.type === "vllm" && vendor.local !== undefined ? { ...vendor, local: { ...vendor.local, port } } : vendor,
    );
    const servers = await findLocalServers(here, fetchOverHttp);
    assert.ok(servers.some(({ vendor, url }) => vendor.type === "vllm" && url === `http://127.0.0.1:${port}/v1`));
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("an answer is matched only against servers that answer at its path", () => {
  assert.equal(recognise(vendors, "/v1/models", { status: 200, body: "Ollama is running", headers: {} }), undefined);
});

const fetchOverHttp: FetchText = (url, timeout) =>
  new Promise((resolve) => {
    const request = get(url, { timeout, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          body,
          headers: { server: String(response.headers.server ?? "") },
        }),
      );
    });
    request.on("error", () => resolve(undefined));
    request.on("timeout", () => request.destroy());
  });
