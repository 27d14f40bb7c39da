import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerEvent } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { chunksOf, context, dataOf, decode, encode, meaning, readAnswer } from "../shared/support.test.ts";
import { openaiChat } from "./index.ts";

const answer = {
  id: "chatcmpl-9",
  object: "chat.completion",
  created: 7,
  model: "gpt-x",
  system_fingerprint: "fp_1",
  service_tier: "default",
};
const usage = {
  prompt_tokens: 19,
  completion_tokens: 10,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 3, audio_tokens: 0 },
};

/** Whole answers that are in OpenAI's own form, so that they come back equal. */
const wholes: { readonly [name: string]: JsonObject } = {
  text: {
    ...answer,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "Hello!", refusal: null, annotations: [{ type: "url_citation" }] },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage,
  },
  refusal: {
    ...answer,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: null, refusal: "No." },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
  },
  calls: {
    ...answer,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: null,
          refusal: null,
          reasoning_content: "hm",
          tool_calls: [
            {
              id: "a",
              type: "function",
              function: { name: "f", arguments: '{"n":9007199254740993}' },
              extra_content: { google: { thought_signature: "s" } },
            },
            { id: "b", type: "custom", custom: { name: "c", input: "free" } },
          ],
        },
        logprobs: null,
        finish_reason: "tool_calls",
      },
    ],
    usage,
  },
  "two candidates with logprobs and filters": {
    ...answer,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "a", refusal: null },
        logprobs: { content: [{ token: "a", logprob: -1 }] },
        finish_reason: "length",
        content_filter_results: { hate: { filtered: false } },
      },
      {
        index: 1,
        message: { role: "assistant", content: "b", refusal: null },
        logprobs: null,
        finish_reason: "content_filter",
      },
    ],
  },
  audio: {
    ...answer,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: "",
          refusal: null,
          audio: { id: "audio_1", data: "AAAA", transcript: "hi" },
        },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
  },
};
for (const [name, body] of Object.entries(wholes)) {
  test(`a whole answer comes back equal: ${name}`, () => {
    assert.deepEqual(JSON.parse(openaiChat.ingress.writeAnswer(readAnswer(openaiChat, body), context())), body);
  });
  test(`a whole answer and its stream mean the same: ${name}`, () => {
    const events = readAnswer(openaiChat, body);
    const streamed = decode(
      openaiChat,
      dataOf(encode(openaiChat, events, { stream_options: { include_usage: true } })),
    );
    assert.deepEqual(meaning(streamed, openaiChat), meaning(events, openaiChat));
  });
}

const events: readonly AnswerEvent[] = [
  { type: "start", id: "x", model: "m", created: 3 },
  { type: "part-start", candidate: 0, part: 0, head: { type: "reasoning" } },
  { type: "part-delta", candidate: 0, part: 0, text: "hm" },
  { type: "part-end", candidate: 0, part: 0 },
  { type: "part-start", candidate: 0, part: 1, head: { type: "text" } },
  { type: "part-delta", candidate: 0, part: 1, text: "hi" },
  { type: "part-end", candidate: 0, part: 1 },
  { type: "part-start", candidate: 0, part: 2, head: { type: "tool-call", id: "c", name: "f", tool: "function" } },
  { type: "part-delta", candidate: 0, part: 2, text: "{}" },
  { type: "part-end", candidate: 0, part: 2 },
  { type: "usage", usage: { inputTokens: 3, outputTokens: 2 } },
  { type: "finish", candidate: 0, reason: { unified: "tool-calls", raw: "tool_use" } },
];

const choiceText = (delta: string, finish = "null") =>
  `[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]`;

test("a stream has the form that the strictest client wants", () => {
  const head = 'data: {"id":"x","object":"chat.completion.chunk","created":3,"model":"m","choices":';
  const expected = [
    choiceText('{"role":"assistant","content":""}'),
    choiceText('{"reasoning_content":"hm"}'),
    choiceText('{"content":"hi"}'),
    choiceText('{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}'),
    choiceText('{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}'),
    choiceText("{}", '"tool_calls"'),
  ];
  assert.equal(encode(openaiChat, events), `${expected.map((each) => `${head}${each}}\n\n`).join("")}data: [DONE]\n\n`);
});

test("usage is told only to those who asked, and is null until then", () => {
  const told = chunksOf(encode(openaiChat, events, { stream_options: { include_usage: true } }));
  assert.deepEqual(told.at(-1)?.["choices"], []);
  assert.deepEqual(told.at(-1)?.["usage"], { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
  assert.ok(told.slice(0, -1).every((chunk) => chunk["usage"] === null));
  assert.ok(chunksOf(encode(openaiChat, events)).every((chunk) => !("usage" in chunk)));
});

test("a client of the legacy form gets its answer in that form", () => {
  const request = { functions: [{ name: "f" }] };
  const deltas = chunksOf(encode(openaiChat, events, request)).map((chunk) => objectOf(arrayOf(chunk["choices"])[0]));
  assert.deepEqual(deltas.at(-3)?.["delta"], { function_call: { name: "f", arguments: "" } });
  assert.deepEqual(deltas.at(-2)?.["delta"], { function_call: { arguments: "{}" } });
  assert.equal(deltas.at(-1)?.["finish_reason"], "function_call");
  const body: { choices: { message: JsonObject; finish_reason: string }[] } = JSON.parse(
    openaiChat.ingress.writeAnswer(events, context(request)),
  );
  assert.deepEqual(body.choices[0]?.message["function_call"], { name: "f", arguments: "{}" });
  assert.equal(body.choices[0]?.finish_reason, "function_call");
});

test("ids, times and names are made up where the backend has none, and the asked name replaces its own", () => {
  const bare = events.map((event) => (event.type === "start" ? ({ type: "start" } as const) : event));
  const [first] = chunksOf(encode(openaiChat, bare));
  assert.deepEqual([first?.["id"], first?.["created"], first?.["model"]], ["chatcmpl-request-1", 1700000000, "asked"]);
  const whole: JsonObject = JSON.parse(openaiChat.ingress.writeAnswer(events, { ...context(), echoModel: "alias" }));
  assert.equal(whole["model"], "alias");
});

test("a failure ends a stream with an error, without [DONE], and nothing comes after it", () => {
  const machine = openaiChat.ingress.streamEncoder(context());
  for (const event of events.slice(0, 6)) machine.push(event);
  const out = machine.push({ type: "failure", failure: failure("broken-stream", "cut") });
  assert.deepEqual(out, [
    'data: {"error":{"message":"cut","type":"server_error","param":null,"code":"broken-stream"}}\n\n',
  ]);
  assert.deepEqual(
    events.slice(11).flatMap((event) => machine.push(event)),
    [],
  );
  assert.deepEqual(machine.end(), []);
});

test("events that stop without a finish are never written as a finished answer", () => {
  const stream = encode(openaiChat, events.slice(0, 11));
  assert.match(stream, /"code":"broken-stream"/);
  assert.doesNotMatch(stream, /\[DONE\]|"finish_reason":"/);
});
