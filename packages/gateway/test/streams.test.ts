import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { inTime } from "./support/in-time.ts";
import type { LedgerRow } from "../src/store/ports.ts";
import { ask } from "./support/exchange.ts";
import { startHouse } from "./support/house.ts";
import { defaultText, defaultUsage } from "./support/payloads.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour } from "./support/upstream.ts";

const first = await startUpstream();
const second = await startUpstream();
const endpoint = (name: string, url: string) => ({
  name,
  type: "openai-compatible",
  url,
  timeouts: { firstToken: "2s", idle: "300ms" },
});
const targets = [
  { endpoint: "first", model: "model" },
  { endpoint: "second", model: "model" },
];
const house = await startHouse({
  document: {
    server: { limits: { answer: "300KB" } },
    // Fault follows fault at the same target.
    circuit: { failures: 100 },
    endpoints: [endpoint("first", first.url), endpoint("second", second.url)],
    models: [
      { name: "tapped", targets },
      { name: "translated", targets, relay: "never" },
      { name: "unread", targets, relay: "always" },
    ],
  },
});
const expectedRows: { readonly id: string; readonly row: object }[] = [];

after(async () => {
  for (const resource of [house, first, second]) await resource[Symbol.asyncDispose]();
});

/** Cases run side by side; the field `user` tells whose a call is. */
const behaviours = new Map<unknown, Behaviour>();
first.script(({ json }) => behaviours.get(field(json, "user")) ?? { kind: "answer" });
second.script({ kind: "answer", text: "This is another answer." });

async function stream(model: string, behaviour: Behaviour, more: object = {}) {
  const user = `case-${behaviours.size}`;
  behaviours.set(user, behaviour);
  const outcome = await ask(house, { model, stream: true, more: { ...more, user } });
  assert.ok(outcome.stream !== undefined, outcome.raw);
  const [calls, callsToo] = [first, second].map((upstream) =>
    upstream.calls.filter(({ json }) => field(json, "user") === user),
  );
  const call = calls?.[0];
  assert.ok(call !== undefined);
  const { events } = outcome.stream;
  return { ...outcome, stream: outcome.stream, events, call, calls: [calls?.length, callsToo?.length] };
}

/** What breaks an answer after its first words have gone out. */
const broken: readonly {
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly kind: string;
  readonly status: number;
}[] = [
  ...(["reset", "fin", "end", "eof", "length", "short"] as const).map((how) => ({
    name: `a cut (${how})`,
    behaviour: { kind: "cut", after: 5, how } as const,
    kind: "broken-stream",
    status: 502,
  })),
  { name: "a stall", behaviour: { kind: "stall", after: 5 }, kind: "timeout-idle", status: 504 },
  { name: "half an event", behaviour: { kind: "malformed", after: 5 }, kind: "broken-stream", status: 502 },
  {
    name: "an event that is no object",
    behaviour: { kind: "malformed", after: 5, payload: "[1]" },
    kind: "broken-stream",
    status: 502,
  },
  { name: "an error event", behaviour: { kind: "error-event", after: 5 }, kind: "overloaded", status: 503 },
  {
    name: "a named error event and [DONE]",
    behaviour: { kind: "error-event", after: 5, form: "named", next: "done" },
    kind: "overloaded",
    status: 503,
  },
  {
    name: "an error event and silence",
    behaviour: { kind: "error-event", after: 5, next: "hang" },
    kind: "overloaded",
    status: 503,
  },
  {
    name: "an event beyond the limit",
    behaviour: { kind: "malformed", after: 5, payload: JSON.stringify({ choices: [], padding: "x".repeat(400_000) }) },
    kind: "broken-stream",
    status: 502,
  },
];
describe("after the first words", { concurrency: 24 }, () => {
  for (const model of ["tapped", "translated"]) {
    for (const { name, behaviour, kind, status } of broken) {
      test(`${model}: ${name} in mid-stream ends in one error event, and nobody else is asked`, async () => {
        await inTime(1000, async () => {
          const outcome = await stream(model, behaviour);
          assert.deepEqual(outcome.calls, [1, 0]);
          assert.equal(outcome.status, 200);
          assert.equal(outcome.stream.broken, undefined);
          assert.equal(outcome.stream.rest, "");
          assert.ok(outcome.text.length > 0 && outcome.text.length < defaultText.length, outcome.text);
          assert.ok(defaultText.startsWith(outcome.text), outcome.text);
          assert.equal(outcome.finishReason, undefined);
          assert.equal(outcome.stream.done, false);
          const errors = outcome.events.filter(({ json }) => field(json, "error") !== undefined);
          assert.equal(errors.length, 1);
          assert.equal(outcome.events.at(-1), errors[0]);
          assert.equal(typeof field(errors[0]?.json, "error", "message"), "string");
          const took = outcome.duration;
          await outcome.call.ended;
          expectedRows.push({
            id: outcome.id,
            row: {
              status,
              failureKind: kind,
              attempts: 1,
              endpoint: "first",
              finishReason: undefined,
              outputTokens: undefined,
            },
          });
          return took;
        });
      });
    }
  }
});

test("unread: a connection that breaks in mid-stream is told by an error event", async () => {
  const outcome = await stream("unread", { kind: "cut", after: 5, how: "reset" });
  assert.deepEqual(outcome.calls, [1, 0]);
  assert.equal(outcome.stream.done, false);
  assert.notEqual(field(outcome.events.at(-1)?.json, "error"), undefined);
  expectedRows.push({ id: outcome.id, row: { status: 502, failureKind: "broken-stream", sight: "relay" } });
});

/** Streams whose answer is complete, however they end. `after: 99` is all of its events, without the [DONE]. */
const complete: readonly { readonly name: string; readonly behaviour: Behaviour }[] = [
  { name: "as it should", behaviour: { kind: "answer" } },
  { name: "in a reset after [DONE]", behaviour: { kind: "reset-after-done" } },
  { name: "in a reset without [DONE]", behaviour: { kind: "cut", after: 99, how: "reset" } },
  { name: "in a FIN without [DONE]", behaviour: { kind: "cut", after: 99, how: "fin" } },
  { name: "without [DONE]", behaviour: { kind: "stream", framing: { done: false } } },
  { name: "without the last blank line", behaviour: { kind: "stream", framing: { trailingBlank: false } } },
  {
    name: "without [DONE] and the last blank line",
    behaviour: { kind: "stream", framing: { done: false, trailingBlank: false } },
  },
  { name: "never, after [DONE]", behaviour: { kind: "hang-after-done" } },
  { name: "never, without [DONE]", behaviour: { kind: "stall", after: 99 } },
  { name: "never, without [DONE] but with heartbeats", behaviour: { kind: "stall", after: 99, heartbeat: 100 } },
];
describe("a complete answer", { concurrency: 24 }, () => {
  for (const model of ["tapped", "translated"]) {
    for (const { name, behaviour } of complete) {
      test(`${model}: a stream that ends ${name} is a success with one [DONE]`, async () => {
        await inTime(1500, async () => {
          const outcome = await stream(model, behaviour, { stream_options: { include_usage: true } });
          assert.deepEqual(outcome.calls, [1, 0]);
          assert.equal(outcome.stream.broken, undefined);
          assert.equal(outcome.text, defaultText);
          assert.equal(outcome.finishReason, "stop");
          assert.equal(outcome.error, undefined);
          assert.equal(outcome.events.filter(({ data }) => data === "[DONE]").length, 1);
          assert.equal(outcome.events.at(-1)?.data, "[DONE]");
          assert.deepEqual(outcome.usage, defaultUsage);
          const took = outcome.duration;
          await Promise.race([outcome.call.ended, new Promise((resolve) => setTimeout(resolve, 1500))]);
          assert.notEqual(outcome.call.endedAt, undefined, "the upstream's connection is still in use");
          const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = defaultUsage;
          expectedRows.push({
            id: outcome.id,
            row: { status: 200, failureKind: undefined, finishReason: "stop", inputTokens, outputTokens, attempts: 1 },
          });
          return took;
        });
      });
    }
  }
});

test("tapped: what comes after [DONE] does not reach the client", async () => {
  const outcome = await stream("tapped", {
    kind: "stream",
    events: [
      { choices: [{ index: 0, delta: { content: "Hi" } }] },
      { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
      "[DONE]",
      { choices: [{ index: 0, delta: { content: " again" } }] },
    ],
  });
  assert.equal(outcome.text, "Hi");
  assert.equal(outcome.events.at(-1)?.data, "[DONE]");
});

test("a second candidate may begin long after the first has finished", async () => {
  const choice = (index: number, delta: object, finish: string | null = null) => ({
    choices: [{ index, delta, finish_reason: finish }],
  });
  const events = [
    choice(0, { content: "one" }),
    choice(0, {}, "stop"),
    choice(1, { content: "two" }),
    choice(1, { content: "three" }),
    choice(1, { content: "four" }),
    choice(1, { content: "five" }),
    choice(1, {}, "stop"),
  ];
  const models = ["tapped", "translated"];
  const behaviour: Behaviour = { kind: "stream", events, pause: 250 };
  for (const outcome of await Promise.all(models.map((model) => stream(model, behaviour, { n: 2 })))) {
    assert.equal(outcome.error, undefined);
    const texts = outcome.events.filter(({ json }) => field(json, "choices", 0, "index") === 1);
    assert.equal(
      texts.map(({ json }) => field(json, "choices", 0, "delta", "content") ?? "").join(""),
      "twothreefourfive",
    );
    assert.equal(outcome.stream.done, true);
  }
});

test("a compressed stream that is cut in mid-stream ends in an error event", async () => {
  for (const encoding of ["gzip", "br"] as const) {
    // What cannot be compressed comes out as it goes in.
    const text = Array.from({ length: 3000 }, (_, index) =>
      ((index * 2_654_435_761) % 4_294_967_291).toString(36),
    ).join(" ");
    const outcome = await stream("tapped", { kind: "compressed", encoding, fault: "cut", text });
    assert.deepEqual(outcome.calls, [1, 0]);
    assert.ok(outcome.text !== "" && text.startsWith(outcome.text));
    assert.equal(outcome.stream.done, false);
    assert.notEqual(field(outcome.events.at(-1)?.json, "error"), undefined);
  }
});

test("each of these streams has exactly one row, and it says how the stream ended", async () => {
  const last = expectedRows.at(-1);
  assert.ok(last !== undefined && expectedRows.length > 30);
  await house.row(last.id);
  const rows = Map.groupBy(await house.store.ledger.recent(1000), ({ id }) => id);
  for (const { id, row } of expectedRows) {
    const found = rows.get(id) ?? [];
    assert.equal(found.length, 1);
    const fields = Object.keys(row) as (keyof LedgerRow)[];
    assert.deepEqual(Object.fromEntries(fields.map((name) => [name, found[0]?.[name]])), row);
    assert.ok((found[0]?.bytesOut ?? 0) > 0);
    assert.ok((found[0]?.timeToFirstToken ?? 0) > 0);
  }
});
