import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCanned } from "./support/canned.ts";
import type { Canned } from "./support/canned.ts";
import { startHouse } from "./support/house.ts";
import { recorded } from "./support/recorded.ts";

/** What is only watched comes through byte for byte, both ways, but for the edits. */

let next: Canned = { pieces: [] };
const upstream = await startCanned(() => next);
const endpoint = { type: "openai-compatible", url: upstream.url };
const targets = [{ endpoint: "upstream", model: "actual-model" }];
const house = await startHouse({
  document: {
    endpoints: [
      { name: "upstream", ...endpoint },
      { name: "strict", ...endpoint, type: "openai" },
    ],
    models: [
      { name: "watched", targets },
      { name: "echoing", targets, echo: "requested" },
      { name: "unread", targets, relay: "always" },
      { name: "translated", targets, relay: "never" },
      { name: "preset", targets, defaults: { temperature: 0.5, top_p: 1 } },
      { name: "capped", targets, defaults: { max_completion_tokens: 100 } },
      { name: "strict", targets: [{ endpoint: "strict", model: "actual-model" }] },
      { name: "same", targets: [{ endpoint: "upstream", model: "same" }] },
    ],
  },
});

after(async () => {
  for (const resource of [house, upstream]) await resource[Symbol.asyncDispose]();
});

async function pass(body: string, canned: Canned): Promise<{ sent: string; got: string; id: string; status: number }> {
  next = canned;
  const counted = upstream.bodies.length;
  const response = await house.post("/v1/chat/completions", body);
  // Not `text()`, which would hide a byte order mark.
  const got = Buffer.from(await response.arrayBuffer()).toString();
  assert.equal(upstream.bodies.length, counted + 1, got);
  const id = response.headers.get("x-request-id") ?? "";
  return { sent: upstream.bodies.at(-1) ?? "", got, id, status: response.status };
}

const answer = `{ "id":"x", "choices" : [ {"index":0,"message":{"role":"assistant","content":"hi","new":1.0},\t"finish_reason":"stop"}],
  "model":"upstream-model","usage":{"prompt_tokens":1e0,"completion_tokens":2,"big":9007199254740993,"rate":1e3},"x":"\\u0041\\/"}\n`;
const whole: Canned = { type: "application/json", pieces: [answer] };
const streamed = (lineEnd: "\n" | "\r\n" = "\n"): Canned => ({ pieces: [recorded(lineEnd)] });

const odd = `"messages" :[ {"role":"user","content":"a\\u0062c 🦊 \\/"} ],"temperature":1.0,"seed":9007199254740993,"top_p":1e-1,"new_field":{"a":[1.50,  null]}`;

/** Bodies as they are sent, and what becomes of them on the way; \`S\` stands for what the stream's usage needs. */
const requests: readonly (readonly [what: string, body: string, sent: string, canned: Canned])[] = [
  ["an odd body", `{ ${odd} , "model": "watched" }`, `{ ${odd} , "model": "actual-model" }`, whole],
  [
    "line breaks and tabs",
    `\n{\r\n\t"model"\t:\n"watched",${odd}}\n `,
    `\n{\r\n\t"model"\t:\n"actual-model",${odd}}\n `,
    whole,
  ],
  ["a model written with escapes", `{"model":"w\\u0061tched",${odd}}`, `{"model":"actual-model",${odd}}`, whole],
  ["a model of the same name", `{"model":"same", ${odd}}`, `{"model":"same", ${odd}}`, whole],
  [
    "a model within a string",
    `{${odd},"user":"\\"model\\":\\"watched\\"","model":"watched"}`,
    `{${odd},"user":"\\"model\\":\\"watched\\"","model":"actual-model"}`,
    whole,
  ],
  [
    "a stream that asks for usage",
    `{"model":"watched","stream":true,"stream_options":{ "include_usage" : true, "x":1.0 },${odd}}`,
    `{"model":"actual-model","stream":true,"stream_options":{ "include_usage" : true, "x":1.0 },${odd}}`,
    streamed(),
  ],
  [
    "a stream that does not ask for usage",
    `{"model":"watched","stream":true,${odd}}`,
    `{"stream_options":{"include_usage":true},"model":"actual-model","stream":true,${odd}}`,
    streamed(),
  ],
  [
    "a stream that refuses usage",
    `{"model":"watched","stream":true,"stream_options":{"include_usage":false,"x":1},${odd}}`,
    `{"model":"actual-model","stream":true,"stream_options":{"include_usage":true,"x":1},${odd}}`,
    streamed(),
  ],
  [
    "a token limit of the other name",
    `{"model":"strict","max_tokens":10,${odd}}`,
    `{"model":"actual-model","max_completion_tokens":10,${odd}}`,
    whole,
  ],
  [
    "its own token limit, which goes before a default of the other name",
    `{"model":"capped","max_tokens":5,${odd}}`,
    `{"model":"actual-model","max_tokens":5,${odd}}`,
    whole,
  ],
  [
    "defaults where the client is silent",
    `{"model":"preset","top_p":0.10,"messages":[{"role":"user","content":"hi"}]}`,
    `{"temperature":0.5,"model":"actual-model","top_p":0.10,"messages":[{"role":"user","content":"hi"}]}`,
    whole,
  ],
];
for (const [what, body, sent, canned] of requests) {
  test(`the upstream gets ${what} byte for byte, but for the edits`, async () => {
    assert.equal((await pass(body, canned)).sent, sent);
  });
}

test("an unstreamed answer comes back byte for byte", async () => {
  for (const model of ["watched", "unread"])
    assert.equal((await pass(`{"model":"${model}",${odd}}`, whole)).got, answer);
});

for (const lineEnd of ["\n", "\r\n"] as const) {
  const bytes = recorded(lineEnd).toString();
  const name = JSON.stringify(lineEnd);
  test(`a stream with line ends ${name} comes back byte for byte when its usage was asked for`, async () => {
    for (const model of ["watched", "unread"]) {
      const body = `{"model":"${model}","stream":true,"stream_options":{"include_usage":true},${odd}}`;
      assert.equal((await pass(body, streamed(lineEnd))).got, bytes);
    }
  });

  test(`a stream with line ends ${name} comes back without the usage that was not asked for`, async () => {
    const { got, id } = await pass(`{"model":"watched","stream":true,${odd}}`, streamed(lineEnd));
    const events = bytes.split(lineEnd + lineEnd);
    const expected = events.filter((event) => !event.includes('"usage"')).join(lineEnd + lineEnd);
    assert.notEqual(expected, bytes);
    assert.equal(got, expected);
    const { inputTokens, outputTokens } = await house.row(id);
    assert.deepEqual([inputTokens, outputTokens], [11, 7]);
  });
}

test("the shapes that streams may have come back as they are", async () => {
  const chunk = (delta: string, more = "") => `{ "choices":[{"delta":${delta},"index":0${more}}] , "n":1.0}`;
  const shapes = [
    `data:${chunk('{"content":"a"}')}\n\ndata:${chunk("{}", ',"finish_reason":"stop"')}\n\ndata:[DONE]\n\n`,
    `:\n\nid: 7\nevent: message\nretry: 10\ndata:  ${chunk('{"content":"a"}')}\n\n\n\ndata: ${chunk("{}", ',"finish_reason":"stop"')}\n\ndata: [DONE]\n\n`,
    `\uFEFFdata: ${chunk('{"content":"a"}')}\r\rdata: ${chunk("{}", ',"finish_reason":"stop"')}\r\rdata: [DONE]\r\r`,
    `data: {"choices":[{"delta":{"content":"a"},\ndata: "index":0}]}\n\nunknown: field\ndata: ${chunk("{}", ',"finish_reason":"stop"')}\n\ndata: [DONE]\n\n`,
    `data: ${chunk('{"content":"a"}')}\n\ndata:\n\ndata: ${chunk("{}", ',"finish_reason":"stop"')}\n\n: bye\n\ndata: [DONE]\n\n`,
  ];
  for (const shape of shapes) {
    const body = `{"model":"watched","stream":true,"stream_options":{"include_usage":true},${odd}}`;
    assert.equal((await pass(body, { pieces: [shape] })).got, shape);
  }
});

test("an answer bears the name that was asked for where that is wanted, and is otherwise untouched", async () => {
  const { got } = await pass(`{"model":"echoing",${odd}}`, whole);
  assert.equal(got, answer.replace('"upstream-model"', '"echoing"'));
  const body = `{"model":"echoing","stream":true,"stream_options":{"include_usage":true},${odd}}`;
  const bytes = recorded("\n").toString();
  assert.equal((await pass(body, streamed())).got, bytes.replaceAll('"upstream-model"', '"echoing"'));
});

test("what passes unread is neither judged nor counted", async () => {
  const half = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
  const { got, id, status } = await pass(`{"model":"unread","stream":true,${odd}}`, { pieces: [half] });
  assert.deepEqual([got, status], [half, 200]);
  const row = await house.row(id);
  assert.deepEqual([row.sight, row.status, row.inputTokens, row.failureKind], ["relay", 200, undefined, undefined]);
});

interface Folded {
  content: string;
  calls: { id: string; name: string; arguments: string }[];
  finish: string | null;
  usage: unknown;
}

interface Chunk {
  readonly choices: readonly {
    readonly delta: {
      readonly content?: string | null;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly id?: string;
        readonly function: { readonly name?: string; readonly arguments?: string };
      }[];
    };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: unknown;
}

/** The whole answer that a stream's chunks make. */
function fold(stream: string): Folded {
  const folded: Folded = { content: "", calls: [], finish: null, usage: undefined };
  for (const line of stream.split(/\r?\n/u)) {
    if (!line.startsWith("data: {")) continue;
    const chunk = JSON.parse(line.slice(6)) as Chunk;
    folded.usage = chunk.usage ?? folded.usage;
    for (const { delta, finish_reason: finish } of chunk.choices) {
      folded.content += delta.content ?? "";
      folded.finish = finish ?? folded.finish;
      for (const call of delta.tool_calls ?? []) {
        const known = (folded.calls[call.index] ??= { id: "", name: "", arguments: "" });
        known.id += call.id ?? "";
        known.name += call.function.name ?? "";
        known.arguments += call.function.arguments ?? "";
      }
    }
  }
  return folded;
}

test("a translated stream means what the watched one means", async () => {
  const ask = (model: string) =>
    pass(`{"model":"${model}","stream":true,"stream_options":{"include_usage":true},${odd}}`, streamed());
  const watched = await ask("watched");
  const translated = await ask("translated");
  assert.notEqual(translated.got, watched.got);
  const folded = fold(watched.got);
  assert.equal(folded.calls.length, 2);
  assert.deepEqual(fold(translated.got), folded);
  const [one, two] = await Promise.all([watched, translated].map(({ id }) => house.row(id)));
  assert.deepEqual(
    [one?.inputTokens, one?.outputTokens, one?.finishReason, one?.actualModel],
    [two?.inputTokens, two?.outputTokens, two?.finishReason, two?.actualModel],
  );
  assert.deepEqual([one?.sight, two?.sight], ["tap", "translate"]);
});

test("a translated request and answer mean what the watched ones mean", async () => {
  const watched = await pass(`{"model":"watched",${odd}}`, whole);
  const translated = await pass(`{"model":"translated",${odd}}`, whole);
  assert.deepEqual(JSON.parse(translated.sent), JSON.parse(watched.sent));
  const [a, b] = [watched, translated].map(
    ({ got }) =>
      JSON.parse(got) as { choices: { message: { content: string } }[]; usage: object; model: string; id: string },
  );
  assert.ok(a !== undefined && b !== undefined);
  assert.deepEqual([b.id, b.model, b.choices[0]?.message.content], [a.id, a.model, a.choices[0]?.message.content]);
  assert.deepEqual(
    Object.entries(b.usage)
      .filter(([name]) => name !== "total_tokens")
      .sort(),
    Object.entries(a.usage).sort(),
  );
});
