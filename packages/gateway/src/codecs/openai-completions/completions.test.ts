import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Dialect } from "../../kernel/codec.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import {
  asked,
  chunksOf,
  context,
  dataOf,
  decode,
  encode,
  failureOf,
  meaning,
  readAnswer,
  watch,
} from "../shared/support.test.ts";
import { openaiCompletions } from "./index.ts";

const dialect: Dialect = { streamUsage: true, developerRole: true };

function again(body: JsonObject): Json {
  const result = openaiCompletions.ingress.readRequest(body, asked(body));
  assert.ok(result.ok, result.ok ? "" : result.failure.message);
  return openaiCompletions.egress.writeRequest(result.value.request, dialect).body;
}

test("a request comes back equal", () => {
  const body = {
    model: "m",
    prompt: "Once",
    max_tokens: 16,
    temperature: 0.5,
    top_p: 1,
    n: 2,
    stop: ["\n"],
    presence_penalty: 1,
    frequency_penalty: 1,
    seed: 3,
    user: "u",
    logit_bias: { "1": 2 },
    unknown: { x: null },
    stream: true,
    stream_options: { include_usage: true },
  };
  assert.deepEqual(again(body), body);
  assert.deepEqual(again({ model: "m", prompt: ["Once"] }), { model: "m", prompt: "Once" });
});

const refused: readonly (readonly [JsonObject, string, RegExp])[] = [
  [{}, "prompt", /Missing required parameter/],
  [{ prompt: 5 }, "prompt", /one of a string or array/],
  [{ prompt: [] }, "prompt", /empty array/],
  [{ prompt: ["a", "b"] }, "prompt", /Several prompts .* cannot be translated/],
  [{ prompt: [1, 2] }, "prompt", /token ids cannot be translated/],
  [{ prompt: [[1, 2]] }, "prompt", /token ids cannot be translated/],
  [{ prompt: "a", suffix: "b" }, "suffix", /cannot be translated/],
  [{ prompt: "a", best_of: 2 }, "best_of", /cannot be translated/],
  [{ prompt: "a", logprobs: 1 }, "logprobs", /cannot be translated/],
  [{ prompt: "a", echo: "yes" }, "echo", /expected a boolean/],
];
for (const [fields, param, message] of refused) {
  test(`a request that cannot be translated is refused by name: ${JSON.stringify(fields)}`, () => {
    const result = openaiCompletions.ingress.readRequest({ model: "m", ...fields }, asked(fields));
    assert.ok(!result.ok);
    assert.deepEqual([result.failure.kind, result.failure.param], ["bad-request", param]);
    assert.match(result.failure.message, message);
  });
}

test("a conversation becomes plain text, and what cannot be said is reported", () => {
  const { body, losses } = openaiCompletions.egress.writeRequest(
    {
      operation: "generate",
      model: "m",
      messages: [
        { role: "system", parts: [{ type: "text", text: "Be brief." }] },
        { role: "user", parts: [{ type: "text", text: "Hi" }] },
      ],
      tools: [{ tool: "function", name: "f" }],
      sampling: {},
      stream: false,
    },
    dialect,
  );
  assert.equal(body["prompt"], "Be brief.\n\nHi");
  assert.deepEqual(
    losses.map(({ field }) => field),
    ["messages", "tools"],
  );
});

const answer: JsonObject = {
  id: "cmpl-1",
  object: "text_completion",
  created: 5,
  model: "m",
  system_fingerprint: "fp",
  choices: [{ text: "one", index: 0, logprobs: { tokens: ["one"], text_offset: [0] }, finish_reason: "length" }],
  usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 },
};

test("a whole answer comes back equal", () => {
  assert.deepEqual(
    JSON.parse(openaiCompletions.ingress.writeAnswer(readAnswer(openaiCompletions, answer), context())),
    answer,
  );
});

test("an answer's stream means what the answer means, and has its form", () => {
  const events = readAnswer(openaiCompletions, answer);
  const stream = encode(openaiCompletions, events, { stream_options: { include_usage: true } });
  assert.deepEqual(
    meaning(decode(openaiCompletions, dataOf(stream)), openaiCompletions),
    meaning(events, openaiCompletions),
  );
  const [first, ...rest] = chunksOf(stream);
  assert.deepEqual(first, {
    system_fingerprint: "fp",
    id: "cmpl-1",
    object: "text_completion",
    created: 5,
    model: "m",
    choices: [{ text: "one", index: 0, logprobs: { tokens: ["one"], text_offset: [0] }, finish_reason: null }],
    usage: null,
  });
  assert.deepEqual(rest.at(-1)?.["choices"], []);
  assert.ok(stream.endsWith("data: [DONE]\n\n"));
});

test("the prompt is echoed first where the client asked for it", () => {
  const events = readAnswer(openaiCompletions, answer);
  const request = { prompt: ["Say "], echo: true };
  const whole: { choices: { text: string }[] } = JSON.parse(
    openaiCompletions.ingress.writeAnswer(events, context(request)),
  );
  assert.equal(whole.choices[0]?.text, "Say one");
  const texts = chunksOf(encode(openaiCompletions, events, request)).flatMap((chunk) =>
    arrayOf(chunk["choices"]).map((choice) => objectOf(choice)?.["text"]),
  );
  assert.deepEqual(texts, ["Say ", "one", ""]);
});

test("every prefix without a finish reason is a failure", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 5 }), (texts) => {
      const data = texts.map((text) => JSON.stringify({ choices: [{ index: 0, text, finish_reason: null }] }));
      assert.equal(failureOf(decode(openaiCompletions, data))?.kind, "broken-stream");
      assert.equal(watch(openaiCompletions, data).seen.failure?.kind, "broken-stream");
      const finished = [...data, JSON.stringify({ choices: [{ index: 0, text: "", finish_reason: "stop" }] })];
      assert.equal(failureOf(decode(openaiCompletions, finished)), undefined);
      assert.equal(watch(openaiCompletions, finished).end, "data: [DONE]\n\n");
    }),
  );
});

test("events that stop without a finish are never written as a finished answer", () => {
  const events = readAnswer(openaiCompletions, answer).filter(({ type }) => type !== "finish");
  assert.match(encode(openaiCompletions, events), /"code":"broken-stream"/);
  assert.doesNotMatch(encode(openaiCompletions, events), /DONE/);
});

test("only text starts an answer", () => {
  assert.equal(watch(openaiCompletions, ['{"choices":[{"index":0,"text":""}]}']).seen.started, false);
  assert.equal(watch(openaiCompletions, ['{"choices":[{"index":0,"text":"x"}]}']).seen.started, true);
});
