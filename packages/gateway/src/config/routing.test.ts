import assert from "node:assert/strict";
import { test } from "node:test";
import { loaded } from "./support.test.ts";

const endpoint = "endpoints: [{ name: a, type: openai, models: [{ id: m, jsonSchema: false }] }]\n";

test("what the document says of routing is taken over, and nothing where it says nothing", () => {
  const { models, families, fallback, endpoints } = loaded(
    `${endpoint}families: { lite: small, ultimate: a/big }\nfallback: small\nmodels:\n` +
      "  - name: small\n    strategy: weighted\n    affinity: false\n" +
      "    targets: [{ endpoint: a, model: m, weight: 3 }, { endpoint: a, model: n, weight: 0 }, { endpoint: a, model: o }]\n",
  );
  const [model] = models;
  assert.deepEqual([families, fallback], [{ lite: "small", ultimate: "a/big" }, "small"]);
  assert.deepEqual([model?.strategy, model?.affinity], ["weighted", false]);
  assert.deepEqual(
    model?.targets.map(({ weight }) => weight),
    [3, 0, undefined],
  );
  assert.equal(endpoints[0]?.models[0]?.facts.jsonSchema, false);
  const silent = loaded(`${endpoint}models: [{ name: x, targets: [{ endpoint: a, model: m }] }]\n`);
  assert.deepEqual([silent.families, silent.fallback, silent.models[0]?.affinity], [undefined, undefined, undefined]);
});
