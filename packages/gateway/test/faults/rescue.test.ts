import assert from "node:assert/strict";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { after, describe, test } from "node:test";
import { ask } from "../support/exchange.ts";
import type { Outcome } from "../support/exchange.ts";
import { startHouse } from "../support/house.ts";
import { field, readStream } from "../support/read-stream.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Behaviour, Call } from "../support/upstream.ts";

/**
 * Answers that break off, through a whole gateway: two upstreams behind one virtual model per way of rescue. The
 * default is `error`, with which an answer that has begun is never begun again; that it be completed is asked for.
 */
const first = await startUpstream();
const second = await startUpstream();
const targets = [
  { endpoint: "first", model: "*" },
  { endpoint: "second", model: "*" },
];
const endpoint = (name: string, url: string) => ({
  name,
  type: "openai-compatible",
  url,
  credentials: [{ apiKey: `key-${name}` }],
  timeouts: { connect: "1s", firstToken: "2s", firstByte: "2s", idle: "400ms" },
});
const house = await startHouse({
  document: {
    endpoints: [endpoint("first", first.url), endpoint("second", second.url)],
    models: [
      { name: "plain/*", targets },
      { name: "off/*", targets, rescue: "off" },
      { name: "continue/*", targets, rescue: "continue" },
      { name: "prefill/*", targets, rescue: "continue", prefill: true },
      { name: "hold/*", targets, rescue: "hold" },
    ],
  },
});

after(async () => {
  for (const resource of [house, first, second]) await resource[Symbol.asyncDispose]();
});

const words = Array.from({ length: 60 }, (_, index) => (index === 0 ? "token0" : ` token${index}`));
const whole = words.join("");
const begun = words.slice(0, 40).join("");
const usage = { prompt_tokens: 10, completion_tokens: 60, total_tokens: 70 };
const good: Behaviour = { kind: "answer", text: whole, usage };
/** The head of the stream is an event too. */
const at40 = 41;
const cut: Behaviour = { kind: "cut", text: whole, after: at40, how: "reset" };
const prefillRefused: Behaviour = {
  kind: "status",
  status: 400,
  body: { error: { message: "The last message must not be the assistant's.", type: "invalid_request_error" } },
};

const hasPrefill = ({ json }: Call): boolean => {
  const messages = field(json, "messages");
  return Array.isArray(messages) && field(messages.at(-1), "role") === "assistant";
};
const prefillOf = ({ json }: Call): string => {
  const messages = field(json, "messages") as readonly unknown[];
  return String(field(messages.at(-1), "content"));
};

interface Tried extends Outcome {
  readonly calls: readonly [first: number, second: number];
}

let cases = 0;

/** One request for a model of its own, so that no case cools another. */
async function attempt(
  way: string,
  behaviours: readonly [first: Behaviour, second: Behaviour | ((call: Call) => Behaviour)],
  stream = true,
): Promise<Tried> {
  const before = [first.count, second.count] as const;
  const [one, two] = behaviours;
  first.script(one);
  second.script(typeof two === "function" ? (call) => two(call) : two);
  const outcome = await ask(house, { model: `${way}/case-${cases++}`, stream });
  return { ...outcome, calls: [first.count - before[0], second.count - before[1]] };
}

const answered = ({ status, text, error, finishReason }: Outcome) => ({ status, text, error, finishReason });
const complete = { status: 200, text: whole, error: undefined, finishReason: "stop" };

describe("a cut after 40 of 60 tokens", () => {
  for (const how of ["reset", "fin", "end", "eof"] as const) {
    test(`is answered whole and not doubled with \`continue\`: ${how}`, async () => {
      const outcome = await attempt("continue", [{ ...cut, how } as Behaviour, good]);
      assert.deepEqual(answered(outcome), complete);
      assert.deepEqual(outcome.calls, [1, 1]);
    });
  }

  test("is answered whole and not doubled with `hold`", async () => {
    const outcome = await attempt("hold", [cut, { ...good, text: "another answer" } as Behaviour]);
    assert.deepEqual(answered(outcome), { ...complete, text: "another answer" });
    assert.equal(outcome.headers.get("x-patchbay-endpoint"), "second");
  });

  test("goes on behind a prefill with a model that is declared to do so", async () => {
    const outcome = await attempt("prefill", [
      cut,
      (call) => ({ ...good, text: hasPrefill(call) ? whole.slice(prefillOf(call).length) : "afresh" }) as Behaviour,
    ]);
    assert.deepEqual(answered(outcome), complete);
  });

  test("is answered whole by a target that rejects the prefill", async () => {
    const outcome = await attempt("prefill", [cut, (call) => (hasPrefill(call) ? prefillRefused : good)]);
    assert.deepEqual(answered(outcome), complete);
    assert.deepEqual(outcome.calls, [1, 2]);
  });

  test("is answered whole by a target that ignores the prefill", async () => {
    assert.deepEqual(answered(await attempt("prefill", [cut, good])), complete);
  });

  test("ends in an error where the other answer takes another course", async () => {
    const other: Behaviour = { kind: "answer", text: "Something else altogether." };
    const outcome = await attempt("continue", [cut, other]);
    assert.deepEqual([outcome.status, outcome.text, outcome.finishReason], [200, begun, undefined]);
    assert.notEqual(outcome.error, undefined);
    assert.ok(!outcome.raw.includes("[DONE]"));
  });

  test("ends in an error of the surface by default, and nobody else is asked", async () => {
    const outcome = await attempt("plain", [cut, good]);
    assert.deepEqual([outcome.text, outcome.calls], [begun, [1, 0]]);
    assert.notEqual(outcome.error, undefined);
  });

  test("ends with the connection where rescue is off", async () => {
    const { text, error, stream, calls } = await attempt("off", [cut, good]);
    assert.deepEqual([text, error, stream?.done, calls], [begun, undefined, false, [1, 0]]);
    assert.notEqual(stream?.broken, undefined);
  });

  test("unstreamed, the next target answers, whatever the way", async () => {
    for (const way of ["plain", "off", "continue", "prefill", "hold"]) {
      const outcome = await attempt(way, [{ kind: "truncated-json", text: whole }, good], false);
      assert.deepEqual(answered(outcome), complete, way);
      assert.deepEqual(outcome.calls, [1, 1], way);
    }
  });

  test("the trailers name who completed it, and the ledger tells of both", async () => {
    first.script(cut);
    second.script(good);
    const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
    const sent = request(`${house.url}/v1/chat/completions`, { method: "POST" }, resolve);
    const messages = [{ role: "user", content: "Hello" }];
    sent.end(JSON.stringify({ model: `continue/case-${cases++}`, stream: true, messages }));
    const response = await promise;
    assert.equal(response.headers["x-patchbay-endpoint"], "first");
    const stream = await readStream(response);
    assert.equal(stream.text, whole);
    assert.deepEqual(
      [response.trailers["x-patchbay-rescued"], response.trailers["x-patchbay-endpoint"]],
      ["true", "second"],
    );
    const row = await house.row(String(response.headers["x-request-id"]));
    assert.equal(field(JSON.parse(row.route ?? "{}"), "rescued"), true);
  });

  test("the accounts name the target that completed it, and its usage", async () => {
    const { id, usage: told } = await attempt("continue", [cut, good]);
    const row = await house.row(id);
    assert.deepEqual(
      [row.endpoint, row.attempts, row.status, row.inputTokens, row.outputTokens, row.failureKind],
      ["second", 2, 200, 10, 60, undefined],
    );
    assert.equal(told, undefined, "the client did not ask for it");
  });
});

describe("other faults in mid-stream are answered whole", () => {
  const faults: readonly (readonly [name: string, behaviour: Behaviour])[] = [
    ["a stall", { kind: "stall", text: whole, after: at40 }],
    ["a stall with comments", { kind: "stall", text: whole, after: at40, heartbeat: 5000 }],
    ["a malformed event", { kind: "malformed", text: whole, after: at40 }],
    ["an error event", { kind: "error-event", text: whole, after: at40 }],
  ];
  for (const [name, behaviour] of faults) {
    for (const way of ["continue", "hold"]) {
      test(`${name}, with \`${way}\``, async () => {
        const outcome = await attempt(way, [behaviour, good]);
        assert.deepEqual(answered(outcome), complete);
        assert.deepEqual(outcome.calls, [1, 1]);
      });
    }
  }

  test("a stream without [DONE] is whole, and gets one", async () => {
    for (const way of ["plain", "off", "continue", "hold"]) {
      const outcome = await attempt(way, [{ ...good, framing: { done: false } } as Behaviour, good]);
      assert.deepEqual(answered(outcome), complete, way);
      assert.deepEqual(outcome.calls, [1, 0], way);
      assert.ok(outcome.raw.includes("[DONE]"), way);
    }
  });

  test("a content filter in mid-stream reaches the client, and nobody else is asked", async () => {
    const error = { message: "It was filtered.", code: "content_filter", type: "invalid_request_error" };
    for (const way of ["plain", "continue"]) {
      const outcome = await attempt(way, [{ kind: "error-event", text: whole, after: at40, error }, good]);
      assert.equal(field(outcome.error, "message"), "It was filtered.", way);
      assert.deepEqual(outcome.calls, [1, 0], way);
    }
  });

  test("an answer that is cut short by a filter is told as such", async () => {
    const outcome = await attempt("continue", [{ ...good, finishReason: "content_filter" } as Behaviour, good]);
    assert.deepEqual([outcome.finishReason, outcome.calls], ["content_filter", [1, 0]]);
  });
});
