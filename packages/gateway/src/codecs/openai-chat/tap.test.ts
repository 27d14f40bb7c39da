import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dialect, RequestView } from "../../kernel/codec.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { watch } from "../shared/support.test.ts";
import { openaiChat } from "./index.ts";

const content = '{"model":"m","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"usage":null}';
const finish = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}';
const usage = '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}';

test("a complete stream passes and is accounted", () => {
  const { seen, verdicts, end } = watch(openaiChat, [content, finish, usage, "[DONE]"]);
  assert.deepEqual(seen, {
    started: true,
    finished: true,
    done: true,
    finish: { unified: "stop", raw: "stop" },
    usage: { inputTokens: 3, outputTokens: 2 },
    model: "m",
  });
  assert.deepEqual(verdicts, ["pass", "pass", "pass", "pass"]);
  assert.equal(end, "");
});

test("the usage event that only we asked for is dropped, and counted", () => {
  const { seen, verdicts } = watch(openaiChat, [content, finish, usage, "[DONE]"], true);
  assert.deepEqual(verdicts, ["pass", "pass", "drop", "pass"]);
  assert.equal(seen.usage?.inputTokens, 3);
});

test("usage beside content is no usage event", () => {
  const { verdicts } = watch(openaiChat, [content.replace("null}", '{"prompt_tokens":1}}'), '{"choices":[]}'], true);
  assert.deepEqual(verdicts, ["pass", "pass"]);
});

test("a missing [DONE] is added, once", () => {
  const tap = openaiChat.egress.tap({ dropUsageEvent: false });
  for (const data of [content, finish]) tap.event({ event: "", data });
  assert.equal(tap.seen.done, false);
  assert.equal(tap.end(), "data: [DONE]\n\n");
  assert.equal(tap.seen.done, true);
});

const meaningful: readonly (readonly [string, boolean])[] = [
  ['{"delta":{"role":"assistant","content":""}}', false],
  ['{"delta":{"content":null,"refusal":null,"tool_calls":[]}}', false],
  ['{"delta":{}}', false],
  ['{"delta":{"content":"x"}}', true],
  ['{"delta":{"content":[{"type":"text","text":"x"}]}}', true],
  ['{"delta":{"reasoning_content":"x"}}', true],
  ['{"delta":{"reasoning":"x"}}', true],
  ['{"delta":{"refusal":"x"}}', true],
  ['{"delta":{"tool_calls":[{"index":0}]}}', true],
  ['{"delta":{"function_call":{"name":"f"}}}', true],
  ['{"delta":{"audio":{"id":"a"}}}', true],
  ['{"delta":{},"finish_reason":"stop"}', true],
];
for (const [choice, started] of meaningful) {
  test(`${choice} ${started ? "starts" : "does not start"} an answer`, () => {
    assert.equal(watch(openaiChat, [`{"choices":[${choice}]}`]).seen.started, started);
  });
}

test("after a failure nothing passes", () => {
  const { seen, verdicts, end } = watch(openaiChat, [content, "{", finish, "[DONE]"]);
  assert.equal(seen.failure?.kind, "broken-stream");
  assert.deepEqual(verdicts, ["pass", "drop", "drop", "drop"]);
  assert.equal(end, "");
});

test("a stop after calls is an end in calls", () => {
  const call = '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}}]}';
  assert.deepEqual(watch(openaiChat, [call, finish]).seen.finish, { unified: "tool-calls", raw: "stop" });
});

const rolesOf = (messages: unknown): readonly string[] =>
  (Array.isArray(messages) ? messages : []).flatMap((message: unknown) =>
    isJsonObject(message) && typeof message["role"] === "string" ? [message["role"]] : [],
  );
const view = (body: JsonObject): RequestView => ({
  field: (name) => body[name],
  roles: new Set(rolesOf(body["messages"])),
  contains: (text) => JSON.stringify(body).includes(text),
});
const dialect: Dialect = { streamUsage: true, developerRole: true };
const setUsage = (rest: JsonObject = {}) => ({
  kind: "set",
  field: "stream_options",
  value: { ...rest, include_usage: true },
});

const passing: readonly (readonly [string, JsonObject, Partial<Dialect>, readonly object[], boolean])[] = [
  ["nothing to change", { max_tokens: 5 }, {}, [], false],
  ["usage asked by the client", { stream: true, stream_options: { include_usage: true } }, {}, [], false],
  ["usage not asked", { stream: true }, {}, [setUsage()], true],
  [
    "usage not wanted, other options kept",
    { stream: true, stream_options: { include_usage: false, x: 1 } },
    {},
    [setUsage({ x: 1 })],
    true,
  ],
  [
    "a backend without stream options",
    { stream: true, stream_options: { include_usage: true } },
    { streamUsage: false },
    [{ kind: "remove", field: "stream_options" }],
    false,
  ],
  ["options that are no object", { stream: true, stream_options: 5 }, {}, [], false],
  [
    "the other name of the limit",
    { max_completion_tokens: 5 },
    { maxTokensField: "max_tokens" },
    [{ kind: "rename", field: "max_completion_tokens", to: "max_tokens" }],
    false,
  ],
  [
    "both names of the limit, the old one known",
    { max_completion_tokens: 5, max_tokens: 9 },
    { maxTokensField: "max_tokens" },
    [
      { kind: "set", field: "max_tokens", value: 5 },
      { kind: "remove", field: "max_completion_tokens" },
    ],
    false,
  ],
  [
    "both names of the limit, the new one known",
    { max_completion_tokens: 5, max_tokens: 9 },
    { maxTokensField: "max_completion_tokens" },
    [{ kind: "remove", field: "max_tokens" }],
    false,
  ],
];
for (const [name, body, row, edits, dropUsageEvent] of passing) {
  test(`a request passes with the edits that its backend needs: ${name}`, () => {
    assert.deepEqual(openaiChat.egress.passThrough(view(body), { ...dialect, ...row }), {
      edits,
      tap: { dropUsageEvent },
    });
  });
}

test("a developer message to a backend that knows no such role must be translated", () => {
  const body = { messages: [{ role: "developer", content: "x" }] };
  assert.equal(openaiChat.egress.passThrough(view(body), { ...dialect, developerRole: false }), undefined);
  assert.notEqual(openaiChat.egress.passThrough(view(body), dialect), undefined);
});

const translated: readonly (readonly [string, JsonObject, Partial<Dialect>])[] = [
  ["Responses' form", { input: [{ role: "user" }] }, {}],
  ["Cursor's flat custom tools", { messages: [], tools: [{ type: "custom", name: "patch" }] }, {}],
  ["Anthropic's tools", { messages: [], tools: [{ name: "f", input_schema: {} }] }, {}],
  ["another vendor's state", { messages: [{ role: "user", content: "~patchbayabc" }] }, {}],
  ["reasoning that is refused", { messages: [{ role: "user", reasoning_content: "r" }] }, { reasoningBack: "never" }],
  ["calls without reasoning", { messages: [{ role: "user", tool_calls: [] }] }, { reasoningBack: "required" }],
];
for (const [name, body, row] of translated) {
  test(`what edits do not reach must be translated: ${name}`, () => {
    assert.equal(openaiChat.egress.passThrough(view(body), { ...dialect, ...row }), undefined);
  });
}

test("nested custom tools, and calls with their reasoning, pass", () => {
  const messages = [{ role: "user", tool_calls: [], reasoning_content: "r" }];
  const body = { messages, tools: [{ type: "custom", custom: { name: "patch" } }] };
  assert.notEqual(openaiChat.egress.passThrough(view(body), { ...dialect, reasoningBack: "required" }), undefined);
});
