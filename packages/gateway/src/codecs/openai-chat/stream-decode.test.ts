import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { foldAnswer } from "../shared/fold.ts";
import { decode, failureOf, readAnswer, watch } from "../shared/support.test.ts";
import { openaiChat } from "./index.ts";

/** A chunk with one choice. */
function chunk(delta: JsonObject, finish: string | null = null, rest: JsonObject = {}): JsonObject {
  return {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 5,
    model: "m",
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...rest,
  };
}
const toolChunk = (...entries: readonly JsonObject[]) => chunk({ tool_calls: entries });
const texts = (chunks: readonly Json[], done = true) => [
  ...chunks.map((each) => JSON.stringify(each)),
  ...(done ? ["[DONE]"] : []),
];

function calls(chunks: readonly Json[]) {
  const events = decode(openaiChat, texts(chunks));
  assert.equal(failureOf(events), undefined);
  const candidate = foldAnswer(events).candidates.get(0);
  return {
    finish: candidate?.finish?.unified,
    calls: (candidate?.parts ?? []).flatMap(({ head, text }) =>
      head.type === "tool-call" ? [{ id: head.id, name: head.name, text }] : [],
    ),
  };
}

const stop = chunk({}, "stop");
const whole = (id: string, name: string, text: Json): JsonObject => ({
  id,
  type: "function",
  function: { name, arguments: text },
});

const quirks: readonly (readonly [string, readonly Json[], readonly { id: string; name: string; text: string }[]])[] = [
  [
    "indexes from 1 and interleaved fragments",
    [
      toolChunk({ index: 1, id: "a", type: "function", function: { name: "f", arguments: "" } }),
      toolChunk({ index: 2, id: "b", type: "function", function: { name: "g", arguments: "" } }),
      toolChunk({ index: 1, function: { arguments: '{"x"' } }, { index: 2, function: { arguments: "{" } }),
      toolChunk({ index: 1, function: { arguments: ":1}" } }, { index: 2, function: { arguments: "}" } }),
    ],
    [
      { id: "a", name: "f", text: '{"x":1}' },
      { id: "b", name: "g", text: "{}" },
    ],
  ],
  [
    "no index, told apart by id",
    [toolChunk(whole("a", "f", "{}"), whole("b", "f", "{}"))],
    [
      { id: "a", name: "f", text: "{}" },
      { id: "b", name: "f", text: "{}" },
    ],
  ],
  [
    "no index and no id, told apart by place",
    [toolChunk({ function: { name: "f", arguments: "{}" } }, { function: { name: "f", arguments: '{"x":2}' } })],
    [
      { id: "call_attempt-1_0_0", name: "f", text: "{}" },
      { id: "call_attempt-1_0_1", name: "f", text: '{"x":2}' },
    ],
  ],
  [
    "no index and no id, one call after the other",
    [
      toolChunk({ function: { name: "f", arguments: "{}" } }),
      toolChunk({ function: { name: "f", arguments: '{"x":2}' } }),
    ],
    [
      { id: "call_attempt-1_0_0", name: "f", text: "{}" },
      { id: "call_attempt-1_0_1", name: "f", text: '{"x":2}' },
    ],
  ],
  [
    "index 0 for every call",
    [toolChunk({ index: 0, ...whole("a", "f", "{}") }), toolChunk({ index: 0, ...whole("b", "f", "{}") })],
    [
      { id: "a", name: "f", text: "{}" },
      { id: "b", name: "f", text: "{}" },
    ],
  ],
  [
    "name and id repeated in every delta",
    [
      toolChunk({ index: 0, ...whole("a", "f", "") }),
      toolChunk({ index: 0, ...whole("a", "f", "{") }),
      toolChunk({ index: 0, ...whole("a", "f", "}") }),
    ],
    [{ id: "a", name: "f", text: "{}" }],
  ],
  [
    "name and id repeated after the arguments are complete",
    [toolChunk({ index: 0, ...whole("a", "f", "{}") }), toolChunk({ index: 0, ...whole("a", "f", " ") })],
    [{ id: "a", name: "f", text: "{} " }],
  ],
  [
    "a call without an id before one that has it",
    [
      toolChunk({ index: 0, function: { name: "f", arguments: "{}" } }),
      toolChunk({ index: 1, ...whole("b", "g", "{}") }),
    ],
    [
      { id: "call_attempt-1_0_0", name: "f", text: "{}" },
      { id: "b", name: "g", text: "{}" },
    ],
  ],
  [
    "a new id for every delta",
    [toolChunk({ index: 0, ...whole("a", "f", "{") }), toolChunk({ index: 0, id: "z", function: { arguments: "}" } })],
    [{ id: "a", name: "f", text: "{}" }],
  ],
  [
    "an empty id and a null name after the first delta",
    [
      toolChunk({ index: 0, ...whole("a", "f", "{") }),
      toolChunk({ index: 0, id: "", function: { name: null, arguments: "}" } }),
    ],
    [{ id: "a", name: "f", text: "{}" }],
  ],
  [
    "an id that comes late",
    [
      toolChunk({ index: 0, id: "", function: { name: "f", arguments: "{" } }),
      toolChunk({ index: 0, id: "late", function: { arguments: "}" } }),
    ],
    [{ id: "late", name: "f", text: "{}" }],
  ],
  [
    "a name that comes late",
    [
      toolChunk({ index: 0, id: "a", function: { arguments: "{" } }),
      toolChunk({ index: 0, function: { name: "f", arguments: "}" } }),
    ],
    [{ id: "a", name: "f", text: "{}" }],
  ],
  ["arguments as an object", [toolChunk(whole("a", "f", { x: [1] }))], [{ id: "a", name: "f", text: '{"x":[1]}' }]],
  ["arguments of null", [toolChunk(whole("a", "f", null))], [{ id: "a", name: "f", text: "" }]],
  [
    "no type",
    [toolChunk({ index: 0, id: "a", function: { name: "f", arguments: "{}" } })],
    [{ id: "a", name: "f", text: "{}" }],
  ],
  [
    "a custom tool",
    [
      toolChunk({ index: 0, id: "a", type: "custom", custom: { name: "c", input: "x" } }),
      toolChunk({ index: 0, custom: { input: "y" } }),
    ],
    [{ id: "a", name: "c", text: "xy" }],
  ],
  [
    "the legacy form",
    [chunk({ function_call: { name: "f", arguments: "{" } }), chunk({ function_call: { arguments: "}" } })],
    [{ id: "call_attempt-1_0_0", name: "f", text: "{}" }],
  ],
];
for (const [name, chunks, expected] of quirks) {
  test(`calls are put together: ${name}`, () => {
    assert.deepEqual(calls([...chunks, stop]), { finish: "tool-calls", calls: expected });
  });
}

test("a call without a name is none, and does not make the answer end in calls", () => {
  assert.deepEqual(calls([toolChunk({ index: 0, id: "a", function: { arguments: "{}" } }), chunk({}, "tool_calls")]), {
    finish: "stop",
    calls: [],
  });
});

const finishes: readonly (readonly [string, string])[] = [
  ["stop", "stop"],
  ["eos", "stop"],
  ["end_turn", "stop"],
  ["length", "length"],
  ["MAX_TOKENS", "length"],
  ["content_filter", "content-filter"],
  ["tool_calls", "stop"],
  ["whatever", "other"],
];
for (const [raw, unified] of finishes) {
  test(`the finish word ${raw} means ${unified} and is kept`, () => {
    const events = decode(openaiChat, texts([chunk({ content: "x" }), chunk({}, raw)]));
    assert.deepEqual(foldAnswer(events).candidates.get(0)?.finish, { unified, raw });
  });
}

const usages: readonly (readonly [string, JsonObject, JsonObject])[] = [
  [
    "with the finish",
    chunk({}, "stop", { usage: { prompt_tokens: 3, completion_tokens: 2 } }),
    { inputTokens: 3, outputTokens: 2 },
  ],
  [
    "in x_groq",
    chunk({}, "stop", { x_groq: { usage: { prompt_tokens: 3, completion_tokens: 2 } } }),
    { inputTokens: 3, outputTokens: 2 },
  ],
  [
    "in the choice",
    { choices: [{ index: 0, delta: {}, finish_reason: "stop", usage: { prompt_tokens: 3, completion_tokens: 2 } }] },
    { inputTokens: 3, outputTokens: 2 },
  ],
  [
    "with DeepSeek's cache",
    chunk({}, "stop", {
      usage: { prompt_tokens: 9, completion_tokens: 2, prompt_cache_hit_tokens: 8, prompt_cache_miss_tokens: 1 },
    }),
    { inputTokens: 9, outputTokens: 2, cacheReadTokens: 8 },
  ],
  [
    "with reasoning beside the output",
    chunk({}, "stop", {
      usage: {
        prompt_tokens: 291,
        completion_tokens: 26,
        total_tokens: 513,
        completion_tokens_details: { reasoning_tokens: 196 },
      },
    }),
    { inputTokens: 291, outputTokens: 222, reasoningTokens: 196 },
  ],
  ["with nonsense", chunk({}, "stop", { usage: { prompt_tokens: -1, completion_tokens: "2" } }), {}],
];
for (const [name, last, expected] of usages) {
  test(`usage is read: ${name}`, () => {
    const data = texts([chunk({ content: "x" }), last]);
    assert.deepEqual(foldAnswer(decode(openaiChat, data)).usage, expected);
    assert.deepEqual(watch(openaiChat, data).seen.usage, expected);
  });
}

test("null usage does not replace what was known, and unknown is not zero", () => {
  const data = texts([
    chunk({ content: "x" }, null, { usage: { prompt_tokens: 3 } }),
    chunk({}, "stop", { usage: null }),
  ]);
  assert.deepEqual(foldAnswer(decode(openaiChat, data)).usage, { inputTokens: 3 });
});

test("reasoning is read under each name, once, and from lists of pieces", () => {
  const events = decode(
    openaiChat,
    texts([
      chunk({ role: "assistant", reasoning_content: "a", reasoning: "a" }),
      chunk({ role: "assistant", reasoning: "b" }),
      chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "c" }] }] }),
      chunk({ content: [{ type: "text", text: "d" }] }),
      stop,
    ]),
  );
  const parts = foldAnswer(events)
    .candidates.get(0)
    ?.parts.map(({ head, text }) => [head.type, text]);
  assert.deepEqual(parts, [
    ["reasoning", "abc"],
    ["text", "d"],
  ]);
});

test("keep-alive chunks, an empty first chunk and repeated roles say nothing", () => {
  const events = decode(
    openaiChat,
    texts([
      { choices: [], id: "", model: "", created: 0 },
      chunk({ role: "assistant", content: "" }),
      { choices: [] },
      chunk({ role: "assistant", content: "x" }, "stop"),
    ]),
  );
  assert.deepEqual(
    events.map(({ type }) => type),
    ["start", "part-start", "part-delta", "part-end", "finish"],
  );
  assert.deepEqual(events[0], { type: "start", id: "chatcmpl-1", model: "m", created: 5 });
});

test("what comes after a candidate's finish reason is not its content", () => {
  const events = decode(openaiChat, texts([chunk({ content: "x" }), stop, chunk({ content: "y" }), stop]));
  assert.deepEqual(
    events.map(({ type }) => type),
    ["start", "part-start", "part-delta", "part-end", "finish"],
  );
});

const good = [chunk({ content: "x" }), stop];
const failing: readonly (readonly [string, readonly string[], string])[] = [
  ["nothing at all", [], "broken-stream"],
  ["only [DONE]", ["[DONE]"], "broken-stream"],
  ["only keep-alives", ['{"choices":[]}', "[DONE]"], "broken-stream"],
  ["[DONE] before a finish reason", texts([chunk({ content: "x" })]), "broken-stream"],
  ["an end before a finish reason", texts([chunk({ content: "x" })], false), "broken-stream"],
  ["an empty finish reason without [DONE]", texts([chunk({ content: "x" }, "")], false), "broken-stream"],
  [
    "one of two candidates unfinished",
    texts([...good, { choices: [{ index: 1, delta: { content: "y" } }] }]),
    "broken-stream",
  ],
  ["malformed JSON", [...texts(good, false).slice(0, 1), '{"choices":['], "broken-stream"],
  ["JSON that is no object", ["null"], "broken-stream"],
  [
    "an error",
    [JSON.stringify({ error: { message: "slow down", type: "rate_limit_error", code: 429 } })],
    "rate-limited",
  ],
  ["an error of text", ['{"error":"it broke"}'], "upstream-error"],
  ["an error with an int code", ['{"error":{"message":"x","code":503}}'], "overloaded"],
  ["the old vLLM form", ['{"object":"error","message":"bad","type":"BadRequestError","code":400}'], "bad-request"],
  [
    "an error of a choice",
    [JSON.stringify({ choices: [{ index: 0, delta: {}, error: { code: 502, message: "x" } }] })],
    "upstream-error",
  ],
  ["the finish reason error", texts([chunk({}, "error")]), "upstream-error"],
  [
    "a context overflow",
    ['{"error":{"message":"This model\'s maximum context length is 10 tokens."}}'],
    "context-overflow",
  ],
];
for (const [name, data, kind] of failing) {
  test(`a stream is a failure, for the decoder and the tap: ${name}`, () => {
    const events = decode(openaiChat, data);
    assert.equal(failureOf(events)?.kind, kind);
    assert.equal(events.filter(({ type }) => type === "failure").length, 1);
    const { seen, end } = watch(openaiChat, data);
    assert.deepEqual(seen.failure, failureOf(events));
    assert.equal(end, "");
    assert.equal(seen.done, false);
  });
}

test("an empty finish reason counts once [DONE] has come", () => {
  const data = texts([chunk({ content: "x" }, "")]);
  assert.deepEqual(foldAnswer(decode(openaiChat, data)).candidates.get(0)?.finish, { unified: "stop", raw: "" });
  assert.equal(watch(openaiChat, data).seen.failure, undefined);
});

const broken: readonly (readonly [string, JsonObject, string])[] = [
  ["an error in a 200", { error: { message: "no", code: "insufficient_quota" } }, "quota-exhausted"],
  ["no choices", { id: "x" }, "bad-response"],
  ["an empty list of choices", { choices: [] }, "bad-response"],
  ["no finish reason", { choices: [{ index: 0, message: { content: "x" }, finish_reason: null }] }, "broken-stream"],
  [
    "one of two without a finish reason",
    { choices: [{ message: { content: "x" }, finish_reason: "stop" }, { message: { content: "y" } }] },
    "broken-stream",
  ],
];
for (const [name, body, kind] of broken) {
  test(`a whole answer is a failure: ${name}`, () => {
    assert.equal(failureOf(readAnswer(openaiChat, body))?.kind, kind);
    const tap = openaiChat.egress.tap({ dropUsageEvent: false });
    tap.whole(body);
    assert.equal(tap.seen.failure?.kind, kind);
  });
}

test("each entry of a whole message is a call of its own, even with equal ids", () => {
  const events = readAnswer(openaiChat, {
    choices: [{ message: { tool_calls: [whole("x", "f", "{}"), whole("x", "f", "[]")] }, finish_reason: "stop" }],
  });
  assert.deepEqual(
    foldAnswer(events)
      .candidates.get(0)
      ?.parts.map(({ text }) => text),
    ["{}", "[]"],
  );
});
