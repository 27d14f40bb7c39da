import assert from "node:assert/strict";
import { test } from "node:test";
import { arrayOf, objectOf } from "../src/codecs/shared/json.ts";
import { parseExactObject } from "../src/codecs/shared/exact.ts";
import type { FinishWord } from "../src/kernel/event.ts";
import type { Json, JsonObject } from "../src/kernel/json.ts";
import { asks } from "./support/asks.ts";
import { grammars } from "./support/grammars.ts";
import { decoded, decodedWhole, Pipeline } from "./support/pipeline.ts";
import type { Generating, Told } from "./support/pipeline.ts";
import { rooms, spoken, vendorStream, vendorWhole } from "./support/spoken.ts";
import type { Spoken } from "./support/spoken.ts";

/*
 * Answers of the table of hard cases: bytes of a backend's stream, the client's bytes behind the gateway. The numbers
 * in comments are the table's rows. Every client's stream is also held against its protocol's grammar.
 */
const pipeline = new Pipeline();
/** Clients whose protocols know calls. */
const clients = ["openai-chat", "openai-responses", "anthropic-messages", "gemini", "ollama"] as const;

const data = (value: Json) => `data: ${JSON.stringify(value)}\n\n`;
const chunk = (delta: JsonObject, finish: string | null = null) =>
  data({
    id: "c1",
    object: "chat.completion.chunk",
    created: 7,
    model: "real",
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
const usageChunk = (usage: JsonObject) =>
  data({ id: "c1", object: "chat.completion.chunk", created: 7, model: "real", choices: [], usage });
const done = "data: [DONE]\n\n";
const callDelta = (index: number, rest: JsonObject) => chunk({ tool_calls: [{ index, ...rest }] });
const begun = (index: number, name: string, text = "") =>
  callDelta(index, { id: `call_${index}`, type: "function", function: { name, arguments: text } });
const more = (index: number, text: string) => callDelta(index, { function: { arguments: text } });
const named = (type: string, rest: JsonObject) => `event: ${type}\n${data({ type, ...rest })}`;

function tell(client: Generating, backend: Generating, stream: readonly string[], body = asks[client]): Told {
  return pipeline.ask(client, backend, body).stream(...stream);
}

/** What a client hears of a stream that ends well. */
function heard(client: Generating, backend: Generating, stream: readonly string[]): Spoken {
  const told = tell(client, backend, stream);
  assert.equal(grammars[client](told.text), "success", told.text);
  return spoken(decoded(client, told.text));
}

function bodies(text: string): readonly JsonObject[] {
  return text.split("\n").flatMap((line) => {
    const body = parseExactObject(line.replace(/^data: /, ""));
    return body === undefined ? [] : [body];
  });
}

const ofType = (text: string, type: string) => bodies(text).filter((body) => body["type"] === type);

// Row 1.
for (const [what, tail] of [
  ["after the finish", [usageChunk({ prompt_tokens: 11, completion_tokens: 4, total_tokens: 15 }), done]],
  ["after the finish, and without a mark of the end", [usageChunk({ prompt_tokens: 11, completion_tokens: 4 })]],
] as const) {
  const stream = [chunk({ role: "assistant", content: "hi" }), chunk({}, "stop"), ...tail];

  test(`usage that comes ${what} is in the one message_delta, before the one message_stop`, () => {
    const { text } = tell("anthropic-messages", "openai-chat", stream);
    const [delta, ...others] = ofType(text, "message_delta");
    assert.deepEqual(others, []);
    assert.equal(ofType(text, "message_stop").length, 1);
    assert.equal(bodies(text).at(-1)?.["type"], "message_stop");
    assert.deepEqual(objectOf(delta?.["usage"]), { input_tokens: 11, output_tokens: 4 });
  });

  test(`usage that comes ${what} is told to every client`, () => {
    for (const client of clients) {
      const { usage, finish } = heard(client, "openai-chat", stream);
      assert.deepEqual([finish, usage?.inputTokens, usage?.outputTokens], ["stop", 11, 4], client);
    }
  });
}

// Row 1.
test("where usage never comes an answer ends all the same", () => {
  for (const client of clients) {
    const stream = [chunk({ role: "assistant", content: "hi" }), chunk({}, "stop"), done];
    assert.equal(heard(client, "openai-chat", stream).finish, "stop");
  }
});

// Row 2.
test("a chat client gets usage in a last chunk without choices if it asked, and else nowhere", () => {
  const answer = { text: "hi", usage: { input: 11, output: 4 } };
  for (const client of ["openai-chat", "openai-completions"] as const) {
    for (const backend of ["anthropic-messages", "gemini", "ollama", "openai-responses", "openai-chat"] as const) {
      const { stream_options: _options, ...silent } = asks[client];
      const stream = vendorStream(backend, answer);
      const asked = bodies(tell(client, backend, stream).text);
      assert.deepEqual(asked.at(-1)?.["choices"], [], `${backend} to ${client}`);
      assert.equal(objectOf(asked.at(-1)?.["usage"])?.["prompt_tokens"], 11);
      const unasked = bodies(tell(client, backend, stream, silent).text);
      for (const body of unasked) {
        assert.notDeepEqual(body["choices"], []);
        assert.equal(body["usage"] ?? null, null);
      }
    }
  }
});

const item = (index: number): JsonObject => ({
  type: "function_call",
  id: `fc_${index}`,
  call_id: `call_${index}`,
  name: `f${index}`,
});
const itemDelta = (index: number, delta: string) =>
  named("response.function_call_arguments.delta", { item_id: `fc_${index}`, output_index: index, delta });
const response = { id: "resp_1", object: "response", created_at: 7, model: "real", status: "in_progress", output: [] };
const completed: JsonObject = {
  ...response,
  status: "completed",
  output: [0, 1].map((index) => ({ ...item(index), arguments: `{"n":${index}}`, status: "completed" })),
  usage: { input_tokens: 11, output_tokens: 4, total_tokens: 15 },
};

/** Two calls whose arguments come by turns. */
const interleaved: { readonly [backend: string]: readonly string[] } = {
  "openai-chat": [
    chunk({ role: "assistant", content: null }),
    begun(0, "f0"),
    begun(1, "f1"),
    more(0, '{"n"'),
    more(1, '{"n"'),
    more(0, ":0}"),
    more(1, ":1}"),
    chunk({}, "tool_calls"),
    done,
  ],
  "openai-responses": [
    named("response.created", { response }),
    named("response.output_item.added", { output_index: 0, item: { ...item(0), arguments: "" } }),
    named("response.output_item.added", { output_index: 1, item: { ...item(1), arguments: "" } }),
    itemDelta(0, '{"n"'),
    itemDelta(1, '{"n"'),
    itemDelta(0, ":0}"),
    itemDelta(1, ":1}"),
    named("response.output_item.done", { output_index: 1, item: { ...item(1), arguments: '{"n":1}' } }),
    named("response.output_item.done", { output_index: 0, item: { ...item(0), arguments: '{"n":0}' } }),
    named("response.completed", { response: completed }),
  ],
};

// Row 3.
for (const backend of ["openai-chat", "openai-responses"] as const) {
  test(`calls that ${backend} sends interleaved are told one after the other, in order`, () => {
    for (const client of clients) {
      const { calls, finish } = heard(client, backend, interleaved[backend] ?? []);
      assert.deepEqual(
        calls.map((call) => [call.id, call.name, call.arguments]),
        [
          ["call_0", "f0", '{"n":0}'],
          ["call_1", "f1", '{"n":1}'],
        ],
        client,
      );
      assert.equal(finish, "tool-calls");
    }
  });
}

interface OddCall {
  readonly what: string;
  readonly deltas: readonly string[];
  /** Names and arguments; none, where there is nothing to call. */
  readonly calls: readonly (readonly [name: string, text: string])[];
}

const oddCalls: readonly OddCall[] = [
  {
    what: "id and name repeated in every chunk",
    deltas: [begun(0, "f", '{"a"'), begun(0, "f", ":1}")],
    calls: [["f", '{"a":1}']],
  },
  {
    what: "id and name that are null or empty later",
    deltas: [
      begun(0, "f"),
      callDelta(0, { id: null, type: null, function: { name: null, arguments: '{"a":' } }),
      callDelta(0, { id: "", function: { name: "", arguments: "1}" } }),
    ],
    calls: [["f", '{"a":1}']],
  },
  {
    what: "an id that comes late",
    deltas: [
      callDelta(0, { id: "", function: { name: "f", arguments: '{"a"' } }),
      callDelta(0, { id: "late", function: { arguments: ":1}" } }),
    ],
    calls: [["f", '{"a":1}']],
  },
  {
    what: "an id that never comes",
    deltas: [callDelta(0, { function: { name: "f", arguments: '{"a":1}' } })],
    calls: [["f", '{"a":1}']],
  },
  {
    what: "a name that comes late",
    deltas: [
      callDelta(0, { id: "c", function: { arguments: '{"a"' } }),
      callDelta(0, { function: { name: "f", arguments: ":1}" } }),
    ],
    calls: [["f", '{"a":1}']],
  },
  {
    what: "a name that never comes",
    deltas: [callDelta(0, { id: "c", function: { name: null, arguments: "{}" } })],
    calls: [],
  },
  {
    what: "two calls without ids",
    deltas: [
      callDelta(0, { function: { name: "f", arguments: "{}" } }),
      callDelta(1, { function: { name: "f", arguments: "{}" } }),
    ],
    calls: [
      ["f", "{}"],
      ["f", "{}"],
    ],
  },
];

// Row 4.
for (const { what, deltas, calls } of oddCalls) {
  test(`a call is begun once, with a name and an id: ${what}`, () => {
    for (const client of clients) {
      const said = heard(client, "openai-chat", [
        chunk({ role: "assistant" }),
        ...deltas,
        chunk({}, "tool_calls"),
        done,
      ]);
      assert.deepEqual(
        said.calls.map((call) => [call.name, call.arguments]),
        calls,
        client,
      );
      assert.equal(new Set(said.calls.map(({ id }) => id)).size, calls.length);
      assert.equal(said.finish, calls.length > 0 ? "tool-calls" : "stop", client);
    }
  });
}

// Row 5.
test("an answer with calls ends as one whatever its backend calls its end", () => {
  const streams = {
    "openai-chat": [chunk({ role: "assistant" }), begun(0, "f", '{"a":1}'), chunk({}, "stop"), done],
    gemini: vendorStream("gemini", { calls: [{ name: "f", arguments: '{"a":1}' }] }),
    ollama: vendorStream("ollama", { calls: [{ name: "f", arguments: '{"a":1}' }] }),
  };
  for (const client of clients) {
    for (const backend of ["openai-chat", "gemini", "ollama"] as const) {
      const told = tell(client, backend, streams[backend]);
      assert.equal(grammars[client](told.text), "success");
      assert.equal(told.seen.finish?.unified, "tool-calls");
      if (client === "openai-chat") assert.match(told.text, /"finish_reason":"tool_calls"/);
      if (client === "anthropic-messages") assert.match(told.text, /"stop_reason":"tool_use"/);
      if (client === "openai-responses") {
        const last = objectOf(bodies(told.text).at(-1)?.["response"]);
        const [only] = arrayOf(last?.["output"]);
        assert.deepEqual([objectOf(only)?.["type"], objectOf(only)?.["status"]], ["function_call", "completed"]);
      }
    }
  }
});

const anthropicStart = (usage: JsonObject) =>
  named("message_start", {
    message: {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "real",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage,
    },
  });
const anthropicText = [
  named("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
  named("content_block_delta", { index: 0, delta: { type: "text_delta", text: "hi" } }),
  named("content_block_stop", { index: 0 }),
];
const anthropicEnd = (delta: JsonObject, usage: JsonObject) => [
  named("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null, ...delta }, usage }),
  named("message_stop", {}),
];

// Row 15.
test("tokens read from and written to a cache are part of what OpenAI, Google and Ollama call input, and counted once", () => {
  const usage = { input_tokens: 10, cache_read_input_tokens: 100, cache_creation_input_tokens: 1000, output_tokens: 5 };
  const stream = [
    anthropicStart({ ...usage, output_tokens: 1 }),
    ...anthropicText,
    ...anthropicEnd({}, { output_tokens: 5 }),
  ];
  for (const client of clients) {
    const { usage: told } = heard(client, "anthropic-messages", stream);
    assert.deepEqual([told?.inputTokens, told?.outputTokens], [1110, 5], client);
    if (rooms[client].cached) assert.equal(told?.cacheReadTokens, 100, client);
  }
  const chat = bodies(tell("openai-chat", "anthropic-messages", stream).text).at(-1);
  const counts = objectOf(chat?.["usage"]);
  assert.deepEqual([counts?.["prompt_tokens"], counts?.["total_tokens"]], [1110, 1115]);
  assert.equal(objectOf(counts?.["prompt_tokens_details"])?.["cached_tokens"], 100);
});

// Row 15.
test("what OpenAI, Google and Responses read from a cache is not part of Anthropic's input tokens, and never below zero", () => {
  const details = (cached: number) => ({
    prompt_tokens: 50,
    completion_tokens: 5,
    prompt_tokens_details: { cached_tokens: cached },
  });
  const ends: readonly (readonly [backend: Generating, cached: number, stream: readonly string[]])[] = [
    ["openai-chat", 20, [chunk({ content: "hi" }), chunk({}, "stop"), usageChunk(details(20)), done]],
    ["openai-chat", 60, [chunk({ content: "hi" }), chunk({}, "stop"), usageChunk(details(60)), done]],
    ["gemini", 20, vendorStream("gemini", { text: "hi", usage: { input: 50, output: 5, cached: 20 } })],
    [
      "openai-responses",
      20,
      vendorStream("openai-responses", { text: "hi", usage: { input: 50, output: 5, cached: 20 } }),
    ],
  ];
  for (const [backend, cached, stream] of ends) {
    const { text } = tell("anthropic-messages", backend, stream);
    const usage = objectOf(ofType(text, "message_delta")[0]?.["usage"]);
    assert.deepEqual(
      [usage?.["input_tokens"], usage?.["cache_read_input_tokens"], usage?.["output_tokens"]],
      [Math.max(0, 50 - cached), cached, 5],
      `${backend} ${cached}`,
    );
  }
});

// Row 16.
for (const [what, late] of [
  ["tells only the output", { output_tokens: 9 }],
  ["has nulls for the rest", { input_tokens: null, cache_read_input_tokens: null, output_tokens: 9 }],
  ["tells all once more", { input_tokens: 20, cache_read_input_tokens: 5, output_tokens: 9 }],
] as const) {
  test(`Anthropic's usage is that of the beginning and the end together, where the end ${what}`, () => {
    const early = { input_tokens: 20, cache_read_input_tokens: 5, output_tokens: 1 };
    for (const client of clients) {
      const stream = [anthropicStart(early), ...anthropicText, ...anthropicEnd({}, late)];
      const { usage } = heard(client, "anthropic-messages", stream);
      assert.deepEqual([usage?.inputTokens, usage?.outputTokens], [25, 9], client);
    }
  });
}

// Row 16.
test("a chunk whose usage is null takes nothing back", () => {
  const counted = { ...parseExactObject(usageChunk({ prompt_tokens: 8, completion_tokens: 2 }).slice(6)) };
  const stream = [chunk({ content: "hi" }), data(counted), data({ ...counted, usage: null }), chunk({}, "stop"), done];
  for (const client of clients) {
    const { usage } = heard(client, "openai-chat", stream);
    assert.deepEqual([usage?.inputTokens, usage?.outputTokens], [8, 2], client);
  }
});

// Row 19.
for (const [what, given, object] of [
  ["empty", "", {}],
  ["null", null, {}],
  ["an empty object", "{}", {}],
] as const) {
  test(`arguments that are ${what} are an empty object to clients that have objects, streamed and whole`, () => {
    const stream = [
      chunk({ role: "assistant" }),
      callDelta(0, { id: "c", type: "function", function: { name: "f", arguments: given } }),
      chunk({}, "tool_calls"),
      done,
    ];
    const message = {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: given } }],
    };
    const whole = {
      id: "c1",
      object: "chat.completion",
      created: 7,
      model: "real",
      choices: [{ index: 0, message, finish_reason: "tool_calls" }],
    };
    for (const client of ["anthropic-messages", "gemini", "ollama"] as const) {
      const [call] = heard(client, "openai-chat", stream).calls;
      assert.deepEqual(parseExactObject(call?.arguments || "{}"), object, client);
      const { body } = pipeline.ask(client, "openai-chat", asks[client]).whole(whole);
      const [only] = spoken(decodedWhole(client, body)).calls;
      assert.deepEqual(parseExactObject(only?.arguments || "{}"), object, client);
    }
  });
}

// Row 19.
test("numbers beyond a double keep their digits in the arguments of calls, streamed and whole, whatever the form", () => {
  const digits = '{"id":9007199254740993,"deep":[{"n":-18446744073709551615}]}';
  const geminiCall = (finish: string) =>
    `{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":${digits}}}]},"index":0${finish}}],"modelVersion":"real"}`;
  const ollamaLine = `{"model":"real","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":${digits}}}]},"done":true,"done_reason":"stop"}`;
  const anthropicWhole = `{"id":"msg_1","type":"message","role":"assistant","model":"real","content":[{"type":"tool_use","id":"t1","name":"f","input":${digits}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}`;
  const answers: readonly (readonly [backend: Generating, stream: string, whole: string])[] = [
    ["gemini", `data: ${geminiCall(',"finishReason":"STOP"')}\n\n`, geminiCall(',"finishReason":"STOP"')],
    ["ollama", `${ollamaLine}\n`, ollamaLine],
    ["anthropic-messages", "", anthropicWhole],
    ["openai-chat", [begun(0, "f", digits), chunk({}, "tool_calls"), done].join(""), ""],
  ];
  for (const client of clients) {
    for (const [backend, stream, whole] of answers) {
      if (stream !== "")
        assert.equal(heard(client, backend, [stream]).calls[0]?.arguments, digits, `${backend} to ${client}`);
      if (whole === "") continue;
      const { body } = pipeline.ask(client, backend, asks[client]).whole(whole);
      assert.equal(spoken(decodedWhole(client, body)).calls[0]?.arguments, digits, `${backend} to ${client}, whole`);
    }
  }
});

// Row 19.
test("arguments that are no JSON object reach clients that have text as they are, and others not as something else", () => {
  for (const text of ["[1]", "not json", '{"a":']) {
    const stream = [begun(0, "f", text), chunk({}, "tool_calls"), done];
    for (const client of ["openai-chat", "openai-responses"] as const) {
      assert.equal(heard(client, "openai-chat", stream).calls[0]?.arguments, text);
    }
    for (const client of ["gemini", "ollama"] as const) {
      const told = tell(client, "openai-chat", stream);
      assert.equal(grammars[client](told.text), "success");
      assert.ok(
        told.lost.some((field) => field.endsWith(".arguments")),
        `${client}: ${told.lost.join()}`,
      );
    }
  }
});

const cutStreams: readonly (readonly [what: string, backend: Generating, stream: readonly string[]])[] = [
  ["no finish and no mark of the end", "openai-chat", [chunk({ role: "assistant", content: "hi" })]],
  ["a mark of the end without a finish", "openai-chat", [chunk({ role: "assistant", content: "hi" }), done]],
  ["a cut within a call", "openai-chat", [begun(0, "f", '{"a":')]],
  ["a cut within a call", "openai-responses", (interleaved["openai-responses"] ?? []).slice(0, 4)],
  ["no message_stop", "anthropic-messages", [anthropicStart({ input_tokens: 1, output_tokens: 1 }), ...anthropicText]],
  [
    "a cut within a call",
    "anthropic-messages",
    vendorStream("anthropic-messages", { calls: [{ name: "f", arguments: '{"abc":1}' }] }).slice(0, 5),
  ],
  ["no finish reason", "gemini", vendorStream("gemini", { text: "hi" }).slice(0, 1)],
  ["no last line", "ollama", vendorStream("ollama", { text: "hi" }).slice(0, 1)],
];

// Row 23.
for (const [what, backend, stream] of cutStreams) {
  test(`a stream of ${backend} with ${what} ends in each client's own error`, () => {
    for (const client of clients) {
      const { text, seen } = tell(client, backend, stream);
      assert.equal(seen.failure?.kind, "broken-stream");
      assert.equal(grammars[client](text), "error", `${client}: ${text}`);
      const events = bodies(text);
      switch (client) {
        case "openai-chat":
          assert.doesNotMatch(text, /\[DONE\]|"finish_reason":"/);
          assert.notEqual(events.at(-1)?.["error"], undefined);
          break;
        case "openai-responses":
          assert.equal(events.at(-1)?.["type"], "response.failed");
          assert.doesNotMatch(text, /function_call_arguments\.done|response\.completed/);
          break;
        case "anthropic-messages":
          assert.equal(events.at(-1)?.["type"], "error");
          assert.doesNotMatch(text, /message_stop|message_delta/);
          break;
        default:
          assert.notEqual(events.at(-1)?.["error"], undefined);
          assert.deepEqual(spoken(decoded(client, text)).calls, []);
      }
    }
  });
}

const plainEvents = [
  chunk({ role: "assistant", content: "é✓😀" }),
  chunk({ content: "a\r\n\r\nb" }),
  chunk({}, "stop"),
  done,
];
const framings: readonly (readonly [what: string, change: (text: string) => string])[] = [
  ["with CRLF", (text) => text.replaceAll("\n", "\r\n")],
  ["with bare CR", (text) => text.replaceAll("\n", "\r")],
  ["with comments", (text) => text.replaceAll(/^data/gm, ": ping\n\n: OPENROUTER PROCESSING\ndata")],
  ["with data in several lines", (text) => text.replaceAll(',"choices"', ',\ndata: "choices"')],
  ["without a blank after the colon", (text) => text.replaceAll("data: ", "data:")],
  ["with other fields", (text) => text.replaceAll(/^data/gm, "id: 7\nretry: 10\ndata")],
  ["with a byte order mark", (text) => `\uFEFF${text}`],
  ["without the last blank line", (text) => text.slice(0, -2)],
];

// Row 25.
for (const [what, change] of framings) {
  test(`a stream ${what} says the same, cut between any two bytes`, () => {
    const bytes = Buffer.from(change(plainEvents.join("")));
    for (const client of clients) {
      const expected = tell(client, "openai-chat", plainEvents).text;
      const singles = Array.from(bytes, (_byte, place) => bytes.subarray(place, place + 1));
      const sent = pipeline.ask(client, "openai-chat", asks[client]);
      assert.equal(sent.stream(bytes).text, expected, client);
      assert.equal(sent.stream(...singles).text, expected, client);
    }
  });
}

// Row 25.
test("half an event behind the end is nothing, and half an event before it is a break", () => {
  for (const client of clients) {
    const whole = tell(client, "openai-chat", plainEvents).text;
    assert.equal(tell(client, "openai-chat", [...plainEvents, 'data: {"id":"c1","cho']).text, whole);
    const half = tell(client, "openai-chat", [...plainEvents.slice(0, 2), 'data: {"id":"c1","cho']);
    assert.equal(half.seen.failure?.kind, "broken-stream");
  }
});

/** The last words of each protocol's streams. */
const ends: { readonly [P in Generating]?: (word: string) => readonly string[] } = {
  "openai-chat": (word) => [chunk({ role: "assistant", content: "hi" }), chunk({}, word), done],
  "anthropic-messages": (word) => [
    anthropicStart({ input_tokens: 1, output_tokens: 1 }),
    ...anthropicText,
    ...anthropicEnd({ stop_reason: word }, { output_tokens: 2 }),
  ],
  gemini: (word) => [
    data({ candidates: [{ content: { role: "model", parts: [{ text: "hi" }] }, index: 0 }], modelVersion: "real" }),
    data({ candidates: [{ finishReason: word, index: 0 }], modelVersion: "real" }),
  ],
  "openai-responses": (word) => {
    const incomplete = word !== "completed";
    const last = {
      ...response,
      status: incomplete ? "incomplete" : "completed",
      incomplete_details: incomplete ? { reason: word } : null,
      output: [
        {
          type: "message",
          id: "m",
          role: "assistant",
          content: [{ type: "output_text", text: "hi", annotations: [] }],
        },
      ],
    };
    const type = incomplete ? "response.incomplete" : "response.completed";
    return [named("response.created", { response }), named(type, { response: last })];
  },
  ollama: (word) =>
    vendorStream("ollama", { text: "hi" }).map((line) =>
      line.replace('"done_reason":"stop"', `"done_reason":"${word}"`),
    ),
};

const reasons: readonly (readonly [backend: Generating, word: string, unified: FinishWord])[] = [
  ["openai-chat", "stop", "stop"],
  ["openai-chat", "length", "length"],
  ["openai-chat", "content_filter", "content-filter"],
  ["anthropic-messages", "end_turn", "stop"],
  ["anthropic-messages", "stop_sequence", "stop"],
  ["anthropic-messages", "max_tokens", "length"],
  ["anthropic-messages", "model_context_window_exceeded", "length"],
  ["anthropic-messages", "refusal", "content-filter"],
  ["gemini", "STOP", "stop"],
  ["gemini", "MAX_TOKENS", "length"],
  ["gemini", "SAFETY", "content-filter"],
  ["gemini", "RECITATION", "content-filter"],
  ["gemini", "PROHIBITED_CONTENT", "content-filter"],
  ["openai-responses", "completed", "stop"],
  ["openai-responses", "max_output_tokens", "length"],
  ["openai-responses", "content_filter", "content-filter"],
  ["ollama", "stop", "stop"],
  ["ollama", "length", "length"],
];
/** What each client reads of what ends an answer. */
const endings: { readonly [P in (typeof clients)[number]]: { readonly [F in FinishWord]?: RegExp } } = {
  "openai-chat": {
    stop: /"finish_reason":"stop"/,
    length: /"finish_reason":"length"/,
    "content-filter": /"finish_reason":"content_filter"/,
  },
  "openai-responses": {
    stop: /event: response\.completed\n/,
    length: /event: response\.incomplete\n.*"incomplete_details":\{"reason":"max_output_tokens"\}/,
    "content-filter": /event: response\.incomplete\n.*"incomplete_details":\{"reason":"content_filter"\}/,
  },
  "anthropic-messages": {
    stop: /"stop_reason":"(?:end_turn|stop_sequence)"/,
    length: /"stop_reason":"(?:max_tokens|model_context_window_exceeded)"/,
    "content-filter": /"stop_reason":"refusal"/,
  },
  gemini: {
    stop: /"finishReason":"STOP"/,
    length: /"finishReason":"MAX_TOKENS"/,
    "content-filter": /"finishReason":"(?:SAFETY|RECITATION|PROHIBITED_CONTENT)"/,
  },
  ollama: { stop: /"done_reason":"stop"/, length: /"done_reason":"length"/, "content-filter": /"done_reason":"stop"/ },
};

// Row 26.
for (const [backend, word, unified] of reasons) {
  test(`${word} of ${backend} is ${unified} to every client`, () => {
    for (const client of clients) {
      const told = tell(client, backend, ends[backend]?.(word) ?? []);
      assert.equal(grammars[client](told.text), "success");
      assert.equal(told.seen.finish?.unified, unified);
      assert.match(told.text, endings[client][unified] ?? assert.fail(), client);
    }
  });
}

// Row 26.
test("a stop string that was hit is named to clients whose protocol tells it, and its turn is one that stopped", () => {
  const stream = [
    anthropicStart({ input_tokens: 1, output_tokens: 1 }),
    ...anthropicText,
    ...anthropicEnd({ stop_reason: "stop_sequence", stop_sequence: "END" }, { output_tokens: 2 }),
  ];
  const own = tell("anthropic-messages", "anthropic-messages", stream);
  assert.match(own.text, /"stop_reason":"stop_sequence","stop_sequence":"END"/);
  for (const client of clients) assert.equal(heard(client, "anthropic-messages", stream).finish, "stop");
});

// Row 26.
test("a turn that was paused or whose call was malformed is never told as a call", () => {
  for (const [backend, word] of [
    ["anthropic-messages", "pause_turn"],
    ["gemini", "MALFORMED_FUNCTION_CALL"],
  ] as const) {
    for (const client of clients) {
      const told = tell(client, backend, ends[backend]?.(word) ?? []);
      assert.doesNotMatch(told.text, /"tool_calls"|"tool_use"/, `${word} to ${client}`);
      if (told.seen.failure === undefined) assert.equal(grammars[client](told.text), "success");
      else assert.equal(grammars[client](told.text), "error");
    }
  }
});

const patch = '*** Begin Patch\n*** Add File: a.txt\n+"hi"\\n✓\n*** End Patch';
const freeform: JsonObject = {
  model: "m",
  stream: true,
  input: "patch it",
  tools: [{ type: "custom", name: "apply_patch", description: "Patches.", format: { type: "text" } }],
};

// Row 31.
for (const backend of ["anthropic-messages", "gemini", "ollama"] as const) {
  test(`a tool with free text is a function to ${backend}, and its call has its text again`, () => {
    const sent = pipeline.ask("openai-responses", backend, freeform);
    assert.match(JSON.stringify(sent.body["tools"]), /apply_patch.*"input"/);
    const answer = {
      calls: [{ name: "apply_patch", arguments: JSON.stringify({ input: patch }) }],
      usage: { input: 5, output: 5 },
    };
    const { text } = sent.stream(...vendorStream(backend, answer));
    assert.equal(grammars["openai-responses"](text), "success");
    const done = ofType(text, "response.output_item.done").map(({ item: each }) => objectOf(each));
    assert.deepEqual(
      done.map((each) => [each?.["type"], each?.["name"], each?.["input"]]),
      [["custom_tool_call", "apply_patch", patch]],
    );
    const deltas = ofType(text, "response.custom_tool_call_input.delta").map(({ delta }) => delta);
    assert.equal(deltas.join(""), patch);
    const { body } = sent.whole(vendorWhole(backend, answer));
    assert.deepEqual(objectOf(arrayOf(body["output"])[0])?.["input"], patch);
  });
}

// Row 31.
test("a tool with free text is a function to a chat backend that has none, though its name arrives late", () => {
  const dialect = { streamUsage: true, developerRole: true, accepts: { customTools: false } };
  const sent = pipeline.ask("openai-responses", "openai-chat", freeform, { dialect });
  const stream = [
    callDelta(0, { id: "c", function: { arguments: '{"inp' } }),
    callDelta(0, { function: { name: "apply_patch", arguments: `ut":${JSON.stringify(patch)}}` } }),
    chunk({}, "tool_calls"),
    done,
  ];
  const { text } = sent.stream(...stream);
  assert.equal(grammars["openai-responses"](text), "success");
  const [only] = ofType(text, "response.output_item.done").map(({ item: each }) => objectOf(each));
  assert.deepEqual([only?.["type"], only?.["input"]], ["custom_tool_call", patch]);
});

// Row 31.
test("a call of a namespaced tool finds back to its namespace", () => {
  const body: JsonObject = {
    model: "m",
    stream: true,
    input: "look",
    tools: [
      {
        type: "namespace",
        name: "mcp__files",
        description: "Files.",
        tools: [{ type: "function", name: "read", parameters: { type: "object", properties: {} } }],
      },
    ],
  };
  for (const backend of ["openai-chat", "anthropic-messages", "gemini", "ollama"] as const) {
    const sent = pipeline.ask("openai-responses", backend, body);
    const name = /"name":"([^"]*read)"/.exec(JSON.stringify(sent.body["tools"]))?.[1] ?? assert.fail(backend);
    const { text } = sent.stream(
      ...vendorStream(backend, { calls: [{ name, arguments: "{}" }], usage: { input: 5, output: 5 } }),
    );
    const [only] = ofType(text, "response.output_item.done").map(({ item: each }) => objectOf(each));
    assert.deepEqual(
      [only?.["type"], only?.["name"], only?.["namespace"]],
      ["function_call", "read", "mcp__files"],
      backend,
    );
  }
});
