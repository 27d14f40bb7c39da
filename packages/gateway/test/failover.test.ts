import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { LedgerRow } from "../src/store/ports.ts";
import { ask } from "./support/exchange.ts";
import type { Outcome } from "./support/exchange.ts";
import { startHouse } from "./support/house.ts";
import { bomb } from "./support/compress.ts";
import { defaultText, defaultUsage } from "./support/payloads.ts";
import { field } from "./support/read-stream.ts";
import { closedPort, startUpstream } from "./support/upstream.ts";
import type { Behaviour, Call } from "./support/upstream.ts";

// Made beforehand, since it blocks everybody for half a second.
for (const encoding of ["gzip", "br"] as const) bomb(encoding);

/** Two real upstreams behind one virtual model. */
const keys = { first: "sk-canary-first-0123456789", second: "sk-canary-second-0123456789" };
const good: Behaviour = { kind: "answer" };
const first = await startUpstream();
const second = await startUpstream();
const trap = await startUpstream();
const house = await startHouse({ document: await twoTargets() });

after(async () => {
  for (const resource of [house, first, second, trap]) await resource[Symbol.asyncDispose]();
});

async function twoTargets(): Promise<object> {
  const endpoint = (name: "first" | "second", url: string) => ({
    name,
    type: "openai-compatible",
    url,
    credentials: [{ apiKey: keys[name] }],
    timeouts: { connect: "1s", firstToken: "500ms", firstByte: "500ms", idle: "500ms" },
  });
  const price = { input: 2, output: 3 };
  const targets = (...names: readonly string[]) => names.map((name) => ({ endpoint: name, model: "*" }));
  return {
    server: { limits: { answer: "300KB" } },
    endpoints: [
      endpoint("first", first.url),
      endpoint("second", second.url),
      { ...endpoint("first", `http://127.0.0.1:${await closedPort()}/v1`), name: "closed" },
      { ...endpoint("first", "http://169.254.169.254/v1"), name: "metadata" },
    ],
    models: [
      // Retries at the same target are a matter of `faults-upstream.test.ts`.
      { name: "both/*", targets: targets("first", "second"), price, failover: { attempts: 2 } },
      { name: "translated/*", targets: targets("first", "second"), relay: "never", price },
      { name: "refusing/*", targets: targets("closed", "second"), price },
      { name: "barred/*", targets: targets("metadata", "second"), price },
    ],
  };
}

interface Tried extends Outcome {
  /** Calls of this case at each upstream. */
  readonly calls: readonly [first: number, second: number];
  /** The actual model's name. */
  readonly model: string;
  /** The call that was made last. */
  readonly last: Call | undefined;
  /** The first call came on a connection that had been used before. */
  readonly reused: boolean;
}

/** Cases run side by side; the actual model tells whose a call is, and keeps one from cooling another. */
const cases: (readonly [first: Behaviour, second: Behaviour])[] = [];
const caseOf = ({ json }: Call) => cases[Number(String(field(json, "model")).slice("case-".length))] ?? [good, good];
first.script((call) => caseOf(call)[0]);
second.script((call) => caseOf(call)[1]);

async function attempt(
  behaviours: readonly [Behaviour, Behaviour],
  stream: boolean,
  { prefix = "both", more = {} } = {},
): Promise<Tried> {
  const model = `case-${cases.push(behaviours) - 1}`;
  const outcome = await ask(house, { model: `${prefix}/${model}`, stream, more });
  const [calls = [], callsToo = []] = [first, second].map((upstream) =>
    upstream.calls.filter(({ json }) => field(json, "model") === model),
  );
  const reused = (calls[0]?.turn ?? 1) > 1;
  return { ...outcome, model, calls: [calls.length, callsToo.length], last: callsToo.at(-1) ?? calls.at(-1), reused };
}

const expectedRows: { readonly id: string; readonly row: Partial<LedgerRow> }[] = [];

/** Rows are looked at together in the end, since each takes a tenth of a second to come. */
function expectRow(id: string, row: { readonly [Field in keyof LedgerRow]?: LedgerRow[Field] | undefined }): void {
  expectedRows.push({ id, row: row as Partial<LedgerRow> });
}

const both = [true, false];
const streamed = [true];
const unstreamed = [false];

interface Fault {
  readonly name: string;
  readonly behaviour: Behaviour;
  /** Whether a streamed or an unstreamed answer is asked for. */
  readonly modes: readonly boolean[];
}

const contextOverflow = {
  error: {
    message: "This model's maximum context length is 8192 tokens.",
    type: "invalid_request_error",
    code: "context_length_exceeded",
    param: "messages",
  },
};

/** Everything that can go wrong before an answer's first byte has gone out, and that somebody else may do better. */
const faults: readonly Fault[] = [
  { name: "429", behaviour: { kind: "status", status: 429 }, modes: both },
  {
    name: "429 with Retry-After",
    behaviour: { kind: "status", status: 429, headers: { "retry-after": "7" } },
    modes: both,
  },
  { name: "401", behaviour: { kind: "status", status: 401 }, modes: both },
  { name: "402", behaviour: { kind: "status", status: 402 }, modes: both },
  { name: "403", behaviour: { kind: "status", status: 403 }, modes: both },
  { name: "404 of a model", behaviour: { kind: "status", status: 404 }, modes: both },
  { name: "500", behaviour: { kind: "status", status: 500 }, modes: both },
  { name: "502", behaviour: { kind: "status", status: 502 }, modes: both },
  { name: "503", behaviour: { kind: "status", status: 503 }, modes: both },
  { name: "504", behaviour: { kind: "status", status: 504 }, modes: both },
  { name: "529", behaviour: { kind: "status", status: 529 }, modes: both },
  { name: "500 as a web page", behaviour: { kind: "html", status: 500 }, modes: both },
  { name: "a context overflow", behaviour: { kind: "status", status: 400, body: contextOverflow }, modes: both },
  { name: "a reset before the head", behaviour: { kind: "reset-before" }, modes: both },
  { name: "a FIN before the head", behaviour: { kind: "close-before" }, modes: both },
  {
    name: "garbage instead of HTTP",
    behaviour: { kind: "raw", bytes: "SSH-2.0-OpenSSH_9.9\r\n", next: "fin" },
    modes: both,
  },
  {
    // Bytes of the lost answer are not bytes of an earlier one: this connection was fresh.
    name: "half a head on a fresh connection",
    behaviour: { kind: "raw", bytes: "HTTP/1.1 200 OK\r\ncontent-", next: "reset" },
    modes: both,
  },
  {
    name: "half a body",
    behaviour: { kind: "raw", bytes: "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", next: "fin" },
    modes: both,
  },
  { name: "silence", behaviour: { kind: "silence" }, modes: both },
  { name: "a late head", behaviour: { kind: "slow-headers", delay: 3000 }, modes: both },
  { name: "a late first token", behaviour: { kind: "slow-first-token", delay: 3000 }, modes: streamed },
  {
    name: "a late first token after heartbeats",
    behaviour: { kind: "slow-first-token", delay: 3000, heartbeat: 50 },
    modes: streamed,
  },
  { name: "an error event at once", behaviour: { kind: "error-event", after: 0 }, modes: streamed },
  {
    name: "a named error event after the role",
    behaviour: { kind: "error-event", after: 1, form: "named", next: "hang" },
    modes: streamed,
  },
  { name: "200 with an error", behaviour: { kind: "error-body" }, modes: both },
  { name: "200 with a web page", behaviour: { kind: "html" }, modes: both },
  { name: "200 with nothing", behaviour: { kind: "empty" }, modes: both },
  { name: "200 with null", behaviour: { kind: "null" }, modes: both },
  { name: "204", behaviour: { kind: "no-content" }, modes: both },
  { name: "half of a JSON body", behaviour: { kind: "truncated-json" }, modes: both },
  {
    name: "200 with plain text",
    behaviour: { kind: "answer", body: "Hello from the proxy", headers: { "content-type": "text/plain" } },
    modes: both,
  },
  {
    name: "200 with JSON of something else",
    behaviour: { kind: "answer", body: { status: "ok" } },
    modes: both,
  },
  { name: "an event that is no JSON", behaviour: { kind: "malformed", after: 1 }, modes: streamed },
  { name: "a stream of [DONE] alone", behaviour: { kind: "stream", events: [] }, modes: both },
  { name: "gzip that is none", behaviour: { kind: "compressed", encoding: "gzip", fault: "lie" }, modes: both },
  { name: "gzip that is cut", behaviour: { kind: "compressed", encoding: "gzip", fault: "cut" }, modes: unstreamed },
  { name: "a gzip bomb", behaviour: { kind: "compressed", encoding: "gzip", fault: "bomb" }, modes: both },
  { name: "br that is none", behaviour: { kind: "compressed", encoding: "br", fault: "lie" }, modes: both },
  { name: "br that is cut", behaviour: { kind: "compressed", encoding: "br", fault: "cut" }, modes: unstreamed },
  { name: "a br bomb", behaviour: { kind: "compressed", encoding: "br", fault: "bomb" }, modes: both },
  { name: "an unknown coding", behaviour: { kind: "compressed", encoding: "deflate" }, modes: both },
  { name: "a huge line", behaviour: { kind: "huge-line", bytes: 2_000_000 }, modes: both },
  { name: "a line without end", behaviour: { kind: "endless-line" }, modes: both },
  { name: "a huge answer", behaviour: { kind: "answer", text: "x".repeat(2_000_000) }, modes: unstreamed },
  { name: "a stream cut after the role", behaviour: { kind: "cut", after: 1, how: "end" }, modes: both },
  { name: "a stream reset after the role", behaviour: { kind: "cut", after: 1, how: "reset" }, modes: both },
  { name: "a stream that stalls after the role", behaviour: { kind: "stall", after: 1 }, modes: both },
];

function checkSecond(outcome: Tried, stream: boolean): void {
  assert.equal(outcome.status, 200, outcome.raw);
  assert.equal(outcome.text, defaultText);
  assert.equal(outcome.finishReason, "stop");
  assert.equal(outcome.error, undefined);
  const attempts = Math.max(outcome.calls[0], 1) + 1;
  assert.equal(outcome.headers.get("x-patchbay-attempts"), String(attempts));
  assert.equal(outcome.headers.get("x-patchbay-endpoint"), "second");
  expectRow(outcome.id, {
    attempts,
    endpoint: "second",
    status: 200,
    inputTokens: defaultUsage.prompt_tokens,
    outputTokens: defaultUsage.completion_tokens,
    // The second target's tokens alone are billed.
    costMicroDollars: 11 * 2 + 7 * 3,
    failureKind: undefined,
    finishReason: "stop",
  });
  if (!stream) return;
  assert.equal(outcome.stream?.events.filter(({ data }) => data === "[DONE]").length, 1);
  assert.equal(outcome.stream?.events.at(-1)?.data, "[DONE]");
  // The client did not ask for usage, so it is not bothered with it.
  assert.equal(outcome.usage, undefined);
}

/** A connection that is closed before the answer's head has come. */
const closesEarly: ReadonlySet<string> = new Set(["reset-before", "close-before"]);

describe("before the first byte", { concurrency: 6 }, () => {
  for (const { name, behaviour, modes } of faults) {
    for (const stream of modes) {
      test(`${stream ? "streamed" : "unstreamed"}: ${name} at the first target is answered by the second`, async () => {
        const outcome = await attempt([behaviour, good], stream);
        // One that was kept alive may have been closed before the request came, so that one is tried once more.
        const calls = closesEarly.has(behaviour.kind) && outcome.reused ? 2 : 1;
        assert.deepEqual(outcome.calls, [calls, 1]);
        checkSecond(outcome, stream);
      });
    }
  }
});

for (const stream of both) {
  const mode = stream ? "streamed" : "unstreamed";
  for (const [prefix, what] of [
    ["refusing", "a refused connection"],
    ["barred", "an address that is never called"],
  ] as const) {
    test(`${mode}: ${what} goes to the second target at once`, async () => {
      const outcome = await attempt([good, good], stream, { prefix });
      assert.deepEqual(outcome.calls, [0, 1]);
      checkSecond(outcome, stream);
      assert.ok(outcome.duration < 1000, `it took ${outcome.duration} ms`);
    });
  }

  for (const status of [301, 302, 303, 307, 308] as const) {
    test(`${mode}: a redirect (${status}) is not followed, and the key goes nowhere else`, async () => {
      const outcome = await attempt([{ kind: "redirect", status, to: `${trap.url}/chat/completions` }, good], stream);
      assert.deepEqual(outcome.calls, [1, 1]);
      checkSecond(outcome, stream);
      assert.equal(trap.connections, 0);
      assert.equal(outcome.last?.headers.authorization, `Bearer ${keys.second}`);
    });
  }
}

/** Odd answers from which nothing is lost: one call, and the client gets what it asked for. */
const lossless: readonly Fault[] = [
  { name: "gzip", behaviour: { kind: "compressed", encoding: "gzip" }, modes: both },
  { name: "br", behaviour: { kind: "compressed", encoding: "br" }, modes: both },
  { name: "JSON for a stream", behaviour: { kind: "json-for-stream" }, modes: streamed },
  { name: "a stream for JSON", behaviour: { kind: "stream-for-json" }, modes: unstreamed },
  {
    name: "a stream for JSON without [DONE]",
    behaviour: { kind: "stream-for-json", framing: { done: false } },
    modes: unstreamed,
  },
  ...["text/plain", "application/octet-stream", "application/json", "text/event-stream", ""].map((type) => ({
    name: `the content type '${type}'`,
    behaviour: { kind: "answer", headers: { "content-type": type } } as const,
    modes: both,
  })),
  { name: "nested JSON", behaviour: { kind: "deep-json", depth: 500 }, modes: unstreamed },
  { name: "a large line within the limit", behaviour: { kind: "huge-line", bytes: 200_000 }, modes: both },
  { name: "a late answer within the limit", behaviour: { kind: "slow-headers", delay: 100 }, modes: both },
  { name: "a stream in one piece", behaviour: { kind: "stream", framing: { chunk: "whole" } }, modes: both },
];
for (const prefix of ["both", "translated"]) {
  for (const { name, behaviour, modes } of lossless) {
    for (const stream of modes) {
      test(`${stream ? "streamed" : "unstreamed"}, ${prefix}: ${name} is understood`, async () => {
        const outcome = await attempt([behaviour, good], stream, { prefix });
        assert.deepEqual(outcome.calls, [1, 0]);
        assert.equal(outcome.status, 200, outcome.raw);
        assert.equal(outcome.text, behaviour.kind === "huge-line" ? "x".repeat(200_000) : defaultText);
        assert.equal(outcome.finishReason, "stop");
        assert.equal(outcome.headers.get("x-patchbay-attempts"), "1");
        assert.equal(outcome.headers.get("content-encoding"), null);
        if (stream) assert.equal(outcome.stream?.events.at(-1)?.data, "[DONE]");
      });
    }
  }
}

const contentFilter = {
  error: {
    message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    type: null,
    param: "prompt",
    code: "content_filter",
    status: 400,
  },
};

/** What no other target could do better. */
const final: readonly { readonly name: string; readonly behaviour: Behaviour; readonly kind: string }[] = [
  { name: "400", behaviour: { kind: "status", status: 400 }, kind: "bad-request" },
  { name: "413", behaviour: { kind: "status", status: 413 }, kind: "bad-request" },
  { name: "422", behaviour: { kind: "status", status: 422 }, kind: "bad-request" },
  {
    name: "a content filter",
    behaviour: { kind: "status", status: 400, body: contentFilter },
    kind: "content-filter",
  },
];
for (const { name, behaviour, kind } of final) {
  for (const stream of both) {
    test(`${stream ? "streamed" : "unstreamed"}: ${name} is told at once and tried nowhere else`, async () => {
      const outcome = await attempt([behaviour, good], stream);
      assert.deepEqual(outcome.calls, [1, 0]);
      assert.equal(outcome.status, 400);
      assert.equal(outcome.headers.get("x-should-retry"), "false");
      expectRow(outcome.id, { attempts: 1, status: 400, failureKind: kind, costMicroDollars: undefined });
    });
  }
}

/** What the client is told when both targets fail. */
const lost: readonly {
  readonly name: string;
  readonly behaviours: readonly [Behaviour, Behaviour];
  readonly status: number;
  readonly kind: string;
}[] = [
  {
    name: "429 twice",
    behaviours: [
      { kind: "status", status: 429, headers: { "retry-after": "40" } },
      { kind: "status", status: 429, headers: { "retry-after-ms": "20500" } },
    ],
    status: 429,
    kind: "rate-limited",
  },
  {
    name: "an overflow and an error",
    behaviours: [
      { kind: "status", status: 400, body: contextOverflow },
      { kind: "status", status: 500 },
    ],
    status: 400,
    kind: "context-overflow",
  },
  {
    name: "429 and an error",
    behaviours: [
      { kind: "status", status: 429, headers: { "retry-after": "40" } },
      { kind: "status", status: 500 },
    ],
    status: 502,
    kind: "upstream-error",
  },
  {
    name: "a reset and silence",
    behaviours: [{ kind: "reset-before" }, { kind: "silence" }],
    status: 504,
    kind: "timeout-first-token",
  },
  {
    name: "web pages",
    behaviours: [{ kind: "html" }, { kind: "html", status: 503 }],
    status: 503,
    kind: "overloaded",
  },
];
for (const { name, behaviours, status, kind } of lost) {
  for (const stream of both) {
    test(`${stream ? "streamed" : "unstreamed"}: ${name} answers ${status}`, async () => {
      const outcome = await attempt(behaviours, stream);
      const attempts = behaviours[0].kind === "reset-before" && outcome.reused ? 3 : 2;
      assert.deepEqual(outcome.calls, [attempts - 1, 1]);
      assert.equal(outcome.status, status);
      assert.match(outcome.headers.get("content-type") ?? "", /^application\/json/);
      assert.equal(typeof field(outcome.error, "message"), "string");
      assert.doesNotMatch(outcome.raw, /<html|<title/i);
      assert.equal(outcome.headers.get("x-patchbay-attempts"), String(attempts));
      if (status === 429) assert.equal(outcome.headers.get("retry-after"), "21");
      expectRow(outcome.id, { attempts, status, failureKind: kind });
    });
  }
}

/** Ways in which an upstream may quote the key that it was sent. */
const leaks: readonly {
  readonly name: string;
  readonly leak: (key: string) => Behaviour;
  readonly modes: readonly boolean[];
}[] = [
  {
    name: "a 401",
    leak: (key) => ({
      kind: "status",
      status: 401,
      body: { error: { message: `Incorrect API key provided: ${key}.`, type: key, code: key, param: key } },
    }),
    modes: both,
  },
  {
    name: "a 401 that masks it",
    leak: (key) => ({
      kind: "status",
      status: 401,
      body: { error: { message: `Incorrect API key provided: ${key.slice(0, 9)}*****${key.slice(-6)}.` } },
    }),
    modes: both,
  },
  {
    name: "a long 401 that is cut within it",
    leak: (key) => ({ kind: "status", status: 401, body: { error: { message: "x".repeat(480) + key } } }),
    modes: both,
  },
  {
    name: "an error with status 200",
    leak: (key) => ({ kind: "error-body", error: { message: `Bad key ${key}`, code: key } }),
    modes: both,
  },
  {
    name: "an error event",
    leak: (key) => ({ kind: "error-event", after: 0, error: { message: `Bad key ${key}`, code: key } }),
    modes: streamed,
  },
  {
    name: "an error event in mid-stream",
    leak: (key) => ({ kind: "error-event", after: 4, error: { message: `Bad key ${key}`, type: key } }),
    modes: streamed,
  },
];
for (const { name, leak, modes } of leaks) {
  for (const stream of modes) {
    test(`${stream ? "streamed" : "unstreamed"}: a key that is quoted in ${name} does not reach the client`, async () => {
      const outcome = await attempt([leak(keys.first), leak(keys.second)], stream);
      assert.notEqual(outcome.error, undefined);
      for (const key of Object.values(keys)) {
        for (const piece of [key, key.slice(0, 9), key.slice(-6)]) {
          assert.ok(!outcome.raw.includes(piece), outcome.raw);
          assert.ok(!JSON.stringify([...outcome.headers]).includes(piece));
        }
      }
    });
  }
}

test("JSON that is nested too deeply to be translated goes elsewhere", async () => {
  const outcome = await attempt([{ kind: "deep-json", depth: 50_000 }, good], false, { prefix: "translated" });
  assert.deepEqual(outcome.calls, [1, 1]);
  checkSecond(outcome, false);
  assert.ok(outcome.duration < 450, `it took ${outcome.duration} ms`);
});

test("a 401 of every upstream is the operator's trouble, not the client's: 502", async () => {
  const refusal: Behaviour = { kind: "status", status: 401 };
  const outcome = await attempt([refusal, refusal], false);
  assert.deepEqual(outcome.calls, [1, 1]);
  assert.equal(outcome.status, 502);
  assert.equal(outcome.headers.get("www-authenticate"), null);
  expectRow(outcome.id, { attempts: 2, status: 502, failureKind: "upstream-auth" });
});

test("the second target gets its own model name and the very body of the client", async () => {
  const more = { seed: 9_007_199_254_740_991, unknown: [1, { a: null }] };
  const { model, last } = await attempt([{ kind: "status", status: 500 }, good], false, { more });
  assert.deepEqual(last?.json, { model, messages: [{ role: "user", content: "Hello" }], ...more });
});

test("each of these requests has exactly one row, and it says what happened", async () => {
  const last = expectedRows.at(-1);
  assert.ok(last !== undefined && expectedRows.length > 100);
  await house.row(last.id);
  const rows = Map.groupBy(await house.store.ledger.recent(1000), ({ id }) => id);
  for (const { id, row } of expectedRows) {
    const found = rows.get(id) ?? [];
    assert.equal(found.length, 1);
    const fields = Object.keys(row) as (keyof LedgerRow)[];
    assert.deepEqual(Object.fromEntries(fields.map((field) => [field, found[0]?.[field]])), row);
  }
});
