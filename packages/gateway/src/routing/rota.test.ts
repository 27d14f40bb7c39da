import assert from "node:assert/strict";
import { test } from "node:test";
import { Rota } from "./rota.ts";

test("whoever had a turn owes it, and whoever waited is owed its share", () => {
  const rota = new Rota();
  rota.take({ model: "m", targets: ["a/1", "b/1"], shares: [0.75, 0.25], taken: "a/1" });
  assert.deepEqual(Object.fromEntries(rota.due("m")), { "a/1": -0.25, "b/1": 0.25 });
  assert.equal(rota.due("other").size, 0);
});

test("nobody is owed more than a turn, however long it was away", () => {
  const rota = new Rota();
  for (let turn = 0; turn < 100; turn++) rota.take({ model: "m", targets: ["a", "b"], shares: [0.5, 0.5], taken: "a" });
  assert.deepEqual(Object.fromEntries(rota.due("m")), { a: -1, b: 1 });
});

test("a conversation's target is remembered by model, and a later one takes its place", () => {
  const rota = new Rota();
  const none = { targets: [], shares: [] };
  rota.take({ model: "m", ...none, taken: "a/1", session: "s" });
  rota.take({ model: "n", ...none, taken: "b/1", session: "s" });
  assert.deepEqual(
    [rota.targetOf("m", "s"), rota.targetOf("n", "s"), rota.targetOf("m", "t")],
    ["a/1", "b/1", undefined],
  );
  rota.take({ model: "m", ...none, taken: "c/1", session: "s" });
  assert.equal(rota.targetOf("m", "s"), "c/1");
});

test("what clients can think up without end is forgotten again", () => {
  const rota = new Rota();
  for (let index = 0; index < 20_000; index++) {
    rota.take({ model: "m", targets: [`a/${index}`], shares: [1], taken: "", session: `s${index}` });
  }
  assert.ok(rota.due("m").size <= 1_001);
  assert.equal(rota.targetOf("m", "s0"), undefined);
  assert.equal(rota.targetOf("m", "s19999"), "");
});
