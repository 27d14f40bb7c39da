import assert from "node:assert/strict";
import { test } from "node:test";
import { flatName, nameFinder } from "./names.ts";

const find = nameFinder({ tools: [{ type: "function", name: "f" }] });

test("a plain tool that a search found stands in the namespace of the search", () => {
  assert.deepEqual(find("found__f"), { namespace: "found", name: "f" });
});

for (const flat of ["f", "found__f", "____f", "a____f", "__f", "_____f", "x"]) {
  test(`the name that a client is told of ${flat} is ${flat} again when it comes back`, () => {
    assert.equal(flatName(find(flat)), flat);
  });
}
