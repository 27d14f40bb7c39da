import assert from "node:assert/strict";
import { test } from "node:test";
import type { WireEvent } from "../../kernel/codec.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { foldAnswer } from "../shared/fold.ts";
import { failureOf, readAnswer } from "../shared/support.test.ts";
import { anthropicMessages } from "./index.ts";
import { decode, wire } from "./support.test.ts";

const start: JsonObject = {
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-x",
    content: [],
    stop_reason: null,
    usage: { input_tokens: 10, cache_creation_input_tokens: 3, cache_read_input_tokens: 5, output_tokens: 1 },
  },
};
const block = (index: number, content_block: JsonObject): JsonObject => ({
  type: "content_block_start",
  index,
  content_block,
});
const delta = (index: number, value: JsonObject): JsonObject => ({ type: "content_block_delta", index, delta: value });
const stop = (index: number): JsonObject => ({ type: "content_block_stop", index });
const end = (
  stop_reason: string | null,
  rest: JsonObject = {},
  usage: JsonObject = { output_tokens: 7 },
): JsonObject[] => [
  { type: "message_delta", delta: { stop_reason, stop_sequence: null, ...rest }, usage },
  { type: "message_stop" },
];
const texts = [block(0, { type: "text", text: "" }), delta(0, { type: "text_delta", text: "hi" }), stop(0)];
const ping: JsonObject = { type: "ping" };

function parts(events: readonly JsonObject[]) {
  const decoded = decode(events.map(wire));
  assert.equal(failureOf(decoded), undefined);
  return (foldAnswer(decoded).candidates.get(0)?.parts ?? []).map(({ head, text, keep }) => ({
    ...head,
    text,
    ...(keep && { keep: keep["anthropic-messages"] }),
  }));
}

const cases: readonly (readonly [name: string, blocks: readonly JsonObject[], expected: readonly JsonObject[]])[] = [
  ["text with pings around it", [ping, ...texts, ping], [{ type: "text", text: "hi" }]],
  [
    "citations",
    [
      block(0, { type: "text", text: "", citations: [] }),
      delta(0, { type: "citations_delta", citation: { url: "a" } }),
      delta(0, { type: "text_delta", text: "x" }),
      delta(0, { type: "citations_delta", citation: { url: "b" } }),
      stop(0),
    ],
    [{ type: "text", text: "x", keep: { citations: [{ url: "a" }, { url: "b" }] } }],
  ],
  [
    "thinking, open and hidden",
    [
      block(0, { type: "thinking", thinking: "", signature: "" }),
      delta(0, { type: "thinking_delta", thinking: "t" }),
      delta(0, { type: "signature_delta", signature: "s" }),
      stop(0),
      block(1, { type: "redacted_thinking", data: "d" }),
      stop(1),
    ],
    [
      { type: "reasoning", text: "t", keep: { signature: "s" } },
      { type: "reasoning", text: "", keep: { data: "d" } },
    ],
  ],
  [
    "a call's arguments, byte for byte, and none",
    [
      block(0, { type: "tool_use", id: "toolu_1", name: "f", input: {} }),
      delta(0, { type: "input_json_delta", partial_json: "" }),
      delta(0, { type: "input_json_delta", partial_json: '{"n": 90071992' }),
      delta(0, { type: "input_json_delta", partial_json: "54740993}" }),
      stop(0),
      block(1, { type: "tool_use", id: "toolu_2", name: "g", input: {} }),
      delta(1, { type: "input_json_delta", partial_json: "" }),
      stop(1),
    ],
    [
      { type: "tool-call", id: "toolu_1", name: "f", tool: "function", text: '{"n": 9007199254740993}' },
      { type: "tool-call", id: "toolu_2", name: "g", tool: "function", text: "{}" },
    ],
  ],
  [
    "arguments that came whole, calls without an id, and calls without a name",
    [
      block(0, { type: "tool_use", name: "f", input: { a: 1 } }),
      stop(0),
      block(1, { type: "tool_use", id: "toolu_2", name: "", input: {} }),
      delta(1, { type: "input_json_delta", partial_json: "{}" }),
      stop(1),
    ],
    [{ type: "tool-call", id: "toolu_attempt-1_0", name: "f", tool: "function", text: '{"a":1}' }],
  ],
  [
    "the vendor's own tools, whole",
    [
      block(0, { type: "server_tool_use", id: "srv", name: "web_search", input: {} }),
      delta(0, { type: "input_json_delta", partial_json: '{"query":' }),
      delta(0, { type: "input_json_delta", partial_json: '"q"}' }),
      stop(0),
      block(1, { type: "web_search_tool_result", tool_use_id: "srv", content: [{ url: "u" }] }),
      stop(1),
      block(2, { type: "compaction", content: null }),
      delta(2, { type: "compaction_delta", content: "sum" }),
      delta(2, { type: "compaction_delta", content: "mary" }),
      stop(2),
    ],
    [
      {
        type: "opaque",
        text: "",
        keep: { type: "server_tool_use", id: "srv", name: "web_search", input: { query: "q" } },
      },
      {
        type: "opaque",
        text: "",
        keep: { type: "web_search_tool_result", tool_use_id: "srv", content: [{ url: "u" }] },
      },
      { type: "opaque", text: "", keep: { type: "compaction", content: "summary" } },
    ],
  ],
  [
    "a block that was never started or stopped",
    [delta(0, { type: "text_delta", text: "x" })],
    [{ type: "text", text: "x" }],
  ],
  [
    "unknown events and deltas",
    [{ type: "news" }, ...texts.slice(0, 2), delta(0, { type: "odd" }), stop(0)],
    [{ type: "text", text: "hi" }],
  ],
  ["a start that is repeated at once", [start, ...texts], [{ type: "text", text: "hi" }]],
];
for (const [name, blocks, expected] of cases) {
  test(`a stream is read: ${name}`, () => {
    assert.deepEqual(parts([start, ...blocks, ...end("end_turn")]), expected);
  });
}

// Hard case 26.
const stops: readonly (readonly [raw: string | null, calls: boolean, unified: string])[] = [
  ["end_turn", false, "stop"],
  ["stop_sequence", false, "stop"],
  ["max_tokens", false, "length"],
  ["max_tokens", true, "length"],
  ["model_context_window_exceeded", false, "length"],
  ["refusal", false, "content-filter"],
  ["pause_turn", false, "other"],
  ["tool_use", true, "tool-calls"],
  ["end_turn", true, "tool-calls"],
  ["tool_use", false, "stop"],
  ["tomorrow", false, "other"],
  [null, false, "stop"],
];
for (const [raw, calls, unified] of stops) {
  test(`${raw} ${calls ? "after a call" : "after text"} is ${unified}`, () => {
    const call = [block(0, { type: "tool_use", id: "a", name: "f", input: {} }), stop(0)];
    const events = decode([start, ...(calls ? call : texts), ...end(raw)].map(wire));
    assert.equal(foldAnswer(events).candidates.get(0)?.finish?.unified, unified);
  });
}

test("the stop string and a refusal's details are kept", () => {
  const stopped = decode([start, ...texts, ...end("stop_sequence", { stop_sequence: "END" })].map(wire));
  assert.deepEqual(foldAnswer(stopped).candidates.get(0)?.finish, {
    unified: "stop",
    raw: "stop_sequence",
    stopSequence: "END",
  });
  const stop_details = { type: "refusal", category: "cyber", explanation: "no" };
  const refused = decode([start, ...end("refusal", { stop_details })].map(wire));
  assert.deepEqual(foldAnswer(refused).candidates.get(0)?.extras, [
    { "anthropic-messages": { choice: { stop_details } } },
  ]);
});

// Hard cases 15 and 16.
const usages: readonly (readonly [string, JsonObject, JsonObject])[] = [
  [
    "the output alone",
    { output_tokens: 7 },
    { inputTokens: 18, outputTokens: 7, cacheReadTokens: 5, cacheWriteTokens: 3 },
  ],
  [
    "null changes nothing",
    { input_tokens: null, output_tokens: 7 },
    { inputTokens: 18, outputTokens: 7, cacheReadTokens: 5, cacheWriteTokens: 3 },
  ],
  [
    "everything anew",
    {
      input_tokens: 20,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 1,
      output_tokens: 7,
      output_tokens_details: { thinking_tokens: 2 },
    },
    { inputTokens: 21, outputTokens: 7, cacheReadTokens: 0, cacheWriteTokens: 1, reasoningTokens: 2 },
  ],
];
for (const [name, usage, expected] of usages) {
  test(`usage at the end: ${name}`, () => {
    const events = decode([start, ...texts, ...end("end_turn", {}, usage)].map(wire));
    assert.deepEqual(foldAnswer(events).usage, expected);
  });
}

test("usage that nobody told is unknown", () => {
  const events = decode([{ type: "message_start", message: {} }, ...texts, ...end("end_turn", {}, {})].map(wire));
  assert.deepEqual(foldAnswer(events).usage, {});
});

// Hard cases 23 and 24.
const broken: readonly (readonly [name: string, events: readonly WireEvent[], kind: string])[] = [
  [
    "an error first",
    [wire({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } })],
    "overloaded",
  ],
  [
    "an error in the midst",
    [start, ...texts, { type: "error", error: { type: "api_error", message: "x" } }].map(wire),
    "upstream-error",
  ],
  ["no end", [start, ...texts].map(wire), "broken-stream"],
  ["a reason and no end", [start, ...texts, ...end("end_turn").slice(0, 1)].map(wire), "broken-stream"],
  ["another start in the midst", [start, ...texts, start, ...texts, ...end("end_turn")].map(wire), "broken-stream"],
  ["what is no JSON", [wire(start), { event: "content_block_delta", data: "{" }], "broken-stream"],
  ["nothing", [], "broken-stream"],
];
for (const [name, events, kind] of broken) {
  test(`a stream that breaks is a failure to the decoder and to the tap: ${name}`, () => {
    assert.equal(failureOf(decode(events))?.kind, kind);
    const tap = anthropicMessages.egress.tap({ dropUsageEvent: false });
    for (const event of events) tap.event(event);
    assert.equal(tap.end(), "");
    assert.equal(tap.seen.failure?.kind, kind);
    assert.equal(tap.seen.finished, false);
  });
}

test("a failure that comes first is seen before anything meaningful", () => {
  const tap = anthropicMessages.egress.tap({ dropUsageEvent: false });
  assert.equal(tap.event(wire(start)), "pass");
  assert.equal(tap.event(wire(ping)), "pass");
  assert.equal(tap.event(wire({ type: "error", error: { type: "rate_limit_error", message: "x" } })), "drop");
  assert.deepEqual([tap.seen.started, tap.seen.failure?.kind], [false, "rate-limited"]);
  assert.equal(tap.event(wire(texts[0] ?? {})), "drop");
});

test("a complete stream passes the tap and is accounted", () => {
  const tap = anthropicMessages.egress.tap({ dropUsageEvent: false });
  const verdicts = [start, ping, ...texts, ...end("end_turn")].map((body) => tap.event(wire(body)));
  assert.equal(tap.end(), "");
  assert.ok(verdicts.every((verdict) => verdict === "pass"));
  assert.deepEqual(tap.seen, {
    started: true,
    finished: true,
    done: true,
    finish: { unified: "stop", raw: "end_turn" },
    usage: { inputTokens: 18, outputTokens: 7, cacheReadTokens: 5, cacheWriteTokens: 3 },
    model: "claude-x",
  });
});

const meaningful: readonly (readonly [JsonObject, boolean])[] = [
  [start, false],
  [ping, false],
  [block(0, { type: "text", text: "" }), false],
  [block(0, { type: "thinking", thinking: "" }), false],
  [delta(0, { type: "text_delta", text: "" }), false],
  [delta(0, { type: "text_delta", text: "x" }), true],
  [delta(0, { type: "thinking_delta", thinking: "x" }), true],
  [block(0, { type: "tool_use", id: "a", name: "f", input: {} }), true],
  [block(0, { type: "server_tool_use", id: "a" }), true],
  [block(0, { type: "redacted_thinking", data: "d" }), true],
  [end("end_turn")[0] ?? {}, true],
];
for (const [body, started] of meaningful) {
  test(`${JSON.stringify(body).slice(0, 90)} ${started ? "starts" : "does not start"} an answer`, () => {
    const tap = anthropicMessages.egress.tap({ dropUsageEvent: false });
    tap.event(wire(body));
    assert.equal(tap.seen.started, started);
  });
}

test("an error inside a whole answer of status 200 is a failure", () => {
  const body = { type: "error", error: { type: "overloaded_error", message: "x" } };
  assert.equal(failureOf(readAnswer(anthropicMessages, body))?.kind, "overloaded");
  assert.equal(failureOf(readAnswer(anthropicMessages, { type: "message" }))?.kind, "bad-response");
  for (const [answer, kind] of [
    [body, "overloaded"],
    [{}, "bad-response"],
  ] as const) {
    const tap = anthropicMessages.egress.tap({ dropUsageEvent: false });
    tap.whole(answer);
    assert.equal(tap.seen.failure?.kind, kind);
  }
});

test("blocks that stand in the start already are read", () => {
  const message: JsonObject = { id: "msg_1", content: [{ type: "tool_use", id: "a", name: "f", input: { x: 1 } }] };
  assert.deepEqual(
    parts([{ type: "message_start", message }, ...texts, ...end("tool_use")]).map(({ text }) => text),
    ['{"x":1}', "hi"],
  );
});
