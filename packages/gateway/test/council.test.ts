import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ask } from "./support/exchange.ts";
import { startHouse } from "./support/house.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour } from "./support/upstream.ts";

/** Councils through a whole gateway; their rules are in `relay/council.test.ts`. */
const upstreams = { judge: await startUpstream(), left: await startUpstream(), right: await startUpstream() };
const names = ["judge", "left", "right"] as const;
const house = await startHouse({
  document: {
    endpoints: names.map((name) => ({ name, type: "openai-compatible", url: upstreams[name].url })),
    models: [
      {
        name: "council/*",
        strategy: "council",
        council: { patience: "500ms" },
        targets: names.map((name) => ({ endpoint: name, model: "*" })),
      },
    ],
  },
});

after(async () => {
  for (const resource of [house, ...Object.values(upstreams)]) await resource[Symbol.asyncDispose]();
});

const says = (text: string): Behaviour => ({ kind: "answer", text });
let cases = 0;

async function run(behaviours: { readonly [Name in (typeof names)[number]]: Behaviour }, stream: boolean, more = {}) {
  for (const name of names) upstreams[name].script(behaviours[name]);
  const outcome = await ask(house, { model: `council/case-${cases++}`, stream, more });
  const heard = JSON.stringify(field(upstreams.judge.calls.at(-1)?.json, "messages"));
  return { ...outcome, heard };
}

for (const stream of [true, false]) {
  const mode = stream ? "streamed" : "unstreamed";

  test(`the judge knows what all members say, and all are paid for, ${mode}`, async () => {
    const outcome = await run({ left: says("It is left."), right: says("It is right."), judge: says("Both.") }, stream);
    assert.deepEqual([outcome.status, outcome.text, outcome.finishReason], [200, "Both.", "stop"]);
    assert.match(outcome.heard, /It is left\.[\s\S]*It is right\./u);
    const row = await house.row(outcome.id);
    assert.deepEqual([row.endpoint, row.attempts, row.inputTokens, row.outputTokens], ["judge", 3, 33, 21]);
  });

  test(`members that fail or stay silent are left out, ${mode}`, async () => {
    const silent = await run({ left: { kind: "silence" }, right: says("It is right."), judge: says("Right.") }, stream);
    assert.equal(silent.text, "Right.");
    assert.ok(silent.duration < 2000);
    assert.doesNotMatch(silent.heard, /number=\\"2\\"/u);
  });

  test(`when the judge fails the first member's answer stands, ${mode}`, async () => {
    const failing: Behaviour = { kind: "status", status: 500 };
    const outcome = await run({ left: says("It is left."), right: says("It is right."), judge: failing }, stream);
    assert.deepEqual([outcome.status, outcome.text], [200, "It is left."]);
  });
}

test("when nobody answers, the client is told", async () => {
  const failing: Behaviour = { kind: "status", status: 500 };
  const outcome = await run({ left: failing, right: failing, judge: failing }, true);
  assert.equal(outcome.status, 502);
});

test("members and the judge are told of the tools, and the judge's call reaches the client", async () => {
  const tools = [{ type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } }];
  const calls: Behaviour = { kind: "answer", toolCalls: [{ id: "call-1", name: "look", arguments: '{"at":"sea"}' }] };
  const outcome = await run({ left: calls, right: says("Look."), judge: calls }, true, { tools });
  assert.equal(outcome.finishReason, "tool_calls");
  assert.match(outcome.heard, /would call the tool look with: /u);
  for (const name of names) assert.deepEqual(field(upstreams[name].calls.at(-1)?.json, "tools"), tools);
});

test("members see the client's images", async () => {
  const content = [
    { type: "text", text: "What is it?" },
    { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } },
  ];
  await run({ left: says("a"), right: says("b"), judge: says("c") }, false, { messages: [{ role: "user", content }] });
  for (const name of names) {
    const sent = field(upstreams[name].calls.at(-1)?.json, "messages", 0, "content", 1, "image_url", "url");
    assert.equal(sent, "data:image/png;base64,aGk=");
  }
});

for (const stream of [true, false]) {
  const mode = stream ? "streamed" : "unstreamed";
  test(`a client that leaves in the middle stops the members, and its key is charged for what they may have used, ${mode}`, async () => {
    const { key } = await house.issue({ limits: { tokensPerDay: 100_000 } });
    const asked = async (model: string, more: object, signal?: AbortSignal) =>
      fetch(`${house.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({ model, max_tokens: 2000, messages: [{ role: "user", content: "Hello" }], ...more }),
        ...(signal && { signal }),
      });
    for (const name of names) upstreams[name].script({ kind: "silence" });
    const before = upstreams.left.count;
    const leaving = new AbortController();
    const left = asked("council/left", { stream }, leaving.signal).catch(() => undefined);
    await upstreams.left.reached(before + 1);
    leaving.abort();
    await left;
    await upstreams.left.calls.at(-1)?.ended;
    assert.equal(upstreams.left.calls.at(-1)?.aborted, true);
    for (const name of names) upstreams[name].script(says(name));
    // Unstreamed, for its head says what is left when it was settled.
    const response = await asked("council/next", {});
    await response.body?.cancel();
    const remaining = Number(response.headers.get("x-ratelimit-remaining-tokens"));
    assert.ok(remaining < 98_000, `${remaining} are left`);
  });
}

test("no council is held over embeddings", async () => {
  for (const name of names) upstreams[name].script(says(name));
  const before = names.map((name) => upstreams[name].count);
  const response = await house.post("/v1/embeddings", { model: "council/embed", input: "Hello" });
  assert.equal(response.status, 200, await response.text());
  assert.deepEqual(
    names.map((name, index) => upstreams[name].count - (before[index] ?? 0)),
    [1, 0, 0],
  );
});

test("other protocols hold councils too", async () => {
  for (const name of names) upstreams[name].script(says(name));
  const response = await house.post("/v1/messages", {
    model: "council/x",
    max_tokens: 50,
    messages: [{ role: "user", content: "Hello" }],
  });
  const body: unknown = await response.json();
  assert.deepEqual(field(body, "content", 0, "text"), "judge");
  assert.equal(field(body, "usage", "input_tokens"), 33);
});
