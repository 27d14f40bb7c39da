import assert from "node:assert/strict";
import { test } from "node:test";
import fastCheck from "fast-check";
import { failure, failures } from "../kernel/failure.ts";
import { Rig } from "./rig.test.ts";
import { events, eventStream, json, whole } from "./support.test.ts";
import type { FakeCall } from "./support.test.ts";

const outcomes = (rig: Rig) => rig.scene.observer.exchanges.map(({ status, failure: why }) => [status, why?.kind]);

test("a stream goes through, is counted, and settled before its last bytes", () => {
  using rig = new Rig().start();
  const { client, observer } = rig.scene;
  rig.call.head(200, eventStream);
  rig.call.data(events.role);
  assert.equal(client.state, "waiting", "a role is nothing yet");
  rig.call.data(events.text);
  assert.equal(client.status, 200);
  rig.call.data(events.finish + events.usage);
  let settledBefore = 0;
  const end = client.end.bind(client);
  client.end = (bytes) => {
    settledBefore = observer.exchanges.length;
    end(bytes);
  };
  rig.call.data(events.done);
  assert.equal(settledBefore, 1);
  assert.equal(client.body, events.role + events.text + events.finish + events.done);
  assert.equal(client.headers.get("x-patchbay-endpoint"), "first");
  const [report] = observer.exchanges;
  assert.deepEqual(report?.usage, { inputTokens: 3, outputTokens: 2 });
  assert.equal(report?.bytesOut, client.body.length);
  assert.equal(observer.attempts.length, 1);
});

test("each failure before the first words goes to the next target, and the last one is told", () => {
  using rig = new Rig().start();
  rig.call.fail("unreachable");
  assert.equal(rig.sends, 2);
  rig.call.fail("upstream-error");
  assert.deepEqual(outcomes(rig), [[502, "upstream-error"]]);
  assert.deepEqual(
    rig.scene.observer.attempts.map(({ endpoint, failure: why, after }) => [endpoint, why?.kind, after?.endpoint]),
    [
      ["first", "unreachable", undefined],
      ["second", "upstream-error", "first"],
    ],
  );
});

test("a driver may fail a call before it has handed out its reins", () => {
  using rig = new Rig();
  rig.scene.backend.onSend = (call) => call.fail("unreachable");
  rig.start();
  assert.equal(rig.sends, 2);
  assert.deepEqual(outcomes(rig), [[502, "unreachable"]]);
});

test("a driver that talks before it has handed out its reins is paused all the same", () => {
  using rig = new Rig();
  rig.scene.client.takes = false;
  rig.scene.backend.onSend = (call) => {
    call.head(200, eventStream);
    call.data(events.text);
  };
  rig.start();
  assert.equal(rig.call.paused, true);
});

test("a driver that throws ends its own exchange, and the fault is told", () => {
  using rig = new Rig();
  rig.scene.backend.onSend = () => {
    throw new Error("a fault");
  };
  rig.start();
  assert.deepEqual(outcomes(rig), [[500, "internal"]]);
  assert.equal(rig.scene.observer.errors.length, 1);
  assert.equal(rig.scene.client.state, "ended");
});

test("a stale connection is tried once more, on a connection of its own", () => {
  using rig = new Rig({ endpoints: ["first"] }).start();
  assert.equal(rig.call.call.fresh, false);
  rig.call.fail("stale-connection");
  assert.equal(rig.sends, 2);
  assert.equal(rig.call.call.fresh, true);
  rig.call.fail("stale-connection");
  assert.equal(rig.sends, 2);
  assert.deepEqual(outcomes(rig), [[502, "stale-connection"]]);
});

const deadlines = [
  { name: "no first token", stream: true, after: () => {}, within: 1000, kind: "timeout-first-token" },
  {
    name: "no first token, though there are comments",
    stream: true,
    after: (call: FakeCall) => call.head(200, eventStream),
    meanwhile: (call: FakeCall) => call.data(events.comment),
    within: 1000,
    kind: "timeout-first-token",
  },
  { name: "no first byte", stream: false, after: () => {}, within: 2000, kind: "timeout-first-token" },
  {
    name: "half of a whole answer",
    stream: false,
    after: (call: FakeCall) => {
      call.head(200, json);
      call.data(whole.slice(0, 20));
    },
    within: 500,
    kind: "timeout-idle",
  },
  {
    name: "an error without its body",
    stream: false,
    after: (call: FakeCall) => call.head(500, json),
    within: 500,
    kind: "timeout-idle",
  },
  {
    name: "a pause in mid-stream",
    stream: true,
    after: (call: FakeCall) => {
      call.head(200, eventStream);
      call.data(events.text);
    },
    within: 500,
    kind: "timeout-idle",
  },
] as const;
for (const deadline of deadlines) {
  test(`${deadline.name}: the attempt is given up after ${deadline.within} ms, and not before`, () => {
    using rig = new Rig({ stream: deadline.stream, endpoints: ["first"] }).start();
    const { call } = rig;
    deadline.after(call);
    for (let passed = 0; passed < deadline.within; passed += 100) {
      if ("meanwhile" in deadline) deadline.meanwhile(call);
      assert.deepEqual(outcomes(rig), []);
      rig.pass(100);
    }
    rig.pass(100);
    assert.deepEqual(outcomes(rig), [[504, deadline.kind]]);
    assert.equal(call.over, "cancelled");
  });
}

test("the whole exchange has its time, whatever is still going on", () => {
  using rig = new Rig({ settings: { total: 3000 } }).start();
  rig.call.head(200, eventStream);
  for (let passed = 0; passed <= 3000; passed += 100) {
    assert.deepEqual(outcomes(rig), []);
    rig.call.data(events.text);
    rig.pass(100);
  }
  assert.deepEqual(outcomes(rig), [[504, "timeout-total"]]);
  assert.equal(rig.call.over, "cancelled");
  assert.match(rig.scene.client.body, /timeout-total/u);
  assert.doesNotMatch(rig.scene.client.body, /DONE/u);
});

test("a client that stops reading stops the upstream, gets on again, and is cut off when it stays away", () => {
  using rig = new Rig().start();
  const { client } = rig.scene;
  rig.call.head(200, eventStream);
  client.takes = false;
  rig.call.data(events.text);
  assert.equal(rig.call.paused, true);
  rig.pass(600);
  assert.deepEqual(outcomes(rig), [], "the upstream's own pause does not count meanwhile");
  client.drain();
  assert.equal(rig.call.paused, false);
  rig.pass(400);
  client.takes = false;
  rig.call.data(events.text);
  rig.pass(800);
  assert.deepEqual(outcomes(rig), [[499, "cancelled"]]);
  assert.equal(client.state, "destroyed");
  assert.equal(rig.call.over, "cancelled");
});

test("comments keep a silent stream alive, but not in the middle of what passes unread", () => {
  using tapped = new Rig({ settings: { keepalive: 300 } }).start();
  tapped.pass(350);
  assert.equal(tapped.scene.client.body, ": keepalive\n\n");
  tapped.call.head(200, eventStream);
  tapped.call.data(events.text);
  tapped.pass(350);
  assert.equal(tapped.scene.client.body, `: keepalive\n\n${events.text}: keepalive\n\n`);
  tapped[Symbol.dispose]();

  using unread = new Rig({ settings: { keepalive: 300 }, relay: "always" }).start();
  unread.call.head(200, eventStream);
  unread.call.data(events.half);
  unread.pass(400);
  assert.equal(unread.scene.client.body, events.half);
});

test("an upstream that does not close behind its answer is cut off a second later, and nobody waits for it", () => {
  using rig = new Rig().start();
  rig.call.head(200, eventStream);
  rig.call.data(events.text + events.finish + events.done);
  assert.equal(rig.scene.client.state, "ended");
  assert.equal(rig.call.over, undefined);
  rig.pass(1100);
  assert.equal(rig.call.over, "cancelled");
});

test("without a [DONE] the answer is taken for complete a second after its finish reason", () => {
  using rig = new Rig().start();
  rig.call.head(200, eventStream);
  rig.call.data(events.text + events.finish);
  rig.pass(900);
  assert.equal(rig.scene.client.state, "open");
  rig.pass(200);
  assert.equal(rig.scene.client.state, "ended");
  assert.ok(rig.scene.client.body.endsWith(events.done));
  assert.deepEqual(outcomes(rig), [[200, undefined]]);
  assert.equal(rig.call.over, "cancelled");
});

test("what cannot be translated is told to the client, without a call", () => {
  using rig = new Rig({ relay: "never", body: { messages: "no list" } }).start();
  assert.equal(rig.sends, 0);
  assert.deepEqual(outcomes(rig), [[400, "bad-request"]]);
  assert.equal(rig.scene.client.headers.get("x-patchbay-attempts"), "0");
});

/** What may happen to an exchange, in any order. */
type Happening =
  | {
      readonly what: "head";
      readonly status: number;
      readonly type: "stream" | "json" | "none";
      readonly retryAfter?: string;
    }
  | { readonly what: "data"; readonly piece: keyof typeof events | "whole" }
  | { readonly what: "fail"; readonly kind: "stale-connection" | "unreachable" | "broken-stream" | "timeout-connect" }
  | { readonly what: "end" | "full" | "drain" | "gone" | "abandon" | "late" }
  | { readonly what: "time"; readonly milliseconds: number };

const happening: fastCheck.Arbitrary<Happening> = fastCheck.oneof(
  {
    weight: 3,
    arbitrary: fastCheck.record({
      what: fastCheck.constant("head" as const),
      status: fastCheck.constantFrom(200, 200, 200, 200, 204, 302, 400, 401, 429, 500, 503),
      type: fastCheck.constantFrom("stream" as const, "stream" as const, "json" as const, "none" as const),
    }),
  },
  fastCheck.record({
    what: fastCheck.constant("head" as const),
    status: fastCheck.constantFrom(429, 503),
    type: fastCheck.constant("json" as const),
    retryAfter: fastCheck.constantFrom("0", "1", "60"),
  }),
  {
    weight: 8,
    arbitrary: fastCheck.record({
      what: fastCheck.constant("data" as const),
      piece: fastCheck.constantFrom(
        ...(Object.keys(events) as (keyof typeof events)[]),
        "text",
        "finish",
        "done",
        "whole",
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fastCheck.record({
      what: fastCheck.constant("fail" as const),
      kind: fastCheck.constantFrom("stale-connection", "unreachable", "broken-stream", "timeout-connect"),
    }),
  },
  { weight: 2, arbitrary: fastCheck.record({ what: fastCheck.constantFrom("end", "full", "drain", "late") }) },
  fastCheck.record({ what: fastCheck.constantFrom("gone", "abandon") }),
  {
    weight: 2,
    arbitrary: fastCheck.record({
      what: fastCheck.constant("time" as const),
      milliseconds: fastCheck.constantFrom(50, 350, 600, 1100, 2100),
    }),
  },
);

function happen(rig: Rig, event: Happening): void {
  const { client, backend } = rig.scene;
  const call = backend.calls.at(-1);
  switch (event.what) {
    case "head": {
      const type = event.type === "stream" ? eventStream : event.type === "json" ? json : {};
      const retry = event.retryAfter === undefined ? {} : { "retry-after": event.retryAfter };
      return call?.head(event.status, { ...type, ...retry });
    }
    case "data":
      // With a blank line, so that in a stream it spoils no event but itself.
      return call?.data(event.piece === "whole" ? `${whole}\n\n` : events[event.piece]);
    case "fail":
      return call?.fail(event.kind);
    case "end":
      return call?.end();
    case "full":
      client.takes = false;
      return;
    case "drain":
      return client.drain();
    case "gone":
      return client.leave();
    case "abandon":
      return rig.exchange.abandon(failure("draining", "The gateway is shutting down."));
    case "late":
      // A driver says nothing more of a call that was cancelled; if it did, nothing should come of it.
      for (const { over, receiver } of backend.calls) {
        if (over === "cancelled") receiver.data(Buffer.from(events.text));
      }
      return;
    case "time":
      return rig.pass(event.milliseconds);
  }
}

/** What must be true of an exchange at any time. */
function check(rig: Rig, seen: { committedAt: number | undefined; settled: number | undefined }): void {
  const { client, backend, observer } = rig.scene;
  assert.deepEqual(client.faults, []);
  assert.deepEqual(observer.errors, []);
  assert.ok(observer.exchanges.length <= 1, "settled twice");
  const live = backend.calls.slice(0, -1).filter(({ over }) => over === undefined);
  assert.equal(live.length, 0, "two calls at a time");
  if (client.body.includes("word")) seen.committedAt ??= rig.sends;
  if (seen.committedAt !== undefined) assert.equal(rig.sends, seen.committedAt, "sent again after the first words");
  if (seen.settled !== undefined) assert.equal(rig.sends, seen.settled, "sent again after the end");
  const [report] = observer.exchanges;
  if (report === undefined) {
    assert.ok(client.state === "waiting" || client.state === "open", `${client.state}, but not settled`);
    return;
  }
  seen.settled ??= rig.sends;
  assert.equal(report.attempts, rig.sends);
  assert.equal(observer.attempts.length, rig.sends);
  assert.equal(
    observer.attempts.filter(({ failure: why }) => why === undefined).length,
    report.failure === undefined ? 1 : 0,
  );
  const last = backend.calls.at(-1);
  if (report.failure !== undefined) {
    if (last !== undefined) assert.notEqual(last.over, undefined, "a failed exchange leaves a call behind");
    assert.equal(report.status, failures[report.failure.kind].status);
  } else assert.equal(report.status, 200);
  if (client.state !== "ended") {
    assert.equal(report.failure?.kind, "cancelled");
    return;
  }
  assert.equal(report.bytesOut, client.body.length);
  assert.doesNotMatch(client.body, /canary/u);
  const dones = client.body.match(/^data: \[DONE\]$/gmu)?.length ?? 0;
  if (report.failure !== undefined) {
    assert.equal(dones, 0, client.body);
    assert.equal(client.body.split('"error"').length - 1, 1, client.body);
  } else {
    assert.doesNotMatch(client.body, /"error"/u);
    assert.match(client.body, /"stop"/u);
    assert.equal(dones, rig.scene.input.body.stream ? 1 : 0);
  }
}

test("whatever happens in whatever order, an exchange settles once, writes nothing behind its end, and never answers twice", () => {
  const tally = { success: 0, failure: 0, cancelled: 0, committed: 0 };
  fastCheck.assert(
    fastCheck.property(
      fastCheck.record({
        stream: fastCheck.boolean(),
        relay: fastCheck.constantFrom("auto" as const, "never" as const),
        endpoints: fastCheck.constantFrom(["first"], ["first", "second"], ["first", "second", "third"]),
      }),
      fastCheck.array(happening, { minLength: 1, maxLength: 30 }),
      (options, list) => {
        using rig = new Rig(options).start();
        const seen = { committedAt: undefined, settled: undefined };
        for (const event of list) {
          happen(rig, event);
          check(rig, seen);
        }
        rig.pass(12_000);
        check(rig, seen);
        const [report] = rig.scene.observer.exchanges;
        assert.ok(report !== undefined, "it never settled");
        if (seen.committedAt !== undefined) tally.committed++;
        tally[
          report.failure === undefined ? "success" : report.failure.kind === "cancelled" ? "cancelled" : "failure"
        ]++;
      },
    ),
    { numRuns: 1500 },
  );
  // A test that never gets far proves nothing.
  for (const [what, count] of Object.entries(tally)) assert.ok(count > 30, `${what}: ${count}`);
});
