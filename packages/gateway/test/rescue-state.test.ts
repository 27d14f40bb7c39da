import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startHouse } from "./support/house.ts";
import { decoded } from "./support/pipeline.ts";
import { field } from "./support/read-stream.ts";
import { spoken } from "./support/spoken.ts";
import { endpointOf, startVendor } from "./support/vendors/server.ts";

/** What is kept beside an answer that two attempts told: signatures of reasoning, and responses that are stored. */

const vendor = await startVendor("anthropic-messages");
const house = await startHouse({
  document: {
    endpoints: [endpointOf(vendor)],
    models: [
      {
        name: "mended",
        rescue: "continue",
        targets: [
          { endpoint: vendor.kind, model: "first" },
          { endpoint: vendor.kind, model: "second" },
        ],
      },
    ],
  },
});
after(async () => {
  for (const resource of [house, vendor]) await resource[Symbol.asyncDispose]();
});

const parameters = { type: "object", properties: {} };
const answer = {
  reasoning: "Think.",
  calls: [
    { name: "f", arguments: '{"a":1}' },
    { name: "g", arguments: '{"b":2}' },
  ],
};
/** Thinking has four events, a call four, and there are two before them. */
const behindOneCall = 2 + 4 + 4;

/** Fields of a block, and those of the deltas by which they grow. */
const deltas = [
  ["thinking", "thinking"],
  ["signature", "signature"],
  ["input", "partial_json"],
] as const;

function breaksOff(after: number, what: object = answer): void {
  vendor.reset();
  vendor.play(({ model }) => (model === "first" ? { cut: true, answer: what, after } : what));
}

test("a client whose protocol has no room for signatures goes on with calls that two attempts told", async () => {
  breaksOff(behindOneCall);
  const tools = ["f", "g"].map((name) => ({ type: "function", function: { name, parameters } }));
  const user = { role: "user", content: "Hello" };
  const ask = { model: "mended", reasoning_effort: "high", max_tokens: 9000, tools };
  const first = await house.post("/v1/chat/completions", { ...ask, stream: true, messages: [user] });
  const { calls, finish } = spoken(decoded("openai-chat", await first.text()));
  assert.deepEqual([finish, calls.map(({ name }) => name)], ["tool-calls", ["f", "g"]]);
  vendor.reset();
  const messages = [
    user,
    {
      role: "assistant",
      content: null,
      tool_calls: calls.map(({ id, name, arguments: given }) => ({
        id,
        type: "function",
        function: { name, arguments: given },
      })),
    },
    ...calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "done" })),
  ];
  const second = await house.post("/v1/chat/completions", { ...ask, messages });
  assert.equal(second.status, 200);
  assert.deepEqual(vendor.refused, []);
  const turn = vendor.seen[0]?.turns[1];
  assert.equal(turn?.calls.length, 2);
  assert.equal(turn.reasoning, "Think.", "the first call has its reasoning, with its signature");
});

test("Anthropic's clients send thoughts that broke off back, and are not refused", async () => {
  // Behind the thought's first words, before its signature.
  breaksOff(4);
  const tools = ["f", "g"].map((name) => ({ name, input_schema: parameters }));
  const thinking = { type: "enabled", budget_tokens: 2000 };
  const ask = { model: "mended", max_tokens: 9000, thinking, tools };
  const user = { role: "user", content: "Hello" };
  const first = await house.post("/v1/messages", { ...ask, stream: true, messages: [user] });
  const content = blocksOf(await first.text());
  assert.deepEqual(
    content.map((block) => field(block, "type")),
    ["thinking", "tool_use", "tool_use"],
  );
  vendor.reset();
  const results = content.flatMap((block) => {
    const id = field(block, "id");
    return id === undefined ? [] : [{ type: "tool_result", tool_use_id: id, content: "done" }];
  });
  const messages = [user, { role: "assistant", content }, { role: "user", content: results }];
  const second = await house.post("/v1/messages", { ...ask, messages });
  assert.equal(second.status, 200, await second.text());
  assert.deepEqual(vendor.refused, []);
});

test("a stored response that two attempts told is the whole one", async () => {
  const text = "It is said in several pieces, of which some are lost and told again.";
  breaksOff(5, { text });
  const first = await house.post("/v1/responses", { model: "mended", stream: true, input: "Hello" });
  const stream = await first.text();
  assert.equal(spoken(decoded("openai-responses", stream)).text, text);
  const id = /"id":"(resp_[^"]+)"/u.exec(stream)?.[1];
  vendor.reset();
  const next = { model: "mended", input: "And then?", previous_response_id: id };
  const second = await house.post("/v1/responses", next);
  assert.equal(second.status, 200, await second.text());
  assert.deepEqual(
    vendor.seen[0]?.turns.map((turn) => turn.text),
    ["Hello", text, "And then?"],
  );
});

test("a response that nobody could complete is not one to go on with", async () => {
  vendor.reset();
  vendor.play(({ model }) =>
    model === "first" ? { cut: true, answer: { text: "one ".repeat(40) }, after: 5 } : { text: "no" },
  );
  const first = await house.post("/v1/responses", { model: "mended", stream: true, input: "Hello" });
  const stream = await first.text();
  assert.equal(spoken(decoded("openai-responses", stream)).finish, undefined);
  const id = /"id":"(resp_[^"]+)"/u.exec(stream)?.[1];
  vendor.reset();
  const second = await house.post("/v1/responses", { model: "mended", input: "And?", previous_response_id: id });
  assert.ok(second.status >= 400, `it is ${second.status}`);
});

/** The content of a message, as an SDK gathers it from its stream. */
function blocksOf(stream: string): object[] {
  const blocks: Record<string, string>[] = [];
  for (const [, data = ""] of stream.matchAll(/^data: (.*)$/gmu)) {
    const event: unknown = JSON.parse(data);
    if (field(event, "type") === "content_block_start") {
      blocks.push({ ...(field(event, "content_block") as Record<string, string>), input: "" });
    }
    const block = blocks[Number(field(event, "index"))];
    for (const [name, from] of deltas) {
      const more = field(event, "delta", from);
      if (block !== undefined && typeof more === "string") block[name] = (block[name] ?? "") + more;
    }
  }
  return blocks.map(({ input = "", ...block }) => (input === "" ? block : { ...block, input: JSON.parse(input) }));
}
