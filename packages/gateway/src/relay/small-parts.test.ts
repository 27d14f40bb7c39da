import assert from "node:assert/strict";
import { test } from "node:test";
import { gemini } from "../codecs/gemini/index.ts";
import { ollama } from "../codecs/ollama/index.ts";
import { openaiChat } from "../codecs/openai-chat/index.ts";
import { openaiResponses } from "../codecs/openai-responses/index.ts";
import type { Codec } from "../kernel/codec.ts";
import { failure } from "../kernel/failure.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Part } from "../kernel/request.ts";
import { scanObject } from "../wire/json-scan.ts";
import { Rope } from "../wire/rope.ts";
import { withDefaults } from "./defaults.ts";
import { TappedStream, UnreadStream } from "./interpreter.ts";
import { claimedShape, isLines, shapeOf } from "./shape.ts";
import { withoutState } from "./state.ts";

const shapes: readonly (readonly [
  first: string,
  type: string | undefined,
  codec: Codec,
  stream: string,
  whole: string,
])[] = [
  ['{"a":1}', "application/json", openaiChat, "whole", "whole"],
  ["[{}]", "text/event-stream", openaiChat, "whole", "whole"],
  ["data: {}", "application/json", openaiChat, "stream", "stream"],
  ["\ufeff: ping", undefined, openaiChat, "stream", "stream"],
  ["event: x", "text/plain", openaiChat, "stream", "stream"],
  ["\r\n", "text/event-stream; charset=utf-8", openaiChat, "stream", "stream"],
  ["", "application/problem+json", openaiChat, "whole", "whole"],
  ["<html>", "text/html", openaiChat, "undefined", "undefined"],
  ['{"a":1}', "application/x-ndjson", ollama, "stream", "stream"],
  ['{"a":1}', "application/json", ollama, "stream", "whole"],
  ['{"a":1}', undefined, ollama, "stream", "whole"],
];
for (const [first, type, codec, stream, whole] of shapes) {
  test(`${JSON.stringify(first)} of type ${type} is a ${stream} where a stream, a ${whole} where a whole is wanted`, () => {
    const claimed = claimedShape(type);
    for (const [wanted, expected] of [
      ["stream", stream],
      ["whole", whole],
    ] as const) {
      assert.equal(String(shapeOf(Buffer.from(first), { codec, wanted, claimed })), expected);
    }
  });
}

test("lines of JSON are told from a single object, however that is written", () => {
  assert.ok(isLines(ollama, Buffer.from('{"a":1}\n{"b":2}\n')));
  assert.ok(isLines(ollama, Buffer.from('{"a":1}\r\n{"b":2}')));
  assert.ok(!isLines(ollama, Buffer.from('{"a":1}\n')));
  assert.ok(!isLines(ollama, Buffer.from('{\n"a": [{\n},\n{}],"b":"}\\n{"\n}\n')));
  assert.ok(!isLines(openaiChat, Buffer.from("{}\n{}")));
});

test("a name that is told anew leaves an event whole, though its data had several lines", () => {
  const options = { dropUsageEvent: false, limit: 1000, echoModel: "mine" };
  const sse = new TappedStream(openaiChat, options);
  const event = 'data: {"model": "m",\ndata: "choices": []}\n\n';
  assert.equal(sse.push(Buffer.from(event)).toString(), 'data: {"model": "mine", "choices": []}\n\n');
  const lines = new TappedStream(ollama, options);
  const line = '{"model":"m","message":{"content":"x"}}';
  assert.equal(lines.push(Buffer.from(`${line}\r\n`)).toString(), `${line.replace('"m"', '"mine"')}\n`);
});

test("a failure behind bytes that pass unread stands on a line of its own", () => {
  const why = failure("broken-stream", "It broke.");
  assert.match(new UnreadStream(openaiChat).fail(why).toString(), /^\n\ndata: /u);
  assert.match(new UnreadStream(ollama).fail(why).toString(), /^\n\{/u);
});

const defaults: readonly (readonly [
  name: string,
  codec: Codec,
  body: string,
  defaults: JsonObject,
  expected: string,
])[] = [
  ["nothing to set", openaiChat, '{ "a":1}', {}, '{ "a":1}'],
  ["what is there stays", openaiChat, '{"seed":null}', { seed: 1 }, '{"seed":null}'],
  ["a synonym is there", openaiChat, '{"max_tokens":5}', { max_completion_tokens: 9 }, '{"max_tokens":5}'],
  ["chat's own", openaiChat, '{"a":1}', { stop: "x" }, '{"stop":"x","a":1}'],
  ["a protocol's own word", gemini, "{}", { safetySettings: [] }, '{"safetySettings":[]}'],
  ["a new object", gemini, "{}", { stop: "x", top_p: 1 }, '{"generationConfig":{"stopSequences":["x"],"topP":1}}'],
  [
    "an object in another spelling",
    gemini,
    '{"generation_config":{"seed":9007199254740993}}',
    { seed: 1, top_k: 2 },
    '{"generation_config":{"seed":9007199254740993,"topK":2}}',
  ],
  ["an object that is none", gemini, '{"generationConfig":7}', { seed: 1 }, '{"generationConfig":7}'],
  ["an object that is null", ollama, '{"options":null}', { seed: 1 }, '{"options":null}'],
  ["two words for one", ollama, "{}", { max_tokens: 1, max_completion_tokens: 2 }, '{"options":{"num_predict":1}}'],
  ["within an own object", ollama, "{}", { options: { a: 1 }, seed: 2 }, '{"options":{"a":1,"seed":2}}'],
  ["no place for it", openaiResponses, "{}", { stop: "x", seed: 1 }, "{}"],
  ["an effort", openaiResponses, "{}", { reasoning_effort: "low" }, '{"reasoning":{"effort":"low"}}'],
  ["a hostile word", gemini, "{}", JSON.parse('{"__proto__":1}') as JsonObject, '{"__proto__":1}'],
  ["a word of every object", gemini, "{}", { constructor: 1 }, '{"constructor":1}'],
];
for (const [name, codec, body, words, expected] of defaults) {
  test(`defaults for ${codec.protocol}: ${name}`, () => {
    const bytes = Buffer.from(body);
    const scan = scanObject(bytes, 64);
    assert.ok(scan.ok);
    const made = withDefaults({ rope: new Rope([bytes]), object: scan.object }, words, codec);
    assert.equal(made.rope.bytes.toString(), expected);
  });
}

test("state of the assistant's goes, with a word on each message that loses reasoning; all else stays", () => {
  const keep = { gemini: { thoughtSignature: "x" } };
  const call: Part = { type: "tool-call", id: "1", name: "look", arguments: "{}", tool: "function" };
  const opaque: Part = { type: "opaque", keep: { gemini: { executableCode: {} } } };
  const user = { role: "user", parts: [{ type: "text", text: "Hi", keep }] } as const;
  const base = { operation: "generate", model: "m", tools: [], sampling: {}, stream: false } as const;
  const { request, losses } = withoutState({
    ...base,
    messages: [
      user,
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "Hm.", keep },
          { type: "text", text: "Yes.", keep },
          { ...call, keep, origin: "g" },
          opaque,
        ],
      },
      { role: "assistant", parts: [{ type: "text", text: "Yes." }] },
    ],
  });
  assert.deepEqual(request, {
    ...base,
    messages: [
      user,
      { role: "assistant", parts: [{ type: "text", text: "Yes." }, call, opaque] },
      { role: "assistant", parts: [{ type: "text", text: "Yes." }] },
    ],
  });
  assert.deepEqual(losses, [{ field: "messages[1].parts[0].reasoning", reason: "unsupported" }]);
});
