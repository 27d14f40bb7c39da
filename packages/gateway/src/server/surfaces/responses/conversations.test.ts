import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { startHarness } from "./harness.test-data.ts";
import type { Harness } from "./harness.test-data.ts";

let harness: Harness;
before(async () => {
  harness = await startHarness();
});
after(() => harness[Symbol.asyncDispose]());

const clientOf = (apiKey = "none") => new OpenAI({ apiKey, baseURL: `${harness.url}/v1`, maxRetries: 0 });

test("a conversation is made, changed, read and forgotten", async () => {
  const { conversations } = clientOf();
  const made = await conversations.create({
    metadata: { a: "b" },
    items: [{ type: "message", role: "user", content: "hello" }],
  });
  assert.equal(made.object, "conversation");
  assert.deepEqual((await conversations.update(made.id, { metadata: { c: "d" } })).metadata, { c: "d" });
  assert.deepEqual((await conversations.retrieve(made.id)).metadata, { c: "d" });
  const added = await conversations.items.create(made.id, { items: [{ role: "user", content: "more" }] });
  const id = added.data[0]?.id ?? "";
  assert.equal((await conversations.items.retrieve(id, { conversation_id: made.id })).type, "message");
  const listed = [];
  for await (const item of conversations.items.list(made.id, { order: "asc", limit: 1 })) listed.push(item);
  assert.equal(listed.length, 2);
  await conversations.items.delete(id, { conversation_id: made.id });
  assert.equal((await conversations.items.list(made.id)).data.length, 1);
  assert.equal((await conversations.delete(made.id)).deleted, true);
  await assert.rejects(conversations.retrieve(made.id), { status: 404 });
});

test("a response in a conversation reads what is in it, and adds to it when it is good", async () => {
  const client = clientOf();
  const { id } = await client.conversations.create({ items: [{ role: "user", content: "before" }] });
  const first = await client.responses.create({ model: "m", input: "one", conversation: id });
  assert.equal(first.output_text, "2:one");
  assert.deepEqual(first.conversation, { id });
  assert.equal("conversation" in (harness.asked.at(-1)?.body ?? {}), false);
  const second = await client.responses.create({ model: "m", input: "two", conversation: { id }, store: false });
  assert.equal(second.output_text, "4:two");
  const before = (await client.conversations.items.list(id, { limit: 100 })).data.length;
  await assert.rejects(client.responses.create({ model: "m", input: "[failed]", conversation: id }));
  await assert.rejects(client.responses.create({ model: "m", input: "[error]", conversation: id }), { status: 400 });
  assert.equal((await client.conversations.items.list(id, { limit: 100 })).data.length, before);
});

test("a background response adds to its conversation too", async () => {
  const client = clientOf();
  const { id } = await client.conversations.create();
  let now = await client.responses.create({ model: "m", input: "one", conversation: id, background: true });
  while (now.status !== "completed") now = await client.responses.retrieve(now.id);
  assert.deepEqual(now.conversation, { id });
  assert.equal((await client.conversations.items.list(id)).data.length, 2);
});

test("nobody else's, no unknown one, and none together with a previous response", async () => {
  const mine = clientOf(await harness.key());
  const theirs = clientOf(await harness.key());
  const { id } = await mine.conversations.create({ items: [{ role: "user", content: "secret" }] });
  await assert.rejects(theirs.conversations.retrieve(id), { status: 404 });
  await assert.rejects(theirs.conversations.items.list(id), { status: 404 });
  await assert.rejects(theirs.conversations.items.create(id, { items: [] }), { status: 404 });
  await assert.rejects(theirs.conversations.delete(id), { status: 404 });
  await assert.rejects(theirs.responses.create({ model: "chat/chatty", input: "x", conversation: id }), {
    status: 404,
  });
  const both = { model: "m", input: "x", conversation: id, previous_response_id: "resp_1" };
  await assert.rejects(mine.responses.create(both), { status: 400 });
});

const refused: readonly (readonly [string, unknown])[] = [
  ["metadata that is no object", { metadata: [] }],
  ["metadata that is no text", { metadata: { a: 1 } }],
  ["too much metadata", { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, ""])) }],
  ["items that are no list", { items: {} }],
  ["items that are no objects", { items: ["x"] }],
  ["too many items", { items: Array.from({ length: 21 }, () => ({})) }],
];
for (const [name, body] of refused) {
  test(`${name}: 400`, async () => {
    const answer = await fetch(`${harness.url}/v1/conversations`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 400);
  });
}
