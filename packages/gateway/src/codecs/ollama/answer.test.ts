import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerEvent, FinishReason } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { foldAnswer } from "../shared/fold.ts";
import { decode, failureOf, readAnswer, watch } from "../shared/support.test.ts";
import { ollama } from "./index.ts";
import { bodyOf, linesOf, listening, typesOf } from "./support.test.ts";

const head = { model: "qwen3", created_at: "2025-10-26T17:15:24.097767Z" };
const line = (message: JsonObject, more: JsonObject = { done: false }) =>
  JSON.stringify({ ...head, message: { role: "assistant", content: "", ...message }, ...more });
const last = (more: JsonObject = {}) => line({}, { done: true, done_reason: "stop", ...more });
const call = (name: string, args: unknown, more: JsonObject = {}) =>
  ({ function: { name, arguments: args }, ...more }) as JsonObject;

/** Trimmed from Ollama's own documentation. */
const stream = [
  line({ thinking: "Let " }),
  line({ thinking: "me" }),
  line({ content: "It is " }),
  line({ content: "22" }),
  line({ tool_calls: [call("get_weather", { city: "Tokyo" }, { id: "call_x" })] }),
  last({
    total_duration: 182_242_375,
    load_duration: 41_295_167,
    prompt_eval_count: 169,
    prompt_eval_duration: 24_573_166,
    eval_count: 15,
    eval_duration: 115_959_084,
  }),
];

/** The parts of an answer: what each is, and its text. */
function partsOf(events: readonly AnswerEvent[]) {
  const parts = foldAnswer(events).candidates.get(0)?.parts ?? [];
  return parts.map(({ head: { type }, text }) => [type, text]);
}

function finishOf(events: readonly AnswerEvent[]): FinishReason | undefined {
  return foldAnswer(events).candidates.get(0)?.finish;
}

test("a stream is decoded: thinking, text, a call, counts, and why it ended", () => {
  const events = decode(ollama, stream);
  assert.deepEqual(events[0], { type: "start", model: "qwen3", created: 1_761_498_924 });
  assert.deepEqual(partsOf(events), [
    ["reasoning", "Let me"],
    ["text", "It is 22"],
    ["tool-call", '{"city":"Tokyo"}'],
  ]);
  assert.deepEqual(foldAnswer(events).usage, { inputTokens: 169, outputTokens: 15 });
  assert.deepEqual(typesOf(events).slice(-2), ["usage", "finish"]);
});

test("hard case 5: a turn with calls ends in calls, though Ollama says stop", () => {
  assert.deepEqual(finishOf(decode(ollama, stream)), { unified: "tool-calls", raw: "stop" });
  assert.deepEqual(watch(ollama, stream).seen.finish, { unified: "tool-calls", raw: "stop" });
});

const finishes: readonly (readonly [word: string | undefined, unified: string, written: string])[] = [
  ["stop", "stop", "stop"],
  ["length", "length", "length"],
  ["load", "other", "load"],
  ["unload", "other", "unload"],
  ["", "stop", "stop"],
  [undefined, "stop", "stop"],
  ["weird", "other", "stop"],
];

for (const [raw, unified, word] of finishes) {
  test(`hard case 26: done_reason ${raw ?? "absent"} is ${unified}, and written as ${word}`, () => {
    const data = line({ content: "a" }, { done: true, ...(raw !== undefined && { done_reason: raw }) });
    const events = decode(ollama, [data]);
    assert.deepEqual(finishOf(events), { unified, raw: raw ?? "" });
    assert.equal(linesOf(ollama, events).at(-1)?.["done_reason"], word);
  });
}

const foreign: readonly (readonly [FinishReason, word: string, lost: readonly string[]])[] = [
  [{ unified: "length", raw: "max_tokens" }, "length", []],
  [{ unified: "stop", raw: "length" }, "stop", []],
  [{ unified: "stop", raw: "stop_sequence", stopSequence: "x" }, "stop", []],
  [{ unified: "content-filter", raw: "SAFETY" }, "stop", ["finish"]],
  [{ unified: "other", raw: "pause_turn" }, "stop", []],
];

for (const [reason, word, losses] of foreign) {
  test(`hard case 26: another vendor's ${reason.raw} for ${reason.unified} is written as ${word}`, () => {
    const { context, lost } = listening();
    const events: AnswerEvent[] = [{ type: "start" }, { type: "finish", candidate: 0, reason }];
    assert.equal(linesOf(ollama, events, context).at(-1)?.["done_reason"], word);
    assert.deepEqual(lost, losses);
    assert.equal(bodyOf(ollama.ingress.writeAnswer(events, context))["done_reason"], word);
  });
}

test("hard case 15: counts that Ollama leaves out stay unknown, and none is made up for the client", () => {
  const events = decode(ollama, [last({ eval_count: 3 })]);
  assert.deepEqual(foldAnswer(events).usage, { outputTokens: 3 });
  assert.deepEqual(foldAnswer(decode(ollama, [last()])).usage, undefined);
  const written = linesOf(ollama, events).at(-1) ?? {};
  assert.equal(written["eval_count"], 3);
  assert.ok(!("prompt_eval_count" in written) && !("total_duration" in written));
});

test("hard case 15: what another vendor read from its cache is part of the prompt", () => {
  const usage = { inputTokens: 100, cacheReadTokens: 90, outputTokens: 7, reasoningTokens: 5 };
  const events: AnswerEvent[] = [
    { type: "finish", candidate: 0, reason: { unified: "stop", raw: "stop" } },
    { type: "usage", usage },
  ];
  const final = linesOf(ollama, events).at(-1) ?? {};
  assert.deepEqual([final["prompt_eval_count"], final["eval_count"]], [100, 7], "also where they come late");
});

test("several calls, in one line or in several, are calls of their own", () => {
  const events = decode(ollama, [
    line({ tool_calls: [call("a", {}), call("b", { x: 1 })] }),
    line({ tool_calls: [call("a", {})] }),
    last(),
  ]);
  assert.deepEqual(partsOf(events), [
    ["tool-call", "{}"],
    ["tool-call", '{"x":1}'],
    ["tool-call", "{}"],
  ]);
  const ids = events.flatMap((event) =>
    event.type === "part-start" && event.head.type === "tool-call" ? [event.head.id] : [],
  );
  assert.deepEqual(ids, ["call_attempt-1_0", "call_attempt-1_1", "call_attempt-1_2"]);
});

test("hard case 19: arguments keep the digits of long integers both ways", () => {
  const data = `{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"id":9007199254740993}}}]},"done":true}`;
  const events = decode(ollama, [data]);
  assert.deepEqual(partsOf(events), [["tool-call", '{"id":9007199254740993}']]);
  assert.deepEqual(partsOf(readAnswer(ollama, bodyOf(data))), partsOf(events));
  const { context } = listening();
  assert.match(JSON.stringify(linesOf(ollama, events, context)), /"arguments":\{"id":9007199254740993\}/);
  assert.match(ollama.ingress.writeAnswer(events, context), /"arguments":\{"id":9007199254740993\}/);
});

const oddArguments: readonly (readonly [given: unknown, text: string])[] = [
  [null, "{}"],
  [undefined, "{}"],
  ["", "{}"],
  ['{"a": 1}', '{"a": 1}'],
];

for (const [given, text] of oddArguments) {
  test(`hard case 19: arguments ${JSON.stringify(given)} of a lenient server read as ${text}`, () => {
    assert.deepEqual(partsOf(decode(ollama, [line({ tool_calls: [call("f", given)] }), last()])), [
      ["tool-call", text],
    ]);
  });
}

/** A call as another backend streams it. */
const streamedCall = (pieces: readonly string[], part = 0): AnswerEvent[] => [
  { type: "part-start", candidate: 0, part, head: { type: "tool-call", id: `c${part}`, name: "f", tool: "function" } },
  ...pieces.map((text): AnswerEvent => ({ type: "part-delta", candidate: 0, part, text })),
  { type: "part-end", candidate: 0, part },
];
const finished = (unified: FinishReason["unified"]): AnswerEvent => ({
  type: "finish",
  candidate: 0,
  reason: { unified, raw: unified },
});

test("a call that was streamed in pieces is written whole, with arguments as an object", () => {
  const lines = linesOf(ollama, [
    { type: "start" },
    ...streamedCall(['{"a":', "1}"]),
    ...streamedCall([], 1),
    finished("tool-calls"),
  ]);
  assert.deepEqual(
    lines.map(({ message }) => message),
    [
      {
        role: "assistant",
        content: "",
        tool_calls: [{ id: "c0", function: { index: 0, name: "f", arguments: { a: 1 } } }],
      },
      { role: "assistant", content: "", tool_calls: [{ id: "c1", function: { index: 1, name: "f", arguments: {} } }] },
      { role: "assistant", content: "" },
    ],
  );
});

test("arguments that are no object are reported, and stay readable", () => {
  const { context, lost } = listening();
  const events = [...streamedCall(["{oops"]), finished("tool-calls")];
  assert.match(JSON.stringify(linesOf(ollama, events, context)), /"arguments":\{"input":"\{oops"\}/);
  assert.deepEqual(lost, ["tool-call.arguments"]);
});

test("every line has what the strictest client checks, and only the last is done", () => {
  const events: AnswerEvent[] = [
    { type: "start", id: "x", extra: { "openai-chat": { answer: { system_fingerprint: "f" } } } },
    { type: "part-start", candidate: 0, part: 0, head: { type: "reasoning" } },
    { type: "part-delta", candidate: 0, part: 0, text: "hm" },
    { type: "part-end", candidate: 0, part: 0, keep: { "anthropic-messages": { signature: "s" } } },
    { type: "part-start", candidate: 0, part: 1, head: { type: "refusal" } },
    { type: "part-delta", candidate: 0, part: 1, text: "no" },
    { type: "part-end", candidate: 0, part: 1 },
    { type: "part-start", candidate: 0, part: 2, head: { type: "opaque" } },
    { type: "part-end", candidate: 0, part: 2, keep: { "anthropic-messages": {} } },
    ...streamedCall(["{}"], 3),
    finished("tool-calls"),
  ];
  const { context, lost } = listening();
  const lines = linesOf(ollama, events, context);
  for (const { model, created_at, message } of lines) {
    assert.deepEqual([model, created_at], ["asked", "2023-11-14T22:13:20.000Z"]);
    assert.ok(typeof message === "object" && message !== null && "role" in message && "content" in message);
    assert.equal(message.role, "assistant");
    assert.equal(typeof message.content, "string");
  }
  assert.deepEqual(
    lines.map(({ done }) => done),
    [false, false, false, true],
  );
  assert.deepEqual(lost, ["refusal", "opaque"]);
  assert.deepEqual(bodyOf(ollama.ingress.writeAnswer(events, context)), {
    model: "asked",
    created_at: "2023-11-14T22:13:20.000Z",
    message: {
      role: "assistant",
      content: "no",
      thinking: "hm",
      tool_calls: [{ id: "c3", function: { index: 0, name: "f", arguments: {} } }],
    },
    done: true,
    done_reason: "stop",
  });
});

test("hard case 30: durations in nanoseconds and Ollama's own fields come out as they came in", () => {
  const whole = {
    ...head,
    created_at: "2025-10-26T17:15:24.000Z",
    remote_model: "r",
    message: { role: "assistant", content: "a", thinking: "b", tool_name: "t", images: ["iVBORw0KGgoA"] },
    logprobs: [{ token: "a", logprob: -0.5, top_logprobs: [] }],
    done: true,
    done_reason: "length",
    total_duration: 5,
    load_duration: 4,
    prompt_eval_count: 1,
    prompt_eval_duration: 3,
    eval_count: 2,
    eval_duration: 2,
  };
  assert.deepEqual(bodyOf(ollama.ingress.writeAnswer(readAnswer(ollama, whole), listening().context)), whole);
  const final = linesOf(ollama, decode(ollama, stream)).at(-1) ?? {};
  assert.equal(final["total_duration"], 182_242_375);
  assert.deepEqual(final["message"], { role: "assistant", content: "" });
});

test("probabilities come with the text whose tokens they are", () => {
  const logprobs = [{ token: "a", logprob: -0.5 }];
  const events = decode(ollama, [
    line({ content: "a" }, { done: false, logprobs }),
    line({}, { done: false, logprobs }),
    last(),
  ]);
  const deltas = events.flatMap((event) => (event.type === "part-delta" ? [[event.text, event.logprobs]] : []));
  assert.deepEqual(deltas, [
    ["a", { content: logprobs }],
    ["", { content: logprobs }],
  ]);
  assert.deepEqual(
    linesOf(ollama, events).map((each) => each["logprobs"]),
    [logprobs, logprobs, undefined],
  );
});

test("a time that no date can tell does no harm", () => {
  const events: AnswerEvent[] = [{ type: "start", created: Number.MAX_SAFE_INTEGER }, finished("stop")];
  assert.equal(linesOf(ollama, events)[0]?.["created_at"], "+275760-09-13T00:00:00.000Z");
  assert.deepEqual(decode(ollama, ['{"created_at":"yesterday","message":{}}'])[0], { type: "start" });
});

test("the model that the client asked for is told where that is wanted", () => {
  const { context } = listening();
  const echoing = { ...context, echoModel: "mine" };
  const events = decode(ollama, stream);
  assert.deepEqual(new Set(linesOf(ollama, events, echoing).map(({ model }) => model)), new Set(["mine"]));
  assert.equal(bodyOf(ollama.ingress.writeAnswer(events, echoing))["model"], "mine");
});

test("of several answers the first is written, and the others are reported", () => {
  const events: AnswerEvent[] = [finished("stop"), { ...finished("stop"), candidate: 1 } as AnswerEvent];
  for (const write of [
    linesOf,
    (codec: typeof ollama, each: AnswerEvent[], to: ReturnType<typeof listening>["context"]) =>
      codec.ingress.writeAnswer(each, to),
  ]) {
    const { context, lost } = listening();
    write(ollama, events, context);
    assert.deepEqual(lost, ["candidates"]);
  }
});

const broken: readonly (readonly [what: string, data: readonly string[], kind: string])[] = [
  ["nothing", [], "broken-stream"],
  ["no last line", stream.slice(0, -1), "broken-stream"],
  ["half a line", [stream[0] ?? "", '{"model":'], "broken-stream"],
  ["a line that is no object", ["7"], "broken-stream"],
  [
    "an error at its beginning (hard case 24)",
    ['{"error":"server busy, please try again.  maximum pending requests exceeded"}'],
    "overloaded",
  ],
  ["an error in its middle", [stream[0] ?? "", '{"error":"model runner has unexpectedly stopped"}'], "upstream-error"],
  ["progress of something else", ['{"status":"pulling manifest"}', '{"status":"success"}'], "broken-stream"],
];

for (const [what, data, kind] of broken) {
  test(`hard case 23: a stream with ${what} is a failure, and never done`, () => {
    const events = decode(ollama, data);
    assert.equal(failureOf(events)?.kind, kind);
    assert.equal(watch(ollama, data).seen.failure?.kind, kind);
    const lines = linesOf(ollama, events);
    assert.ok(lines.every(({ done }) => done !== true));
    assert.equal(typeof lines.at(-1)?.["error"], "string");
  });
}

test("hard case 23: a call that was cut off is never written", () => {
  const [start, delta] = streamedCall(['{"a":']);
  assert.ok(start !== undefined && delta !== undefined);
  for (const end of [[], [{ type: "failure", failure: { kind: "broken-stream", message: "cut" } }] as const]) {
    const lines = linesOf(ollama, [start, delta, ...end]);
    assert.deepEqual(
      lines.map((each) => Object.keys(each)),
      [["error", "code"]],
    );
  }
});

test("nothing behind the last line counts", () => {
  const events = decode(ollama, [...stream, stream[0] ?? "", '{"error":"late"}']);
  assert.equal(events.at(-1)?.type, "finish");
  const { seen, verdicts } = watch(ollama, [...stream, stream[0] ?? ""]);
  assert.deepEqual([seen.done, seen.failure, verdicts.at(-1)], [true, undefined, "drop"]);
});

test("what is watched is what is decoded: usage, model, and when the answer begins", () => {
  const { seen } = watch(ollama, stream);
  assert.deepEqual([seen.usage, seen.model, seen.finished], [{ inputTokens: 169, outputTokens: 15 }, "qwen3", true]);
  const begins = (data: string) => watch(ollama, [data]).seen.started;
  assert.deepEqual(
    [line({}), line({ thinking: "a" }), line({ content: "a" }), line({ tool_calls: [call("f", {})] }), last()].map(
      begins,
    ),
    [false, true, true, true, true],
  );
});

const wholes: readonly (readonly [what: string, body: JsonObject, failure: string | undefined])[] = [
  ["a whole answer", bodyOf(line({ content: "a" }, { done: true })), undefined],
  ["an answer that does not say whether it is done", bodyOf(line({ content: "a" }, {})), undefined],
  ["an answer that is not done", bodyOf(line({ content: "a" }, { done: false })), "bad-response"],
  ["no message", { model: "m" }, "bad-response"],
  ["an error", { error: "model 'x' not found" }, "model-not-found"],
];

for (const [what, body, kind] of wholes) {
  test(`an unstreamed body with ${what} is ${kind ?? "read"}`, () => {
    assert.equal(failureOf(readAnswer(ollama, body))?.kind, kind);
    const tap = ollama.egress.tap({ dropUsageEvent: false });
    tap.whole(body);
    assert.equal(tap.seen.failure?.kind, kind);
    assert.equal(tap.seen.done, kind === undefined);
  });
}
