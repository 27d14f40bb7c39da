import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startHouse } from "./support/house.ts";
import { field } from "./support/read-stream.ts";
import { startRecorder } from "./support/recorder.ts";
import { askWire, wireClients } from "./support/wire-clients.ts";
import type { WireClient } from "./support/wire-clients.ts";
import type { Seen } from "./support/vendors/scene.ts";
import { endpointOf, startVendor, vendorKinds } from "./support/vendors/server.ts";
import type { VendorKind } from "./support/vendors/server.ts";

/** State that only its vendor understands: remembered, given back, kept from strangers, left out where it is refused. */

const kinds = Object.keys(vendorKinds) as VendorKind[];
const vendors = new Map(await Promise.all(kinds.map(async (kind) => [kind, await startVendor(kind)] as const)));
const vendorOf = (kind: VendorKind) => vendors.get(kind) ?? assert.fail();
const house = await startHouse({
  document: {
    endpoints: [...vendors.values()].map(endpointOf),
    models: kinds.map((kind) => ({ name: `plain-${kind}`, targets: [{ endpoint: kind, model: "real" }] })),
  },
});
after(async () => {
  await house[Symbol.asyncDispose]();
  for (const vendor of vendors.values()) await vendor[Symbol.asyncDispose]();
});
const clientOf = (kind: VendorKind): WireClient => wireClients.find((client) => client.kind === kind) ?? assert.fail();
const chat = clientOf("openai-chat");

const look = { name: "look", description: "Looks.", parameters: { type: "object", properties: {} } };
const question = { role: "user", content: "Look!" };

describe("reasoning beside calls, of a client that has no place for it", () => {
  for (const kind of ["anthropic-messages", "gemini", "openai-responses"] as const) {
    for (const stream of [false, true]) {
      test(`comes back to ${kind} for the client that got it, and for nobody else (${stream ? "streamed" : "whole"})`, async () => {
        const vendor = vendorOf(kind);
        vendor.reset();
        vendor.play((seen: Seen) =>
          seen.turns.at(-1)?.results.length === 0
            ? { reasoning: "I must look.", calls: [{ name: "look", arguments: "{}" }] }
            : { text: "Seen." },
        );
        const [mine, other] = [await house.issue(), await house.issue()];
        const as = ({ key }: { readonly key: string }) => ({ authorization: `Bearer ${key}` });
        const tools = [{ type: "function", function: look }];
        const model = `plain-${kind}`;
        const common = { tools, reasoning_effort: "high" };
        const first = await askWire(house, chat, {
          model,
          stream,
          headers: as(mine),
          more: { ...common, messages: [question] },
        });
        assert.equal(first.status, 200, first.raw);
        const calls = first.payloads.flatMap((payload) => {
          const choice = field(payload, "choices", 0);
          const list = field(choice, "delta", "tool_calls") ?? field(choice, "message", "tool_calls");
          return Array.isArray(list) ? list.map((call) => field(call, "id")) : [];
        });
        const id = calls.find((each) => typeof each === "string" && each !== "");
        const messages = [
          question,
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id, type: "function", function: { name: "look", arguments: "{}" } }],
          },
          { role: "tool", tool_call_id: id, content: "a dot" },
        ];
        const again = async (who: typeof mine) => {
          const answer = await askWire(house, chat, { model, stream, headers: as(who), more: { ...common, messages } });
          assert.deepEqual([answer.status, answer.text], [200, "Seen."], answer.raw);
          return vendor.seen.at(-1)?.turns.flatMap(({ state }) => state) ?? [];
        };
        const [own, foreign] = [await again(mine), await again(other)];
        assert.deepEqual(vendor.refused, []);
        assert.equal(own.length, 1);
        assert.notEqual(own[0], "skip_thought_signature_validator");
        assert.ok(!foreign.includes(own[0] ?? ""), "another client got it");
      });
    }
  }
});

/** Histories with state of an account that the vendor does not know. */
const foreign: readonly (readonly [kind: VendorKind, history: object])[] = [
  [
    "anthropic-messages",
    {
      messages: [
        question,
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "of-another-account" },
            { type: "text", text: "Yes." },
          ],
        },
        question,
      ],
    },
  ],
  [
    "openai-responses",
    {
      input: [
        question,
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "of-another-account" },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "Yes." }] },
        question,
      ],
    },
  ],
  [
    "gemini",
    {
      contents: [
        { role: "user", parts: [{ text: "Look!" }] },
        { role: "model", parts: [{ functionCall: { name: "look", args: {} }, thoughtSignature: "b2Y=" }] },
        { role: "user", parts: [{ functionResponse: { name: "look", response: { output: "a dot" } } }] },
      ],
      tools: [{ functionDeclarations: [{ name: "look", description: "Looks." }] }],
    },
  ],
];

describe("state of another account", () => {
  for (const [kind, history] of foreign) {
    for (const stream of [false, true]) {
      test(`is left out when ${kind} refuses it (${stream ? "streamed" : "whole"})`, async () => {
        const vendor = vendorOf(kind);
        vendor.reset();
        const answer = await askWire(house, clientOf(kind), { model: `plain-${kind}`, stream, more: history });
        assert.deepEqual([answer.status, answer.text, answer.complete], [200, "Hello.", true], answer.raw);
        assert.equal(answer.headers.get("x-patchbay-attempts"), "2");
        assert.equal(vendor.refused.length, 1, vendor.refused.join());
        assert.equal(vendor.seen.length, 1);
        assert.ok(!JSON.stringify(vendor.seen[0]?.body).includes("another-account"));
        const row = await house.row(answer.id);
        assert.deepEqual([row.attempts, row.status, row.failureKind], [2, 200, undefined]);
      });
    }
  }

  test("is left out once: what is refused again is told", async () => {
    let calls = 0;
    await using vendor = await startRecorder((call, response) => {
      if (call.method === "POST") calls++;
      const error = { message: "Invalid `signature` in `thinking` block", type: "invalid_request_error" };
      response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ type: "error", error }));
    });
    await using stubborn = await startHouse({
      document: {
        endpoints: [{ name: "claude", type: "anthropic", url: vendor.url, credentials: [{ apiKey: "key-claude" }] }],
        models: [{ name: "mine", targets: [{ endpoint: "claude", model: "real" }] }],
      },
    });
    const answer = await askWire(stubborn, clientOf("anthropic-messages"), { model: "mine" });
    assert.equal(answer.status, 400, answer.raw);
    assert.match(answer.error ?? "", /Invalid `signature`/);
    assert.equal(calls, 2);
  });
});

describe("an endpoint without the route", () => {
  /** A vendor that has only these paths. */
  const serving = async (paths: readonly string[], missing: { status: number; body: string }) => {
    const asked: string[] = [];
    const vendor = await startRecorder((call, response) => {
      if (call.method === "POST") asked.push(call.path);
      if (!paths.includes(call.path)) {
        response.writeHead(missing.status).end(missing.body);
        return;
      }
      const { protocol } = vendorKinds["openai-chat"];
      const seen = { model: "real", body: {} } as unknown as Seen;
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(protocol.whole({ text: "Hello." }, seen, "1")));
    });
    const place = await startHouse({
      document: {
        endpoints: [{ name: "up", type: "openai", url: `${vendor.url}/v1`, credentials: [{ apiKey: "key-upstream" }] }],
        models: [{ name: "mine", targets: [{ endpoint: "up", model: "real" }] }],
      },
    });
    return {
      asked,
      place,
      [Symbol.asyncDispose]: async () => {
        await place[Symbol.asyncDispose]();
        await vendor[Symbol.asyncDispose]();
      },
    };
  };

  for (const missing of [
    { status: 404, body: "404 page not found" },
    { status: 404, body: '{"error":{"message":"Not Found","type":"invalid_request_error"}}' },
    { status: 405, body: '{"detail":"Method Not Allowed"}' },
    { status: 404, body: "" },
  ]) {
    test(`is asked in another protocol, and remembered (${missing.status} ${missing.body})`, async () => {
      await using scene = await serving(["/v1/chat/completions"], missing);
      for (let turn = 0; turn < 2; turn++) {
        const answer = await askWire(scene.place, clientOf("openai-responses"), { model: "mine" });
        assert.deepEqual([answer.status, answer.text], [200, "Hello."], answer.raw);
      }
      assert.deepEqual(scene.asked, ["/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]);
    });
  }

  for (const message of ["The model `x` does not exist", "No endpoints found for real.", "No such deployment"]) {
    test(`is not taken for one where the model is what is missing (${message})`, async () => {
      await using scene = await serving([], { status: 404, body: JSON.stringify({ error: { message } }) });
      const answer = await askWire(scene.place, clientOf("openai-responses"), { model: "mine" });
      assert.equal(answer.status, 404, answer.raw);
      assert.deepEqual(scene.asked, ["/v1/responses"]);
    });
  }

  test("is remembered only when another one answers: a 404 of one request does not turn all others away", async () => {
    const asked: string[] = [];
    await using vendor = await startRecorder((call, response) => {
      if (call.method === "POST") asked.push(call.path);
      response.writeHead(call.path === "/v1/responses" ? 404 : 400).end('{"error":{"message":"no"}}');
    });
    await using place = await startHouse({
      document: {
        endpoints: [{ name: "up", type: "openai", url: `${vendor.url}/v1`, credentials: [{ apiKey: "key-upstream" }] }],
        models: [{ name: "mine", targets: [{ endpoint: "up", model: "real" }] }],
      },
    });
    for (let turn = 0; turn < 2; turn++) {
      const answer = await askWire(place, clientOf("openai-responses"), { model: "mine" });
      assert.equal(answer.status, 400, answer.raw);
    }
    assert.deepEqual(asked, ["/v1/responses", "/v1/chat/completions", "/v1/responses", "/v1/chat/completions"]);
  });

  test("that others would cut a long prompt is no reason to ask nobody", async () => {
    const asked: string[] = [];
    await using vendor = await startRecorder((call, response) => {
      if (call.method === "POST") asked.push(call.path);
      const { protocol } = vendorKinds["openai-chat"];
      const seen = { model: "real", body: {} } as unknown as Seen;
      if (call.path !== "/v1/chat/completions") {
        response.writeHead(404).end("404 page not found");
        return;
      }
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(protocol.whole({ text: "Hello." }, seen, "1")));
    });
    await using place = await startHouse({
      document: {
        endpoints: [{ name: "up", type: "ollama", url: vendor.url, models: [{ id: "real", contextWindow: 32_000 }] }],
        models: [{ name: "mine", targets: [{ endpoint: "up", model: "real" }] }],
      },
    });
    const answer = await askWire(place, chat, { model: "mine", prompt: "word ".repeat(3000) });
    assert.deepEqual([answer.status, answer.text], [200, "Hello."], answer.raw);
    assert.equal(asked.at(-1), "/v1/chat/completions");
  });

  test("that has none at all is told of, after each was tried once", async () => {
    await using scene = await serving([], { status: 404, body: "404 page not found" });
    const answer = await askWire(scene.place, chat, { model: "mine" });
    assert.equal(answer.status, 502, answer.raw);
    assert.match(answer.error ?? "", /404/);
    assert.equal(new Set(scene.asked).size, scene.asked.length);
  });
});
