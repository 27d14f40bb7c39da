import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { unseal } from "../shared/carrier.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { anthropicMessages } from "./index.ts";
import { context } from "../shared/support.test.ts";
import { accept, bodiesOf, bodyOf, encode } from "./support.test.ts";

const begin = (part: number, head: PartHead): AnswerEvent => ({ type: "part-start", candidate: 0, part, head });
const say = (part: number, value: string): AnswerEvent => ({ type: "part-delta", candidate: 0, part, text: value });
const over = (part: number, rest: Partial<Extract<AnswerEvent, { type: "part-end" }>> = {}): AnswerEvent => ({
  type: "part-end",
  candidate: 0,
  part,
  ...rest,
});
const finish = (
  unified: "stop" | "tool-calls" | "content-filter" | "length" | "other",
  raw = "x",
  stopSequence?: string,
): AnswerEvent => ({
  type: "finish",
  candidate: 0,
  reason: { unified, raw, ...(stopSequence === undefined ? {} : { stopSequence }) },
});
const call = (id: string, name = "f"): PartHead => ({ type: "tool-call", id, name, tool: "function" });
const hello: readonly AnswerEvent[] = [
  { type: "start", id: "a", model: "n" },
  begin(0, { type: "text" }),
  say(0, "hi"),
  over(0),
];

const contentOf = (events: readonly AnswerEvent[]) => arrayOf(accept(encode(events))?.["content"]);

// Hard case 1.
test("usage that comes after the finish is in the one message_delta, which waits for it", () => {
  const machine = anthropicMessages.ingress.streamEncoder(context());
  const early = [...hello, finish("stop")].flatMap((event) => machine.push(event)).join("");
  assert.doesNotMatch(early, /message_delta|message_stop/);
  assert.deepEqual(
    machine.push({ type: "usage", usage: { inputTokens: 10, cacheReadTokens: 4, outputTokens: 3 } }),
    [],
  );
  const [delta = "", stop = ""] = machine.end();
  assert.match(delta, /^event: message_delta\n/);
  assert.match(stop, /^event: message_stop\n/);
  const { usage } = JSON.parse(delta.split("data: ")[1] ?? "");
  // Hard case 15.
  assert.deepEqual(usage, { input_tokens: 6, cache_read_input_tokens: 4, output_tokens: 3 });
});

test("input that is known at the start is told at the start, and is never negative", () => {
  const [start] = bodiesOf(
    encode([
      { type: "start" },
      { type: "usage", usage: { inputTokens: 3, cacheReadTokens: 5 } },
      ...hello.slice(1),
      finish("stop"),
    ]),
  );
  assert.deepEqual(objectOf(start?.["message"])?.["usage"], {
    input_tokens: 0,
    cache_read_input_tokens: 5,
    output_tokens: 0,
  });
});

// Hard case 3.
test("calls that overlap are written one after the other", () => {
  const content = contentOf([
    begin(0, call("a")),
    say(0, '{"x"'),
    begin(1, call("b", "g")),
    say(1, "{"),
    say(0, ":1}"),
    say(1, "}"),
    over(0),
    over(1),
    finish("tool-calls"),
  ]);
  assert.deepEqual(content, [
    { type: "tool_use", id: "a", name: "f", input: { x: 1 } },
    { type: "tool_use", id: "b", name: "g", input: {} },
  ]);
});

// Hard case 4.
test("a call always has an id, one without a name is none, and only a call ends in tool_use", () => {
  const message = accept(
    encode([begin(0, call("")), over(0), begin(1, call("b", "")), say(1, "{}"), over(1), finish("tool-calls")]),
  );
  assert.deepEqual(message?.["content"], [{ type: "tool_use", id: "toolu_request-1_0", name: "f", input: {} }]);
  assert.equal(accept(encode([begin(0, call("b", "")), over(0), finish("tool-calls")]))?.["stop_reason"], "end_turn");
});

test("a call without arguments sends one empty piece", () => {
  const deltas = bodiesOf(encode([begin(0, call("a")), over(0), finish("tool-calls")])).filter(
    ({ type }) => type === "content_block_delta",
  );
  assert.deepEqual(
    deltas.map(({ delta }) => delta),
    [{ type: "input_json_delta", partial_json: "" }],
  );
});

test("free text of a custom tool becomes an object", () => {
  const head: PartHead = { type: "tool-call", id: "a", name: "f", tool: "custom" };
  assert.deepEqual(contentOf([begin(0, head), say(0, 'a"'), say(0, "b"), over(0), finish("tool-calls")]), [
    { type: "tool_use", id: "a", name: "f", input: { input: 'a"b' } },
  ]);
});

test("reasoning bears the vendor's own signature, or a sealed one that can be restored", () => {
  const reasoning = begin(0, { type: "reasoning" });
  const own = { "anthropic-messages": { signature: "s" } };
  assert.deepEqual(contentOf([reasoning, say(0, "t"), over(0, { keep: own }), finish("stop")]), [
    { type: "thinking", thinking: "t", signature: "s" },
  ]);
  const carried = { keep: { gemini: { thoughtSignature: "g" } }, origin: "e" };
  const [block] = contentOf([reasoning, over(0, carried), finish("stop")]);
  assert.deepEqual(unseal(String(objectOf(block)?.["signature"])), carried);
  assert.deepEqual(contentOf([reasoning, over(0), ...hello.slice(1).map(shift), finish("stop")]), [
    { type: "text", text: "hi" },
  ]);
  const hidden = { "anthropic-messages": { data: "d" } };
  assert.deepEqual(contentOf([reasoning, over(0, { keep: hidden }), finish("stop")]), [
    { type: "redacted_thinking", data: "d" },
  ]);
});

const shift = (event: AnswerEvent): AnswerEvent => ("part" in event ? { ...event, part: event.part + 1 } : event);

test("blocks of the vendor's own go back whole, those of others are lost", () => {
  const block: JsonObject = { type: "server_tool_use", id: "s", name: "web_search", input: { query: "q" } };
  const opaque = begin(0, { type: "opaque" });
  assert.deepEqual(contentOf([opaque, over(0, { keep: { "anthropic-messages": block } }), finish("stop")]), [block]);
  const lost: string[] = [];
  const hearing = context({}, ({ field }) => void lost.push(field));
  const events = [opaque, over(0, { keep: { gemini: { type: "odd" } } }), finish("stop")];
  assert.deepEqual(accept(encode(events, hearing))?.["content"], []);
  assert.deepEqual(lost, ["odd"]);
});

test("citations are told, and an answer without any has no such field", () => {
  const keep = { "anthropic-messages": { citations: [{ url: "u" }] } };
  const events = [begin(0, { type: "text" }), say(0, "x"), over(0, { keep }), finish("stop")];
  assert.deepEqual(contentOf(events), [{ type: "text", text: "x", citations: [{ url: "u" }] }]);
  assert.deepEqual(contentOf([...hello, finish("stop")]), [{ type: "text", text: "hi" }]);
  const whole = (given: readonly AnswerEvent[]) =>
    JSON.parse(anthropicMessages.ingress.writeAnswer(given, context())).content;
  assert.deepEqual(whole(events), [{ citations: [{ url: "u" }], type: "text", text: "x" }]);
  assert.deepEqual(whole([...hello, finish("stop")]), [{ type: "text", text: "hi" }]);
});

// Hard case 26.
const stops: readonly (readonly [AnswerEvent, string, string | null])[] = [
  [finish("stop", "stop"), "end_turn", null],
  [finish("stop", "stop", "END"), "stop_sequence", "END"],
  [finish("stop", "tool_calls"), "end_turn", null],
  [finish("tool-calls", "stop"), "end_turn", null],
  [finish("length", "length"), "max_tokens", null],
  [finish("length", "model_context_window_exceeded"), "model_context_window_exceeded", null],
  [finish("content-filter", "SAFETY"), "refusal", null],
  [finish("other", "pause_turn"), "pause_turn", null],
  [finish("other", "odd"), "end_turn", null],
];
for (const [event, reason, sequence] of stops) {
  test(`${JSON.stringify(event.type === "finish" && event.reason)} is ${reason}`, () => {
    const message = accept(encode([...hello, event]));
    assert.deepEqual([message?.["stop_reason"], message?.["stop_sequence"]], [reason, sequence]);
    const whole = JSON.parse(anthropicMessages.ingress.writeAnswer([...hello, event], context()));
    assert.deepEqual([whole.stop_reason, whole.stop_sequence], [reason, sequence]);
  });
}

test("a refusal in words ends in refusal", () => {
  const message = accept(encode([begin(0, { type: "refusal" }), say(0, "no"), over(0), finish("stop", "stop")]));
  assert.equal(message?.["stop_reason"], "refusal");
  assert.deepEqual(message?.["content"], [{ type: "text", text: "no" }]);
});

// Hard case 23.
test("a broken answer ends in an error, never in a stop", () => {
  for (const events of [[], hello, [...hello, { type: "failure", failure: failure("overloaded", "x") } as const]]) {
    const written = encode(events);
    assert.equal(accept(written), undefined);
    assert.equal(written.at(-1)?.event, "error");
    assert.ok(written.every(({ event }) => event !== "message_delta" && event !== "message_stop"));
  }
});

test("an answer without content is a message", () => {
  const message = accept(encode([{ type: "start" }, finish("stop")]));
  assert.deepEqual([message?.["id"], message?.["model"], message?.["content"]], ["msg_request-1", "asked", []]);
});

test("the model is told by the name that the client asked for", () => {
  const [start] = encode([...hello, finish("stop")], { ...context(), echoModel: "alias" });
  assert.equal(start && objectOf(bodyOf(start)["message"])?.["model"], "alias");
});

test("another candidate is left out, with a loss", () => {
  const lost: string[] = [];
  const hearing = context({}, ({ field }) => void lost.push(field));
  encode([...hello, { type: "part-start", candidate: 1, part: 0, head: { type: "text" } }, finish("stop")], hearing);
  assert.deepEqual(lost, ["candidates"]);
});
