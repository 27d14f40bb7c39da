import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { CircuitSettings, FailoverSettings } from "../routing/types.ts";
import { Health } from "../routing/health.ts";
import { Exchange } from "./exchange.ts";
import { elapse, events, eventStream, FakeClient, json, scene, whole } from "./support.test.ts";
import type { FakeCall, Scene } from "./support.test.ts";

interface StageOptions {
  readonly stream?: boolean;
  readonly endpoints?: readonly string[];
  /** Endpoints that the plan leaves out since they are not well. */
  readonly unwell?: readonly string[];
  readonly attempts?: number;
  readonly failover?: Partial<FailoverSettings>;
  readonly circuit?: Partial<CircuitSettings>;
  readonly reasoning?: boolean;
  readonly random?: number;
  readonly body?: object;
}

/** The limits of a gateway that nobody has configured. */
const timeouts = { connect: 5000, firstToken: 60_000, firstByte: 300_000, idle: 60_000 };
const defaults: FailoverSettings = { wait: 5000, stay: 0, patience: 10_000, adaptive: true };

/** Several exchanges, one after the other or at once, over the same targets; time passes when it is told to. */
class Stage implements Disposable {
  readonly scene: Scene;
  readonly health: Health;
  readonly #options: StageOptions;

  constructor(options: StageOptions = {}) {
    mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    this.#options = options;
    const { stream = true, endpoints = ["first", "second"], unwell = [], body } = options;
    this.scene = scene({
      stream,
      endpoints: [...endpoints, ...unwell],
      settings: { total: 600_000, stall: 600_000, keepalive: 0 },
      ...(body && { body }),
    });
    this.health = new Health(this.scene.clock, () => options.random ?? 0);
  }

  /** Begins another request; its client is told. */
  ask(): FakeClient {
    const { input, context, clock, backend } = this.scene;
    const { attempts = 3, failover, circuit = {}, reasoning = false } = this.#options;
    const client = new FakeClient();
    const endpoints = [...input.endpoints.keys()];
    const model = { ...input.plan.model, attempts, failover: { ...defaults, ...failover }, circuit };
    // Only what is asked for: no plan is made here.
    const plannedFor = (endpoint: string) => ({ endpoint, model: "actual", reason: "", wait: 0, reasoning });
    const unwell = this.#options.unwell ?? [];
    const planned = endpoints.filter((endpoint) => !unwell.includes(endpoint)).map(plannedFor);
    new Exchange(
      {
        ...input,
        client,
        startedAt: clock.passed,
        plan: { ...input.plan, model, attempts: planned, unwell: unwell.map(plannedFor) },
        endpoints: new Map(
          endpoints.map((name) => {
            const { credentials } = this.health.endpoint(name);
            return [name, { name, type: "openai-compatible", backend, timeouts, credentials }] as const;
          }),
        ),
      },
      { ...context, health: this.health },
    ).start();
    return client;
  }

  get calls(): readonly FakeCall[] {
    return this.scene.backend.calls;
  }

  get call(): FakeCall {
    const call = this.calls.at(-1);
    assert.ok(call !== undefined, "nothing was sent");
    return call;
  }

  /** The endpoint of every attempt that is over, in order. */
  get ended(): readonly string[] {
    return this.scene.observer.attempts.map(({ endpoint, failure: why }) => `${endpoint} ${why?.kind ?? "ok"}`);
  }

  answer(call = this.call): void {
    const { stream = true } = this.#options;
    call.head(200, stream ? eventStream : json);
    call.data(stream ? events.role + events.text + events.finish + events.done : whole);
    call.end();
  }

  refuse(status: number, headers: { readonly [name: string]: string } = {}, call = this.call): void {
    call.head(status, { ...json, ...headers });
    call.data("{}");
    call.end();
  }

  pass(milliseconds: number): void {
    elapse(this.scene.clock, milliseconds);
  }

  [Symbol.dispose](): void {
    this.scene[Symbol.dispose]();
    mock.timers.reset();
  }
}

for (const stream of [true, false]) {
  const what = stream ? "streamed" : "unstreamed";

  test(`a silent target is left after ten seconds while another is left, ${what}`, () => {
    using stage = new Stage({ stream });
    const client = stage.ask();
    stage.pass(9900);
    assert.equal(stage.calls.length, 1);
    stage.pass(200);
    assert.equal(stage.calls.length, 2);
    stage.answer();
    assert.deepEqual([client.state, client.status], ["ended", 200]);
    assert.deepEqual(stage.ended, ["first timeout-first-token", "second ok"]);
  });

  test(`the last target has its whole timeout, and is not asked again, ${what}`, () => {
    using stage = new Stage({ stream });
    const client = stage.ask();
    stage.pass(10_100);
    const limit = stream ? timeouts.firstToken : timeouts.firstByte;
    stage.pass(limit - 200);
    assert.equal(client.state === "ended", false);
    stage.pass(300);
    assert.equal(client.state, "ended");
    assert.equal(stage.calls.length, 2);
  });

  test(`patience grows with what a target usually takes, ${what}`, () => {
    using stage = new Stage({ stream, endpoints: ["first"] });
    for (let index = 0; index < 20; index++) {
      stage.ask();
      stage.pass(8000);
      stage.answer();
    }
    const target = stage.health.target("first", "actual");
    const history = stream ? target.streamed : target.whole;
    assert.ok((history.tail ?? 0) > 8000 && (history.tail ?? 0) < 9000, String(history.tail));
  });
}

test("an unstreamed answer that was given up early may take longer the next time, to show whether it is slow", () => {
  using stage = new Stage({ stream: false });
  stage.ask();
  stage.pass(10_100);
  stage.answer();
  stage.ask();
  stage.pass(30_000);
  assert.equal(stage.calls.length, 3, "the second request still waits for the first target");
  stage.answer();
  stage.ask();
  stage.pass(50_000);
  assert.equal(stage.calls.length, 4, "it was slow, and is waited for from now on");
  stage.answer();
});

/** How long each request waited for a first target that stays silent, in seconds. */
function waitsFor(stage: Stage, count: number): readonly number[] {
  return Array.from({ length: count }, () => {
    const before = stage.calls.length;
    stage.ask();
    const start = stage.scene.clock.passed;
    while (stage.calls.length < before + 2) stage.pass(50);
    stage.answer();
    return Math.round((stage.scene.clock.passed - start) / 1000);
  });
}

test("a target that stays silent has short patience only, but for once in five minutes", () => {
  using stage = new Stage({ circuit: { failures: 100 } });
  assert.deepEqual(waitsFor(stage, 5), [10, 10, 10, 10, 10], "streams begin soon, or hardly at all");
  stage.pass(300_000);
  assert.deepEqual(waitsFor(stage, 3), [40, 10, 10]);
});

test("a target that stays silent where whole answers are wanted has long patience once, and then in five minutes", () => {
  using stage = new Stage({ stream: false, circuit: { failures: 100 } });
  assert.deepEqual(waitsFor(stage, 4), [10, 40, 10, 10]);
});

test("what streams have shown is not held against whole answers", () => {
  using stage = new Stage({ stream: false });
  stage.health.target("first", "actual").streamed.stretchAt = 0;
  assert.deepEqual(waitsFor(stage, 1), [10]);
});

test("a model that is known to reason has three times the patience, and long prompts add to it", () => {
  using reasoning = new Stage({ reasoning: true });
  reasoning.ask();
  reasoning.pass(29_000);
  assert.equal(reasoning.calls.length, 1);
  reasoning.pass(1500);
  assert.equal(reasoning.calls.length, 2);
});

test("a long prompt adds to patience", () => {
  using stage = new Stage({ body: { messages: [{ role: "user", content: "x".repeat(400_000) }] } });
  stage.ask();
  stage.pass(19_000);
  assert.equal(stage.calls.length, 1);
  stage.pass(1500);
  assert.equal(stage.calls.length, 2);
});

test("without `adaptive` every target has its whole timeout", () => {
  using stage = new Stage({ failover: { adaptive: false } });
  stage.ask();
  stage.pass(59_000);
  assert.equal(stage.calls.length, 1);
  stage.pass(1500);
  assert.equal(stage.calls.length, 2);
});

test("a 500 of the only target is asked about again, at most twice, after growing random times", () => {
  using stage = new Stage({ endpoints: ["first"], attempts: 10, random: 0.999 });
  const client = stage.ask();
  stage.refuse(500);
  assert.equal(stage.calls.length, 1);
  stage.pass(200);
  assert.equal(stage.calls.length, 1);
  stage.pass(100);
  assert.equal(stage.calls.length, 2);
  stage.refuse(500);
  stage.pass(450);
  assert.equal(stage.calls.length, 2);
  stage.pass(100);
  assert.equal(stage.calls.length, 3);
  stage.refuse(500);
  stage.pass(5000);
  assert.deepEqual([client.state, client.status, stage.calls.length], ["ended", 502, 3]);
});

/** What happens to the first call, and whether the only target is asked again. */
const retried: readonly (readonly [what: string, happen: (call: FakeCall) => void, again: boolean])[] = [
  ["a refused connection", (call) => call.receiver.fail({ kind: "unreachable", message: "", unsent: true }), true],
  ["a connection that broke after the request was sent", (call) => call.fail("unreachable"), false],
  ["an answer that is none", (call) => call.fail("bad-response"), false],
  ["a connection that took too long", (call) => call.fail("timeout-connect"), false],
  ["a broken answer", (call) => call.fail("broken-stream"), false],
];
for (const [what, happen, again] of retried) {
  test(`after ${what} the only target is ${again ? "" : "not "}asked again`, () => {
    using stage = new Stage({ endpoints: ["first"] });
    const client = stage.ask();
    happen(stage.call);
    stage.pass(1000);
    assert.deepEqual([stage.calls.length, client.state === "ended"], again ? [2, false] : [1, true]);
  });
}

test("attempts are capped over all targets", () => {
  using stage = new Stage({ attempts: 3 });
  const client = stage.ask();
  for (let index = 0; index < 3; index++) {
    stage.refuse(503);
    stage.pass(2000);
  }
  assert.deepEqual([stage.calls.length, client.state, client.status], [3, "ended", 503]);
});

test("the retry budget ends retries, and no request is refused for want of it", () => {
  using stage = new Stage({ endpoints: ["first"], circuit: { failures: 100 } });
  for (let index = 0; index < 100; index++) {
    const client = stage.ask();
    while (client.state === "waiting") {
      stage.refuse(500);
      if (stage.call.over !== undefined && client.state === "waiting") stage.pass(50);
    }
    assert.equal(client.status, 502);
  }
  const extra = stage.calls.length - 100;
  assert.ok(extra >= 10 && extra <= 20, String(extra));
});

test("a pause that is short is waited for by the only target, with the others if `stay` says so", () => {
  using alone = new Stage({ endpoints: ["first"] });
  const client = alone.ask();
  alone.refuse(429, { "retry-after": "2" });
  alone.pass(1900);
  assert.equal(alone.calls.length, 1);
  alone.pass(200);
  alone.answer();
  assert.equal(client.status, 200);
});

test("with `stay` a target's short pause is waited for although another is left", () => {
  using stage = new Stage({ failover: { stay: 3000 } });
  const client = stage.ask();
  stage.refuse(429, { "retry-after": "2" });
  assert.equal(stage.calls.length, 1);
  stage.pass(2100);
  assert.equal(stage.calls.length, 2);
  stage.answer();
  assert.equal(client.headers.get("x-patchbay-endpoint"), "first");
});

test("a circuit that opened keeps requests away, lets one probe through, and closes", () => {
  using stage = new Stage({ circuit: { failures: 3, cooldown: 10_000 } });
  for (let index = 0; index < 3; index++) {
    stage.ask();
    stage.call.fail("bad-response");
    stage.answer();
  }
  assert.equal(stage.health.circuit("first", "actual"), "open");
  stage.ask();
  assert.equal(stage.calls.length, 7);
  stage.answer();
  assert.equal(stage.ended.at(-1), "second ok");
  stage.pass(10_000);
  const clients = Array.from({ length: 100 }, () => stage.ask());
  const probes = stage.calls.slice(7);
  assert.equal(probes.length, 100);
  for (const call of probes) stage.answer(call);
  const byEndpoint = stage.ended.slice(-100).filter((text) => text === "first ok").length;
  assert.equal(byEndpoint, 1, "one probe");
  assert.ok(clients.every(({ status }) => status === 200));
  assert.equal(stage.health.circuit("first", "actual"), "closed");
});

test("a probe whose client left is given back", () => {
  using stage = new Stage({ circuit: { failures: 1, cooldown: 10_000 } });
  stage.ask();
  stage.call.fail("bad-response");
  stage.answer();
  stage.pass(10_000);
  const client = stage.ask();
  assert.equal(stage.health.circuit("first", "actual"), "open");
  client.leave();
  assert.equal(stage.health.circuit("first", "actual"), "half-open");
});

test("when every circuit is open a target is asked all the same, once", () => {
  using stage = new Stage({ circuit: { failures: 1, cooldown: 100_000 } });
  stage.ask();
  stage.call.fail("bad-response");
  stage.call.fail("bad-response");
  assert.deepEqual(stage.ended, ["first bad-response", "second bad-response"]);
  const client = stage.ask();
  assert.equal(stage.calls.length, 3);
  stage.answer();
  assert.equal(client.status, 200);
  assert.equal(stage.health.circuit("first", "actual"), "closed");
});

test("flapping for a minute with a request every four seconds: all are answered, and the primary is back in 30 s", () => {
  for (let phase = 0; phase < 10; phase++) {
    using stage = new Stage({ circuit: {} });
    const start = stage.scene.clock.passed;
    const since = () => stage.scene.clock.passed - start;
    stage.pass(phase * 400);
    let back: number | undefined;
    while (since() < 100_000 && back === undefined) {
      const client = stage.ask();
      const isWell = since() > 60_000 || Math.floor(since() / 10_000) % 2 === 1;
      // Of the primary at first, and of whoever comes after it.
      if (stage.calls.length > 0 && !isWell && stage.health.inFlight("first", "actual") > 0) stage.refuse(503);
      stage.answer();
      assert.equal(client.status, 200);
      if (since() > 60_000 && stage.ended.at(-1) === "first ok") back = since() - 60_000;
      stage.pass(4000);
    }
    assert.ok(back !== undefined && back < 30_000, `phase ${phase}: ${back}`);
  }
});

test("a target whose answers begin and break off is left alone like any other", () => {
  using stage = new Stage({ circuit: { failures: 2, cooldown: 10_000 } });
  const breakOff = () => {
    stage.ask();
    stage.call.head(200, eventStream);
    stage.call.data(events.role + events.text);
    stage.call.fail("broken-stream");
  };
  breakOff();
  breakOff();
  assert.equal(stage.health.circuit("first", "actual"), "open");
  stage.pass(10_000);
  breakOff();
  assert.equal(stage.health.circuit("first", "actual"), "open", "the probe began well, and broke off all the same");
});

test("answers that were under way when a circuit opened do not close it", () => {
  using stage = new Stage({ circuit: { failures: 1, cooldown: 10_000 } });
  stage.ask();
  const slow = stage.call;
  stage.pass(50);
  stage.ask();
  stage.refuse(500);
  stage.answer();
  assert.equal(stage.health.circuit("first", "actual"), "open");
  stage.answer(slow);
  assert.equal(stage.health.circuit("first", "actual"), "open");
});

test("of the targets that are left, one that may be asked now goes before one that has begun to pause", () => {
  using stage = new Stage({ endpoints: ["first", "second", "third"] });
  const client = stage.ask();
  stage.health.cooldowns.start({ endpoint: "second", model: "actual" }, 3000, "rate-limited");
  stage.refuse(500);
  stage.answer();
  assert.equal(client.headers.get("x-patchbay-endpoint"), "third");
});

test("of those who all pause the soonest is waited for", () => {
  using stage = new Stage({ endpoints: ["first", "second", "third"] });
  stage.ask();
  stage.health.cooldowns.start({ endpoint: "second", model: "actual" }, 4000, "rate-limited");
  stage.health.cooldowns.start({ endpoint: "third", model: "actual" }, 1000, "rate-limited");
  stage.refuse(500);
  stage.pass(1100);
  stage.answer();
  assert.equal(stage.ended.at(-1), "third ok");
});

test("a silent target is not asked again, although others' requests have made it pause meanwhile", () => {
  using stage = new Stage({ endpoints: ["first"] });
  const client = stage.ask();
  stage.pass(59_000);
  stage.health.cooldowns.start({ endpoint: "first", model: "actual" }, 4000, "rate-limited");
  stage.pass(8000);
  assert.deepEqual([stage.calls.length, client.state], [1, "ended"]);
});

test("a hundred refusals at once are one refusal", () => {
  using stage = new Stage({ endpoints: ["first"], attempts: 1 });
  for (let index = 0; index < 100; index++) stage.ask();
  for (const call of stage.calls.slice(0, 100)) stage.refuse(429, {}, call);
  assert.equal(stage.health.cooldown("first", "actual"), 1000);
});

test("how often one credential was refused does not prolong the pause of another", () => {
  using stage = new Stage({ endpoints: ["first"], attempts: 1 });
  stage.health.know([{ name: "first", credentials: 2 }]);
  stage.ask();
  stage.refuse(429);
  stage.refuse(429);
  const waits = stage.health.ailments().map(({ credential, wait }) => [credential, wait]);
  assert.deepEqual(waits, [
    [0, 1000],
    [1, 1000],
  ]);
});

test("a target that was not well when the plan was made is asked once the others have failed, if it is well by then", () => {
  for (const isWell of [true, false]) {
    using stage = new Stage({ endpoints: ["first"], unwell: ["second"], circuit: { failures: 1, cooldown: 10_000 } });
    const second = stage.health.target("second", "actual").circuit;
    second.failed(stage.scene.clock.passed, { failures: 1, window: 1000, cooldown: isWell ? 2000 : 60_000 });
    const client = stage.ask();
    stage.pass(3000);
    stage.call.fail("broken-stream");
    if (isWell) stage.answer();
    assert.equal(client.status, isWell ? 200 : 502);
    assert.equal(stage.calls.length, isWell ? 2 : 1);
  }
});

test("the last target is left, too, once one that was not well may be asked again", () => {
  using stage = new Stage({ endpoints: ["first"], unwell: ["second"], circuit: { failures: 1 } });
  const second = stage.health.target("second", "actual").circuit;
  second.failed(stage.scene.clock.passed, { failures: 1, window: 1000, cooldown: 15_000 });
  const client = stage.ask();
  stage.pass(14_900);
  assert.equal(stage.calls.length, 1);
  stage.pass(200);
  assert.equal(stage.calls.length, 2);
  stage.answer();
  assert.equal(client.headers.get("x-patchbay-endpoint"), "second");
});

test("a target is not left for one that cannot be asked by then", () => {
  using stage = new Stage();
  stage.ask();
  stage.pass(9000);
  stage.health.cooldowns.start({ endpoint: "second", model: "actual" }, 20_000, "rate-limited");
  stage.pass(19_000);
  assert.equal(stage.calls.length, 1);
  stage.pass(1100);
  assert.equal(stage.calls.length, 2);
});

test("a wall clock that jumps changes no pause, no circuit and no time", () => {
  using stage = new Stage({ circuit: { failures: 1, cooldown: 10_000 } });
  const { clock } = stage.scene;
  let jump = 0;
  const wall = clock.now.bind(clock);
  clock.now = () => wall() + jump;
  stage.ask();
  jump = 3 * 86_400_000;
  stage.refuse(429, { "retry-after": "20" });
  stage.call.fail("bad-response");
  jump = -86_400_000;
  assert.equal(stage.health.cooldown("first", "actual"), 20_000);
  assert.equal(stage.health.circuit("second", "actual"), "open");
  stage.pass(10_000);
  assert.equal(stage.health.cooldown("first", "actual"), 10_000);
  assert.equal(stage.health.circuit("second", "actual"), "half-open");
  assert.ok(stage.scene.observer.exchanges.every(({ duration }) => duration >= 0 && duration < 1000));
});

test("with every target failing, requests beyond the first few cost a fifth more calls at most", () => {
  using stage = new Stage();
  for (let index = 0; index < 300; index++) {
    const client = stage.ask();
    for (let wait = 0; client.state === "waiting" && wait < 1000; wait++) {
      if (stage.call.over === undefined) stage.refuse(500);
      else stage.pass(1);
    }
    assert.equal(client.state, "ended");
  }
  // Five failures open each of the two circuits, and the budget is ten retries at least.
  assert.ok(stage.calls.length <= 300 + 10 + 0.2 * 300, String(stage.calls.length));
});

/** Failures of the target, and of others. */
const faults: readonly (readonly [status: number, body: string, counts: boolean])[] = [
  [500, "{}", true],
  [503, "{}", true],
  [401, "{}", true],
  [429, "{}", false],
  [400, '{"error":{"message":"bad"}}', false],
  [400, '{"error":{"code":"context_length_exceeded","message":"too long"}}', false],
  [400, '{"error":{"code":"content_filter","message":"no"}}', false],
];
for (const [status, body, counts] of faults) {
  test(`${status} ${body} ${counts ? "opens" : "does not open"} the circuit`, () => {
    using stage = new Stage({ endpoints: ["first"], attempts: 1, circuit: { failures: 1 } });
    stage.ask();
    stage.call.head(status, json);
    stage.call.data(body);
    stage.call.end();
    assert.equal(stage.health.circuit("first", "actual"), counts ? "open" : "closed");
  });
}

test("one bad model does not close a good one", () => {
  using stage = new Stage({ endpoints: ["first"], attempts: 1, circuit: { failures: 1 } });
  stage.ask();
  stage.refuse(500);
  assert.deepEqual(
    ["actual", "other"].map((model) => stage.health.circuit("first", model)),
    ["open", "closed"],
  );
});

test("requests go round the credentials, and a limited one is passed over before the next target", () => {
  using stage = new Stage();
  stage.health.know([{ name: "first", credentials: 3 }]);
  const used = () => stage.calls.map(({ call }) => call.credential);
  for (let index = 0; index < 4; index++) {
    stage.ask();
    stage.answer();
  }
  assert.deepEqual(used(), [0, 1, 2, 0]);
  const client = stage.ask();
  stage.refuse(429, { "retry-after": "60" });
  stage.refuse(401);
  stage.answer();
  assert.deepEqual(used().slice(4), [1, 2, 0]);
  assert.equal(client.headers.get("x-patchbay-endpoint"), "first");
  stage.ask();
  stage.answer();
  stage.ask();
  stage.answer();
  assert.deepEqual(used().slice(7), [0, 0], "the two others pause");
});

test("when all credentials pause the next target is asked", () => {
  using stage = new Stage();
  stage.health.know([{ name: "first", credentials: 2 }]);
  const client = stage.ask();
  stage.refuse(429, { "retry-after": "60" });
  stage.refuse(429, { "retry-after": "30" });
  stage.answer();
  assert.equal(client.headers.get("x-patchbay-endpoint"), "second");
  assert.equal(stage.health.cooldown("first", "actual"), 30_000);
});

test("each target has all its credentials, however many another one has gone through", () => {
  using stage = new Stage();
  stage.health.know(["first", "second"].map((name) => ({ name, credentials: 2 })));
  const client = stage.ask();
  for (let count = 0; count < 3; count++) stage.refuse(429, { "retry-after": "60" });
  stage.answer();
  assert.equal(client.status, 200);
  assert.deepEqual(stage.ended, ["first rate-limited", "first rate-limited", "second rate-limited", "second ok"]);
});

test("the credentials that one target has gone through are no retries of another", () => {
  using stage = new Stage({ attempts: 10 });
  stage.health.know([{ name: "first", credentials: 3 }]);
  const client = stage.ask();
  for (let count = 0; count < 3; count++) stage.refuse(429, { "retry-after": "60" });
  for (let count = 0; count < 5; count++) {
    stage.refuse(500);
    stage.pass(1000);
  }
  assert.equal(client.state, "ended");
  assert.equal(stage.ended.filter((attempt) => attempt === "second upstream-error").length, 3);
});

/** What a refusal pauses, and for how long. */
const pauses: readonly (readonly [
  what: string,
  refusal: readonly [number, { readonly [name: string]: string }],
  cooldown: number | undefined,
  expected: readonly object[],
])[] = [
  ["a 429 with its time", [429, { "retry-after": "7" }], undefined, [{ model: "actual", credential: 0, wait: 7000 }]],
  ["a 429 without a time", [429, {}], undefined, [{ model: "actual", credential: 0, wait: 1000 }]],
  ["a 429 without a time where the endpoint says one", [429, {}], 300_000, [{ wait: 300_000 }]],
  ["a 429 that names a very long time", [429, { "retry-after": "99999999999" }], undefined, [{ wait: 3_600_000 }]],
  [
    "a 429 with the time in a limit's header",
    [429, { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s" }],
    undefined,
    [{ wait: 360_000 }],
  ],
  [
    "a 402 of the only credential",
    [402, {}],
    undefined,
    [{ model: "actual", credential: 0, wait: 60_000, why: "quota-exhausted" }],
  ],
  ["a 503 with its time", [503, { "retry-after": "3" }], undefined, [{ model: "actual", credential: undefined }]],
  ["a 503", [503, {}], undefined, []],
  ["a 401 of the only credential", [401, {}], undefined, []],
];
for (const [what, [status, headers], cooldown, expected] of pauses) {
  test(`the pause after ${what}`, () => {
    using stage = new Stage();
    stage.health.know([{ name: "first", credentials: 1, cooldown }]);
    stage.ask();
    stage.refuse(status, headers);
    const found = stage.health.ailments().filter(({ state }) => state === "cooldown");
    assert.equal(found.length, expected.length);
    for (const [index, parts] of expected.entries()) assert.partialDeepStrictEqual(found[index], parts);
  });
}

test("a target that refuses without a time is left alone for longer and longer", () => {
  using stage = new Stage({ endpoints: ["first"], attempts: 1 });
  const waits = Array.from({ length: 8 }, () => {
    stage.ask();
    stage.refuse(429);
    const wait = stage.health.cooldown("first", "actual");
    stage.pass(wait + 50);
    return wait;
  });
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
});

test("a credential that is refused is asked more and more rarely, and once it is accepted begins anew", () => {
  using stage = new Stage({ endpoints: ["first"], attempts: 1 });
  stage.health.know([{ name: "first", credentials: 2 }]);
  const told: string[] = [];
  stage.health.credentialRefused = (endpoint, credential) => told.push(`${endpoint}#${credential}`);
  /** The next call with the first credential is answered so; milliseconds for which that one is left alone then. */
  const use = (status: number) => {
    stage.ask();
    if (stage.call.call.credential === 1) {
      stage.answer();
      stage.ask();
    }
    assert.equal(stage.call.call.credential, 0);
    if (status === 200) stage.answer();
    else {
      stage.refuse(status);
      stage.answer();
    }
    const wait = stage.health.cooldowns.left("first", "actual", 0);
    stage.scene.clock.passed += wait + 50;
    return wait;
  };
  const waits = [401, 403, 401, 401, 401, 401, 401, 401, 200, 401].map(use);
  const minute = 60_000;
  assert.deepEqual(
    waits.map((wait) => wait / minute),
    [1, 2, 4, 8, 16, 32, 60, 60, 0, 1],
  );
  assert.deepEqual(told, ["first#0", "first#0"]);
  stage.scene.clock.passed -= minute;
  assert.ok(stage.health.cooldowns.left("first", "actual", 0) > 0);
  stage.health.forgive();
  assert.deepEqual([stage.health.cooldowns.left("first", "actual", 0), use(401) / minute], [0, 1]);
});

test("many requests at once are counted, and forgotten when they end", () => {
  using stage = new Stage();
  const clients = Array.from({ length: 5 }, () => stage.ask());
  assert.equal(stage.health.inFlight("first", "actual"), 5);
  clients[0]?.leave();
  stage.answer(stage.calls[1]);
  assert.equal(stage.health.inFlight("first", "actual"), 3);
  for (const client of clients) client.leave();
  assert.equal(stage.health.inFlight("first", "actual"), 0);
});
