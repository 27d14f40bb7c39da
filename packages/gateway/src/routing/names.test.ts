import assert from "node:assert/strict";
import { test } from "node:test";
import { inTime } from "../../test/support/in-time.ts";
import { buildCatalog } from "./catalog.ts";
import { modelsForTier, tierOf } from "./families.ts";
import { resolveName } from "./names.ts";
import { endpoint, model } from "./support.test-data.ts";
import type { RoutingSnapshot } from "./types.ts";
import { variantsOf } from "./variants.ts";

const snapshot: RoutingSnapshot = {
  endpoints: new Map([
    ["a", endpoint("a", { lists: ["claude-sonnet-4-5", "Qwen/Qwen3-Coder", "llama3", "gpt-4o-2024-08-06"] })],
    ["openai", endpoint("openai", { lists: ["gpt-4o"] })],
  ]),
  models: [
    model("Coder", ["a/coder"], { aliases: ["o3"] }),
    model("small", ["a/small"]),
    model("big", ["a/big"]),
    model("team/*", ["a/*"]),
  ],
  families: { lite: "small", ultimate: "big" },
  fallback: "small",
};

/** Name, the name that it is taken for (the same where somebody has it), and why. */
const rows: readonly (readonly [name: string, as: string, by: string])[] = [
  ["Coder", "Coder", "name"],
  ["o3", "Coder", "name"],
  ["gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "name"],
  ["team/x-progress", "team/*", "name"],
  ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5", "variant"],
  ["claude-sonnet-4-5@20250929", "claude-sonnet-4-5", "variant"],
  ["claude-sonnet-4-5[1m]", "claude-sonnet-4-5", "variant"],
  ["claude-sonnet-4-5-20250929-chat-progress", "claude-sonnet-4-5", "variant"],
  ["claude-sonnet-4-5:thinking", "claude-sonnet-4-5", "variant"],
  ["anthropic/claude-sonnet-4-5-20250929", "claude-sonnet-4-5", "variant"],
  ["models/llama3:latest", "llama3", "variant"],
  ["gpt-4o-2024-05-13", "gpt-4o", "variant"],
  ["openrouter/anthropic/claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5", "variant"],
  ["claude-sonnet-4-5[1m][1m]", "claude-sonnet-4-5", "variant"],
  ["coder", "Coder", "case"],
  ["QWEN/qwen3-coder", "Qwen/Qwen3-Coder", "case"],
  ["CODER-progress", "Coder", "case"],
  ["gpt-5-mini", "small", "family"],
  ["claude-opus-9", "big", "family"],
  ["ultimate", "big", "family"],
  ["what-is-this", "small", "fallback"],
  ["llama3:free", "small", "fallback"],
];
for (const [name, as, by] of rows) {
  test(`the name '${name}' is taken for ${as}: ${by}`, () => {
    const found = resolveName(buildCatalog(snapshot), name);
    assert.ok(found !== undefined);
    assert.equal(found.understood?.by ?? "name", by);
    assert.equal(found.understood?.as ?? found.model.name, as);
  });
}

test("without families and a fallback a name that nobody has stands for nothing", () => {
  const { endpoints, models } = snapshot;
  for (const name of ["gpt-5-mini", "claude-opus-9", "ultimate", "what-is-this", "", "-progress", "openai/", "a/"]) {
    assert.equal(resolveName(buildCatalog({ endpoints, models }), name), undefined, name);
  }
});

test("a family goes before a catch-all, and a catch-all before the fallback", () => {
  const catalog = buildCatalog({ ...snapshot, models: [...snapshot.models, model("*", ["a/every"])] });
  const ways = ["gpt-5-mini", "what-is-this"].map((name) => resolveName(catalog, name)?.understood?.by);
  assert.deepEqual(ways, ["family", "catch-all"]);
});

test("stand-ins that nobody has stand for nothing, and lead no further", () => {
  const catalog = buildCatalog({ ...snapshot, families: { lite: "gone-mini" }, fallback: "gone" });
  assert.equal(resolveName(catalog, "gpt-5-mini"), undefined);
  assert.equal(resolveName(catalog, "what"), undefined);
});

test("the fallback may be named by a tier", () => {
  const catalog = buildCatalog({ ...snapshot, fallback: "performance" });
  assert.deepEqual(resolveName(catalog, "who-knows")?.understood, { as: "big", by: "fallback" });
});

test("an endpoint's own name is no prefix to be taken off", () => {
  const catalog = buildCatalog({
    ...snapshot,
    endpoints: new Map([["openai", endpoint("openai", { enabled: false })]]),
  });
  assert.equal(resolveName(catalog, "openai/Coder")?.understood?.by, "fallback");
  assert.deepEqual(
    variantsOf("openai/x-latest", () => false),
    ["openai/x", "x-latest", "x"],
  );
  assert.deepEqual(
    variantsOf("openai/x-latest", () => true),
    ["openai/x"],
  );
});

/** The table of the gateway that the tiers come from. */
const seedTable: readonly (readonly [tier: string, names: string])[] = [
  ["auto", "gpt-4 gpt-4o claude-3.5-sonnet claude-sonnet-4-5 auto"],
  ["ultimate", "o1 claude-3-opus ultimate"],
  ["performance", "o1-mini o3-mini claude-3-sonnet"],
  ["efficient", "claude-3.5-haiku gemini-flash"],
  ["lite", "gpt-3.5-turbo gpt-4o-mini claude-3-haiku lite"],
];
for (const [tier, names] of seedTable) {
  test(`names of the tier ${tier}: ${names}`, () => {
    assert.deepEqual(new Set(names.split(" ").map(tierOf)), new Set([tier]));
  });
}

test("a tier without a model takes the nearest one's, of two the lesser", () => {
  assert.deepEqual(modelsForTier({ lite: "a", auto: "b" }, "efficient"), ["a", "b"]);
  assert.deepEqual(modelsForTier({ lite: "a", performance: "b" }, "auto"), ["b", "a"]);
  assert.deepEqual(modelsForTier({ ultimate: "a" }, "lite"), ["a"]);
  assert.deepEqual(modelsForTier({}, "lite"), []);
});

test("a stand-in that is out of service is passed over for the next nearest, the catch-all and the fallback", () => {
  const models = [model("off", ["a/off"], { enabled: false }), model("big", ["a/big"]), model("spare", ["a/spare"])];
  const understood = (more: Partial<RoutingSnapshot>) =>
    resolveName(buildCatalog({ ...snapshot, models, ...more }), "gpt-5-mini")?.understood;
  assert.deepEqual(understood({ families: { lite: "off", ultimate: "big" } }), { as: "big", by: "family" });
  assert.deepEqual(understood({ families: { lite: "off" }, fallback: "spare" }), { as: "spare", by: "fallback" });
  const families = { lite: "off" };
  assert.deepEqual(understood({ families, models: [...models, model("*", ["a/all"])] }), {
    as: "gpt-5-mini",
    by: "catch-all",
  });
});

test("a name of hostile length is looked up quickly", async () => {
  await inTime(200, async () => {
    const catalog = buildCatalog(snapshot);
    const names = ["-progress", "[1m]", "-latest", ":thinking", "-chat"].map((suffix) =>
      suffix.repeat(512 / suffix.length),
    );
    const started = performance.now();
    for (const name of names) resolveName(catalog, name);
    return performance.now() - started;
  });
});
