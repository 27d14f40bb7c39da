import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";
import { startHarness } from "./harness.test-data.ts";
import type { Harness } from "./harness.test-data.ts";

let harness: Harness;
before(async () => {
  harness = await startHarness();
});
after(() => harness[Symbol.asyncDispose]());

const clientOf = (apiKey = "none") => new OpenAI({ apiKey, baseURL: `${harness.url}/v1`, maxRetries: 0 });
const lastAsked = () => harness.asked.at(-1)?.body ?? {};

test("a chain is put in front of the new input, whatever the backend remembers", async () => {
  const client = clientOf();
  const first = await client.responses.create({ model: "m", input: "one" });
  assert.equal(first.output_text, "1:one");
  const second = await client.responses.create({ model: "m", input: "two", previous_response_id: first.id });
  assert.equal(second.output_text, "3:two");
  assert.equal(second.previous_response_id, first.id);
  assert.equal("previous_response_id" in lastAsked(), false);
  const third = await client.responses.create({
    model: "m",
    input: [{ role: "user", content: "three" }],
    previous_response_id: second.id,
    stream: true,
  });
  const types: string[] = [];
  for await (const event of third) {
    types.push(event.type);
    if (event.type === "response.completed") {
      assert.equal(event.response.previous_response_id, second.id);
      assert.equal(JSON.stringify(event.response.output).includes("5:three"), true);
      assert.equal((await client.responses.retrieve(event.response.id)).output_text, "5:three");
    }
  }
  assert.equal(types.at(-1), "response.completed");
});

test("what is kept can be asked for, its input listed, and forgotten", async () => {
  const client = clientOf();
  const first = await client.responses.create({ model: "m", input: "one" });
  const second = await client.responses.create({ model: "m", input: "two", previous_response_id: first.id });
  const page = await client.responses.inputItems.list(second.id, { order: "asc", limit: 2 });
  assert.equal(page.data.length, 2);
  assert.equal(page.has_more, true);
  const all = [];
  for await (const item of page) all.push(item);
  assert.deepEqual(
    all.map((item) => (item.type === "message" ? item.role : item.type)),
    ["user", "assistant", "user"],
  );
  assert.equal(new Set(all.map((item) => item.id)).size, 3);
  await client.responses.delete(first.id);
  await assert.rejects(client.responses.retrieve(first.id), { status: 404 });
  const third = await client.responses.create({ model: "m", input: "three", previous_response_id: second.id });
  assert.equal(third.output_text, "5:three");
});

test("what is not to be stored is not", async () => {
  const client = clientOf();
  const answer = await client.responses.create({ model: "m", input: "one", store: false });
  await assert.rejects(client.responses.retrieve(answer.id), { status: 404 });
});

test("an unknown id goes to an upstream that may know it, and nowhere else", async () => {
  const client = clientOf();
  await client.responses.create({ model: "m", input: "two", previous_response_id: "resp_elsewhere" });
  assert.equal(lastAsked()["previous_response_id"], "resp_elsewhere");
  await assert.rejects(
    client.responses.create({ model: "chat/chatty", input: "two", previous_response_id: "resp_elsewhere" }),
    { status: 400, code: "previous_response_not_found", param: "previous_response_id" },
  );
});

test("one key's responses are unknown to every other", async () => {
  const [mine, theirs] = [clientOf(await harness.key()), clientOf(await harness.key())];
  const answer = await mine.responses.create({ model: "m", input: "secret" });
  await assert.rejects(theirs.responses.retrieve(answer.id), { status: 404 });
  await assert.rejects(clientOf().responses.retrieve(answer.id), { status: 404 });
  await assert.rejects(theirs.responses.delete(answer.id), { status: 404 });
  await assert.rejects(theirs.responses.inputItems.list(answer.id), { status: 404 });
  const before = harness.asked.length;
  const more = { model: "m", input: "more", previous_response_id: answer.id };
  await assert.rejects(theirs.responses.create(more), { status: 400, code: "previous_response_not_found" });
  const [item] = answer.output;
  const reference = { type: "item_reference" as const, id: item?.id ?? "" };
  await assert.rejects(theirs.responses.create({ model: "m", input: [reference] }), { status: 404 });
  assert.equal(harness.asked.length, before);
  assert.equal((await mine.responses.retrieve(answer.id)).output_text, "1:secret");
});

test("references become the items that they name", async () => {
  const client = clientOf();
  const first = await client.responses.create({ model: "m", input: "one" });
  const id = first.output[0]?.id ?? "";
  await client.responses.create({
    model: "m",
    input: [
      { type: "item_reference", id },
      { role: "user", content: "x" },
    ],
  });
  assert.deepEqual((lastAsked()["input"] as unknown[])[0], first.output[0]);
  await assert.rejects(
    client.responses.create({ model: "chat/chatty", input: [{ type: "item_reference", id: "msg_nobody" }] }),
    {
      status: 404,
    },
  );
});

test("an answer that breaks off or fails cannot be continued", async () => {
  const client = clientOf();
  const stream = await client.responses.create({ model: "m", input: "[cut]", stream: true });
  let id = "";
  await assert.rejects(async () => {
    for await (const event of stream) if (event.type === "response.created") id = event.response.id;
    throw new Error("ended");
  });
  await assert.rejects(client.responses.retrieve(id), { status: 404 });
  const failing = await client.responses.create({ model: "m", input: "[failed]", stream: true });
  let failed = "";
  await assert.rejects(async () => {
    for await (const event of failing) if (event.type === "response.created") failed = event.response.id;
    throw new Error("ended");
  });
  const next = { model: "chat/chatty", input: "x", previous_response_id: failed };
  await assert.rejects(client.responses.create(next), { status: 400 });
});

test("a background response can be polled, and is complete in the end", async () => {
  const client = clientOf();
  const started = await client.responses.create({ model: "m", input: "[slow]", background: true });
  assert.ok(started.status === "queued" || started.status === "in_progress");
  assert.equal(started.background, true);
  await assert.rejects(client.responses.create({ model: "m", input: "x", previous_response_id: started.id }), {
    status: 400,
  });
  let now = started;
  while (now.status === "queued" || now.status === "in_progress") {
    await sleep(100);
    now = await client.responses.retrieve(started.id);
  }
  assert.equal(now.status, "completed");
  assert.equal(now.id, started.id);
  assert.equal(now.output_text, "1:[slow]");
  const next = await client.responses.create({ model: "m", input: "x", previous_response_id: started.id });
  assert.equal(next.output_text, "3:x");
  assert.equal(harness.surface.responses.runs, 0);
});

test("a background response is streamed to who asks, also again from the middle", async () => {
  const client = clientOf();
  const stream = await client.responses.create({ model: "m", input: "[slow]", background: true, stream: true });
  let id = "";
  let seen = 0;
  for await (const event of stream) {
    if (event.type === "response.created") id = event.response.id;
    if (++seen === 10) break;
  }
  const rest = await client.responses.retrieve(id, { stream: true, starting_after: 9 });
  const numbers: number[] = [];
  let last = "";
  for await (const event of rest) {
    numbers.push(event.sequence_number);
    last = event.type;
  }
  assert.equal(numbers[0], 10);
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
  assert.equal(last, "response.completed");
});

test("a background response can be cancelled, which ends the upstream's work", async () => {
  const client = clientOf();
  const started = await client.responses.create({ model: "m", input: "[slow]", background: true });
  await sleep(100);
  const call = harness.asked.at(-1);
  const cancelled = await client.responses.cancel(started.id);
  assert.equal(cancelled.status, "cancelled");
  await sleep(100);
  assert.equal(call?.gone, true);
  assert.equal((await client.responses.retrieve(started.id)).status, "cancelled");
  assert.equal((await client.responses.cancel(started.id)).status, "cancelled");
  assert.equal(harness.surface.responses.runs, 0);
  assert.equal(harness.gateway.active, 0);
});

test("a background response that the upstream refuses has failed, and says why", async () => {
  const client = clientOf();
  const started = await client.responses.create({ model: "m", input: "[error]", background: true });
  await sleep(100);
  const failed = await client.responses.retrieve(started.id);
  assert.equal(failed.status, "failed");
  assert.match(failed.error?.message ?? "", /no such luck/);
});

test("background needs a store, and a plain response cannot be cancelled", async () => {
  const client = clientOf();
  await assert.rejects(client.responses.create({ model: "m", input: "x", background: true, store: false }), {
    status: 400,
  });
  const plain = await client.responses.create({ model: "m", input: "x" });
  await assert.rejects(client.responses.cancel(plain.id), { status: 400 });
});

test("a run that is deleted stops and does not come back", async () => {
  const client = clientOf();
  const started = await client.responses.create({ model: "m", input: "[slow]", background: true });
  await client.responses.delete(started.id);
  await sleep(50);
  await assert.rejects(client.responses.retrieve(started.id), { status: 404 });
  assert.equal(harness.surface.responses.runs, 0);
});

test("a chain crosses backends: begun at one that speaks Responses, gone on with at one that does not, and back", async () => {
  const client = clientOf();
  const first = await client.responses.create({ model: "m", input: "one" });
  const second = await client.responses.create({ model: "chat/chatty", input: "two", previous_response_id: first.id });
  assert.match(second.output_text, /^3:/);
  assert.equal(second.previous_response_id, first.id);
  assert.notEqual(second.id, first.id);
  const stream = await client.responses.create({
    model: "chat/chatty",
    input: "x",
    previous_response_id: second.id,
    stream: true,
  });
  let third = "";
  for await (const event of stream) if (event.type === "response.completed") third = event.response.id;
  const fourth = await client.responses.create({ model: "m", input: "four", previous_response_id: third });
  assert.equal(fourth.output_text, "7:four");
});

test("a background response of a backend that speaks chat", async () => {
  const client = clientOf();
  let now = await client.responses.create({ model: "chat/chatty", input: "one", background: true });
  const { id } = now;
  while (now.status === "queued" || now.status === "in_progress") now = await client.responses.retrieve(id);
  assert.equal(now.status, "completed");
  assert.match(now.output_text, /^1:/);
});

test("a stop ends the background responses that nobody follows, and lets the others finish", async () => {
  await using own = await startHarness();
  const client = new OpenAI({ apiKey: "none", baseURL: `${own.url}/v1`, maxRetries: 0 });
  const alone = await client.responses.create({ model: "m", input: "[slow]", background: true });
  const followed = await client.responses.create({ model: "m", input: "[slow]", background: true, stream: true });
  await sleep(100);
  const drained = own.gateway.drain(5000);
  const stored = own.surface.responses.store.response("open", alone.id);
  assert.equal((JSON.parse(String(stored?.object)) as { status: string }).status, "failed");
  let last = "";
  for await (const event of followed) last = event.type;
  assert.equal(last, "response.completed");
  await drained;
});
