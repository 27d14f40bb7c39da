import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { compactionMark } from "./compaction.ts";
import { startHarness } from "./harness.test-data.ts";
import type { Harness } from "./harness.test-data.ts";

let harness: Harness;
before(async () => {
  harness = await startHarness();
});
after(() => harness[Symbol.asyncDispose]());

const clientOf = () => new OpenAI({ apiKey: "none", baseURL: `${harness.url}/v1`, maxRetries: 0 });
const conversation = [
  { role: "user" as const, content: "first wish" },
  { role: "assistant" as const, content: "done" },
  { role: "user" as const, content: "second wish" },
];

test("an upstream that compacts does", async () => {
  harness.upstreamIs("compacting");
  const compacted = await clientOf().responses.compact({ model: "m", input: conversation });
  harness.upstreamIs("well");
  assert.equal(compacted.id, "resp_compacted");
  assert.equal(harness.asked.at(-1)?.path, "/v1/responses/compact");
});

for (const model of ["m", "chat/chatty"]) {
  test(`${model}: without one the model summarises, and the summary is taken back by any backend`, async () => {
    const client = clientOf();
    const compacted = await client.responses.compact({ model, input: conversation });
    assert.equal(compacted.object, "response.compaction");
    const types = compacted.output.map((item) => (item.type === "message" ? JSON.stringify(item.content) : item.type));
    assert.deepEqual(types, ['"first wish"', '"second wish"', "compaction"]);
    const item = compacted.output.at(-1);
    assert.ok(item?.type === "compaction" && item.encrypted_content.startsWith(compactionMark));
    assert.equal(typeof compacted.usage.input_tokens, "number");
    await client.responses.create({ model: "m", input: [item, { role: "user", content: "go on" }], store: false });
    const [first] = (harness.asked.at(-1)?.body ?? {})["input"] as { role: string; content: { text: string }[] }[];
    assert.equal(first?.role, "user");
    assert.match(first?.content[0]?.text ?? "", /^Summary of the conversation/);
    assert.match(first?.content[0]?.text ?? "", /Write a summary/);
  });
}

test("a summary that cannot be had is an error", async () => {
  await assert.rejects(clientOf().responses.compact({ model: "nobody", input: "x" }), { status: 404 });
  harness.upstreamIs("mute");
  await assert.rejects(clientOf().responses.compact({ model: "chat/chatty", input: "x" }), { status: 502 });
  harness.upstreamIs("well");
  await assert.rejects(clientOf().responses.compact({ model: "" as "m", input: "x" }), { status: 400 });
});

test("tokens are estimated with all that a request refers to, and marked", async () => {
  const client = clientOf();
  const short = await client.responses.inputTokens.count({ model: "m", input: "hello" }).withResponse();
  assert.equal(short.response.headers.get("x-patchbay-estimate"), "true");
  assert.equal(short.data.object, "response.input_tokens");
  const first = await client.responses.create({ model: "m", input: "word ".repeat(1000) });
  const long = await client.responses.inputTokens.count({ model: "m", input: "hello", previous_response_id: first.id });
  assert.ok(long.input_tokens > short.data.input_tokens + 900);
});
