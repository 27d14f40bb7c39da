import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, test } from "node:test";
import { ask, rowOf } from "./support/exchange.ts";
import type { Outcome } from "./support/exchange.ts";
import { startHouse } from "./support/house.ts";
import { defaultText, defaultUsage } from "./support/payloads.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour, Call } from "./support/upstream.ts";

/**
 * Faults of a primary that has a fallback, as the catalogues of gateways' failover tests have them: refusals, resets,
 * silence, flapping, and who is billed. Times are a fraction of what they are in life; `relay/turns.test.ts` has the
 * same with the times of a gateway that nobody has configured.
 */

/** Life's seconds are so many milliseconds here. */
const second = 40;
const primary = await startUpstream();
const fallback = await startUpstream();
const both = ["primary", "fallback"].map((endpoint) => ({ endpoint, model: "*" }));
const failover = { patience: 10 * second };
const house = await startHouse({
  document: {
    circuit: { failures: 5, window: 60 * second, cooldown: 15 * second },
    endpoints: [
      { name: "primary", type: "openai-compatible", url: primary.url },
      { name: "fallback", type: "openai-compatible", url: fallback.url },
    ],
    models: [
      { name: "pair/*", targets: both, failover, price: { input: 2, output: 3 } },
      { name: "staying/*", targets: both, failover: { ...failover, stay: "3s" } },
      { name: "alone/*", targets: both.slice(0, 1) },
    ],
  },
});
after(async () => {
  for (const resource of [house, primary, fallback]) await resource[Symbol.asyncDispose]();
});

const good: Behaviour = { kind: "answer" };
const spare: Behaviour = { kind: "answer", model: "fallback-model", usage: { ...defaultUsage, prompt_tokens: 77 } };
/** What the primary does with the calls of a model, by their number. */
const scripts = new Map<unknown, (index: number) => Behaviour>();
primary.script((call) => {
  const model = field(call.json, "model");
  return scripts.get(model)?.(callsOf(primary.calls, model).length - 1) ?? good;
});
fallback.script(spare);

const callsOf = (calls: readonly Call[], model: unknown) => calls.filter(({ json }) => field(json, "model") === model);

/** A model of the case's own, so that no other case opens its circuits. */
function script(behaviour: (index: number) => Behaviour): string {
  const model = `case${scripts.size}`;
  scripts.set(model, behaviour);
  return model;
}

const counts = (model: string) => [callsOf(primary.calls, model).length, callsOf(fallback.calls, model).length];
const endpointOf = ({ headers }: Outcome) => headers.get("x-patchbay-endpoint");

function assertComplete(outcome: Outcome): void {
  assert.equal(outcome.status, 200, outcome.raw);
  assert.equal(outcome.error, undefined, outcome.raw);
  assert.equal(outcome.text, defaultText);
  assert.equal(outcome.finishReason, "stop");
}

const once =
  (fault: Behaviour) =>
  (index: number): Behaviour =>
    index === 0 ? fault : good;
const always = (fault: Behaviour) => (): Behaviour => fault;
const limited: Behaviour = { kind: "status", status: 429, headers: { "retry-after": "2" } };
const failing: Behaviour = { kind: "status", status: 500 };
const unavailable: Behaviour = { kind: "status", status: 503 };

// The first request of a process loads a good deal, which would spoil the others' times.
await ask(house, { model: "pair/warm", stream: true });

for (const stream of [true, false]) {
  describe(stream ? "streamed" : "unstreamed", { concurrency: 8 }, () => {
    /** Faults after which the fallback answers, and the latest moment of its answer in life's seconds. */
    const faults: readonly (readonly [what: string, fault: (index: number) => Behaviour, within: number])[] = [
      ["one 429 with Retry-After 2", once(limited), 2],
      ["persistent 429", always({ kind: "status", status: 429 }), 2],
      ["one 500", once(failing), 2],
      ["persistent 503", always(unavailable), 2],
      ["a TCP reset", always({ kind: "reset-before" }), 2],
      ["a closed connection", always({ kind: "close-before" }), 2],
      ["silence for 120 s", always({ kind: "silence" }), 30],
      ["a first token after 20 s", always({ kind: "slow-first-token", delay: 20 * second }), 15],
      ["a head after 20 s", always({ kind: "slow-headers", delay: 20 * second }), 15],
      ["a 200 that holds an error", always({ kind: "error-body" }), 2],
      ["a web page", always({ kind: "html" }), 2],
    ];
    for (const [what, fault, within] of faults) {
      test(`${what}: the fallback answers`, async () => {
        const model = script(fault);
        const outcome = await ask(house, { model: `pair/${model}`, stream });
        assertComplete(outcome);
        assert.equal(endpointOf(outcome), "fallback");
        const [tried = 0, answered] = counts(model);
        // What breaks on a kept-alive connection may have been stale, and is sent once more.
        assert.ok(tried === 1 || (tried === 2 && /reset|closed/u.test(what)), String(tried));
        assert.equal(answered, 1);
        // On a machine that has much to do everything takes a while.
        assert.ok(outcome.duration < within * second + 1000, String(outcome.duration));
      });
    }

    test("the fallback's model and usage are reported, and the failed attempt is not billed", async () => {
      const model = script(always(failing));
      const outcome = await ask(house, { model: `pair/${model}`, stream });
      const row = await rowOf(house, outcome.id);
      assert.deepEqual(
        [row.endpoint, row.actualModel, row.attempts, row.inputTokens, row.outputTokens],
        ["fallback", "fallback-model", 2, 77, defaultUsage.completion_tokens],
      );
      assert.equal(row.costMicroDollars, 77 * 2 + defaultUsage.completion_tokens * 3);
      if (!stream) assert.equal(field(outcome.usage, "prompt_tokens"), 77);
      assert.equal(outcome.headers.get("x-patchbay-model"), model);
    });

    test("one 429 with Retry-After 2 is waited for where the model says so", async () => {
      const model = script(once(limited));
      const outcome = await ask(house, { model: `staying/${model}`, stream });
      assertComplete(outcome);
      assert.equal(endpointOf(outcome), "primary");
      assert.deepEqual(counts(model), [2, 0]);
      assert.ok(outcome.duration >= 2000);
    });

    for (const [what, fault] of [
      ["one 429 with Retry-After 2", limited],
      ["one 500", failing],
      ["one 503", unavailable],
    ] as const) {
      test(`${what}: the only target is asked again`, async () => {
        const model = script(once(fault));
        assertComplete(await ask(house, { model: `alone/${model}`, stream }));
        assert.deepEqual(counts(model), [2, 0]);
      });
    }

    test("a reset of the only target is told, and not sent again, but for a connection that had gone stale", async () => {
      const model = script(always({ kind: "reset-before" }));
      const outcome = await ask(house, { model: `alone/${model}`, stream });
      assert.equal(outcome.status, 502);
      assert.ok((counts(model)[0] ?? 0) <= 2);
    });

    test("flapping for 60 s with a request every 4 s: all are answered, and the primary is back within 30 s", async () => {
      const start = performance.now();
      const since = () => (performance.now() - start) / second;
      const isWell = () => since() > 60 || Math.floor(since() / 5) % 2 === 1;
      const model = script(() => (isWell() ? good : failing));
      let back: number | undefined;
      while (since() < 90 && back === undefined) {
        const outcome = await ask(house, { model: `pair/${model}`, stream });
        assertComplete(outcome);
        if (since() > 60 && endpointOf(outcome) === "primary") back = since();
        await sleep(4 * second);
      }
      assert.ok(back !== undefined);
    });
  });
}

test("a persistent fault keeps requests away from the primary after a few", async () => {
  const model = script(always(unavailable));
  for (let index = 0; index < 20; index++) assertComplete(await ask(house, { model: `pair/${model}`, stream: false }));
  const [tried = 0, answered = 0] = counts(model);
  assert.ok(tried >= 5 && tried <= 8, String(tried));
  assert.equal(answered, 20);
  const health: unknown = await (await fetch(`${house.url}/health`)).json();
  const ailments = field(health, "ailments") as readonly unknown[];
  assert.ok(ailments.some((each) => field(each, "model") === model && field(each, "state") === "circuit"));
  const metrics = await (await fetch(`${house.url}/metrics`)).text();
  assert.match(metrics, /^patchbay_circuits_open\{endpoint="primary"\} [1-9]/mu);
  assert.match(metrics, /^patchbay_circuits_turns_total\{endpoint="primary",to="open"\} [1-9]/mu);
});
