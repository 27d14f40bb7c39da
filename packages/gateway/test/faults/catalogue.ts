/**
 * The sixteen faults of a primary that the public catalogues of gateways' failover tests have, each streamed and
 * unstreamed. They run in life's time (`catalogue.slow.ts`) and, for every change, in a fraction of it.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "../support/exchange.ts";
import type { Outcome } from "../support/exchange.ts";
import { startHouse } from "../support/house.ts";
import type { House } from "../support/house.ts";
import { defaultText, defaultUsage } from "../support/payloads.ts";
import { field } from "../support/read-stream.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Behaviour, Call, Upstream } from "../support/upstream.ts";

type Script = (index: number) => Behaviour;

const good: Behaviour = { kind: "answer" };
const spareUsage = { ...defaultUsage, prompt_tokens: 77 };
const spare: Behaviour = { kind: "answer", model: "fallback-model", usage: spareUsage };
const words = Array.from({ length: 60 }, (_, index) => (index === 0 ? "token0" : ` token${index}`));
const sixty = words.join("");
const modes = ["streamed", "whole"];
/** With the head of the stream, which is an event too. */
const at40 = 41;
const long: Behaviour = { kind: "answer", text: sixty };

const hasPrefill = ({ json }: Call): boolean => {
  const messages = field(json, "messages");
  return Array.isArray(messages) && field(messages.at(-1), "role") === "assistant";
};

/** A gateway with a primary and a fallback, as a user would keep it, and how fast time passes in it. */
export class Scene implements AsyncDisposable {
  readonly house: House;
  /** So many milliseconds are a second of life. */
  readonly second: number;
  readonly #primary: Upstream;
  readonly #fallback: Upstream;
  readonly #scripts = new Map<unknown, readonly [Script, ((call: Call) => Behaviour) | undefined]>();

  private constructor(house: House, upstreams: readonly [Upstream, Upstream], second: number) {
    this.house = house;
    this.second = second;
    [this.#primary, this.#fallback] = upstreams;
    this.#primary.script((call) => {
      const model = field(call.json, "model");
      return this.#scripts.get(model)?.[0](this.#callsOf(this.#primary, model).length - 1) ?? good;
    });
    this.#fallback.script((call) => this.#scripts.get(field(call.json, "model"))?.[1]?.(call) ?? spare);
  }

  /** In life's own time the document says nothing of times: all are the defaults. */
  static async start(second: number): Promise<Scene> {
    const upstreams = [await startUpstream(), await startUpstream()] as const;
    const targets = ["primary", "fallback"].map((endpoint) => ({ endpoint, model: "*" }));
    const isLife = second === 1000;
    const failover = isLife ? {} : { patience: 10 * second };
    const house = await startHouse({
      document: {
        ...(isLife ? {} : { circuit: { failures: 5, window: 60 * second, cooldown: 15 * second } }),
        ...(isLife ? {} : { server: { timeouts: { idle: 60 * second } } }),
        endpoints: [
          {
            name: "primary",
            type: "openai-compatible",
            url: upstreams[0].url,
            models: ["small", "twin"].flatMap((id) =>
              modes.map((mode) => ({ id: `${id}-${mode}`, contextWindow: 8192 })),
            ),
          },
          {
            name: "fallback",
            type: "openai-compatible",
            url: upstreams[1].url,
            models: modes.map((mode) => ({ id: `large-${mode}`, contextWindow: 200_000 })),
          },
        ],
        models: [
          { name: "pair/*", targets, failover, price: { input: 2, output: 3 } },
          { name: "staying/*", targets, failover: { ...failover, stay: "3s" } },
          { name: "whole/*", targets, failover, rescue: "continue" },
          { name: "prefill/*", targets, failover, rescue: "continue", prefill: true },
          { name: "alone/*", targets: targets.slice(0, 1) },
          ...modes.map((mode) => ({
            name: `windows-${mode}`,
            targets: [
              { endpoint: "primary", model: `small-${mode}` },
              { endpoint: "primary", model: `twin-${mode}` },
              { endpoint: "fallback", model: `large-${mode}` },
            ],
          })),
        ],
      },
    });
    const scene = new Scene(house, upstreams, second);
    // The first request of a process loads a good deal, which would spoil the others' times.
    for (const stream of [true, false]) await ask(house, { model: "pair/warm", stream });
    return scene;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of [this.house, this.#primary, this.#fallback]) await resource[Symbol.asyncDispose]();
  }

  #callsOf({ calls }: Upstream, model: unknown): readonly Call[] {
    return calls.filter(({ json }) => field(json, "model") === model);
  }

  /** A model of the case's own, so that no other case opens its circuits or counts its calls. */
  script(primary: Behaviour | Script, fallback?: Behaviour | ((call: Call) => Behaviour)): string {
    return this.define(`case${this.#scripts.size}`, primary, fallback);
  }

  /** What becomes of the calls of a model. */
  define(model: string, primary: Behaviour | Script, fallback?: Behaviour | ((call: Call) => Behaviour)): string {
    const first = typeof primary === "function" ? primary : () => primary;
    const then = fallback === undefined || typeof fallback === "function" ? fallback : () => fallback;
    this.#scripts.set(model, [first, then]);
    return model;
  }

  /** Calls of a model at the primary and at the fallback. */
  counts(model: string): readonly [number, number] {
    return [this.#callsOf(this.#primary, model).length, this.#callsOf(this.#fallback, model).length];
  }

  ask(model: string, stream: boolean): Promise<Outcome> {
    return ask(this.house, { model, stream });
  }

  /** The fallback answers within so many seconds of life, and was asked once for each request. */
  async goesOver(fault: Behaviour | Script, { stream, within, requests = 1 }: Expected): Promise<string> {
    const model = this.script(fault);
    for (let index = 1; index <= requests; index++) {
      const outcome = await this.ask(`pair/${model}`, stream);
      assertWhole(outcome);
      assert.equal(endpointOf(outcome), "fallback");
      assert.equal(this.counts(model)[1], index);
      // On a machine that has much to do everything takes a while.
      const allowance = this.second < 1000 ? 15_000 : within < 10 ? 3000 : 0;
      assert.ok(outcome.duration < within * this.second + allowance, `it took ${outcome.duration} ms`);
    }
    return model;
  }
}

interface Expected {
  readonly stream: boolean;
  readonly within: number;
  readonly requests?: number;
}

const endpointOf = ({ headers }: Outcome) => headers.get("x-patchbay-endpoint");

function assertWhole(outcome: Outcome, text = defaultText): void {
  assert.equal(outcome.status, 200, outcome.raw);
  assert.equal(outcome.error, undefined, outcome.raw);
  assert.equal(outcome.text, text);
  assert.equal(outcome.finishReason, "stop");
  assert.equal(outcome.stream?.events.filter(({ data }) => data === "[DONE]").length ?? 1, 1);
}

/** The text up to the break, and then an error in the stream: no word of a second answer, and no end. */
function assertBroken({ status, text, error, raw, finishReason }: Outcome): void {
  assert.equal(status, 200);
  assert.equal(text, words.slice(0, 40).join(""));
  assert.equal(finishReason, undefined);
  assert.notEqual(error, undefined);
  assert.ok(!raw.includes("[DONE]"));
}

const once =
  (fault: Behaviour): Script =>
  (index) =>
    index === 0 ? fault : good;
const limited: Behaviour = { kind: "status", status: 429, headers: { "retry-after": "2" } };

export interface Fault {
  readonly name: string;
  readonly run: (scene: Scene, stream: boolean) => Promise<void>;
}

/** In mid-stream a fault is made whole with `rescue: continue`, told by default, and unseen where nothing had gone out. */
async function breaksAt40(scene: Scene, stream: boolean, fault: Behaviour): Promise<void> {
  for (const way of ["whole", "pair"]) {
    const model = scene.script(fault, long);
    const outcome = await scene.ask(`${way}/${model}`, stream);
    if (stream && way === "pair") {
      assertBroken(outcome);
      assert.deepEqual(scene.counts(model), [1, 0]);
    } else {
      assertWhole(outcome, sixty);
      assert.deepEqual(scene.counts(model), [1, 1]);
    }
  }
}

export const catalogue: readonly Fault[] = [
  {
    name: "429 with Retry-After 2",
    async run(scene, stream) {
      const gone = await scene.goesOver(once(limited), { stream, within: 2 });
      assert.deepEqual(scene.counts(gone), [1, 1]);
      for (const way of ["staying", "alone"]) {
        const model = scene.script(once(limited));
        const outcome = await scene.ask(`${way}/${model}`, stream);
        assertWhole(outcome);
        assert.deepEqual([endpointOf(outcome), scene.counts(model)], ["primary", [2, 0]]);
        // A provider's seconds are life's.
        assert.ok(outcome.duration >= 2000);
      }
    },
  },
  {
    name: "persistent 429",
    async run(scene, stream) {
      const start = performance.now();
      const model = await scene.goesOver({ kind: "status", status: 429 }, { stream, within: 2, requests: 5 });
      // It is left alone for a second, then two, then four; on a machine that has much to do the first may pass.
      const most = 1 + Math.floor(Math.log2(1 + (performance.now() - start) / 1000));
      assert.ok(scene.counts(model)[0] <= most, `the primary was asked ${scene.counts(model)[0]} times`);
    },
  },
  {
    name: "one 500",
    async run(scene, stream) {
      const fault: Behaviour = { kind: "status", status: 500 };
      const model = await scene.goesOver(once(fault), { stream, within: 2 });
      const next = await scene.ask(`pair/${model}`, stream);
      assert.equal(endpointOf(next), "primary");
      const alone = scene.script(once(fault));
      assertWhole(await scene.ask(`alone/${alone}`, stream));
      assert.deepEqual(scene.counts(alone), [2, 0]);
    },
  },
  {
    name: "persistent 503",
    async run(scene, stream) {
      const model = await scene.goesOver({ kind: "status", status: 503 }, { stream, within: 2, requests: 12 });
      const [tried] = scene.counts(model);
      assert.ok(tried >= 5 && tried <= 8, `the primary was asked ${tried} times`);
    },
  },
  {
    name: "TCP reset",
    async run(scene, stream) {
      const model = await scene.goesOver({ kind: "reset-before" }, { stream, within: 2 });
      // What breaks on a kept-alive connection may have been stale, and is sent once more.
      assert.ok(scene.counts(model)[0] <= 2);
    },
  },
  {
    name: "silence for 120 s",
    async run(scene, stream) {
      const model = await scene.goesOver({ kind: "silence" }, { stream, within: 50, requests: 2 });
      assert.deepEqual(scene.counts(model), [2, 2], "a silent target is not asked again for the same request");
    },
  },
  {
    name: "first token after 20 s",
    async run(scene, stream) {
      const delay = 20 * scene.second;
      await scene.goesOver({ kind: "slow-headers", delay }, { stream, within: 15 });
      // Streams are given up early more than once.
      if (stream) await scene.goesOver({ kind: "slow-first-token", delay }, { stream, within: 15, requests: 2 });
    },
  },
  {
    name: "cut after 40 of 60 tokens",
    run: (scene, stream) => breaksAt40(scene, stream, { kind: "cut", text: sixty, after: at40, how: "reset" }),
  },
  {
    name: "stall of 30 s mid-stream",
    async run(scene, stream) {
      const fault: Behaviour = { kind: "stall", text: sixty, after: at40, resume: 30 * scene.second };
      const model = scene.script(fault, long);
      assertWhole(await scene.ask(`pair/${model}`, stream), sixty);
      // What is streamed has begun, and is waited for. Where all is wanted at once, others are left for a time only.
      assert.deepEqual(scene.counts(model)[0], 1);
      await breaksAt40(scene, stream, { kind: "stall", text: sixty, after: at40 });
    },
  },
  {
    name: "one malformed event",
    run: (scene, stream) => breaksAt40(scene, stream, { kind: "malformed", text: sixty, after: at40 }),
  },
  {
    name: "missing [DONE]",
    async run(scene, stream) {
      for (const way of ["pair", "whole"]) {
        const model = scene.script({ kind: "stream", framing: { done: false } });
        assertWhole(await scene.ask(`${way}/${model}`, stream));
        assert.deepEqual(scene.counts(model), [1, 0]);
      }
    },
  },
  {
    name: "context overflow",
    async run(scene, stream) {
      const error = { message: "This model's maximum context length is 8192 tokens.", code: "context_length_exceeded" };
      const body = { error: { ...error, type: "invalid_request_error" } };
      const mode = stream ? "streamed" : "whole";
      scene.define(`small-${mode}`, { kind: "status", status: 400, body });
      const outcome = await scene.ask(`windows-${mode}`, stream);
      assertWhole(outcome);
      assert.equal(endpointOf(outcome), "fallback");
      const counts = ["small", "twin", "large"].map((model) => scene.counts(`${model}-${mode}`));
      assert.deepEqual(counts, [
        [1, 0],
        [0, 0],
        [0, 1],
      ]);
    },
  },
  {
    name: "content filter",
    async run(scene, stream) {
      const error = { message: "It was filtered.", code: "content_filter", type: "invalid_request_error" };
      const refused = scene.script({ kind: "status", status: 400, body: { error } });
      for (const way of ["pair", "whole"]) {
        const outcome = await scene.ask(`${way}/${refused}`, stream);
        assert.deepEqual([outcome.status, field(outcome.error, "message")], [400, error.message]);
      }
      assert.deepEqual(scene.counts(refused), [2, 0]);
      const late = scene.script({ kind: "error-event", text: sixty, after: at40, error }, long);
      const outcome = await scene.ask(`whole/${late}`, stream);
      assert.equal(field(outcome.error, "message"), error.message);
      assert.deepEqual(scene.counts(late), [1, 0]);
    },
  },
  {
    name: "cut with a fallback that rejects prefill",
    async run(scene, stream) {
      const error = { message: "The last message must not be the assistant's.", type: "invalid_request_error" };
      const refusal: Behaviour = { kind: "status", status: 400, body: { error } };
      const cut: Behaviour = { kind: "cut", text: sixty, after: at40, how: "reset" };
      const model = scene.script(cut, (call) => (hasPrefill(call) ? refusal : long));
      assertWhole(await scene.ask(`prefill/${model}`, stream), sixty);
      assert.deepEqual(scene.counts(model), [1, stream ? 2 : 1]);
    },
  },
  {
    name: "flapping for 60 s with a request every 4 s",
    async run(scene, stream) {
      const start = performance.now();
      const since = () => (performance.now() - start) / scene.second;
      const isWell = () => since() > 60 || Math.floor(since() / 5) % 2 === 1;
      const model = scene.script(() => (isWell() ? good : { kind: "status", status: 500 }));
      for (let index = 0; ; index++) {
        const outcome = await scene.ask(`pair/${model}`, stream);
        assertWhole(outcome);
        const time = since();
        if (time > 60 && endpointOf(outcome) === "primary") break;
        assert.ok(time < 90, "the primary is not back after 30 s");
        await sleep(Math.max(0, 4 * scene.second * (index + 1) - (performance.now() - start)));
      }
    },
  },
  {
    name: "accounting",
    async run(scene, stream) {
      const model = scene.script({ kind: "status", status: 500 });
      const outcome = await scene.ask(`pair/${model}`, stream);
      const row = await scene.house.row(outcome.id);
      assert.deepEqual(
        [row.endpoint, row.actualModel, row.attempts, row.inputTokens, row.outputTokens, row.failureKind],
        ["fallback", "fallback-model", 2, 77, defaultUsage.completion_tokens, undefined],
      );
      assert.equal(row.costMicroDollars, 77 * 2 + defaultUsage.completion_tokens * 3);
      if (!stream) assert.equal(field(outcome.usage, "prompt_tokens"), 77);
      assert.equal(outcome.headers.get("x-patchbay-model"), model);
      assert.equal((await scene.house.rows(1)).filter(({ id }) => id === outcome.id).length, 1);
    },
  },
];
