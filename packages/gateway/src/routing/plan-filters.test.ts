import assert from "node:assert/strict";
import { test } from "node:test";
import { atRest } from "./at-rest.ts";
import { buildCatalog } from "./catalog.ts";
import { plan } from "./plan.ts";
import { endpoint, model } from "./support.test-data.ts";
import type { ModelFacts, RequestTraits, RoutingFacts, RoutingState, TargetHealth } from "./types.ts";

const known = (facts: ModelFacts) => [{ id: "m", facts }];
const endpoints = [
  endpoint("plain"),
  endpoint("toolless", { catalog: known({ tools: false }) }),
  endpoint("blind", { catalog: known({ inputModalities: ["text"] }) }),
  endpoint("loose", { catalog: known({ jsonSchema: false }) }),
  endpoint("small", { catalog: known({ contextWindow: 8_000, price: { input: 1, output: 1 } }) }),
  endpoint("middle", { catalog: known({ contextWindow: 32_000, price: { input: 0.5, output: 3 } }) }),
  endpoint("large", { catalog: known({ contextWindow: 200_000, price: { input: 3 } }) }),
  endpoint("off", { enabled: false }),
];
const on = (...names: readonly string[]) => names.map((name) => `${name}/m`);
const catalog = buildCatalog({
  endpoints: new Map(endpoints.map((each) => [each.name, each])),
  models: [
    model("able", on("toolless", "blind", "loose", "plain")),
    model("unable", on("toolless", "blind"), { facts: { tools: false } }),
    model("stated", on("plain"), { facts: { contextWindow: 100 } }),
    model("sizes", on("small", "middle", "large"), { attempts: 2 }),
    model("cheap", on("plain", "small", "large", "middle"), { strategy: "cheapest", attempts: 4 }),
    model("turns", on("small", "middle", "large"), { strategy: "rotate", affinity: false }),
    model("shares", ["small/m 3", "middle/m", "large/m 0"], { strategy: "weighted", affinity: false }),
    model("fast", on("small", "middle", "large"), { strategy: "fastest" }),
    model("twin", ["plain/u"], { strategy: "duplicate" }),
    model("other", ["small/x", "middle/u", "plain/u"]),
    model("private", ["large/u"]),
    model("public", ["toolless/u", "middle/u"]),
    model("gone", ["blind/u"], { enabled: false }),
    model("racing", on("small", "middle"), { strategy: "race" }),
    model("advised", on("middle", "small"), { strategy: "council" }),
  ],
});

const nothing: RequestTraits = {
  tools: false,
  images: false,
  jsonSchema: false,
  tokens: 10,
  textTokens: 10,
  session: undefined,
};

interface Given {
  readonly needs?: Partial<RequestTraits>;
  readonly health?: Partial<TargetHealth>;
  readonly state?: Partial<RoutingState>;
  readonly allows?: RoutingFacts["allows"];
}

function planned(name: string, { needs = {}, health = {}, state = {}, allows }: Given = {}) {
  const facts: RoutingFacts = {
    model: name,
    protocol: "openai-chat",
    stream: true,
    request: { ...nothing, ...needs },
    ...(allows !== undefined && { allows }),
  };
  return plan(facts, catalog, { ...atRest, ...state, health: { ...atRest.health, ...health } });
}

/** The plan in words: targets in order, then those left out. */
function told(name: string, given?: Given): string {
  const result = planned(name, given);
  if (!result.ok) return result.failure.kind;
  const { attempts, excluded, spare = [] } = result.value;
  const spared = spare.length === 0 ? "" : ` (${spare.map(({ endpoint: place }) => place).join(" ")})`;
  const left = excluded.map(({ endpoint: place, reason }) => ` -${place}: ${reason}`).join("");
  return attempts.map(({ endpoint: place }) => place).join(" ") + spared + left;
}

const at =
  (...names: readonly string[]) =>
  (place: string): boolean =>
    names.includes(place);

const rows: readonly (readonly [what: string, model: string, given: Given, plan: string])[] = [
  ["a request that needs nothing", "able", {}, "toolless blind loose (plain)"],
  ["tools", "able", { needs: { tools: true } }, "blind loose plain -toolless: the model cannot call tools"],
  ["an image", "able", { needs: { images: true } }, "toolless loose plain -blind: the model takes no images"],
  [
    "a schema",
    "able",
    { needs: { jsonSchema: true } },
    "toolless blind plain -loose: the model cannot be held to a JSON schema",
  ],
  ["tools where nobody has them", "unable", { needs: { tools: true } }, "toolless blind"],
  [
    "a prompt too long for one",
    "sizes",
    { needs: { tokens: 9_000, textTokens: 9_000 } },
    "middle large -small: holds 8000 tokens, and the request has about 9000",
  ],
  [
    "a long body that is mostly an image",
    "sizes",
    { needs: { tokens: 9_000, textTokens: 900 } },
    "small middle (large)",
  ],
  ["a prompt too long for all", "sizes", { needs: { tokens: 3e5, textTokens: 3e5 } }, "large middle (small)"],
  ["a prompt longer than the document says", "stated", { needs: { tokens: 101, textTokens: 101 } }, "plain"],
  [
    "an open circuit",
    "sizes",
    { health: { circuit: (place) => (at("small")(place) ? "open" : "closed") } },
    "middle large -small: its circuit is open",
  ],
  ["a circuit that is to be tried", "sizes", { health: { circuit: () => "half-open" } }, "small middle (large)"],
  ["open circuits everywhere", "sizes", { health: { circuit: () => "open" } }, "small middle (large)"],
  [
    "a failing health check",
    "sizes",
    { health: { healthy: (place) => !at("small")(place) } },
    "middle large -small: its health check fails",
  ],
  ["limits", "sizes", { health: { limited: (place) => (at("small")(place) ? 300 : 0) } }, "middle large (small)"],
  [
    "limits that never have room",
    "turns",
    { health: { limited: (place) => (at("small")(place) ? Infinity : 0) } },
    "middle large small",
  ],
  [
    "an open circuit where the rest cools down",
    "sizes",
    { health: { circuit: (place) => (at("small")(place) ? "open" : "closed"), cooldown: () => 5 } },
    "middle large -small: its circuit is open",
  ],
  ["the cheapest", "cheap", {}, "small middle plain large"],
  ["turns", "turns", {}, "small middle large"],
  [
    "turns that others had",
    "turns",
    { state: { rota: rota({ "small/m": -0.6, "middle/m": 0.3, "large/m": 0.3 }) } },
    "middle large small",
  ],
  ["shares", "shares", {}, "small middle large"],
  [
    "shares that were had",
    "shares",
    { state: { rota: rota({ "small/m": -0.75, "middle/m": 0.75 }) } },
    "middle small large",
  ],
  [
    "speeds, of which the first two are drawn",
    "fast",
    { health: { latency: speeds({ small: 90, middle: 50, large: 10 }) } },
    "middle large small",
  ],
  [
    "speeds, with many under way at the faster",
    "fast",
    {
      health: {
        latency: speeds({ small: 90, middle: 50, large: 10 }),
        inFlight: (place) => (at("middle")(place) ? 1 : 0),
      },
    },
    "small large middle",
  ],
  [
    "a speed that is not known",
    "fast",
    { health: { latency: speeds({ small: 90, middle: 50 }) }, state: { random: () => 0.99 } },
    "large middle small",
  ],
  ["the same actual model elsewhere", "twin", {}, "plain middle large (toolless)"],
  [
    "the same actual model elsewhere, not for this key",
    "twin",
    { allows: (name) => name !== "private" && name !== "other" },
    "plain middle toolless -large: the key may not use private",
  ],
  ["a race", "racing", {}, "small middle"],
  ["a council", "advised", {}, "middle small"],
  ["a model that the key may not use", "sizes", { allows: () => false }, "forbidden"],
  [
    "a name that stands for a model that the key may not use",
    "SIZES",
    { allows: (name) => name !== "sizes" },
    "forbidden",
  ],
  [
    "a name that stands for a model that the key may use",
    "sizes-latest",
    { allows: (name) => name === "sizes" },
    "small middle (large)",
  ],
  ["a name that nobody has and the key may not use", "zzz", { allows: () => false }, "forbidden"],
  ["a name that nobody has", "zzz", {}, "model-not-found"],
  ["an endpoint that is out of service", "off/m", {}, "model-not-found"],
];

function speeds(known: { readonly [place: string]: number }) {
  return (place: string): number | undefined => known[place];
}

function rota(due: { readonly [target: string]: number }, kept?: string): RoutingState["rota"] {
  return { due: () => new Map(Object.entries(due)), targetOf: () => kept };
}

for (const [what, name, given, expected] of rows) {
  test(`${what}: ${name} -> ${expected.slice(0, 60)}`, () => {
    assert.equal(told(name, given), expected);
  });
}

test("nothing is looked up in a request that no target of the model is known to lack", () => {
  const trap: RequestTraits = {
    ...nothing,
    get tools(): boolean {
      throw new Error("asked for tools");
    },
    get images(): boolean {
      throw new Error("asked for images");
    },
    get textTokens(): number {
      throw new Error("asked for a closer count");
    },
    get session(): undefined {
      throw new Error("asked for the conversation");
    },
  };
  for (const name of ["sizes", "turns", "cheap", "plain/anything"]) {
    assert.ok(plan({ model: name, protocol: "openai-chat", stream: true, request: trap }, catalog, atRest).ok, name);
  }
});

const session = { key: "c", begun: true };
const sticky = buildCatalog({
  endpoints: new Map(endpoints.map((each) => [each.name, { ...each, credentials: 3 }])),
  models: [
    model("same", on("small", "middle", "large"), { strategy: "rotate" }),
    model("differing", ["small/a", "middle/b"], { strategy: "rotate" }),
    model("told", ["small/a", "middle/b"], { strategy: "rotate", affinity: true }),
    model("untold", on("small", "middle"), { strategy: "rotate", affinity: false }),
    model("ordered", on("small", "middle")),
  ],
});

function kept(name: string, target: string, given: Given & { readonly begun?: boolean } = {}) {
  const request = { ...nothing, session: { ...session, begun: given.begun ?? true } };
  const state = { ...atRest, rota: rota({}, target), health: { ...atRest.health, ...given.health } };
  const result = plan({ model: name, protocol: "openai-chat", stream: true, request }, sticky, state);
  assert.ok(result.ok);
  return result.value;
}

const affinities: readonly (readonly [
  what: string,
  model: string,
  target: string,
  given: Given & { begun?: boolean },
  first: string,
  noted: boolean,
])[] = [
  ["stays with its target", "same", "large/m", {}, "large", true],
  ["that begins goes by turns", "same", "large/m", { begun: false }, "small", true],
  [
    "goes elsewhere while its target is not well",
    "same",
    "large/m",
    { health: { circuit: (place) => (place === "large" ? "open" : "closed") } },
    "small",
    true,
  ],
  ["goes by turns where actual models differ", "differing", "middle/b", {}, "small", false],
  ["stays where the document says so", "told", "middle/b", {}, "middle", true],
  ["does not stay where the document says so", "untold", "middle/m", {}, "small", false],
  ["goes in order where the strategy says so", "ordered", "middle/m", {}, "small", false],
];
for (const [what, name, target, given, first, noted] of affinities) {
  test(`a conversation ${what}`, () => {
    const { attempts, entry } = kept(name, target, given);
    assert.equal(attempts[0]?.endpoint, first);
    assert.equal(entry?.session !== undefined, noted);
    if (noted) assert.equal(entry?.taken.split("/")[0], first);
  });
}

test("a conversation that stays takes nobody's turn", () => {
  assert.deepEqual(kept("same", "large/m").entry?.targets, []);
  assert.equal(kept("same", "large/m", { begun: false }).entry?.targets.length, 3);
});

test("a conversation stays with a credential, once it has begun", () => {
  const { credential } = kept("ordered", "").attempts[0] ?? {};
  assert.ok(credential !== undefined && credential < 3);
  assert.equal(kept("ordered", "").attempts[0]?.credential, credential);
  assert.equal(kept("ordered", "", { begun: false }).attempts[0]?.credential, undefined);
});

test("reasons tell why the first is the first", () => {
  const reason = (name: string, given?: Given) => {
    const result = planned(name, given);
    return result.ok ? result.value.attempts.map((attempt) => attempt.reason).join("; ") : "";
  };
  assert.equal(reason("turns"), "its turn, with a share of 33 %; backup 1; backup 2");
  assert.equal(reason("fast", { health: { latency: () => 12.3 } }), "12 ms to the first token; backup 1; backup 2");
  assert.match(reason("cheap"), /^1 dollars per million tokens; 1\.125 dollars.*; its price is not known;/u);
  assert.equal(reason("twin"), "first target; duplicate, of other; duplicate, of private");
  assert.match(reason("unable", { needs: { tools: true } }), /^the model cannot call tools, but nothing else is left/u);
  assert.equal(
    reason("sizes", { health: { limited: (place) => (place === "large" ? 0 : 7) } }),
    "backup 2; first target, at its limits for 7 ms",
  );
});
