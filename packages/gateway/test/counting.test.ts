import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ServerResponse } from "node:http";
import { startHouse } from "./support/house.ts";
import { startListener } from "./support/listener.ts";
import { field } from "./support/read-stream.ts";
import { startRecorder } from "./support/recorder.ts";
import type { Recorded } from "./support/recorder.ts";

type Answer = (call: Recorded, response: ServerResponse) => void;

const say =
  (status: number, body: unknown): Answer =>
  (_call, response) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

let next: Answer = say(500, {});
const upstream = await startRecorder((call, response) => next(call, response));
const house = await startListener({
  document: {
    endpoints: [
      { name: "claude", type: "anthropic", url: upstream.url, credentials: [{ apiKey: "key-claude" }] },
      { name: "google", type: "gemini", url: upstream.url, credentials: [{ apiKey: "key-google" }] },
      { name: "sim", type: "simulator" },
    ],
    models: [
      { name: "mine", targets: [{ endpoint: "claude", model: "claude-real" }] },
      { name: "other", targets: [{ endpoint: "sim", model: "echo" }] },
      { name: "theirs", targets: [{ endpoint: "google", model: "models/gemini-real" }] },
    ],
  },
});
after(async () => {
  await house[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const messages = [{ role: "user", content: "How many tokens am I?" }];

const post = (path: string, body: unknown) =>
  fetch(house.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", "anthropic-beta": "a,b" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

/** The count, and whether it is an estimate. */
async function counted(path: string, body: unknown): Promise<readonly [unknown, string | null]> {
  const response = await post(path, body);
  const answer: unknown = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return [field(answer, "input_tokens") ?? field(answer, "totalTokens"), response.headers.get("x-patchbay-estimate")];
}

test("the upstream counts what its own protocol asks, under the name that it knows the model by", async () => {
  next = say(200, { input_tokens: 4711 });
  const before = upstream.calls.length;
  const text = JSON.stringify({ model: "mine", messages, odd: [1.0, "x"] });
  assert.deepEqual(await counted("/v1/messages/count_tokens?beta=true", text), [4711, null]);
  const call = upstream.calls[before];
  assert.equal(call?.path, "/v1/messages/count_tokens");
  assert.equal(call.body, text.replace('"mine"', '"claude-real"'));
  assert.deepEqual([call.headers["x-api-key"], call.headers["anthropic-version"]], ["key-claude", "2023-06-01"]);
  assert.equal(call.headers["content-length"], String(call.body.length));
});

test("a count is asked for with a credential that may be used", async () => {
  const refuse = say(429, { type: "error", error: { type: "rate_limit_error", message: "Slow down." } });
  const usage = { input_tokens: 1, output_tokens: 1 };
  const content = [{ type: "text", text: "Hi." }];
  const message = { id: "msg_1", type: "message", role: "assistant", model: "m", content, stop_reason: "end_turn" };
  const answer = say(200, { ...message, stop_sequence: null, usage, input_tokens: 4711 });
  const keys: unknown[] = [];
  next = (call, response) => {
    // Model lists are asked for, too.
    if (call.method === "POST") keys.push(call.headers["x-api-key"]);
    return (call.headers["x-api-key"] === "key-paused" ? refuse : answer)(call, response);
  };
  const credentials = ["key-paused", "key-free"].map((apiKey) => ({ apiKey }));
  await using two = await startHouse({
    document: { endpoints: [{ name: "two", type: "anthropic", url: upstream.url, credentials }] },
  });
  const asked = { model: "two/m", max_tokens: 5, messages };
  // Until the one that is refused has been asked.
  while (!keys.includes("key-paused")) assert.equal((await two.post("/v1/messages", asked)).status, 200);
  const before = keys.length;
  for (let count = 0; count < 3; count++) {
    const response = await two.post("/v1/messages/count_tokens", { model: "two/m", messages });
    assert.equal(field(await response.json(), "input_tokens"), 4711);
  }
  assert.deepEqual(keys.slice(before), ["key-free", "key-free", "key-free"]);
});

test("Google's counter is asked at the model's path, once `models/` or not at all", async () => {
  next = say(200, { totalTokens: 12, promptTokensDetails: [] });
  const before = upstream.calls.length;
  assert.deepEqual(await counted("/v1beta/models/theirs:countTokens", { messages }), [12, null]);
  assert.deepEqual(await counted("/v1/models/models%2Ftheirs:countTokens", { messages }), [12, null]);
  for (const { path, headers } of upstream.calls.slice(before)) {
    assert.deepEqual([path, headers["x-goog-api-key"]], ["/v1beta/models/gemini-real:countTokens", "key-google"]);
  }
});

const broken: readonly (readonly [name: string, answer: Answer])[] = [
  ["answers 500", say(500, { error: "x" })],
  ["has no such route", say(404, { error: "x" })],
  ["answers nonsense", (_call, response) => response.writeHead(200).end("<html>")],
  ["answers without a count", say(200, { tokens: 1 })],
  ["hangs up", (_call, response) => response.socket?.destroy()],
  ["answers without an end", (_call, response) => void response.writeHead(200).end("x".repeat(100_000))],
];

for (const [name, answer] of broken) {
  test(`an upstream that ${name} is made up for by an estimate that says so`, async () => {
    next = answer;
    const [tokens, mark] = await counted("/v1/messages/count_tokens", { model: "mine", messages });
    assert.equal(mark, "true");
    assert.ok(typeof tokens === "number" && tokens > 5 && tokens < 50);
  });
}

test("where nobody counts, tools and images and documents are counted too", async () => {
  const base = { model: "other", messages };
  const sizes: unknown[] = [];
  const more: readonly object[] = [
    base,
    { ...base, tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }] },
    {
      ...base,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
          ],
        },
      ],
    },
  ];
  for (const body of more) sizes.push((await counted("/v1/messages/count_tokens", body))[0]);
  const [plain, tools, image] = sizes;
  assert.ok(typeof plain === "number" && typeof tools === "number" && typeof image === "number");
  assert.ok(tools > plain + 20 && image > 1600, sizes.join());
  const inner = { generateContentRequest: { messages } };
  assert.deepEqual(await counted("/v1beta/models/other:countTokens", inner), [plain, "true"]);
});

test("twenty-four at once are all counted", async () => {
  next = (_call, response) => void setTimeout(() => say(200, { input_tokens: 7 })(_call, response), 30);
  const all = await Promise.all(
    Array.from({ length: 24 }, () => counted("/v1/messages/count_tokens", { model: "mine", messages })),
  );
  assert.deepEqual(new Set(all.map(([tokens]) => tokens)), new Set([7]));
});

const refused: readonly (readonly [name: string, body: unknown, status: number])[] = [
  ["no JSON", "{", 400],
  ["no model", { messages }, 400],
  ["a model that nobody has", { model: "nobody's", messages }, 404],
  ["a body that its protocol refuses", { model: "other", messages: "x" }, 400],
];

for (const [name, body, status] of refused) {
  test(`a request with ${name} answers ${status}`, async () => {
    const response = await post("/v1/messages/count_tokens", body);
    assert.equal(response.status, status);
    assert.equal(field(await response.json(), "shape"), "anthropic-messages");
  });
}
