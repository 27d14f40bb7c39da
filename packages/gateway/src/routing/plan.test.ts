import assert from "node:assert/strict";
import { test } from "node:test";
import { buildCatalog, factsFor, offeredNames } from "./catalog.ts";
import type { Catalog } from "./catalog.ts";
import { resolve } from "./names.ts";
import { unknownHealth } from "./health.ts";
import { atRest } from "./at-rest.ts";
import { plan } from "./plan.ts";
import { endpoint, model } from "./support.test-data.ts";
import type { EndpointView, RoutingFacts, TargetHealth, VirtualModel } from "./types.ts";

const catalog = (endpoints: readonly EndpointView[], models: readonly VirtualModel[] = []): Catalog =>
  buildCatalog({ endpoints: new Map(endpoints.map((each) => [each.name, each])), models });

const names = catalog(
  [
    endpoint("a", { lists: ["shared", "only-a", "exact", "with/slash"], priority: 1 }),
    endpoint("b", { lists: ["shared", "only-b"], priority: 5 }),
    endpoint("known", { modelPatterns: ["gpt-*", "whole"] }),
    endpoint("off", { lists: ["only-off"], enabled: false }),
  ],
  [
    model("exact", ["a/first"], { aliases: ["alias", "a/renamed"] }),
    model("team/*", ["a/*", "b/fallback"]),
    model("team/long-*", ["b/x-*-y"]),
    model("*-end", ["a/ended"]),
    model("hidden", ["a/x"], { enabled: false }),
  ],
);

/** Which targets a name stands for. */
const resolutions: readonly (readonly [name: string, targets: string | undefined])[] = [
  ["exact", "a/first"],
  ["alias", "a/first"],
  ["a/renamed", "a/first"],
  ["a/anything", "a/anything"],
  ["a/with/slash", "a/with/slash"],
  ["a/", undefined],
  ["/a", undefined],
  ["off/only-off", undefined],
  ["team/qwen", "a/qwen b/fallback"],
  ["team/long-q", "b/x-q-y"],
  ["team/long-", "b/x--y"],
  ["team/", "b/fallback"],
  ["the-end", "a/ended"],
  ["team/the-end", "a/the-end b/fallback"],
  ["shared", "b/shared a/shared"],
  ["only-a", "a/only-a"],
  ["with/slash", "a/with/slash"],
  ["gpt-5", "known/gpt-5"],
  ["whole", "known/whole"],
  ["gpt", undefined],
  ["only-off", undefined],
  ["hidden", undefined],
  ["Exact", "a/first"],
  ["", undefined],
  ["__proto__", undefined],
  ["constructor", undefined],
];
for (const [name, targets] of resolutions) {
  test(`the name '${name}' stands for ${targets ?? "nothing"}`, () => {
    const found = resolve(names, name);
    assert.equal(found?.targets.map((target) => `${target.endpoint}/${target.model}`).join(" "), targets);
  });
}

test("a catch-all takes what nothing else does", () => {
  const all = catalog([endpoint("a", { lists: ["listed"], modelPatterns: ["gpt-*"] })], [model("*", ["a/small"])]);
  assert.deepEqual(
    ["listed", "gpt-1", "a/direct", "whatever"].map((name) => resolve(all, name)?.targets[0]?.model),
    ["listed", "gpt-1", "direct", "small"],
  );
});

test("what a star stands for is put in as it is", () => {
  const found = resolve(names, "team/$&$1*");
  assert.equal(found?.targets[0]?.model, "$&$1*");
});

test("names are offered once, patterns and what is out of service not at all", () => {
  assert.deepEqual([...offeredNames(names)].sort(), [
    "a/renamed",
    "alias",
    "exact",
    "only-a",
    "only-b",
    "shared",
    "with/slash",
  ]);
});

test("what the document says of a model goes before what its first target's list says", () => {
  const own = catalog([endpoint("a", { lists: ["x"] })], [model("v", ["a/x"], { facts: { displayName: "V" } })]);
  const found = resolve(own, "v");
  assert.ok(found !== undefined);
  assert.deepEqual(factsFor(own, found), { ownedBy: "a", displayName: "V" });
});

const chat: Omit<RoutingFacts, "model"> = { protocol: "openai-chat", stream: true };
const two = catalog(
  [
    endpoint("a"),
    endpoint("b"),
    endpoint("off", { enabled: false }),
    endpoint("vectors", { serves: ["openai-embeddings"] }),
  ],
  [
    model("m", ["a/1", "b/2", "a/3"]),
    model("few", ["a/1", "b/2", "a/3"], { attempts: 2 }),
    model("partly", ["off/1", "vectors/2", "gone/3", "b/4"]),
    model("none", ["off/1", "vectors/2"]),
  ],
);
const attempts = (name: string, health = unknownHealth) => {
  const result = plan({ ...chat, model: name }, two, { ...atRest, health });
  assert.ok(result.ok, JSON.stringify(result));
  return result.value.attempts.map((attempt) => `${attempt.endpoint}/${attempt.model}`);
};

test("targets are tried in the order in which they stand, as many as the model allows", () => {
  assert.deepEqual(attempts("m"), ["a/1", "b/2", "a/3"]);
  assert.deepEqual(attempts("few"), ["a/1", "b/2"]);
});

test("targets that cool down come last, the soonest first, and are not cut off before others", () => {
  const waits: { readonly [target: string]: number } = { "a/1": 900.5, "b/2": 100 };
  const health: TargetHealth = { ...unknownHealth, cooldown: (place, name) => waits[`${place}/${name}`] ?? 0 };
  assert.deepEqual(attempts("m", health), ["a/3", "b/2", "a/1"]);
  assert.deepEqual(attempts("few", health), ["a/3", "b/2"]);
  const result = plan({ ...chat, model: "m" }, two, { ...atRest, health });
  assert.ok(result.ok);
  assert.deepEqual(
    result.value.attempts.map(({ reason, wait }) => [reason, wait]),
    [
      ["backup 2", 0],
      ["backup 1, cooling down for 100 ms", 100],
      ["first target, cooling down for 901 ms", 901],
    ],
  );
});

test("who is not well is left out, and remembered for when the others have failed", () => {
  const health: TargetHealth = { ...unknownHealth, circuit: (place) => (place === "b" ? "open" : "closed") };
  assert.deepEqual(attempts("m", health), ["a/1", "a/3"]);
  const result = plan({ ...chat, model: "m" }, two, { ...atRest, health });
  assert.ok(result.ok);
  assert.deepEqual(
    result.value.unwell?.map(({ endpoint: place, model: name, reason }) => [place, name, reason]),
    [["b", "2", "its circuit is open"]],
  );
  assert.equal(result.value.excluded.length, 1);
});

test("what cannot take the request is left out, with the reason", () => {
  const result = plan({ ...chat, model: "partly" }, two, atRest);
  assert.ok(result.ok);
  assert.deepEqual(
    result.value.attempts.map(({ endpoint: place }) => place),
    ["b"],
  );
  assert.deepEqual(
    result.value.excluded.map(({ endpoint: place, reason }) => `${place}: ${reason}`),
    ["off: the endpoint is disabled", "gone: no such endpoint", "vectors: the endpoint has no text generation"],
  );
});

test("embeddings go only where there are some", () => {
  const result = plan({ model: "partly", protocol: "openai-embeddings", stream: false }, two, atRest);
  assert.ok(result.ok);
  assert.deepEqual(
    result.value.attempts.map(({ endpoint: place }) => place),
    ["vectors", "b"],
  );
});

test("no target at all is told with every reason", () => {
  const result = plan({ ...chat, model: "none" }, two, atRest);
  assert.ok(!result.ok);
  assert.equal(result.failure.kind, "unsupported");
  assert.match(result.failure.message, /off\/1: the endpoint is disabled; vectors\/2: the endpoint has no text/u);
});

const unknown: readonly (readonly [name: string, message: RegExp])[] = [
  ["exakt", /The model 'exakt' does not exist\. Did you mean 'exact'\?/u],
  ["nothing-like-it-at-all", /GET \/v1\/models lists the 7 that exist\./u],
  ["x".repeat(300), /'x{100}…' does not exist/u],
];
for (const [name, message] of unknown) {
  test(`the unknown name '${name.slice(0, 30)}' gets a hint`, () => {
    const result = plan({ ...chat, model: name }, names, atRest);
    assert.ok(!result.ok);
    assert.deepEqual([result.failure.kind, result.failure.param], ["model-not-found", "model"]);
    assert.match(result.failure.message, message);
  });
}

test("the same facts give the same plan", () => {
  assert.deepEqual(plan({ ...chat, model: "m" }, two, atRest), plan({ ...chat, model: "m" }, two, atRest));
});
