import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { textCallFormats } from "../src/backends/simulator/text-calls.ts";
import { simulatorModels } from "../src/backends/simulator/behaviours.ts";
import { ask } from "./support/exchange.ts";
import type { Outcome } from "./support/exchange.ts";
import { startHouse } from "./support/house.ts";
import { field } from "./support/read-stream.ts";

/** Every model of the simulator through the gateway, streamed and not. */

const simulator = (name: string, seed: number) => ({
  name,
  type: "simulator",
  timeouts: { idle: "300ms", firstToken: "5s", firstByte: "5s" },
  options: { seed, firstToken: 100, rate: 2000 },
});
const house = await startHouse({
  document: { endpoints: [simulator("one", 1), simulator("twin", 1), simulator("two", 2)] },
});
after(() => house[Symbol.asyncDispose]());

const tools = [
  {
    type: "function",
    function: {
      name: "look_up",
      parameters: {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer", minimum: 3 } },
        required: ["city"],
      },
    },
  },
];
const sample = { city: "sample", days: 3 };
const run = (model: string, stream: boolean, more: object = {}) => ask(house, { model, stream, more });

/** The name and arguments of the first call. */
function callOf(outcome: Outcome): { name: unknown; arguments: unknown } {
  const json: unknown = outcome.stream === undefined ? JSON.parse(outcome.raw) : undefined;
  if (json !== undefined) {
    const called = field(json, "choices", 0, "message", "tool_calls", 0, "function");
    return { name: field(called, "name"), arguments: JSON.parse(String(field(called, "arguments"))) };
  }
  const called = (outcome.stream?.events ?? []).map(({ json: chunk }) =>
    field(chunk, "choices", 0, "delta", "tool_calls", 0, "function"),
  );
  const text = called.map((each) => field(each, "arguments") ?? "").join("");
  return {
    name: called.map((each) => field(each, "name")).find((name) => name !== undefined),
    arguments: JSON.parse(text),
  };
}

type Check = (outcome: Outcome, stream: boolean) => void;
const finished =
  (reason: string, check: Check = () => {}): Check =>
  (outcome, stream) => {
    assert.deepEqual([outcome.status, outcome.error, outcome.finishReason], [200, undefined, reason], outcome.raw);
    if (stream) assert.equal(outcome.stream?.events.at(-1)?.data, "[DONE]");
    assert.ok(Number(field(outcome.usage, "prompt_tokens")) > 0, outcome.raw.slice(-300));
    assert.ok(Number(field(outcome.usage, "completion_tokens")) > 0, outcome.raw.slice(-300));
    check(outcome, stream);
  };
const refused =
  (status: number, code: string): Check =>
  (outcome) => {
    assert.deepEqual([outcome.status, field(outcome.error, "code")], [status, code]);
  };
/** Fails in mid-stream; unstreamed, the failure is the answer. */
const broken =
  (status: number, code: string): Check =>
  (outcome, stream) => {
    assert.deepEqual([outcome.status, field(outcome.error, "code")], [stream ? 200 : status, code]);
    assert.equal(outcome.finishReason, undefined);
    if (stream) assert.equal(outcome.text.split(" ").length, 5);
    if (stream) assert.equal(outcome.stream?.done, false);
  };
const words = (count: number): Check => finished("stop", ({ text }) => assert.equal(text.split(" ").length, count));

const checks: { readonly [model: string]: Check } = {
  echo: finished("stop", ({ text }) => assert.equal(text, "Hello")),
  lorem: words(60),
  slow: words(60),
  tool: finished("tool_calls", (outcome) => {
    assert.deepEqual(callOf(outcome), { name: "look_up", arguments: sample });
  }),
  reasoning: finished("stop", (outcome, stream) => {
    const path = stream ? ["delta", "reasoning_content"] : ["message", "reasoning_content"];
    const chunks = outcome.stream?.events.map(({ json }) => json) ?? [JSON.parse(outcome.raw) as unknown];
    const thought = chunks.map((chunk) => field(chunk, "choices", 0, ...path) ?? "").join("");
    assert.match(thought, /^The question is simple\..*do\.$/u);
    assert.equal(field(outcome.usage, "completion_tokens_details", "reasoning_tokens"), thought.split(" ").length);
  }),
  json: finished("stop", ({ text }) => assert.deepEqual(JSON.parse(text), { answer: "sample", ok: true })),
  huge: words(200_000),
  "fail-429": refused(429, "rate_limit_exceeded"),
  "fail-500": refused(502, "upstream-error"),
  // What fails once is asked once more.
  "fail-once": words(20),
  cut: broken(502, "broken-stream"),
  malformed: broken(502, "broken-stream"),
  stall: broken(504, "timeout-idle"),
  ...Object.fromEntries(
    textCallFormats.map((format): [string, Check] => [
      `tool-text:${format}`,
      finished("stop", ({ text }) => {
        assert.match(text, /look_up/u);
        assert.match(text, /sample/u);
      }),
    ]),
  ),
};

test("every model of the simulator is looked at here", () => {
  assert.deepEqual(Object.keys(checks).sort(), [...simulatorModels].sort());
});

describe("the simulator's models", { concurrency: 4 }, () => {
  for (const [model, check] of Object.entries(checks)) {
    test(model, async () => {
      for (const stream of [true, false]) {
        const more = { tools, ...(stream ? { stream_options: { include_usage: true } } : {}) };
        const outcome = await run(`one/${model}`, stream, more);
        check(outcome, stream);
        const row = await house.row(outcome.id);
        assert.deepEqual([row.endpoint, row.sight, row.stream], ["one", "translate", stream]);
        if (outcome.error === undefined) assert.equal(row.costMicroDollars, 0);
      }
    });
  }
});

test("the same seed and request give the same answer, another seed or request another", async () => {
  for (const stream of [true, false]) {
    const [one, again, twin, two] = await Promise.all(
      ["one", "one", "twin", "two"].map((name) => run(`${name}/lorem`, stream)),
    );
    assert.deepEqual([again?.text, twin?.text], [one?.text, one?.text]);
    assert.notEqual(two?.text, one?.text);
    const other = await run("one/lorem", stream, { messages: [{ role: "user", content: "Hello again" }] });
    assert.notEqual(other.text, one?.text);
  }
  const [streamed, whole] = await Promise.all([run("one/lorem", true), run("one/lorem", false)]);
  assert.equal(streamed.text, whole.text);
});

test("an answer is cut at the most tokens", async () => {
  for (const stream of [true, false]) {
    const outcome = await run("one/lorem", stream, { max_tokens: 7 });
    assert.deepEqual([outcome.text.split(" ").length, outcome.finishReason], [7, "length"]);
  }
});

test("the slow one waits for its first token and keeps its pace", async () => {
  const { duration } = await run("one/slow", true);
  assert.ok(duration >= 100 + 59 * 0.5, `it took ${duration} ms`);
});

test("once its tool has answered, the tool model talks", async () => {
  const messages = [
    { role: "user", content: "Hello" },
    { role: "assistant", tool_calls: [{ id: "a", type: "function", function: { name: "look_up", arguments: "{}" } }] },
    { role: "tool", tool_call_id: "a", content: "sunny" },
  ];
  const outcome = await run("one/tool", false, { tools, messages });
  assert.deepEqual([outcome.text, outcome.finishReason], ["The tool has answered.", "stop"]);
});

test("an unknown model names those that there are", async () => {
  const outcome = await run("one/nothing", false);
  assert.equal(outcome.status, 404);
  assert.match(String(field(outcome.error, "message")), /echo, lorem, slow/u);
});

test("a request for very many answers ends at the largest answer", async () => {
  await using small = await startHouse({
    document: { server: { limits: { answer: "1MB" } }, endpoints: [simulator("one", 1)] },
  });
  const outcome = await ask(small, { model: "one/huge", stream: false, more: { n: 128 } });
  assert.deepEqual([outcome.status, field(outcome.error, "code")], [502, "bad-response"]);
});
