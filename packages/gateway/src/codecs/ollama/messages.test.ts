import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, Message } from "../../kernel/request.ts";
import { ollama } from "./index.ts";
import { bodyOf, dialect, readGeneration } from "./support.test.ts";

const user = { role: "user", content: "hi" };
const base = { model: "m", messages: [user] };
const plain: GenerationRequest = {
  operation: "generate",
  model: "m",
  messages: [],
  tools: [],
  sampling: {},
  stream: false,
};
const write = (request: Partial<GenerationRequest>) => ollama.egress.writeRequest({ ...plain, ...request }, dialect);

const png = "iVBORw0KGgoAAAA";
const image = (base64: string, mediaType: string) => ({
  type: "image" as const,
  source: { kind: "data" as const, mediaType, base64 },
});
const text = (words: string) => ({ type: "text" as const, text: words });

const messages: readonly (readonly [what: string, message: JsonObject, read: Message])[] = [
  ["no content", { role: "user" }, { role: "user", parts: [] }],
  ["null for content", { role: "user", content: null }, { role: "user", parts: [] }],
  ["a role in capitals", { role: "SYSTEM", content: "a" }, { role: "system", parts: [text("a")] }],
  [
    "the role of a developer",
    { role: "developer", content: "a" },
    { role: "system", rawRole: "developer", parts: [text("a")] },
  ],
  [
    "raw base64 of several formats (hard case 30)",
    { role: "user", content: "a", images: [png, "/9j/4AAQ", "R0lGODlh", "UklGRgAA", "Qk02"] },
    {
      role: "user",
      parts: [
        image(png, "image/png"),
        image("/9j/4AAQ", "image/jpeg"),
        image("R0lGODlh", "image/gif"),
        image("UklGRgAA", "image/webp"),
        image("Qk02", "image/bmp"),
        text("a"),
      ],
    },
  ],
  [
    "images that are URLs after all",
    { role: "user", images: ["data:image/jpeg;base64,AAAA", "https://h/x.png"] },
    {
      role: "user",
      parts: [image("AAAA", "image/jpeg"), { type: "image", source: { kind: "url", url: "https://h/x.png" } }],
    },
  ],
  [
    "content in blocks",
    {
      role: "user",
      content: [
        { type: "text", text: "a" },
        { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
        { type: "text", text: "b" },
      ],
    },
    { role: "user", parts: [text("a"), image(png, "image/png"), text("b")] },
  ],
  [
    "thinking and calls",
    {
      role: "assistant",
      content: "",
      thinking: "hm",
      tool_calls: [{ id: "c1", function: { index: 0, name: "f", arguments: { a: [1, null] } } }],
    },
    {
      role: "assistant",
      parts: [
        { type: "reasoning", text: "hm" },
        {
          type: "tool-call",
          id: "c1",
          name: "f",
          arguments: '{"a":[1,null]}',
          tool: "function",
          keep: { ollama: { function: { index: 0 } } },
        },
      ],
    },
  ],
  [
    "arguments that are text",
    { role: "assistant", tool_calls: [{ id: "c", function: { name: "f", arguments: '{ "a": 1 }' } }] },
    {
      role: "assistant",
      parts: [{ type: "tool-call", id: "c", name: "f", arguments: '{ "a": 1 }', tool: "function" }],
    },
  ],
  [
    "unknown fields",
    { role: "user", content: "a", x: 1 },
    { role: "user", parts: [text("a")], extra: { ollama: { x: 1 } } },
  ],
];

for (const [what, message, expected] of messages) {
  test(`a message with ${what} is read`, () => {
    assert.deepEqual(readGeneration(ollama, { ...base, messages: [message] }).messages, [expected]);
  });
}

test("a block of a kind that has no place is reported", () => {
  const content = [
    { type: "input_audio", input_audio: {} },
    { type: "text", text: "a" },
  ];
  const result = ollama.ingress.readRequest(
    { ...base, messages: [{ role: "user", content }] },
    { model: "m", stream: true },
  );
  assert.ok(result.ok);
  assert.deepEqual(result.value.losses, [{ field: "messages[0].content[0]", reason: "unsupported" }]);
});

const call = (name: string, id?: string) => ({ ...(id && { id }), function: { name, arguments: {} } });
const answer = (content: string, fields: JsonObject = {}) => ({ role: "tool", content, ...fields });

/** Who answers whom: ids of the calls, then of the answers with the names that they got. */
function ties(conversation: readonly JsonObject[]) {
  const parts = readGeneration(ollama, { ...base, messages: conversation }).messages.flatMap((each) => each.parts);
  return {
    calls: parts.flatMap((part) => (part.type === "tool-call" ? [part.id] : [])),
    answers: parts.flatMap((part) => (part.type === "tool-result" ? [[part.id, part.name]] : [])),
  };
}

const ours = { calls: ["call_1_0", "call_1_1", "call_1_2"] };
const turn = { role: "assistant", tool_calls: [call("f"), call("g"), call("f")] };

test("hard case 10: calls without ids get the same ones on replay, and answers are matched by name in their order", () => {
  const conversation = [
    user,
    turn,
    answer("1", { tool_name: "f" }),
    answer("2", { tool_name: "f" }),
    answer("3", { tool_name: "g" }),
  ];
  const expected = {
    ...ours,
    answers: [
      ["call_1_0", "f"],
      ["call_1_2", "f"],
      ["call_1_1", "g"],
    ],
  };
  assert.deepEqual(ties(conversation), expected);
  assert.deepEqual(ties([...conversation, { role: "assistant", content: "done" }, user]), expected);
});

test("answers without names or ids, as LangChain sends them, are matched in order", () => {
  assert.deepEqual(ties([user, turn, answer("1"), answer("2"), answer("3")]).answers, [
    ["call_1_0", "f"],
    ["call_1_1", "g"],
    ["call_1_2", "f"],
  ]);
});

test("an answer that names its call's id gets the call's name", () => {
  const conversation = [
    user,
    { role: "assistant", tool_calls: [call("f", "x"), call("f", "y")] },
    answer("1", { tool_call_id: "y" }),
    answer("2", { tool_name: "f" }),
  ];
  assert.deepEqual(ties(conversation).answers, [
    ["y", "f"],
    ["x", "f"],
  ]);
});

test("an answer belongs to the latest turn's calls, and one without a call keeps its own name", () => {
  const again = [
    user,
    { role: "assistant", tool_calls: [call("f")] },
    { role: "assistant", tool_calls: [call("f")] },
    answer("1", { tool_name: "f" }),
    answer("2", { tool_name: "f" }),
  ];
  assert.deepEqual(ties(again).answers, [
    ["call_2_0", "f"],
    ["call_4_answer", "f"],
  ]);
});

test("an id of ours is never one that the client gave", () => {
  assert.deepEqual(ties([user, { role: "assistant", tool_calls: [call("f"), call("g", "call_1_0")] }]).calls, [
    "call_1_0_",
    "call_1_0",
  ]);
});

test("hard case 19: integers of 64 bits keep their digits through reading and writing", () => {
  const body = bodyOf(
    '{"model":"m","messages":[{"role":"assistant","content":"","tool_calls":[{"id":"c","function":{"name":"f","arguments":{"id":9007199254740993,"x":[-12345678901234567890]}}}]}]}',
  );
  const request = readGeneration(ollama, body);
  const [part] = request.messages[0]?.parts ?? [];
  assert.equal(part?.type === "tool-call" && part.arguments, '{"id":9007199254740993,"x":[-12345678901234567890]}');
  assert.match(
    JSON.stringify(ollama.egress.writeRequest(request, dialect).body),
    /"arguments":\{"id":9007199254740993,"x":\[-12345678901234567890\]\}/,
  );
});

test("hard case 30: a conversation of another protocol is written in Ollama's form", () => {
  const out = write({
    messages: [
      { role: "system", rawRole: "developer", parts: [text("a"), text("b")] },
      { role: "user", parts: [text("look"), image(png, "image/png")] },
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "hm" },
          text("I "),
          text("see"),
          { type: "tool-call", id: "c1", name: "f", arguments: '{"a":1}', tool: "function" },
          { type: "tool-call", id: "c2", name: "g", arguments: "", tool: "function" },
        ],
      },
      {
        role: "user",
        parts: [
          { type: "tool-result", id: "c2", content: [text("no")], isError: true },
          { type: "tool-result", id: "c1", content: [text("yes"), image(png, "image/png")] },
          text("go on"),
        ],
      },
    ],
  });
  assert.deepEqual(out.body["messages"], [
    { role: "system", content: "a\nb" },
    { role: "user", content: "look", images: [png] },
    {
      role: "assistant",
      content: "I see",
      thinking: "hm",
      tool_calls: [
        { id: "c1", function: { name: "f", arguments: { a: 1 } } },
        { id: "c2", function: { name: "g", arguments: {} } },
      ],
    },
    { role: "tool", content: "no", tool_name: "g", tool_call_id: "c2" },
    { role: "tool", content: "yes", images: [png], tool_name: "f", tool_call_id: "c1" },
    { role: "user", content: "go on" },
  ]);
  assert.deepEqual(out.losses, [{ field: "messages[3].parts[0].tool-result.isError", reason: "unsupported" }]);
});

test("arguments that are no object stay readable for the tool, and are reported", () => {
  for (const bad of ['"text"', "[1]", "{", "7", "12345678901234567890"]) {
    const parts = [{ type: "tool-call", id: "c", name: "f", arguments: bad, tool: "function" }] as const;
    const { body, losses } = write({ messages: [{ role: "assistant", parts }] });
    assert.match(JSON.stringify(body), new RegExp(`"arguments":${RegExp.escape(JSON.stringify({ input: bad }))}`));
    assert.deepEqual(
      losses.map(({ field }) => field),
      ["messages[0].parts[0].tool-call.arguments"],
    );
  }
});

test("media that Ollama cannot take are reported", () => {
  const { body, losses } = write({
    messages: [
      {
        role: "user",
        parts: [
          text("a"),
          { type: "image", source: { kind: "url", url: "https://h/x.png" } },
          { type: "audio", source: { kind: "data", mediaType: "audio/wav", base64: "AAAA" } },
        ],
      },
    ],
  });
  assert.deepEqual(body["messages"], [{ role: "user", content: "a" }]);
  assert.deepEqual(
    losses.map(({ field }) => field),
    ["messages[0].parts[1].image", "messages[0].parts[2].audio"],
  );
});
