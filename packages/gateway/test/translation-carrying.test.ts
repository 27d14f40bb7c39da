import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inTime } from "./support/in-time.ts";
import { startHouse } from "./support/house.ts";
import { field } from "./support/read-stream.ts";
import { startRecorder } from "./support/recorder.ts";
import { askWire, send, until, wireClients } from "./support/wire-clients.ts";
import type { WireAnswer, WireClient, WireWish } from "./support/wire-clients.ts";
import type { Seen } from "./support/vendors/scene.ts";
import { endpointOf, startVendor, vendorKinds } from "./support/vendors/server.ts";
import type { VendorKind } from "./support/vendors/server.ts";

/** What a request carries besides its words, on every way that it can go. */

const kinds = Object.keys(vendorKinds) as VendorKind[];
const vendors = new Map(await Promise.all(kinds.map(async (kind) => [kind, await startVendor(kind)] as const)));
const vendorOf = (kind: VendorKind) => vendors.get(kind) ?? assert.fail();
const pixel = Buffer.from("\x89PNG\r\n\x1a\nrest", "latin1");
const pictures = await startRecorder((call, response) => {
  if (call.path.startsWith("/slow")) return;
  if (call.path.startsWith("/good")) response.writeHead(200, { "content-type": "image/png" }).end(pixel);
  else response.writeHead(404).end();
});
const real = (kind: VendorKind, model = "real") => [{ endpoint: kind, model }];
const models = kinds.flatMap((kind) => [
  { name: `plain-${kind}`, targets: real(kind) },
  { name: `strict-${kind}`, targets: real(kind), strict: true },
  { name: `slashed/${kind}`, targets: real(kind, "models/some/real one") },
  {
    name: `defaults-${kind}`,
    targets: real(kind),
    defaults: { temperature: 0.25, max_completion_tokens: 77, stop: "END", seed: 7 },
  },
]);
const document = {
  server: { media: "anywhere" },
  endpoints: [...vendors.values()].map((vendor) => ({
    ...endpointOf(vendor),
    ...(vendor.kind === "ollama" && { models: [{ id: "wide", contextWindow: 32_000 }] }),
  })),
  models: [
    ...models,
    { name: "wide", targets: real("ollama", "wide") },
    { name: "picture-then-chat", targets: [...real("ollama"), ...real("openai-chat")] },
    { name: "strict-then-chat", strict: true, targets: [...real("anthropic-messages"), ...real("openai-chat")] },
  ],
};
const house = await startHouse({ document });
const closed = await startHouse({ document: { ...document, server: {} } });
after(async () => {
  for (const each of [house, closed, pictures]) await each[Symbol.asyncDispose]();
  for (const vendor of vendors.values()) await vendor[Symbol.asyncDispose]();
});

const clientOf = (kind: VendorKind) => wireClients.find((client) => client.kind === kind) ?? assert.fail();
const chat = clientOf("openai-chat");

/** Asks one vendor and gives what it saw. */
async function carried(
  client: WireClient,
  kind: VendorKind,
  wish: WireWish,
): Promise<{ readonly answer: WireAnswer; readonly seen: readonly Seen[] }> {
  const vendor = vendorOf(kind);
  vendor.reset();
  const answer = await askWire(house, client, wish);
  assert.deepEqual(vendor.refused, []);
  return { answer, seen: [...vendor.seen] };
}

const one = async (client: WireClient, kind: VendorKind, wish: WireWish): Promise<Seen> => {
  const { answer, seen } = await carried(client, kind, wish);
  assert.equal(answer.status, 200, answer.raw);
  assert.equal(seen.length, 1);
  return seen[0] ?? assert.fail();
};

describe("headers", () => {
  const headers = {
    "anthropic-version": "2024-10-22",
    "anthropic-beta": "one,two",
    "openai-beta": "three",
    "x-goog-api-client": "four",
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    cookie: "secret",
  };
  const own: { readonly [kind in VendorKind]?: readonly string[] } = {
    "anthropic-messages": ["anthropic-version", "anthropic-beta"],
    "openai-chat": ["openai-beta"],
    "openai-responses": ["openai-beta"],
    "openai-completions": ["openai-beta"],
    gemini: ["x-goog-api-client"],
  };
  for (const client of wireClients) {
    for (const kind of kinds) {
      test(`of ${client.kind} at ${kind}: those of its protocol where that is spoken, and each once`, async () => {
        const seen = await one(client, kind, { model: `plain-${kind}`, headers });
        assert.equal(seen.headers["traceparent"], headers.traceparent);
        assert.equal(seen.headers["cookie"], undefined);
        const expected = client.kind === kind ? (own[kind] ?? []) : [];
        for (const name of ["anthropic-version", "anthropic-beta", "openai-beta", "x-goog-api-client"] as const) {
          const value = name === "anthropic-version" && kind === "anthropic-messages" ? "2023-06-01" : undefined;
          assert.equal(seen.headers[name], expected.includes(name) ? headers[name] : value, name);
        }
      });
    }
  }

  test("stay when a request is written anew in the same protocol", async () => {
    const carrier = { type: "thinking", thinking: "x", signature: "" };
    const history = [
      { role: "user", content: "Hello" },
      { role: "assistant", content: [carrier, { type: "text", text: "Hi" }] },
      { role: "user", content: "And?" },
    ];
    vendorOf("openai-chat").play({ reasoning: "Deep.", text: "Hi" });
    const first = await askWire(house, clientOf("anthropic-messages"), { model: "plain-openai-chat" });
    const content = field(first.payloads[0], "content");
    assert.ok(Array.isArray(content));
    const more = { messages: [history[0], { role: "assistant", content }, history[2]] };
    const seen = await one(clientOf("anthropic-messages"), "anthropic-messages", {
      model: "plain-anthropic-messages",
      more,
      headers,
    });
    assert.equal(seen.headers["anthropic-beta"], "one,two");
    assert.deepEqual(seen.turns[1]?.state, []);
  });
});

describe("names of models in paths", () => {
  for (const client of wireClients) {
    for (const stream of [false, true]) {
      test(`${client.kind}: slashes and spaces, ${stream ? "streamed" : "whole"}`, async () => {
        const name = client.kind === "gemini" ? "models/slashed/gemini" : "slashed/gemini";
        const asked: string[] = [];
        const upstream = await startRecorder((call, response) => {
          asked.push(call.path);
          response.writeHead(404, { "content-type": "application/json" }).end('{"error":{"message":"no such model"}}');
        });
        await using elsewhere = await startHouse({
          document: {
            endpoints: [
              { name: "gemini", type: "gemini", url: `${upstream.url}/v1beta`, credentials: [{ apiKey: "k-1234" }] },
            ],
            models: [{ name: "slashed/gemini", targets: real("gemini", "models/some/real one") }],
          },
        });
        await askWire(elsewhere, client, { model: name, stream });
        await upstream[Symbol.asyncDispose]();
        const action = stream ? "streamGenerateContent?alt=sse" : "generateContent";
        assert.deepEqual(
          asked.filter((path) => path.includes(":")),
          [`/v1beta/models/some/real%20one:${action}`],
        );
      });
    }
  }

  test("are the only ones: a body that names another model does not get it", async () => {
    const model = "models/other";
    const seen = await one(clientOf("gemini"), "gemini", {
      model: "plain-gemini",
      more: { model, labels: { a: "b" } },
    });
    assert.deepEqual([seen.model, seen.body["model"], seen.body["labels"]], ["real", undefined, { a: "b" }]);
  });

  for (const kind of kinds.filter((each) => each !== "gemini")) {
    test(`Gemini's client names a model with slashes at ${kind}`, async () => {
      const seen = await one(clientOf("gemini"), kind, { model: `models/slashed/${kind}` });
      assert.equal(seen.model, "models/some/real one");
    });
  }
});

describe("defaults", () => {
  const sampled = (seen: Seen) => {
    const { body } = seen;
    const config = body["generationConfig"] ?? body["options"];
    return [
      body["temperature"] ?? field(config, "temperature"),
      body["max_tokens"] ??
        body["max_completion_tokens"] ??
        body["max_output_tokens"] ??
        field(config, "maxOutputTokens") ??
        field(config, "num_predict"),
      body["stop"] ?? body["stop_sequences"] ?? field(config, "stopSequences") ?? field(config, "stop"),
    ];
  };
  for (const client of wireClients) {
    for (const kind of kinds) {
      test(`of a model, for a client of ${client.kind} at ${kind}`, async () => {
        const seen = await one(client, kind, { model: `defaults-${kind}` });
        const [temperature, limit, stop] = sampled(seen);
        assert.equal(temperature, 0.25);
        // Anthropic's clients must say it themselves, and those of completions had better.
        assert.equal(limit, "max_tokens" in client.body({ model: "any" }) ? 1000 : 77);
        const canStop = client.kind !== "openai-responses" && kind !== "openai-responses";
        assert.deepEqual([stop].flat(), canStop ? ["END"] : [undefined]);
      });
    }
  }

  test("do not change what a client says", async () => {
    const generationConfig = { temperature: 1, stopSequences: ["X"], seed: 8 };
    const seen = await one(clientOf("gemini"), "gemini", { model: "defaults-gemini", more: { generationConfig } });
    assert.deepEqual(seen.body["generationConfig"], { ...generationConfig, maxOutputTokens: 77 });
    const options = { temperature: 1 };
    const other = await one(clientOf("ollama"), "ollama", { model: "defaults-ollama", more: { options } });
    assert.deepEqual(other.body["options"], { num_predict: 77, stop: ["END"], seed: 7, ...options });
  });
});

describe("strict translation", () => {
  const lossy = { logit_bias: { "50256": -100 } };
  for (const kind of kinds.filter((each) => each !== "openai-chat")) {
    for (const [how, wish] of [
      ["the model", { model: `strict-${kind}` }],
      ["the client", { model: `plain-${kind}`, headers: { "x-patchbay-strict": "true" } }],
    ] as const) {
      test(`at ${kind}, asked for by ${how}: nothing is lost, or nothing is sent`, async () => {
        const { answer, seen } = await carried(chat, kind, { ...wish, more: lossy });
        assert.equal(answer.status, 400, answer.raw);
        assert.match(answer.error ?? "", /logit_bias/);
        assert.equal(seen.length, 0);
        assert.equal((await house.row(answer.id)).failureKind, "lossy");
        const good = await one(chat, kind, wish);
        assert.equal(good.turns[0]?.text, "Hello");
      });
    }

    test(`at ${kind}: not asked for, what is lost is named`, async () => {
      const { answer } = await carried(chat, kind, { model: `plain-${kind}`, more: lossy });
      assert.equal(answer.headers.get("x-patchbay-loss"), "logit_bias");
    });
  }

  test("goes on to a target that loses nothing", async () => {
    vendorOf("openai-chat").reset();
    const answer = await askWire(house, chat, { model: "strict-then-chat", more: { min_p: 0.1 } });
    assert.equal(answer.status, 200, answer.raw);
    assert.equal(answer.headers.get("x-patchbay-endpoint"), "openai-chat");
  });

  test("many losses fit into a header", async () => {
    const messages = Array.from({ length: 400 }, (_, index) => ({
      role: index % 2 === 0 ? "user" : "assistant",
      content: "x",
      odd: 1,
    }));
    messages.push({ role: "user", content: "x", odd: 1 });
    const { answer } = await carried(chat, "anthropic-messages", {
      model: "plain-anthropic-messages",
      more: { messages },
    });
    assert.equal(answer.status, 200, answer.raw);
    assert.ok((answer.headers.get("x-patchbay-loss") ?? "").length <= 256);
  });
});

describe("what an answer holds that a client's protocol has no room for", () => {
  for (const client of wireClients.filter(({ kind }) => kind !== "gemini")) {
    test(`is named to a client of ${client.kind}, unless the head has gone out already`, async () => {
      const parts = [{ text: "a" }, { executableCode: { language: "PYTHON", code: "1" } }, { text: "b" }];
      const body = JSON.stringify({
        candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }],
        modelVersion: "real",
      });
      await using google = await startRecorder((call, response) => {
        const isStream = call.path.includes("alt=sse");
        response.writeHead(200, { "content-type": isStream ? "text/event-stream" : "application/json" });
        response.end(isStream ? `data: ${body}\r\n\r\n` : body);
      });
      await using place = await startHouse({
        document: {
          endpoints: [{ name: "google", type: "gemini", url: `${google.url}/v1beta` }],
          models: [{ name: "mine", targets: [{ endpoint: "google", model: "real" }] }],
        },
      });
      const whole = await askWire(place, client, { model: "mine" });
      assert.deepEqual([whole.text, whole.complete], ["ab", true], whole.raw);
      assert.match(whole.headers.get("x-patchbay-loss") ?? "", /opaque|output/u);
      const streamed = await askWire(place, client, { model: "mine", stream: true });
      assert.deepEqual([streamed.text, streamed.complete], ["ab", true], streamed.raw);
    });
  }
});

describe("the window of a model at Ollama", () => {
  for (const client of wireClients) {
    test(`is asked for by a client of ${client.kind}`, async () => {
      const seen = await one(client, "ollama", { model: "wide", prompt: "word ".repeat(3000) });
      const window = field(seen.body, "options", "num_ctx");
      // Its own clients say themselves what they want.
      if (client.kind !== "ollama") assert.ok(typeof window === "number" && window > 4096, String(window));
    });
  }
});

describe("images by URL", () => {
  const url = (path: string) => `${pictures.url}${path}`;
  const asking = (kind: VendorKind, path: string): object => {
    const text = "What is it?";
    if (kind === "openai-responses") {
      const content = [
        { type: "input_text", text },
        { type: "input_image", image_url: url(path) },
      ];
      return { input: [{ role: "user", content }] };
    }
    const image =
      kind === "openai-chat"
        ? { type: "image_url", image_url: { url: url(path) } }
        : { type: "image", source: { type: "url", url: url(path) } };
    return { messages: [{ role: "user", content: [{ type: "text", text }, image] }] };
  };
  const able = new Set<VendorKind>(["openai-chat", "openai-responses", "anthropic-messages"]);
  for (const client of wireClients.filter(({ kind }) => able.has(kind))) {
    test(`of ${client.kind} at openai-completions: are told as lost, and not fetched for nothing`, async () => {
      const before = pictures.calls.length;
      const wish = { model: "plain-openai-completions", more: asking(client.kind, "/good") };
      const { answer, seen } = await carried(client, "openai-completions", wish);
      assert.equal(answer.status, 200, answer.raw);
      assert.deepEqual(
        seen.map((each) => each.turns[0]?.text),
        ["What is it?"],
      );
      assert.equal(answer.headers.get("x-patchbay-loss"), "messages[0].parts[1].image");
      assert.equal(pictures.calls.length, before);
    });

    for (const kind of kinds.filter((each) => each !== "openai-completions")) {
      test(`of ${client.kind} at ${kind}`, async () => {
        const before = pictures.calls.length;
        const seen = await one(client, kind, { model: `plain-${kind}`, more: asking(client.kind, "/good?key=canary") });
        const isFetched = kind === "gemini" || kind === "ollama";
        assert.deepEqual(seen.turns[0]?.images, [isFetched ? pixel.toString("base64") : url("/good?key=canary")]);
        assert.equal(pictures.calls.length - before, isFetched ? 1 : 0);
      });
    }
  }

  test("that cannot be had are told without their URL", async () => {
    const { answer, seen } = await carried(chat, "ollama", {
      model: "plain-ollama",
      more: asking("openai-chat", "/missing?key=canary"),
    });
    assert.equal(answer.status, 400, answer.raw);
    assert.match(answer.error ?? "", /404/);
    assert.doesNotMatch(answer.raw, /canary|missing/);
    assert.equal(seen.length, 0);
  });

  test("that cannot be had are left to a target that fetches them itself", async () => {
    vendorOf("openai-chat").reset();
    const answer = await askWire(house, chat, { model: "picture-then-chat", more: asking("openai-chat", "/missing") });
    assert.equal(answer.status, 200, answer.raw);
    assert.equal(answer.headers.get("x-patchbay-endpoint"), "openai-chat");
  });

  test("on this machine are not fetched unless the operator says so", async () => {
    const before = pictures.calls.length;
    const answer = await askWire(closed, chat, { model: "plain-ollama", more: asking("openai-chat", "/good") });
    assert.equal(answer.status, 400, answer.raw);
    assert.match(answer.error ?? "", /server\.media/);
    assert.equal(pictures.calls.length, before);
  });

  test("are no longer fetched when the client leaves", async () => {
    await inTime(250, async () => {
      const { calls, cut } = { calls: pictures.calls.length, cut: pictures.cut };
      const controller = new AbortController();
      const wish = { model: "plain-ollama", more: asking("openai-chat", "/slow"), signal: controller.signal };
      const sent = send(house, chat, wish).catch(() => undefined);
      await until(() => pictures.calls.length > calls);
      const left = performance.now();
      controller.abort();
      await sent;
      await until(() => pictures.cut > cut, 1000);
      return performance.now() - left;
    });
  });

  test("beyond a bound are refused before any is fetched", async () => {
    const before = pictures.calls.length;
    const content = Array.from({ length: 33 }, (_, index) => ({
      type: "image_url",
      image_url: { url: url(`/good${index}`) },
    }));
    const answer = await askWire(house, chat, {
      model: "plain-ollama",
      more: { messages: [{ role: "user", content }] },
    });
    assert.equal(answer.status, 400, answer.raw);
    assert.equal(pictures.calls.length, before);
  });
});

describe("several answers", () => {
  for (const kind of kinds) {
    for (const stream of [false, true]) {
      test(`at ${kind}, ${stream ? "streamed" : "whole"}: one request, or as many as there are answers`, async () => {
        const vendor = vendorOf(kind);
        vendor.reset();
        let count = 0;
        vendor.play(() => ({ text: `Answer ${++count}.`, usage: { input: 10, output: 5 } }));
        const answer = await askWire(house, chat, { model: `plain-${kind}`, stream, more: { n: 3 } });
        assert.equal(answer.status, 200, answer.raw);
        const isOne = kind === "openai-chat" || kind === "openai-completions" || kind === "gemini";
        assert.equal(vendor.seen.length, isOne ? 1 : 3);
        if (isOne) return;
        const texts = new Map<unknown, string>();
        for (const payload of answer.payloads) {
          const choices = field(payload, "choices");
          for (const choice of Array.isArray(choices) ? choices : []) {
            const text = field(choice, "delta", "content") ?? field(choice, "message", "content") ?? "";
            const index = field(choice, "index");
            texts.set(index, (texts.get(index) ?? "") + String(text));
          }
        }
        assert.deepEqual([...texts.keys()].toSorted(), [0, 1, 2]);
        assert.deepEqual([...texts.values()].toSorted(), ["Answer 1.", "Answer 2.", "Answer 3."]);
        const row = await house.row(answer.id);
        assert.deepEqual([row.inputTokens, row.outputTokens, row.status], [30, 15, 200]);
      });
    }

    test(`at ${kind}: one that fails is told as the failure of all`, async () => {
      const vendor = vendorOf(kind);
      vendor.reset();
      let count = 0;
      vendor.play(() => (++count === 2 ? { status: 400, kind: "bad" } : { text: "Good." }));
      const answer = await askWire(house, chat, { model: `plain-${kind}`, more: { n: 3 } });
      if (vendor.seen.length === 1) return;
      assert.equal(answer.status, 400, answer.raw);
      assert.match(answer.error ?? "", /A bad error of the vendor/);
    });
  }

  test("are all given up when the client leaves", async () => {
    await inTime(250, async () => {
      const vendor = vendorOf("anthropic-messages");
      vendor.reset();
      vendor.play({ hang: true, answer: { text: "This takes a while. ".repeat(20) } });
      const controller = new AbortController();
      const wish = { model: "plain-anthropic-messages", stream: true, more: { n: 3 }, signal: controller.signal };
      const sent = send(house, chat, wish).catch(() => undefined);
      await until(() => vendor.seen.length === 3);
      await sleep(20);
      const left = performance.now();
      controller.abort();
      await sent;
      await until(() => vendor.aborted === 3, 1000);
      return performance.now() - left;
    });
  });

  test("beyond a bound are refused", async () => {
    const { answer, seen } = await carried(chat, "anthropic-messages", {
      model: "plain-anthropic-messages",
      more: { n: 17 },
    });
    assert.equal(answer.status, 400);
    assert.equal(seen.length, 0);
  });
});
