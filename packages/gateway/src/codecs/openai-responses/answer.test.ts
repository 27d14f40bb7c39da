import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerEvent, FinishReason, PartHead } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { seal, unseal } from "../shared/carrier.ts";
import { foldAnswer } from "../shared/fold.ts";
import { objectOf } from "../shared/json.ts";
import { context, decode, failureOf, readAnswer, watch } from "../shared/support.test.ts";
import { openaiResponses } from "./index.ts";
import { eventsOf, written } from "./support.test.ts";

const start: AnswerEvent = { type: "start", id: "chatcmpl-1", model: "real", created: 7 };
const finish = (unified: FinishReason["unified"], raw: string = unified): AnswerEvent => ({
  type: "finish",
  candidate: 0,
  reason: { unified, raw },
});
const part = (number: number, head: PartHead, text: string, keep?: Extra): AnswerEvent[] => [
  { type: "part-start", candidate: 0, part: number, head },
  { type: "part-delta", candidate: 0, part: number, text },
  { type: "part-end", candidate: 0, part: number, ...(keep && { keep }) },
];
const text: PartHead = { type: "text" };
const call = (id: string, name = "f", tool: "function" | "custom" = "function"): PartHead => ({
  type: "tool-call",
  id,
  name,
  tool,
});
const items = (response: JsonObject) => response["output"] as readonly JsonObject[];
const stateless = { store: false };

test("a text is told in the order that OpenAI's clients need", () => {
  const { events, response } = written([start, ...part(0, text, "Hi"), finish("stop")]);
  assert.deepEqual(
    events.map(({ type }) => type),
    [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ],
  );
  assert.equal(response["id"], "resp_request1");
  assert.equal(response["model"], "real");
  assert.equal((response["usage"] as JsonObject)["total_tokens"], 0);
});

test("case 3: interleaved calls become items one after the other", () => {
  const [startA, deltaA, endA] = part(0, call("a"), "{}");
  const [startB, deltaB, endB] = part(1, call("b", "g"), '{"x":1}');
  const mixed = [startA, startB, deltaB, deltaA, endB, endA].flatMap((event) => event ?? []);
  const { response } = written([start, ...mixed, finish("tool-calls")]);
  assert.deepEqual(
    items(response).map(({ call_id, arguments: given }) => [call_id, given]),
    [
      ["a", "{}"],
      ["b", '{"x":1}'],
    ],
  );
});

test("case 12: reasoning carries another vendor's state only to clients that ask for it", () => {
  const keep: Extra = { "anthropic-messages": { signature: "s" } };
  const events = [start, ...part(0, { type: "reasoning" }, "t", keep), finish("stop")];
  const [item] = items(written(events, stateless).response);
  assert.deepEqual(unseal(String(item?.["encrypted_content"])), { keep });
  assert.ok(!("encrypted_content" in (items(written(events).response)[0] ?? {})));
});

test("case 13: reasoning's own encrypted state goes back as it is", () => {
  const own: Extra = { "openai-responses": { id: "rs_1", encrypted_content: "gAAA", summary: [] } };
  const events = [start, ...part(0, { type: "reasoning" }, "t", own), finish("stop")];
  const asked = { include: ["reasoning.encrypted_content"] };
  assert.equal(items(written(events, asked).response)[0]?.["encrypted_content"], "gAAA");
});

test("case 17: ids of items are the same for the same answer, and fit", () => {
  const events = [start, ...part(0, text, "x"), ...part(1, call("a"), ""), finish("tool-calls")];
  const ids = () => items(written(events).response).map(({ id }) => String(id));
  assert.deepEqual(ids(), ["msg_pb0_request1", "fc_pb1_request1"]);
  assert.deepEqual(ids(), ids());
  const long = written([{ type: "start", id: `resp_${"a".repeat(90)}` }, ...part(0, text, "x"), finish("stop")]);
  assert.ok(String(items(long.response)[0]?.["id"]).length <= 64);
});

const endings: readonly (readonly [FinishReason["unified"], string, string | undefined])[] = [
  ["stop", "completed", undefined],
  ["tool-calls", "completed", undefined],
  ["other", "completed", undefined],
  ["length", "incomplete", "max_output_tokens"],
  ["content-filter", "incomplete", "content_filter"],
];
for (const [unified, status, reason] of endings) {
  test(`case 26: an end by ${unified} is ${status}`, () => {
    const { events, response } = written([start, ...part(0, text, "x"), finish(unified)]);
    assert.equal(events.at(-1)?.["type"], `response.${status}`);
    assert.equal(response["status"], status);
    assert.deepEqual(response["incomplete_details"], reason === undefined ? null : { reason });
    assert.equal(items(response)[0]?.["status"], status);
  });
}

test("case 23: a broken answer fails, and its unfinished call is no item", () => {
  const [begin, delta] = part(0, call("a"), '{"x');
  const cut = [start, begin, delta].flatMap((event) => event ?? []);
  const { events, response } = written(cut);
  assert.deepEqual(
    events.slice(-2).map(({ type }) => type),
    ["error", "response.failed"],
  );
  assert.deepEqual(response["output"], []);
  assert.equal(response["status"], "failed");
});

test("a failure is told in both shapes, with the code that Codex knows", () => {
  const { events, response } = written([
    start,
    { type: "failure", failure: failure("context-overflow", "prompt is too long") },
  ]);
  const error = events.at(-2);
  assert.equal(error?.["code"], "context_length_exceeded");
  assert.equal(objectOf(error?.["error"])?.["message"], "prompt is too long");
  assert.deepEqual(response["error"], { code: "context_length_exceeded", message: "prompt is too long" });
  const late = eventsOf(openaiResponses.ingress.writeStreamError(failure("overloaded", "x")));
  assert.deepEqual(
    late.map(({ type }) => type),
    ["error", "response.failed"],
  );
});

test("case 31: calls of custom tools and of tools in namespaces are what the client declared", () => {
  const request = {
    tools: [
      {
        type: "namespace",
        name: "n",
        tools: [
          { type: "function", name: "f" },
          { type: "custom", name: "g" },
        ],
      },
      { type: "function", name: "plain" },
    ],
  };
  const { response } = written(
    [
      start,
      ...part(0, call("a", "n__f"), "{}"),
      ...part(1, call("b", "n__g", "custom"), "free"),
      ...part(2, call("c", "x__plain"), ""),
      finish("tool-calls"),
    ],
    request,
  );
  assert.deepEqual(
    items(response).map(({ type, namespace, name, input }) => [type, namespace, name, input]),
    [
      ["function_call", "n", "f", undefined],
      ["custom_tool_call", "n", "g", "free"],
      ["function_call", "x", "plain", undefined],
    ],
  );
});

test("an opaque item of our own is told whole; another vendor's is lost, and reported", () => {
  const item = { type: "web_search_call", id: "ws_1", status: "completed" };
  const opaque: PartHead = { type: "opaque" };
  const { response, lost } = written([
    start,
    ...part(0, opaque, "", { "anthropic-messages": { x: 1 } }),
    ...part(1, opaque, "", { "openai-responses": { item } }),
    finish("stop"),
  ]);
  assert.deepEqual(response["output"], [item]);
  assert.deepEqual(lost, ["opaque"]);
});

test("an image of the model's is an image generation call", () => {
  const { response } = written([start, ...part(0, { type: "image", mediaType: "image/png" }, "AAAA"), finish("stop")]);
  assert.equal(items(response)[0]?.["result"], "AAAA");
});

test("a response repeats its request, as far as the backend does not know better", () => {
  const extra: Extra = { "openai-responses": { answer: { service_tier: "flex", temperature: 0.3 } } };
  const request = {
    store: false,
    temperature: 0,
    metadata: { a: "b" },
    tools: [{ type: "function", name: "f" }],
    conversation: "conv_1",
  };
  const { response } = written([{ type: "start", id: "uuid", extra }, ...part(0, text, "x"), finish("stop")], request);
  const { store, temperature, metadata, tools, conversation, service_tier, id } = response;
  assert.deepEqual(
    { store, temperature, metadata, tools, conversation, service_tier, id },
    {
      store: false,
      temperature: 0.3,
      metadata: { a: "b" },
      tools: [{ type: "function", name: "f", description: null, parameters: null, strict: null }],
      conversation: { id: "conv_1" },
      service_tier: "flex",
      id: "uuid",
    },
  );
});

const data = (...events: readonly Json[]) => events.map((event) => JSON.stringify(event));
const created: JsonObject = {
  type: "response.created",
  response: { id: "resp_1", model: "m", created_at: 5, output: [] },
};
const completed = (fields: JsonObject = {}): JsonObject => ({
  type: "response.completed",
  response: { status: "completed", output: [], ...fields },
});
const said = (events: readonly AnswerEvent[]) => {
  assert.equal(failureOf(events), undefined);
  const candidate = foldAnswer(events).candidates.get(0);
  return {
    parts: (candidate?.parts ?? []).map(({ head, text: whole }) =>
      head.type === "tool-call" ? [head.id, head.name, whole] : [head.type, whole],
    ),
    finish: candidate?.finish?.unified,
  };
};
const message = (content: string) => ({ type: "message", id: "m1", content: [{ type: "output_text", text: content }] });

const tolerated: readonly (readonly [string, readonly Json[], Json])[] = [
  [
    "no deltas",
    [created, { type: "response.output_item.done", output_index: 0, item: message("a") }, completed()],
    [["text", "a"]],
  ],
  ["nothing but the end", [completed({ output: [message("a")] })], [["text", "a"]]],
  [
    "no announcement",
    [{ type: "response.output_text.delta", item_id: "m1", delta: "a" }, completed({ output: [message("ab")] })],
    [["text", "ab"]],
  ],
  [
    "ids that change with each event",
    [
      { type: "response.output_item.added", output_index: 0, item: { type: "message", id: "1" } },
      { type: "response.output_text.delta", item_id: "2", output_index: 0, content_index: 0, delta: "a" },
      completed({ output: [{ ...message("a"), id: "3" }] }),
    ],
    [["text", "a"]],
  ],
  [
    "a call whose name and arguments come at its end",
    [
      { type: "response.function_call_arguments.delta", output_index: 0, item_id: "x", delta: "{" },
      {
        type: "response.output_item.done",
        output_index: 0,
        item: { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      },
      completed(),
    ],
    [["c", "f", "{}"]],
  ],
  [
    "a call with a namespace, and one without an id",
    [
      completed({
        output: [
          { type: "function_call", call_id: "c", namespace: "n", name: "f", arguments: "" },
          { type: "custom_tool_call", name: "g", input: "x" },
        ],
      }),
    ],
    [
      ["c", "n__f", ""],
      ["call_attempt-1_1", "g", "x"],
    ],
  ],
  [
    "raw reasoning of an open model",
    [
      { type: "response.output_item.added", output_index: 0, item: { type: "reasoning", id: "r" } },
      { type: "response.reasoning_text.delta", output_index: 0, content_index: 0, delta: "t" },
      completed(),
    ],
    [["reasoning", "t"]],
  ],
  [
    "a summary of several paragraphs",
    [
      completed({
        output: [
          {
            type: "reasoning",
            summary: [
              { type: "summary_text", text: "a" },
              { type: "summary_text", text: "b" },
            ],
          },
        ],
      }),
    ],
    [["reasoning", "a\n\nb"]],
  ],
  [
    "custom calls of hosted tools",
    [
      { type: "response.created", response: { tools: [{ type: "x_search" }] } },
      completed({
        output: [{ type: "custom_tool_call", call_id: "c", name: "x_keyword_search", input: "" }, message("a")],
      }),
    ],
    [
      ["opaque", ""],
      ["text", "a"],
    ],
  ],
];
for (const [name, events, parts] of tolerated) {
  test(`a stream is understood: ${name}`, () => {
    const read = said(decode(openaiResponses, data(...events)));
    assert.deepEqual(read.parts, parts);
    const calls = read.parts.some(([head]) => head?.startsWith("c"));
    assert.equal(read.finish, calls ? "tool-calls" : "stop");
    assert.equal(watch(openaiResponses, data(...events)).seen.finish?.unified, read.finish);
  });
}

const failing: readonly (readonly [string, readonly string[], string])[] = [
  [
    "case 24: an error first, wrapped",
    data({ type: "error", error: { type: "x", code: "server_is_overloaded", message: "busy" } }),
    "overloaded",
  ],
  [
    "case 24: an error first, flat",
    data({ type: "error", code: "rate_limit_exceeded", message: "slow" }),
    "rate-limited",
  ],
  ["an error without a type", data({ error: { message: "Incorrect API key provided" } }), "upstream-auth"],
  [
    "a failed response",
    data(created, {
      type: "response.failed",
      response: { status: "failed", error: { code: "context_length_exceeded", message: "x" } },
    }),
    "context-overflow",
  ],
  ["a failed response that gives no reason", data({ type: "response.failed" }), "upstream-error"],
  ["a cancelled response", data({ type: "response.cancelled", response: { status: "cancelled" } }), "upstream-error"],
  ["case 23: no end", data(created), "broken-stream"],
  ["case 23: [DONE] without an end", [...data(created), "[DONE]"], "broken-stream"],
  ["no JSON", ["{"], "broken-stream"],
];
for (const [name, lines, kind] of failing) {
  test(`a stream is a failure for decoder and tap: ${name}`, () => {
    assert.equal(failureOf(decode(openaiResponses, lines))?.kind, kind);
    assert.equal(watch(openaiResponses, lines).seen.failure?.kind, kind);
  });
}

test("the digits of large numbers in a stream's items are kept", () => {
  const call = '{"type":"function_call","call_id":"a","name":"f","arguments":{"id":9007199254740993}}';
  const lines = [
    `{"type":"response.output_item.done","output_index":0,"item":${call}}`,
    '{"type":"response.completed","response":{"status":"completed"}}',
  ];
  const [part] = foldAnswer(decode(openaiResponses, lines)).candidates.get(0)?.parts ?? [];
  assert.equal(part?.text, '{"id":9007199254740993}');
});

const unanswered: readonly (readonly [JsonObject, string])[] = [
  [{}, "bad-response"],
  [{ status: "queued", output: [] }, "bad-response"],
  [{ status: "failed", error: { code: "server_error", message: "x" }, output: [] }, "upstream-error"],
  [{ error: { code: "insufficient_quota", message: "x" } }, "quota-exhausted"],
];
for (const [body, kind] of unanswered) {
  test(`a body is no answer: ${JSON.stringify(body)}`, () => {
    assert.equal(failureOf(readAnswer(openaiResponses, body))?.kind, kind);
    const tap = openaiResponses.egress.tap({ dropUsageEvent: false });
    tap.whole(body);
    assert.equal(tap.seen.failure?.kind, kind);
  });
}

test("case 26: an incomplete response tells its reason, an unknown one counts as a limit", () => {
  const ends = ["max_output_tokens", "content_filter", "tomorrow"].map((reason) => {
    const events = data({
      type: "response.incomplete",
      response: { status: "incomplete", incomplete_details: { reason }, output: [message("a")] },
    });
    return said(decode(openaiResponses, events)).finish;
  });
  assert.deepEqual(ends, ["length", "content-filter", "length"]);
});

test("the tap tells what was used, by whom, and drops what comes after the end", () => {
  const usage = {
    input_tokens: 9,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens: 3,
    output_tokens_details: { reasoning_tokens: 1 },
  };
  const added = { type: "response.output_item.added", output_index: 0, item: { type: "message" } };
  const tap = openaiResponses.egress.tap({ dropUsageEvent: false });
  const look = (event: Json) => tap.event({ event: "", data: JSON.stringify(event) });
  assert.deepEqual([look(created), look(added), tap.seen.started], ["pass", "pass", false]);
  look({ type: "response.output_text.delta", delta: "a" });
  assert.equal(tap.seen.started, true);
  assert.equal(look(completed({ usage })), "pass");
  assert.equal(tap.event({ event: "", data: "[DONE]" }), "drop");
  assert.equal(tap.end(), "");
  assert.deepEqual(tap.seen, {
    started: true,
    finished: true,
    done: true,
    model: "m",
    finish: { unified: "stop", raw: "completed" },
    usage: { inputTokens: 9, outputTokens: 3, cacheReadTokens: 4, reasoningTokens: 1 },
  });
});

test("an answer is the fold of its stream", () => {
  const events = [
    start,
    ...part(0, { type: "reasoning" }, "t"),
    ...part(1, text, "x"),
    finish("length"),
    { type: "usage", usage: { inputTokens: 4 } } as const,
  ];
  const whole: JsonObject = JSON.parse(openaiResponses.ingress.writeAnswer(events, context(stateless)));
  assert.deepEqual(whole, written(events, stateless).response);
  assert.equal(items(whole)[0]?.["encrypted_content"], seal({}));
});
