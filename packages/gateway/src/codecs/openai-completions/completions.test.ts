import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Dialect } from "../../kernel/codec.ts";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { chatLogprobs } from "../shared/openai-logprobs.ts";
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
  [{ prompt: "a", best_of: 3, n: 2 }, "best_of", /cannot be translated/],
  [{ prompt: "a", logprobs: 6 }, "logprobs", /above maximum/],
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
    ["tools", "messages"],
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

test("several prompts are echoed each to its own answers", () => {
  const events: AnswerEvent[] = [0, 1, 2, 3].flatMap((candidate) => [
    { type: "part-start", candidate, part: 0, head: { type: "text" } },
    { type: "part-delta", candidate, part: 0, text: String(candidate) },
    { type: "part-end", candidate, part: 0 },
    { type: "finish", candidate, reason: { unified: "stop", raw: "stop" } },
  ]);
  const request = { prompt: ["a", "b"], n: 2, echo: true };
  const whole: { choices: { text: string }[] } = JSON.parse(
    openaiCompletions.ingress.writeAnswer(events, context(request)),
  );
  assert.deepEqual(
    whole.choices.map(({ text }) => text),
    ["a0", "a1", "b2", "b3"],
  );
});

test("log probabilities go to chat and come back from it", () => {
  assert.deepEqual(again({ model: "m", prompt: "x", logprobs: 2 }), { model: "m", prompt: "x", logprobs: 2 });
  const logprobs = {
    content: [
      { token: "He", logprob: -1, bytes: [72, 101], top_logprobs: [{ token: "Ho", logprob: -2, bytes: null }] },
      { token: "y", logprob: -3, bytes: [121], top_logprobs: [] },
    ],
    refusal: null,
  };
  const completion = {
    tokens: ["He", "y"],
    token_logprobs: [-1, -3],
    top_logprobs: [{ Ho: -2 }, {}],
    text_offset: [2, 4],
  };
  const events: AnswerEvent[] = [
    { type: "part-start", candidate: 0, part: 0, head: { type: "text" } },
    { type: "part-delta", candidate: 0, part: 0, text: "Hey", logprobs },
    { type: "part-end", candidate: 0, part: 0 },
    { type: "finish", candidate: 0, reason: { unified: "stop", raw: "stop" } },
  ];
  const request = { prompt: "> ", echo: true };
  const whole: { choices: JsonObject[] } = JSON.parse(openaiCompletions.ingress.writeAnswer(events, context(request)));
  assert.deepEqual(whole.choices[0]?.["logprobs"], completion);
  const streamed = chunksOf(encode(openaiCompletions, events, request)).map(
    (chunk) => objectOf(arrayOf(chunk["choices"])[0])?.["logprobs"],
  );
  assert.deepEqual(streamed[1], completion);
  assert.deepEqual(objectOf(chatLogprobs(completion))?.["content"], [
    { token: "He", logprob: -1, bytes: [72, 101], top_logprobs: [{ token: "Ho", logprob: -2, bytes: [72, 111] }] },
    { token: "y", logprob: -3, bytes: [121], top_logprobs: [] },
  ]);
});

const losing: readonly (readonly [PartHead, Loss])[] = [
  [{ type: "reasoning" }, { field: "reasoning", reason: "unsupported" }],
  [{ type: "refusal" }, { field: "refusal", reason: "approximated" }],
  [{ type: "opaque" }, { field: "opaque", reason: "unsupported" }],
  [
    { type: "image", mediaType: "image/png" },
    { field: "image", reason: "unsupported" },
  ],
  [
    { type: "tool-call", id: "a", name: "f", tool: "function" },
    { field: "tool-call", reason: "unsupported" },
  ],
];
for (const [head, expected] of losing) {
  test(`a completion tells that it has no room for: ${head.type}`, () => {
    const losses: Loss[] = [];
    const hearing = { ...context(), lost: (loss: Loss) => void losses.push(loss) };
    const events: AnswerEvent[] = [
      { type: "part-start", candidate: 0, part: 0, head },
      { type: "part-end", candidate: 0, part: 0 },
      { type: "finish", candidate: 0, reason: { unified: "tool-calls", raw: "tool_calls" } },
    ];
    const whole: { choices: JsonObject[] } = JSON.parse(openaiCompletions.ingress.writeAnswer(events, hearing));
    assert.equal(whole.choices[0]?.["finish_reason"], "stop");
    const machine = openaiCompletions.ingress.streamEncoder(hearing);
    for (const event of events) machine.push(event);
    assert.deepEqual(losses, [expected, expected]);
  });
}
