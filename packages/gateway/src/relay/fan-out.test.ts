import assert from "node:assert/strict";
import { test } from "node:test";
import { openaiChat } from "../codecs/openai-chat/index.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import { FanOut } from "./fan-out.ts";
import { eventStream, events as pieces, FakeBackend, json, whole } from "./support.test.ts";
import type { FakeCall } from "./support.test.ts";

interface Play {
  readonly calls: readonly [FakeCall, FakeCall, FakeCall];
  readonly events: AnswerEvent[];
  /** How often its end was told. */
  readonly ends: () => number;
  readonly flow: ReturnType<FanOut["run"]>;
}

/** Three calls side by side. */
function play(stream: boolean, limit = 10_000): Play {
  const backend = new FakeBackend();
  const side = () => ({ body: Buffer.from("{}"), stages: [] });
  const fanOut = new FanOut({
    backend,
    codec: openaiChat,
    calls: [side(), side(), side()],
    model: "actual",
    stream,
    requestId: "id",
    credential: 0,
    headers: {},
    limit,
    now: () => 0,
  });
  const events: AnswerEvent[] = [];
  let ends = 0;
  const request = { operation: "generate", model: "m", messages: [], tools: [], sampling: {}, stream } as const;
  const flow = fanOut.run(request, { event: (event) => void events.push(event), end: () => void ends++ });
  const [first, second, third] = backend.calls;
  assert.ok(first !== undefined && second !== undefined && third !== undefined && backend.calls.length === 3);
  return { calls: [first, second, third], events, ends: () => ends, flow };
}

const typesOf = (events: readonly AnswerEvent[]) => events.map(({ type }) => type);
const failuresOf = (events: readonly AnswerEvent[]) =>
  events.flatMap((event) => (event.type === "failure" ? [event.failure] : []));
const textsOf = (events: readonly AnswerEvent[]) => {
  const texts = ["", "", ""];
  for (const event of events) if (event.type === "part-delta") texts[event.candidate] += event.text;
  return texts;
};

function answer(call: FakeCall, text = pieces.text): void {
  call.head(200, eventStream);
  for (const piece of [pieces.role, text, pieces.finish, pieces.usage, pieces.done]) call.data(piece);
  call.end();
}

test("no answer finishes before all have, so that a slow one is waited for", () => {
  const { calls, events, ends } = play(true);
  answer(calls[0]);
  answer(calls[2]);
  assert.deepEqual(textsOf(events), ["word ", "", "word "]);
  assert.ok(!typesOf(events).includes("finish") && ends() === 0);
  answer(calls[1], pieces.text.replace("word", "late"));
  assert.deepEqual(textsOf(events), ["word ", "late ", "word "]);
  const finished = events.flatMap((event) => (event.type === "finish" ? [event.candidate] : []));
  assert.deepEqual(finished.toSorted(), [0, 1, 2]);
  assert.equal(typesOf(events).filter((type) => type === "start").length, 1);
  const usages = events.flatMap((event) => (event.type === "usage" ? [event.usage] : []));
  assert.deepEqual(usages, [{ inputTokens: 9, outputTokens: 6 }]);
  assert.equal(ends(), 1);
});

test("usage that one of them does not tell is unknown", () => {
  const { calls, events } = play(false);
  for (const call of calls) {
    call.head(200, json);
    call.data(call === calls[1] ? whole.replace('"completion_tokens":2', '"other":2') : whole);
    call.end();
  }
  assert.deepEqual(
    events.filter(({ type }) => type === "usage"),
    [{ type: "usage", usage: { inputTokens: 9 } }],
  );
});

for (const [name, wanted, sent] of [
  ["a stream answered with a whole", true, whole],
  ["a whole answered with a stream", false, pieces.role + pieces.text + pieces.finish + pieces.done],
] as const) {
  test(`${name}, whatever its type says`, () => {
    for (const type of [json, eventStream, {}]) {
      const { calls, events, ends } = play(wanted);
      for (const call of calls) {
        call.head(200, type);
        call.data(sent);
        call.end();
      }
      assert.deepEqual(
        textsOf(events).map((text) => text.trim()),
        ["word", "word", "word"],
      );
      assert.deepEqual([failuresOf(events), ends()], [[], 1]);
    }
  });
}

const failing: readonly (readonly [name: string, kind: string, act: (call: FakeCall) => void])[] = [
  [
    "is refused",
    "bad-request",
    (call) => (call.head(400, json), call.data('{"error":{"message":"canary"}}'), call.end()),
  ],
  [
    "tells of an error in its stream",
    "upstream-error",
    (call) => (call.head(200, eventStream), call.data(pieces.error)),
  ],
  [
    "breaks off",
    "unreachable",
    (call) => (call.head(200, eventStream), call.data(pieces.text), call.fail("unreachable")),
  ],
  ["ends too early", "broken-stream", (call) => (call.head(200, eventStream), call.data(pieces.text), call.end())],
  [
    "sends a page",
    "bad-response",
    (call) => (call.head(200, { "content-type": "text/html" }), call.data("<html>"), call.end()),
  ],
  ["sends nothing", "bad-response", (call) => (call.head(200, json), call.end())],
  ["sends too much", "bad-response", (call) => (call.head(200, json), call.data(`{"a":"${"x".repeat(20_000)}`))],
];
for (const [name, kind, act] of failing) {
  test(`one that ${name} fails them all, once, and the others are let go`, async () => {
    const { calls, events, ends } = play(kind !== "bad-response");
    calls[0].head(200, eventStream);
    calls[0].data(pieces.text);
    act(calls[1]);
    const [why, ...more] = failuresOf(events);
    assert.deepEqual([why?.kind, more, events.at(-1)?.type, ends()], [kind, [], "failure", 0]);
    assert.ok(!why?.message.includes("canary"), "the secret is told");
    const told = events.length;
    await Promise.resolve();
    assert.deepEqual([calls[0].over, calls[2].over], ["cancelled", "cancelled"]);
    answer(calls[2]);
    assert.equal(events.length, told);
  });
}

/** How providers say for how long nobody should come again, in headers and in bodies. */
const waits: readonly (readonly [headers: { readonly [name: string]: string }, body: object, wait: number])[] = [
  [{ "retry-after": "3" }, {}, 3000],
  [{ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7s" }, {}, 7000],
  [{}, { error: { resets_in_seconds: 9 } }, 9000],
];
test("one that is refused tells for how long, in whatever words its provider has for it", () => {
  for (const [headers, body, wait] of waits) {
    const { calls, events } = play(true);
    calls[1].head(429, { ...json, ...headers });
    calls[1].data(JSON.stringify(body));
    calls[1].end();
    assert.deepEqual(
      failuresOf(events).map(({ kind, retryAfter }) => [kind, retryAfter]),
      [["rate-limited", wait]],
    );
  }
});

test("what goes wrong behind the end of one is nothing", () => {
  const { calls, events, ends } = play(true);
  calls[0].head(200, eventStream);
  for (const piece of [pieces.text, pieces.finish, pieces.done]) calls[0].data(piece);
  calls[0].fail("unreachable");
  answer(calls[1]);
  answer(calls[2]);
  assert.deepEqual([failuresOf(events), ends()], [[], 1]);
});

test("the reins hold all of them", () => {
  const { calls, flow } = play(true);
  flow.pause();
  assert.deepEqual(
    calls.map(({ paused }) => paused),
    [true, true, true],
  );
  flow.resume();
  assert.deepEqual(
    calls.map(({ paused }) => paused),
    [false, false, false],
  );
  flow.cancel();
  flow.cancel();
  assert.deepEqual(
    calls.map(({ over }) => over),
    ["cancelled", "cancelled", "cancelled"],
  );
});
