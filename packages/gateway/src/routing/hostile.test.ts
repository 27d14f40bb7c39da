import assert from "node:assert/strict";
import { test } from "node:test";
import { atRest } from "./at-rest.ts";
import { buildCatalog } from "./catalog.ts";
import type { Catalog } from "./catalog.ts";
import { resolveName } from "./names.ts";
import { plan } from "./plan.ts";
import { recordOf } from "./record.ts";
import { Rota } from "./rota.ts";
import { endpoint, model } from "./support.test-data.ts";
import type { EndpointView, RoutingFacts, RoutingSnapshot, RoutingState, VirtualModel } from "./types.ts";

const build = (
  endpoints: readonly EndpointView[],
  models: readonly VirtualModel[],
  more: Partial<RoutingSnapshot> = {},
): Catalog => buildCatalog({ endpoints: new Map(endpoints.map((each) => [each.name, each])), models, ...more });
const asked = (name: string, more: Partial<RoutingFacts> = {}): RoutingFacts => ({
  model: name,
  protocol: "openai-chat",
  stream: true,
  ...more,
});
const order = (name: string, catalog: Catalog, more: Partial<RoutingFacts> = {}, state: RoutingState = atRest) => {
  const result = plan(asked(name, more), catalog, state);
  return result.ok
    ? result.value.attempts.map((each) => `${each.endpoint}/${each.model}`).join(" ")
    : result.failure.kind;
};

const a = endpoint("a", { lists: ["listed"] });
const b = endpoint("b");

/** Names that strangers send, and where they lead in a house with one model, `m`, and a pattern, `team/*`. */
const odd: readonly (readonly [name: string, route: string])[] = [
  ["*", "model-not-found"],
  ["team/*", "a/*"],
  ["team/", "model-not-found"],
  ["team", "model-not-found"],
  ["a/b/c", "a/b/c"],
  ["a//", "a//"],
  ["a/ ", "a/ "],
  ["/", "model-not-found"],
  ["//m", "model-not-found"],
  ["openai/", "model-not-found"],
  ["openai//m", "model-not-found"],
  ["openai/openai/m", "a/1"],
  ["openai/a/m", "a/m"],
  ["[1m]", "model-not-found"],
  ["m[1m][1m]", "a/1"],
  ["m[1m]-progress[200k]", "a/1"],
  ["m[]", "model-not-found"],
  ["m[99999m]", "model-not-found"],
  ["-progress", "model-not-found"],
  ["m-progress-progress", "a/1"],
  ["m-20259999", "model-not-found"],
  ["m-2025-0929", "model-not-found"],
  ["M", "a/1"],
  ["ｍ", "model-not-found"],
  [" m", "model-not-found"],
  ["m\u0000", "model-not-found"],
  ["m\n", "model-not-found"],
  ["模型🙂", "model-not-found"],
  ["team/模型🙂", "a/模型🙂"],
  ["\ud800", "model-not-found"],
  ["a/\u202em", "a/\u202em"],
  ["İ", "model-not-found"],
  ["__proto__", "model-not-found"],
  ["a/__proto__", "a/__proto__"],
  ["constructor", "model-not-found"],
  ["team/$&", "a/$&"],
];
const house = build([a, b], [model("m", ["a/1"]), model("team/*", ["a/*"])]);
for (const [name, route] of odd) {
  test(`the name ${JSON.stringify(name)} leads to ${JSON.stringify(route)}`, () => {
    assert.equal(order(name, house), route);
    // A second time from memory.
    assert.equal(order(name, house), route);
  });
}

test("names of any length are answered at once, and no answer repeats a long one", () => {
  const crowded = build(
    [a, endpoint("many", { lists: Array.from({ length: 3000 }, (_, index) => `vendor/model-${index}-instruct`) })],
    [model("m", ["a/1"]), ...Array.from({ length: 200 }, (_, index) => model(`p${index}-*`, ["a/*"]))],
  );
  const pieces = ["-progress", "-chat", "[1m]", ":thinking", "-20250929", "openai/", "x", "a/", "/", "é", "*"];
  const started = performance.now();
  for (const piece of pieces) {
    for (const length of [128, 512, 10_000, 30_000]) {
      const name = piece.repeat(Math.floor(length / piece.length));
      const result = plan(asked(name), crowded, atRest);
      if (!result.ok) assert.ok(result.failure.message.length < 400, result.failure.message);
      resolveName(crowded, `m${name}`);
    }
  }
  // 88 names; measured 40 ms together. A quadratic look at 30,000 characters takes minutes.
  assert.ok(performance.now() - started < 5000);
});

test("a name of 512 letters is looked up, a longer one is nobody's", () => {
  assert.equal(order(`a/${"x".repeat(510)}`, house), `a/${"x".repeat(510)}`);
  assert.equal(order(`a/${"x".repeat(511)}`, house), "model-not-found");
});

test("names that are made up by the thousand are not remembered by the thousand", () => {
  const catalog = build([a], [model("m", ["a/1"])]);
  const first = resolveName(catalog, "a/0")?.model;
  assert.equal(resolveName(catalog, "a/0")?.model, first, "remembered");
  for (let index = 1; index <= 600; index++) assert.equal(order(`a/${index}`, catalog), `a/${index}`);
  assert.notEqual(resolveName(catalog, "a/0")?.model, first, "forgotten");
});

test("models that stand for each other, families of families and a fallback of its own name end", () => {
  const models = [
    model("one", ["a/same"], { strategy: "duplicate", aliases: ["lite"] }),
    model("two", ["b/same"], { strategy: "duplicate" }),
    model("three", ["a/same", "b/same", "a/same"], { strategy: "duplicate", attempts: 9 }),
  ];
  const families = { lite: "auto", auto: "ultimate", ultimate: "auto" };
  const catalog = build([a, b], models, { families, fallback: "nobody" });
  assert.equal(order("one", catalog), "a/same b/same");
  assert.equal(order("two", catalog), "b/same a/same");
  assert.equal(order("three", catalog), "a/same b/same a/same");
  assert.equal(order("gpt-4o", catalog), "model-not-found");
  assert.equal(order("nobody", catalog), "model-not-found");
  const looping = build([a, b], models, { families: { auto: "gpt-4o", lite: "gpt-4o-mini" }, fallback: "what" });
  for (const name of ["gpt-4o", "gpt-4o-mini", "what"]) assert.equal(order(name, looping), "model-not-found", name);
});

test("a hundred models with the same fifty targets stand in for each other without being counted twice", () => {
  const endpoints = Array.from({ length: 50 }, (_, index) => endpoint(`e${index}`));
  const targets = endpoints.map(({ name }) => `${name}/same`);
  const models = Array.from({ length: 100 }, (_, index) =>
    model(
      `v${index}*`,
      targets.map((target) => target),
      { strategy: "duplicate", attempts: 20 },
    ),
  );
  const catalog = build(endpoints, models);
  const started = performance.now();
  for (let turn = 0; turn < 200; turn++) {
    const result = plan(asked(`v7-${turn}`), catalog, atRest);
    assert.ok(result.ok);
    const { attempts, spare = [] } = result.value;
    assert.equal(new Set([...attempts, ...spare].map((each) => each.endpoint)).size, 50);
    assert.equal(attempts.length + spare.length, 50);
  }
  // Each is a name of its own, so that nothing is remembered; measured 0.2 s. Looked at pair by pair it takes 30 s.
  assert.ok(performance.now() - started < 10_000);
});

test("of names that differ in letters alone each is itself, and for others the first of the document stands", () => {
  const catalog = build(
    [endpoint("a", { lists: ["coder", "Other"] }), endpoint("b", { lists: ["OTHER"], priority: 1 })],
    [model("Coder", ["a/first"]), model("CODER", ["a/second"], { aliases: ["cOder"] })],
  );
  assert.equal(order("Coder", catalog), "a/first");
  assert.equal(order("CODER", catalog), "a/second");
  assert.equal(order("cOder", catalog), "a/second");
  assert.equal(order("coder", catalog), "a/coder");
  assert.equal(order("codeR", catalog), "a/first");
  assert.equal(order("other", catalog), "b/OTHER", "the endpoint of the greater priority");
  assert.equal(order("A/coder", catalog), "model-not-found", "an endpoint's name is written as it is");
});

test("of patterns as long as each other the first of the document takes a name", () => {
  const models = [model("x-*", ["a/first"]), model("*-x", ["a/second"]), model("x-*-x", ["a/third"])];
  const catalog = build([a], models);
  assert.equal(order("x-y", catalog), "a/first");
  assert.equal(order("y-x", catalog), "a/second");
  assert.equal(order("x-y-x", catalog), "a/third");
  assert.equal(order("x-x", catalog), "a/first", "no letter serves both ends");
});

test("a target with a `*` is for names that have one; by another name of its model nobody is asked for `*`", () => {
  const models = [
    model("gpt", ["a/*", "b/small"], { aliases: ["gpt-*"] }),
    model("all", ["a/*"], { aliases: ["all-*"] }),
    model("twin", ["b/*"], { aliases: ["twin-*"], strategy: "duplicate" }),
  ];
  const catalog = build([a, b], models);
  assert.equal(order("gpt-x", catalog), "a/x b/small");
  assert.equal(order("gpt", catalog), "b/small");
  assert.equal(order("all", catalog), "unsupported");
  assert.equal(order("twin-*", catalog), "b/*", "what the client wrote, and nobody else's");
});

test("the judge of a council takes what the name's `*` stands for, as its members do", () => {
  const council = { judge: { endpoint: "b", model: "big-*" }, tokens: 100, patience: 1000 };
  const catalog = build([a, b], [model("wise-*", ["a/*"], { strategy: "council", council })]);
  assert.equal(resolveName(catalog, "wise-owl")?.model.council?.judge?.model, "big-owl");
});

test("weights of 0 stand in, great ones leave the others their turn", () => {
  const shares = (weights: readonly number[], turns: number) => {
    const endpoints = weights.map((_weight, index) => endpoint(`e${index}`));
    const targets = weights.map((weight, index) => `e${index}/m ${weight}`);
    const catalog = build(endpoints, [model("v", targets, { strategy: "weighted" })]);
    const rota = new Rota();
    const had = weights.map(() => 0);
    for (let turn = 0; turn < turns; turn++) {
      const result = plan(asked("v"), catalog, { ...atRest, rota });
      assert.ok(result.ok && result.value.entry !== undefined);
      rota.take(result.value.entry);
      const first = Number(result.value.attempts[0]?.endpoint.slice(1));
      had[first] = (had[first] ?? 0) + 1;
    }
    return had;
  };
  assert.deepEqual(shares([0, 0, 0], 6), [2, 2, 2]);
  assert.deepEqual(shares([0, 5, 0], 7), [0, 7, 0]);
  assert.deepEqual(shares([1000, 1, 0], 2002), [2000, 2, 0]);
  assert.deepEqual(shares([1, 1000, 1000, 1000], 3001), [1, 1000, 1000, 1000]);
});

test("where all are disabled the client is told at once, where all must pause the soonest is asked", () => {
  const off = build([endpoint("a", { enabled: false })], [model("v", ["a/1", "a/2", "gone/3"])]);
  const result = plan(asked("v"), off, atRest);
  assert.ok(!result.ok);
  assert.equal(result.failure.kind, "unsupported");
  assert.match(result.failure.message, /a\/1: the endpoint is disabled; .*; gone\/3: no such endpoint/u);
  const on = build([a, b], [model("v", ["a/1", "b/2"], { strategy: "rotate" })]);
  const health = { ...atRest.health, cooldown: (name: string) => (name === "a" ? 900 : 30) };
  assert.equal(order("v", on, {}, { ...atRest, health }), "b/2 a/1");
  assert.equal(order("v", on, {}, { ...atRest, health: { ...health, limited: () => Infinity } }), "a/1 b/2");
});

test("a plan from memory is not that of another state, another name or another key", () => {
  const catalog = build([a, b], [model("v", ["a/1", "b/1"]), model("twin", ["a/1"], { strategy: "duplicate" })]);
  const well = plan(asked("v"), catalog, atRest);
  assert.equal(plan(asked("v"), catalog, atRest), well, "nothing is made twice");
  const health = { ...atRest.health, circuit: (name: string) => (name === "a" ? "open" : "closed") } as const;
  assert.equal(order("v", catalog, {}, { ...atRest, health }), "b/1");
  assert.equal(order("v", catalog), "a/1 b/1");
  const other = plan(asked("V"), catalog, atRest);
  assert.ok(other.ok && well.ok);
  assert.deepEqual([other.value.understood?.by, well.value.understood], ["case", undefined]);
  assert.equal(order("twin", catalog), "a/1 b/1");
  assert.equal(order("twin", catalog, { allows: (name) => name === "twin" }), "a/1");
  assert.equal(order("twin", catalog), "a/1 b/1");
});

test("a key learns of no names that it may not use, by whatever name it asks", () => {
  const catalog = build([a, b], [model("secret-model", ["b/1"]), model("public-*", ["a/*"])], {
    families: { lite: "secret-model" },
    fallback: "secret-model",
  });
  const allows = (name: string): boolean => name.startsWith("public-") || name === "secret-modem";
  for (const name of ["secret-model", "SECRET-MODEL", "gpt-4o-mini", "what", "secret-model-latest", "b/1", "a/1"]) {
    assert.equal(order(name, catalog, { allows }), "forbidden", name);
  }
  assert.equal(order("public-x", catalog, { allows }), "a/x");
  const bare = build([a, b], [model("secret-model", ["b/1"])]);
  const result = plan(asked("secret-modem", { allows }), bare, atRest);
  assert.ok(!result.ok);
  assert.equal(
    result.failure.message,
    "The model 'secret-modem' does not exist. No model that is listed is for this key.",
  );
});

test("the record of a plan with many targets is short, and says how many it does not name", () => {
  const endpoints = Array.from({ length: 50 }, (_, index) => endpoint(`e${index}`, { enabled: index % 2 === 0 }));
  const catalog = build(endpoints, [
    model(
      "v",
      endpoints.map(({ name }) => `${name}/m`),
    ),
  ]);
  const result = plan(asked("v"), catalog, atRest);
  assert.ok(result.ok);
  const { attempts, excluded, more, winner } = recordOf(result.value, 20);
  assert.deepEqual([attempts.length, excluded.length, more, winner], [3, 20, 27, "e0/m"]);
  const whole = recordOf(result.value);
  assert.deepEqual([whole.excluded.length, whole.more], [47, undefined]);
});
