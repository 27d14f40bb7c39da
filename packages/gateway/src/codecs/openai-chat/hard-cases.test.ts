import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dialect } from "../../kernel/codec.ts";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { GenerationRequest, Message, Part } from "../../kernel/request.ts";
import { SseSplitter } from "../../wire/sse.ts";
import { foldAnswer } from "../shared/fold.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { asked, chunksOf, context, decode, encode, failureOf, readAnswer, watch } from "../shared/support.test.ts";
import { openaiChat } from "./index.ts";
import { chatReading } from "./responses-body.ts";

const dialect: Dialect = { streamUsage: true, developerRole: true };
const chunk = (delta: JsonObject, finish: string | null = null): string =>
  JSON.stringify({ id: "a", choices: [{ index: 0, delta, finish_reason: finish }] });

function write(request: Partial<GenerationRequest>, as: Dialect = dialect) {
  const whole = { operation: "generate", model: "m", messages: [], tools: [], sampling: {}, stream: false } as const;
  const { body, losses } = openaiChat.egress.writeRequest({ ...whole, ...request }, as);
  return { body, losses, messages: arrayOf(body["messages"]).map((each) => objectOf(each) ?? {}) };
}

function readRequest(body: JsonObject): GenerationRequest {
  const result = openaiChat.ingress.readRequest(
    { model: "m", messages: [{ role: "user", content: "x" }], ...body },
    asked(body),
  );
  assert.ok(result.ok, result.ok ? "" : result.failure.message);
  assert.ok(result.value.request.operation === "generate");
  return result.value.request;
}

/** The events of an answer with these parts. */
function answer(parts: readonly { head: PartHead; text?: string; keep?: object }[]): AnswerEvent[] {
  return [
    { type: "start", id: "x", model: "m", created: 3 },
    ...parts.flatMap(({ head, text, keep }, part): AnswerEvent[] => [
      { type: "part-start", candidate: 0, part, head },
      ...(text === undefined ? [] : [{ type: "part-delta", candidate: 0, part, text } as const]),
      { type: "part-end", candidate: 0, part, ...(keep !== undefined && { keep }) },
    ]),
    { type: "finish", candidate: 0, reason: { unified: "stop", raw: "stop" } },
  ];
}

/** What the client hears of an answer, whole and streamed, which must be the same, and what was lost. */
function told(events: readonly AnswerEvent[], request: JsonObject = {}) {
  const losses: Loss[] = [];
  const lost = { ...context(request), lost: (loss: Loss) => void losses.push(loss) };
  const whole: JsonObject = JSON.parse(openaiChat.ingress.writeAnswer(events, lost));
  const once = losses.splice(0);
  const machine = openaiChat.ingress.streamEncoder(lost);
  for (const event of events) machine.push(event);
  assert.deepEqual(losses, once, "a stream loses what a whole answer loses");
  const choice = objectOf(arrayOf(whole["choices"])[0]) ?? {};
  return { message: objectOf(choice["message"]) ?? {}, finish: choice["finish_reason"], losses: once };
}

test("case 1: usage in a chunk of its own, behind the finish, is counted", () => {
  const late = JSON.stringify({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } });
  const events = decode(openaiChat, [chunk({ content: "x" }), chunk({}, "stop"), late, "[DONE]"]);
  assert.deepEqual(events.at(-1), { type: "usage", usage: { inputTokens: 3, outputTokens: 2 } });
  assert.equal(events.filter(({ type }) => type === "finish").length, 1);
});

test("case 2: a usage chunk has all three counts, and comes only if one is known", () => {
  const usageOf = (usage: object) => {
    const events = [...answer([{ head: { type: "text" }, text: "x" }]), { type: "usage", usage } as const];
    return chunksOf(encode(openaiChat, events, { stream_options: { include_usage: true } })).at(-1)?.["usage"];
  };
  assert.deepEqual(usageOf({ outputTokens: 4 }), { prompt_tokens: 0, completion_tokens: 4, total_tokens: 4 });
  assert.equal(usageOf({}), null);
});

test("case 4: ids that never come are made of what is unique per attempt", () => {
  const data = [
    chunk({ tool_calls: [{ index: 0, id: null, function: { name: "f", arguments: "{}" } }] }),
    chunk({}, "stop"),
  ];
  const [, head] = decode(openaiChat, data);
  assert.ok(head?.type === "part-start" && head.head.type === "tool-call");
  assert.equal(head.head.id, "call_attempt-1_0_0");
});

test("case 5: a stop after calls is an end in calls, and claimed calls are none without any", () => {
  const call = { tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: "{}" } }] };
  const finish = (data: readonly string[]) => foldAnswer(decode(openaiChat, data)).candidates.get(0)?.finish;
  assert.deepEqual(finish([chunk(call), chunk({}, "stop")]), { unified: "tool-calls", raw: "stop" });
  assert.deepEqual(finish([chunk({ content: "x" }), chunk({}, "tool_calls")]), { unified: "stop", raw: "tool_calls" });
});

test("case 6: results of tools go before the text of their message", () => {
  const { messages } = write({
    messages: [
      {
        role: "user",
        parts: [
          { type: "tool-result", id: "a", content: [{ type: "text", text: "A" }] },
          { type: "tool-result", id: "b", content: [{ type: "text", text: "B" }] },
          { type: "text", text: "go on" },
        ],
      },
    ],
  });
  assert.deepEqual(
    messages.map(({ role, content }) => [role, content]),
    [
      ["tool", "A"],
      ["tool", "B"],
      ["user", "go on"],
    ],
  );
});

test("case 8: a tool's image follows in the user's name, its text and text files stay", () => {
  const { messages, losses } = write({
    messages: [
      {
        role: "tool",
        parts: [
          {
            type: "tool-result",
            id: "a",
            content: [
              { type: "text", text: "A" },
              { type: "image", source: { kind: "data", mediaType: "image/png", base64: "AAAA" } },
              { type: "file", source: { kind: "data", mediaType: "text/plain", base64: "aGk=" } },
            ],
          },
        ],
      },
    ],
  });
  assert.deepEqual(messages[0]?.["content"], [
    { type: "text", text: "A" },
    { type: "text", text: "hi" },
  ]);
  assert.equal(messages[1]?.["role"], "user");
  assert.equal(arrayOf(messages[1]["content"]).length, 2);
  assert.deepEqual(losses, [{ field: "messages[0].parts[0].tool-result.content", reason: "approximated" }]);
});

const call: Part = { type: "tool-call", id: "c", name: "f", arguments: "{}", tool: "function" };
const thought: Part = { type: "reasoning", text: "r" };
const history = (...turns: readonly (readonly Part[])[]): Message[] =>
  turns.map((parts) => ({ role: "assistant", parts }));
const plain: Part = { type: "text", text: "t" };

test("case 14: a vendor that requires reasoning beside tools gets it back, or what stands for it", () => {
  const required: Dialect = { ...dialect, reasoningBack: "required" };
  const back = (messages: readonly Message[], request: Partial<GenerationRequest> = {}) =>
    write({ messages, ...request }, required).messages.map((message) => message["reasoning_content"]);
  assert.deepEqual(back(history([thought, call], [plain], [call])), ["r", " ", " "]);
  assert.deepEqual(back(history([plain])), [undefined]);
  assert.deepEqual(back(history([call]), { reasoning: { effort: "none" } }), [undefined]);
});

test("case 14: a vendor that refuses reasoning is sent none, which is reported", () => {
  const own: Part = { ...thought, keep: { "openai-chat": { field: "reasoning" } } };
  const { messages, losses } = write({ messages: history([own, call]) }, { ...dialect, reasoningBack: "never" });
  assert.equal(messages[0]?.["reasoning"], undefined);
  assert.deepEqual(losses, [{ field: "messages[0].parts[0].reasoning", reason: "unsupported" }]);
});

test("case 15: cached tokens are part of the input, both ways", () => {
  const usage = {
    prompt_tokens: 10,
    completion_tokens: 2,
    total_tokens: 12,
    prompt_tokens_details: { cached_tokens: 8, cache_write_tokens: 1 },
  };
  const body = { choices: [{ index: 0, message: { content: "x" }, finish_reason: "stop" }], usage };
  const events = readAnswer(openaiChat, body);
  assert.deepEqual(foldAnswer(events).usage, {
    inputTokens: 10,
    outputTokens: 2,
    cacheReadTokens: 8,
    cacheWriteTokens: 1,
  });
  const written: JsonObject = JSON.parse(openaiChat.ingress.writeAnswer(events, context()));
  assert.deepEqual(written["usage"], usage);
});

test("case 19: digits beyond a double survive in arguments that came as an object", () => {
  const data = chunk({}, "tool_calls").replace(
    '"delta":{}',
    '"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":{"n":9007199254740993}}}]}',
  );
  assert.equal(foldAnswer(decode(openaiChat, [data])).candidates.get(0)?.parts[0]?.text, '{"n":9007199254740993}');
});

test("case 20: empty blocks are dropped, and an empty turn stays legal", () => {
  const { messages } = write({ messages: history([{ type: "text", text: "" }, plain], []) });
  assert.deepEqual(
    messages.map(({ content }) => content),
    ["t", ""],
  );
});

test("case 22: a late system message becomes a reminder where templates refuse it, and is reported", () => {
  const late: Message[] = [
    { role: "system", parts: [plain] },
    { role: "user", parts: [plain] },
    { role: "system", parts: [{ type: "text", text: "now" }] },
  ];
  assert.deepEqual(
    write({ messages: late }).messages.map(({ role }) => role),
    ["system", "user", "system"],
  );
  const { messages, losses } = write({ messages: late }, { ...dialect, lateSystem: false });
  assert.deepEqual(messages[2], { role: "user", content: "<system-reminder>\nnow\n</system-reminder>" });
  assert.deepEqual(losses, [{ field: "messages[2].role", reason: "approximated" }]);
});

test("cases 23 and 24: a cut stream and an error in a 200 are failures", () => {
  assert.equal(failureOf(decode(openaiChat, [chunk({ content: "x" })]))?.kind, "broken-stream");
  const busy = '{"error":{"message":"busy","type":"overloaded_error"}}';
  assert.equal(failureOf(decode(openaiChat, [busy]))?.kind, "overloaded");
  const { seen } = watch(openaiChat, [busy]);
  assert.deepEqual([seen.started, seen.failure?.kind], [false, "overloaded"]);
});

test("case 25: a stream cut at every byte, with comments and CRLF, means the same", () => {
  const bytes = Buffer.from(
    `: hello\r\n\r\ndata: ${chunk({ content: "żółć 🙂" })}\r\n\r\ndata:${chunk({}, "stop")}\r\n\r\ndata: [DONE]\r\n\r\n`,
  );
  const splitter = new SseSplitter(10_000);
  const machine = openaiChat.egress.streamDecoder({ id: "x" });
  const blocks = [...Array.from(bytes, (byte) => splitter.push(Buffer.from([byte]))).flat(), ...splitter.end()];
  const events = [
    ...blocks.flatMap(({ message }) => (message === undefined ? [] : machine.push(message))),
    ...machine.end(),
  ];
  assert.equal(foldAnswer(events).candidates.get(0)?.parts[0]?.text, "żółć 🙂");
  assert.equal(failureOf(events), undefined);
});

test("case 26: the stop string is told where the backend tells it", () => {
  for (const field of ["stop_reason", "matched_stop"]) {
    const body = { choices: [{ index: 0, message: { content: "x" }, finish_reason: "stop", [field]: "END" }] };
    assert.deepEqual(foldAnswer(readAnswer(openaiChat, body)).candidates.get(0)?.finish, {
      unified: "stop",
      raw: "stop",
      stopSequence: "END",
    });
  }
});

test("an image of the answer is told at once, as OpenRouter tells it, and read so", () => {
  const events: AnswerEvent[] = answer([{ head: { type: "image", mediaType: "image/png" }, text: "AA" }]);
  events.splice(3, 0, { type: "part-delta", candidate: 0, part: 0, text: "BB" });
  const images = [{ type: "image_url", image_url: { url: "data:image/png;base64,AABB" } }];
  assert.deepEqual(told(events).message["images"], images);
  const deltas = chunksOf(encode(openaiChat, events)).map((each) =>
    objectOf(objectOf(arrayOf(each["choices"])[0])?.["delta"]),
  );
  assert.deepEqual(deltas[1], { images });
});

const opaque: PartHead = { type: "opaque" };
const custom: PartHead = { type: "tool-call", id: "a", name: "patch", tool: "custom" };
const func: PartHead = { type: "tool-call", id: "b", name: "f", tool: "function" };
const legacy = { functions: [{ name: "f" }] };
const losing: readonly (readonly [string, readonly PartHead[], JsonObject, readonly Loss[]])[] = [
  ["a second call of the legacy form", [func, func], legacy, [{ field: "tool-call", reason: "unsupported" }]],
  ["a custom call in the legacy form", [custom], legacy, [{ field: "tool-call.tool", reason: "approximated" }]],
  ["two calls and a custom one", [func, custom], {}, []],
];
for (const [name, heads, request, expected] of losing) {
  test(`what an answer loses is told: ${name}`, () => {
    assert.deepEqual(told(answer(heads.map((head) => ({ head, text: "{}" }))), request).losses, expected);
  });
}

test("another protocol's opaque part is lost, this protocol's is told", () => {
  const foreign = { head: opaque, keep: { "anthropic-messages": { type: "server_tool_use", id: "s" } } };
  const own = { head: opaque, keep: { "openai-chat": { content_parts: [{ type: "video" }] } } };
  const { message, losses } = told(answer([foreign, own]));
  assert.deepEqual(losses, [{ field: "server_tool_use", reason: "unsupported" }]);
  assert.deepEqual(message["content_parts"], [{ type: "video" }]);
});

test("Cursor's flat custom tools are answered as functions with the free text", () => {
  const tools = [{ type: "custom", name: "patch", format: { type: "text" } }];
  const { message } = told(answer([{ head: custom, text: "*** Begin" }]), { tools });
  assert.deepEqual(message["tool_calls"], [
    { id: "a", type: "function", function: { name: "patch", arguments: "*** Begin" } },
  ]);
  const read = readRequest({
    tools: [
      ...tools,
      { type: "function", name: "g", parameters: { type: "object" } },
      { name: "h", input_schema: { type: "object" } },
    ],
    messages: [{ role: "assistant", tool_calls: arrayOf(message["tool_calls"]) }],
  });
  assert.deepEqual(
    read.tools.map(({ tool, name, parameters }) => [tool, name, parameters !== undefined]),
    [
      ["custom", "patch", false],
      ["function", "g", true],
      ["function", "h", true],
    ],
  );
  assert.deepEqual(read.messages[0]?.parts, [
    { type: "tool-call", id: "a", name: "patch", arguments: "*** Begin", tool: "custom" },
  ]);
});

test("Cursor's bodies in Responses' form are read by that protocol, and chat's by chat", () => {
  const codec = chatReading({
    readRequest: () => ({ ok: false, failure: { kind: "internal", message: "responses" } }),
  });
  const kind = (body: JsonObject) => {
    const result = codec.ingress.readRequest(body, asked(body));
    return result.ok ? "chat" : result.failure.kind;
  };
  assert.equal(kind({ model: "m", input: [] }), "internal");
  assert.equal(kind({ model: "m", input: [], messages: [{ role: "user", content: "x" }] }), "chat");
});

test("Cursor's calls of custom tools are custom again, whichever form told them", () => {
  const called: Part = { type: "tool-call", id: "c", name: "patch", arguments: "*** Begin", tool: "function" };
  const messages = history([called, call]);
  const request = { operation: "generate", model: "m", messages, tools: [], sampling: {}, stream: false } as const;
  const codec = chatReading({ readRequest: () => ({ ok: true, value: { request, losses: [] } }) });
  const body = { model: "m", input: [], tools: [{ type: "custom", name: "patch" }] };
  const read = codec.ingress.readRequest(body, asked(body));
  assert.ok(read.ok && read.value.request.operation === "generate");
  assert.deepEqual(read.value.request.messages[0]?.parts, [{ ...called, tool: "custom" }, call]);
});

test("Anthropic's blocks among the messages are read", () => {
  const { messages } = readRequest({
    messages: [
      { role: "assistant", content: [{ type: "tool_use", id: "t", name: "f", input: { a: 1 } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "ok", is_error: true }] },
      { role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: "AA" } }] },
    ],
  });
  assert.deepEqual(
    messages.map(({ parts }) => parts[0]),
    [
      { type: "tool-call", id: "t", name: "f", arguments: '{"a":1}', tool: "function" },
      { type: "tool-result", id: "t", content: [{ type: "text", text: "ok" }], isError: true },
      { type: "image", source: { kind: "data", mediaType: "image/png", base64: "AA" } },
    ],
  );
});
