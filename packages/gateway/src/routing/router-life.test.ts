import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { buildCatalog } from "./catalog.ts";
import type { Catalog } from "./catalog.ts";
import { Health } from "./health.ts";
import { plan } from "./plan.ts";
import { Rota } from "./rota.ts";
import { endpoint, model } from "./support.test-data.ts";
import type { Strategy } from "./types.ts";

/** How long circuits stay open, in milliseconds. */
const cooldown = 50;
const settings = { failures: 1, window: 1000, cooldown };
const size = 4;
const indices = [...Array.from({ length: size }).keys()];
const names = indices.map((index) => `e${index}`);

/** What may happen to a gateway. Times are milliseconds. */
type Step =
  | { readonly do: "ask" }
  | { readonly do: "advance"; readonly time: number }
  | { readonly do: "pause"; readonly at: number; readonly time: number }
  | { readonly do: "fail" | "succeed"; readonly at: number }
  | { readonly do: "health"; readonly at: number; readonly well: boolean }
  /** The document is changed: who is enabled, and with which weight. */
  | { readonly do: "reload"; readonly enabled: readonly boolean[]; readonly weights: readonly number[] };

const at = fc.integer({ min: 0, max: size - 1 });
const asking = fc.constant<Step>({ do: "ask" });
const weights = fc.array(fc.constantFrom(0, 1, 1, 2, 7, 1000), { minLength: size, maxLength: size });
const reload = fc.record({
  do: fc.constant("reload" as const),
  enabled: fc.array(fc.boolean(), { minLength: size, maxLength: size }),
  weights,
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: asking },
  fc.record({ do: fc.constant("advance" as const), time: fc.integer({ min: 0, max: 60 }) }),
  fc.record({ do: fc.constant("pause" as const), at, time: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ do: fc.constantFrom("fail" as const, "succeed" as const), at }),
  fc.record({ do: fc.constant("health" as const), at, well: fc.boolean() }),
  reload,
);
const steps = fc.array(step, { minLength: 1, maxLength: 120 });

/** The router as it runs: one state that lives, and catalogs that come and go. */
class Subject {
  now = 1000;
  readonly health = new Health({ monotonic: () => this.now }, () => 0);
  readonly rota = new Rota();
  readonly #strategy: Strategy;
  #catalog: Catalog;

  constructor(strategy: Strategy) {
    this.#strategy = strategy;
    this.health.know(names.map((name) => ({ name, credentials: 1 })));
    this.#catalog = this.#built(
      indices.map(() => true),
      indices.map(() => 1),
    );
  }

  reload(enabled: readonly boolean[], shares: readonly number[]): void {
    this.#catalog = this.#built(enabled, shares);
    this.health.know(names.map((name) => ({ name, credentials: 1 })));
  }

  ask() {
    const facts = { model: "v", protocol: "openai-chat", stream: true } as const;
    const result = plan(facts, this.#catalog, { health: this.health, rota: this.rota, random: () => 0 });
    if (result.ok && result.value.entry !== undefined) this.rota.take(result.value.entry);
    return result;
  }

  #built(enabled: readonly boolean[], shares: readonly number[]): Catalog {
    const endpoints = names.map((name, index) => endpoint(name, { enabled: enabled[index] === true }));
    const targets = names.map((name, index) => `${name}/m ${shares[index] ?? 1}`);
    return buildCatalog({
      endpoints: new Map(endpoints.map((each) => [each.name, each])),
      models: [model("v", targets, { strategy: this.#strategy, attempts: size })],
    });
  }
}

interface Known {
  enabled: boolean;
  healthy: boolean;
  weight: number;
  pausedUntil: number;
  /** Undefined while its circuit is closed. */
  openUntil: number | undefined;
}

/** The same with nothing but four records and a clock. */
class Model {
  now = 1000;
  readonly targets = indices.map((): Known => ({
    enabled: true,
    healthy: true,
    weight: 1,
    pausedUntil: 0,
    openUntil: undefined,
  }));

  at(index: number): Known {
    const found = this.targets[index];
    assert.ok(found !== undefined);
    return found;
  }

  fail(index: number): void {
    const target = this.at(index);
    const isLeftAlone = target.openUntil !== undefined && target.openUntil > this.now;
    if (!isLeftAlone) target.openUntil = this.now + cooldown;
  }

  is(index: number): "off" | "sick" | "pausing" | "ready" {
    const { enabled, healthy, openUntil = 0, pausedUntil } = this.at(index);
    if (!enabled) return "off";
    if (!healthy || openUntil > this.now) return "sick";
    return pausedUntil > this.now ? "pausing" : "ready";
  }

  all(verdict: ReturnType<Model["is"]>): readonly number[] {
    return indices.filter((index) => this.is(index) === verdict);
  }
}

/** Does to both what is no question. */
function change(each: Exclude<Step, { readonly do: "ask" }>, subject: Subject, known: Model): void {
  switch (each.do) {
    case "advance":
      subject.now = known.now += each.time;
      break;
    case "pause":
      subject.health.cooldowns.start({ endpoint: `e${each.at}`, model: "m" }, each.time, "rate-limited");
      known.at(each.at).pausedUntil = Math.max(known.at(each.at).pausedUntil, known.now + each.time);
      break;
    case "fail": {
      const { circuit } = subject.health.target(`e${each.at}`, "m");
      circuit.failed(subject.now, settings, circuit.takeProbe(subject.now));
      known.fail(each.at);
      break;
    }
    case "succeed":
      subject.health.target(`e${each.at}`, "m").circuit.succeeded(subject.now);
      known.at(each.at).openUntil = undefined;
      break;
    case "health":
      subject.health.endpoint(`e${each.at}`).healthy = each.well;
      known.at(each.at).healthy = each.well;
      break;
    case "reload":
      subject.reload(each.enabled, each.weights);
      for (const [index, target] of known.targets.entries()) {
        target.enabled = each.enabled[index] === true;
        target.weight = each.weights[index] ?? 1;
      }
      break;
  }
}

function placesOf(list: readonly { readonly endpoint: string }[]): readonly number[] {
  return list.map((each) => Number(each.endpoint.slice(1)));
}

const inOrder = fc.constantFrom<Strategy>("backup", "race", "council", "duplicate", "cheapest");

test("whatever happens to targets and document, requests go in order to those that are well", () => {
  fc.assert(
    fc.property(inOrder, steps, (strategy, life) => {
      const [subject, known] = [new Subject(strategy), new Model()];
      for (const each of life) {
        if (each.do !== "ask") {
          change(each, subject, known);
          continue;
        }
        const result = subject.ask();
        const pausing = known
          .all("pausing")
          .toSorted((one, other) => known.at(one).pausedUntil - known.at(other).pausedUntil);
        const able = [...known.all("ready"), ...pausing];
        const expected = able.length > 0 ? able : known.all("sick");
        if (!result.ok) {
          assert.deepEqual(expected, []);
          continue;
        }
        assert.deepEqual(placesOf(result.value.attempts), expected);
        const left = indices.filter((index) => !expected.includes(index));
        assert.deepEqual(placesOf(result.value.excluded).toSorted(), left);
      }
    }),
    { numRuns: 500 },
  );
});

test("while targets come and go and weights change, nobody is two turns off its share of those it could have had", () => {
  fc.assert(
    fc.property(fc.constantFrom<Strategy>("rotate", "weighted"), steps, (strategy, life) => {
      const [subject, known] = [new Subject(strategy), new Model()];
      const off = indices.map(() => 0);
      for (const each of life) {
        if (each.do !== "ask") {
          change(each, subject, known);
          continue;
        }
        const result = subject.ask();
        const ready = known.all("ready");
        if (ready.length < 2) continue;
        assert.ok(result.ok);
        const [first = -1] = placesOf(result.value.attempts);
        assert.ok(ready.includes(first), "somebody who is ready");
        const weightOf = (index: number): number => (strategy === "rotate" ? 1 : known.at(index).weight);
        const sum = ready.reduce((total, index) => total + weightOf(index), 0);
        for (const index of ready) {
          const share = sum === 0 ? 1 / ready.length : weightOf(index) / sum;
          off[index] = (off[index] ?? 0) + share - (index === first ? 1 : 0);
          // In lives of 3,000 steps at most 1.4 was seen; without coming and going it is less than 1.
          assert.ok(Math.abs(off[index] ?? 0) < 2, `${index} is off by ${off[index]}`);
        }
        if (sum > 0) assert.ok(weightOf(first) > 0, "who only stands in is not first while others are ready");
      }
    }),
    { numRuns: 500 },
  );
});
