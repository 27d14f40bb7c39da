import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, test } from "node:test";
import { inTime } from "./support/in-time.ts";
import { ask } from "./support/exchange.ts";
import { startHouse } from "./support/house.ts";
import { defaultText } from "./support/payloads.ts";
import { field, readStream } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour, Call } from "./support/upstream.ts";

/** Waiting: of clients, until they leave; for targets that asked for a pause; and what is said meanwhile. */

const good: Behaviour = { kind: "answer" };
const first = await startUpstream();
const second = await startUpstream();
const both = [
  { endpoint: "first", model: "*" },
  { endpoint: "second", model: "*" },
];
const house = await startHouse({
  document: {
    server: { keepalive: "1s" },
    endpoints: [
      { name: "first", type: "openai-compatible", url: first.url, timeouts: { firstToken: "5s", idle: "5s" } },
      { name: "second", type: "openai-compatible", url: second.url, timeouts: { firstToken: "5s", idle: "5s" } },
    ],
    models: [
      { name: "both-*", targets: both },
      { name: "impatient-*", targets: both },
      { name: "single-*", targets: both.slice(0, 1) },
      { name: "translated-*", targets: both.slice(0, 1), relay: "never" },
    ],
  },
});
after(async () => {
  for (const resource of [house, first, second]) await resource[Symbol.asyncDispose]();
});

// The first request of a process loads a good deal, which would spoil the others' times.
await ask(house, { model: "single-warm", stream: true });

/** What each upstream does with the calls of a case, one each, the last one repeated. */
const scripts = new Map<unknown, readonly [first: readonly Behaviour[], second: readonly Behaviour[]]>();
for (const [place, upstream] of [first, second].entries()) {
  upstream.script((call) => {
    const model = field(call.json, "model");
    const script = scripts.get(model)?.[place] ?? [good];
    return script[Math.min(callsOf(place, model).length, script.length) - 1] ?? good;
  });
}

function callsOf(place: number, model: unknown): readonly Call[] {
  return ([first, second][place]?.calls ?? []).filter(({ json }) => field(json, "model") === model);
}

/** A model name of the case's own, so that no other case cools or counts its targets. */
function script(...behaviours: [readonly Behaviour[], (readonly Behaviour[])?]): string {
  const model = `case${scripts.size}`;
  scripts.set(model, [behaviours[0], behaviours[1] ?? [good]]);
  return model;
}

interface Departure {
  readonly phase: string;
  readonly name: string;
  readonly script: readonly Behaviour[];
  readonly stream: boolean;
  /** Leave when so many events have come, or so many milliseconds after the upstream got the call. */
  readonly events?: number;
  readonly after?: number;
}

const departures: readonly Departure[] = [
  {
    phase: "while an unstreamed answer is awaited",
    name: "both",
    script: [{ kind: "silence" }],
    stream: false,
    after: 50,
  },
  { phase: "while a stream's head is awaited", name: "both", script: [{ kind: "silence" }], stream: true, after: 50 },
  {
    phase: "while the first token is awaited",
    name: "both",
    script: [{ kind: "slow-first-token", delay: 4000, heartbeat: 20 }],
    stream: true,
    after: 100,
  },
  {
    phase: "in the middle of a stream",
    name: "single",
    script: [{ kind: "endless-stream", pause: 5 }],
    stream: true,
    events: 5,
  },
  {
    phase: "in the middle of a translated stream",
    name: "translated",
    script: [{ kind: "endless-stream", pause: 5 }],
    stream: true,
    events: 5,
  },
  { phase: "in a stream's pause", name: "single", script: [{ kind: "stall", after: 4 }], stream: true, events: 3 },
  {
    phase: "while a target's pause is waited out",
    name: "single",
    script: [{ kind: "status", status: 429, headers: { "retry-after": "1" } }, good],
    stream: false,
    after: 100,
  },
];

function leaving(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

const pause = (seconds: string): Behaviour => ({
  kind: "status",
  status: 429,
  headers: { "retry-after": seconds },
});

/** A stream that says only after a while that it says nothing. */
const lateFailure: Behaviour = { kind: "slow-first-token", delay: 1300, events: [] };

/** A client leaves; milliseconds until the upstream's call was over. */
async function depart(departure: Departure): Promise<number> {
  const model = script(departure.script);
  const { signal, abort } = leaving();
  const id = `leaver-${model}`;
  const answer = fetch(`${house.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "x-request-id": id },
    body: JSON.stringify({
      model: `${departure.name}-${model}`,
      messages: [{ role: "user", content: "Hello" }],
      stream: departure.stream,
    }),
    signal,
  });
  let left = 0;
  if (departure.after !== undefined) {
    while (callsOf(0, model).length === 0) await sleep(2);
    await sleep(departure.after);
    left = performance.now();
    abort();
    await assert.rejects(answer);
  } else {
    let events = 0;
    await readStream(await answer, () => {
      left = performance.now();
      return ++events === departure.events;
    });
    abort();
  }
  const call = callsOf(0, model)[0];
  await call?.ended;
  // One whose answer was complete before is not closed.
  if (departure.script.length === 1) assert.equal(call?.aborted, true);
  const row = await house.row(id);
  assert.deepEqual([row.status, row.failureKind, row.attempts], [499, "cancelled", 1]);
  await sleep(1200);
  assert.deepEqual([callsOf(0, model).length, callsOf(1, model).length], [1, 0]);
  return departure.script.length === 1 ? (call?.endedAt ?? Infinity) - left : 0;
}

describe("waiting", { concurrency: 4 }, () => {
  describe("a client that leaves", { concurrency: 4 }, () => {
    for (const departure of departures) {
      test(`${departure.phase}: the upstream is closed at once, nothing is retried, and the row says so`, async () => {
        await inTime(250, () => depart(departure));
      });
    }
  });

  describe("a target that asks for a pause", { concurrency: 4 }, () => {
    for (const stream of [true, false]) {
      test(`a short one is waited out when there is no other target (${stream ? "streamed" : "unstreamed"})`, async () => {
        await inTime(1500, async () => {
          const model = script([pause("1"), good]);
          const outcome = await ask(house, { model: `single-${model}`, stream });
          assert.deepEqual([outcome.status, outcome.text], [200, defaultText]);
          const took = outcome.duration;
          assert.ok(took >= 990, `it took ${took} ms`);
          assert.equal(callsOf(0, model).length, 2);
          assert.equal((await house.row(outcome.id)).attempts, 2);
          return took;
        });
      });
    }

    test("so is one that came with a 503, and one by the other target when that failed too", async () => {
      const model = script(
        [{ kind: "status", status: 503, headers: { "retry-after": "1" } }, good],
        [{ kind: "status", status: 500 }],
      );
      const outcome = await ask(house, { model: `both-${model}`, stream: false });
      assert.deepEqual([outcome.status, outcome.headers.get("x-patchbay-endpoint")], [200, "first"]);
      assert.deepEqual([callsOf(0, model).length, callsOf(1, model).length], [2, 1]);
    });

    test("it is asked no more often than the model allows, and its own answer told in the end", async () => {
      const model = script([pause("1")]);
      const outcome = await ask(house, { model: `single-${model}`, stream: false });
      assert.deepEqual([outcome.status, outcome.headers.get("retry-after")], [429, "1"]);
      assert.equal(callsOf(0, model).length, 3);
    });

    test("a long one is told at once, and remembered", async () => {
      await inTime(500, async () => {
        const model = script([pause("60")]);
        let took = 0;
        for (const calls of [1, 1]) {
          const outcome = await ask(house, { model: `single-${model}`, stream: true });
          assert.equal(outcome.status, 429);
          const told = Number(outcome.headers.get("retry-after"));
          assert.ok(told > 55 && told <= 60, String(told));
          took = Math.max(took, outcome.duration);
          assert.equal(callsOf(0, model).length, calls);
        }
        return took;
      });
    });

    test("requests go straight elsewhere meanwhile", async () => {
      const model = script([pause("60")]);
      for (const attempts of ["2", "1", "1"]) {
        const outcome = await ask(house, { model: `both-${model}`, stream: false });
        assert.deepEqual(
          [outcome.status, outcome.headers.get("x-patchbay-endpoint"), outcome.headers.get("x-patchbay-attempts")],
          [200, "second", attempts],
        );
      }
      assert.deepEqual([callsOf(0, model).length, callsOf(1, model).length], [1, 3]);
    });

    test("other models of its endpoint are asked all the same", async () => {
      const [model, other] = [script([pause("60")]), script([good])];
      await ask(house, { model: `single-${model}`, stream: false });
      const outcome = await ask(house, { model: `single-${other}`, stream: false });
      assert.equal(outcome.status, 200);
    });

    test("a pause of a century is an hour at most", async () => {
      const outcome = await ask(house, { model: `single-${script([pause("99999999999")])}`, stream: false });
      assert.deepEqual([outcome.status, outcome.headers.get("retry-after")], [429, "3600"]);
    });
  });

  describe("a client that waits for its stream", { concurrency: 4 }, () => {
    test("hears comments, and the answer of another target after them", async () => {
      const model = script([lateFailure]);
      const { text, stream, status } = await ask(house, { model: `both-${model}`, stream: true });
      assert.deepEqual([status, text, stream?.done], [200, defaultText, true]);
      assert.deepEqual(stream?.comments, ["keepalive"]);
      assert.deepEqual([callsOf(0, model).length, callsOf(1, model).length], [1, 1]);
    });

    test("hears of a failure by an event, once comments have gone out", async () => {
      const model = script([lateFailure], [{ kind: "status", status: 500 }]);
      const outcome = await ask(house, { model: `both-${model}`, stream: true });
      assert.equal(outcome.status, 200);
      assert.equal(outcome.stream?.events.length, 1);
      assert.equal(typeof field(outcome.error, "message"), "string");
      assert.equal(outcome.stream?.done, false);
      const row = await house.row(outcome.id);
      assert.deepEqual([row.status, row.failureKind, row.attempts], [502, "upstream-error", 3]);
    });

    test("hears comments in the pauses of a stream", async () => {
      const model = script([{ kind: "stream", text: "one two", pause: 1200, framing: { chunk: "whole" } }]);
      const slow = script([{ kind: "slow-first-token", delay: 2300 }]);
      const [quick, late] = await Promise.all([
        ask(house, { model: `single-${model}`, stream: true }),
        ask(house, { model: `single-${slow}`, stream: true }),
      ]);
      assert.deepEqual(quick.stream?.comments, []);
      assert.deepEqual([late.stream?.comments.length, late.text], [2, defaultText]);
    });

    test("an unstreamed answer has no comments before it", async () => {
      const model = script([{ kind: "slow-headers", delay: 1300 }]);
      const outcome = await ask(house, { model: `single-${model}`, stream: false });
      assert.deepEqual([outcome.status, outcome.text, outcome.raw[0]], [200, defaultText, "{"]);
    });
  });
});
