import assert from "node:assert/strict";
import { test } from "node:test";
import { mayManage, mayUse } from "./identity.ts";

const cases: readonly (readonly [readonly string[] | undefined, string, boolean])[] = [
  [undefined, "anything", true],
  [[], "anything", false],
  [["gpt-4o"], "gpt-4o", true],
  [["gpt-4o"], "gpt-4o-mini", false],
  [["gpt-4o"], "GPT-4o", false],
  [["gpt-4o"], "xgpt-4o", false],
  [["gpt-*"], "gpt-4o", true],
  [["gpt-*"], "gpt-", true],
  [["gpt-*"], "my-gpt-4o", false],
  [["*-mini"], "gpt-4o-mini", true],
  [["*-mini"], "-mini", true],
  [["*"], "", true],
  [["a*a"], "a", false],
  [["a*a"], "aa", true],
  [["team/*/x"], "team/a/b/x", true],
  [["a", "b*"], "bc", true],
  [["a.c"], "abc", false],
  [["__proto__"], "__proto__", true],
];
for (const [models, model, expected] of cases) {
  test(`a key for ${JSON.stringify(models)} ${expected ? "may" : "may not"} use ${JSON.stringify(model)}`, () => {
    const identity = {
      kind: "key",
      id: "abcdefgh",
      name: "a",
      ...(models !== undefined && { models }),
    } as const;
    assert.equal(mayUse(identity, model), expected);
  });
}

test("open access and fixed keys may use every model", () => {
  assert.equal(mayUse({ kind: "open" }, "a"), true);
  assert.equal(mayUse({ kind: "fixed", name: "API_KEY" }, "a"), true);
});

test("who may use some models only may not manage any", () => {
  const key = { kind: "key", id: "k", name: "n" } as const;
  assert.equal(mayManage(key), true);
  assert.equal(mayManage({ ...key, models: ["*"] }), false);
  assert.equal(mayManage({ kind: "fixed", name: "API_KEY" }), true);
  assert.equal(mayManage({ kind: "open" }), true);
});
