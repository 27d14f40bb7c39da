import assert from "node:assert/strict";
import { test } from "node:test";
import { Health } from "../routing/health.ts";
import type { Hedge } from "../routing/types.ts";
import { Race } from "./race.ts";
import { Rig } from "./rig.test.ts";
import { json, whole } from "./support.test.ts";
import type { SceneOptions } from "./support.test.ts";

const three = ["first", "second", "third"];
const racing = ({ hedge, ...more }: SceneOptions & { readonly hedge?: Hedge } = {}): Rig =>
  new Rig({
    endpoints: three,
    ...more,
    model: { strategy: "race", hedge: hedge ?? { after: 200, inFlight: 2 }, ...more.model },
  }).start();

test("while the first target begins soon enough, nobody else is asked", () => {
  using rig = racing();
  rig.pass(150);
  rig.says(["one "]);
  rig.pass(300);
  assert.equal(rig.sends, 1);
});

test("the next target is asked when no first token came, and the first to begin wins", () => {
  using rig = racing();
  rig.pass(250);
  assert.equal(rig.sends, 2);
  rig.says(["from the second"], "finish", rig.at(1));
  assert.equal(rig.at(0).over, "cancelled");
  rig.says(["from the first"], "finish", rig.at(0));
  assert.deepEqual(rig.told, { text: "from the second", error: undefined, finished: true });
  assert.deepEqual(rig.attempts, [
    ["first", "cancelled"],
    ["second", undefined],
  ]);
  const [report] = rig.scene.observer.exchanges;
  assert.deepEqual([report?.endpoint, report?.attempts, report?.status], ["second", 2, 200]);
  assert.equal(rig.scene.client.headers.get("x-patchbay-endpoint"), "second");
  assert.deepEqual(rig.scene.client.faults, []);
});

test("the first target may still win", () => {
  using rig = racing();
  rig.pass(250);
  rig.says(["from the first"], "finish", rig.at(0));
  assert.equal(rig.at(1).over, "cancelled");
  assert.equal(rig.told.text, "from the first");
});

test("what has no content yet does not win", () => {
  using rig = racing();
  rig.says([""]);
  rig.pass(250);
  assert.equal(rig.sends, 2);
});

test("no more are asked at a time than the model allows", () => {
  using rig = racing();
  rig.pass(900);
  assert.equal(rig.sends, 2);
  rig[Symbol.dispose]();
  using wide = racing({ hedge: { after: 200, inFlight: 3 } });
  wide.pass(900);
  assert.equal(wide.sends, 3);
});

test("one that fails makes room for the next, and the other goes on", () => {
  using rig = racing();
  rig.pass(250);
  rig.at(0).fail("unreachable");
  assert.equal(rig.sends, 3);
  rig.at(2).fail("unreachable");
  assert.equal(rig.scene.client.state, "waiting");
  rig.says(["from the second"], "finish", rig.at(1));
  assert.equal(rig.told.text, "from the second");
  assert.deepEqual(
    rig.attempts.map(([, why]) => why),
    ["unreachable", "unreachable", undefined],
  );
});

test("when all have failed the client is told once", () => {
  using rig = racing({ endpoints: ["first", "second"], model: { attempts: 2 } });
  rig.pass(250);
  rig.at(1).fail("unreachable");
  rig.at(0).fail("broken-stream");
  assert.deepEqual(
    rig.scene.observer.exchanges.map(({ status }) => status),
    [502],
  );
  assert.deepEqual(rig.scene.client.faults, []);
});

test("a request that is refused as bad ends the race", () => {
  using rig = racing();
  rig.pass(250);
  rig.at(1).head(400, json);
  rig.at(1).data('{"error":{"message":"bad","type":"invalid_request_error"}}');
  rig.at(1).end();
  assert.equal(rig.at(0).over, "cancelled");
  assert.deepEqual([rig.scene.client.status, rig.scene.observer.exchanges.length], [400, 1]);
});

test("a client that leaves stops all", () => {
  using rig = racing();
  rig.pass(250);
  rig.scene.client.leave();
  assert.deepEqual([rig.at(0).over, rig.at(1).over], ["cancelled", "cancelled"]);
  assert.deepEqual(
    rig.attempts.map(([, why]) => why),
    ["cancelled", "cancelled"],
  );
  assert.equal(rig.scene.observer.exchanges[0]?.status, 499);
});

test("unstreamed, the first whole answer wins", () => {
  using rig = racing({ stream: false });
  rig.pass(250);
  rig.at(1).head(200, json);
  rig.at(1).data(whole);
  rig.at(1).end();
  assert.equal(rig.at(0).over, "cancelled");
  assert.equal(rig.scene.client.body, whole);
  assert.deepEqual(rig.scene.observer.exchanges[0]?.usage, { inputTokens: 3, outputTokens: 2 });
});

test("a percentile is taken from what the target took of late, and is two seconds before anything is known", () => {
  const health = new Health({ monotonic: () => 0 });
  const runner = { planned: { endpoint: "a", model: "m", reason: "", wait: 0 }, sentAt: 0 };
  const start = () => {
    const race = new Race<typeof runner>({ after: "p95", inFlight: 2 }, { health, stream: true });
    race.started(runner);
    return race;
  };
  assert.deepEqual([start().takesNext(1999), start().takesNext(2000)], [false, true]);
  for (let count = 0; count < 100; count++) health.target("a", "m").streamed.observe(100, 0);
  assert.deepEqual([start().takesNext(99), start().takesNext(101)], [false, true]);
});

test("with `continue`, the winner's answer is mended by those that are left", () => {
  using rig = racing({ model: { rescue: "continue" } });
  rig.pass(250);
  rig.says(["one ", "two "], "nothing", rig.at(1));
  rig.at(1).fail("broken-stream");
  assert.equal(rig.sends, 3);
  rig.says(["one ", "two ", "three"], "finish");
  assert.deepEqual(rig.told, { text: "one two three", error: undefined, finished: true });
});
