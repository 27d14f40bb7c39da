import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ask } from "./support/exchange.ts";
import { endpointAt, startHouse } from "./support/house.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour } from "./support/upstream.ts";

/** Races through a whole gateway; what decides them is in `relay/race.test.ts`. */
const first = await startUpstream();
const second = await startUpstream();
const targets = [
  { endpoint: "first", model: "*" },
  { endpoint: "second", model: "*" },
];
const house = await startHouse({
  document: {
    endpoints: [
      endpointAt("first", first),
      endpointAt("second", second),
      endpointAt("first-limited", first, { limits: { requestsPerMinute: 1 } }),
      endpointAt("second-limited", second, { limits: { requestsPerMinute: 1 } }),
    ],
    models: [
      {
        name: "raced/*",
        strategy: "race",
        hedge: { after: "150ms" },
        targets,
        price: { input: 1, output: 1 },
      },
      { name: "quick/*", strategy: "race", hedge: { after: "40ms" }, targets },
      {
        name: "limited/*",
        strategy: "race",
        hedge: { after: "40ms" },
        targets: targets.map((target) => ({ ...target, endpoint: `${target.endpoint}-limited` })),
      },
      { name: "mended/*", strategy: "race", hedge: { after: "40ms" }, rescue: "continue", targets },
    ],
  },
});

after(async () => {
  for (const resource of [house, first, second]) await resource[Symbol.asyncDispose]();
});

const answer = (text: string): Behaviour => ({ kind: "answer", text });
let cases = 0;

async function run(behaviours: readonly [Behaviour, Behaviour], stream: boolean, model = "raced") {
  first.script(behaviours[0]);
  second.script(behaviours[1]);
  const before = [first.count, second.count] as const;
  const outcome = await ask(house, { model: `${model}/case-${cases++}`, stream });
  return { ...outcome, calls: [first.count - before[0], second.count - before[1]] };
}

for (const stream of [true, false]) {
  const mode = stream ? "streamed" : "unstreamed";

  test(`a target that answers soon is asked alone, ${mode}`, async () => {
    const outcome = await run([answer("one"), answer("two")], stream);
    assert.deepEqual([outcome.text, outcome.calls], ["one", [1, 0]]);
  });

  test(`a silent target loses, is stopped, and costs nothing, ${mode}`, async () => {
    const outcome = await run([{ kind: "silence" }, answer("two")], stream);
    assert.deepEqual([outcome.status, outcome.text, outcome.calls], [200, "two", [1, 1]]);
    assert.ok(outcome.duration < 1500, `it took ${outcome.duration} ms`);
    const answered = performance.now();
    const lost = first.calls.at(-1);
    await lost?.ended;
    assert.equal(lost?.aborted, true);
    // On an idle machine at once; `relay/race.test.ts` tells without a clock.
    assert.ok((lost.endedAt ?? Infinity) - answered < 1000, "it was let go too late");
    const row = await house.row(outcome.id);
    assert.deepEqual(
      [row.endpoint, row.attempts, row.status, row.inputTokens, row.outputTokens, row.costMicroDollars],
      ["second", 2, 200, 11, 7, 18],
    );
  });

  test(`a slow target that begins first all the same wins, ${mode}`, async () => {
    const outcome = await run([{ kind: "slow-headers", delay: 300, text: "one" }, { kind: "silence" }], stream);
    assert.deepEqual([outcome.text, outcome.calls], ["one", [1, 1]]);
    const lost = second.calls.at(-1);
    await lost?.ended;
    assert.equal(lost?.aborted, true);
  });
}

for (const stream of [true, false]) {
  const mode = stream ? "streamed" : "unstreamed";

  test(`when both fail the client is told once, ${mode}`, async () => {
    const failing: Behaviour = { kind: "reset-before", delay: 80 };
    const outcome = await run([failing, failing], stream, "quick");
    assert.equal(outcome.status, 502);
    assert.notEqual(outcome.error, undefined);
    const row = await house.row(outcome.id);
    assert.deepEqual([row.status, row.costMicroDollars], [502, undefined]);
  });
}

test("both count for the limits of their endpoints", async () => {
  first.script({ kind: "silence" });
  second.script(answer("two"));
  const once = await ask(house, { model: `limited/case-${cases++}`, stream: true });
  assert.equal(once.text, "two");
  const again = await ask(house, { model: `limited/case-${cases++}`, stream: true });
  assert.equal(again.status, 429);
});

test("a winner that is cut afterwards ends in an error, and its loser stays stopped", async () => {
  const cut: Behaviour = { kind: "cut", text: "one two three", after: 2, how: "end" };
  const outcome = await run([{ kind: "silence" }, cut], true, "quick");
  assert.notEqual(outcome.error, undefined);
  assert.deepEqual([outcome.finishReason, outcome.calls], [undefined, [1, 1]]);
});

test("a winner that is cut afterwards is mended with `continue`", async () => {
  const text = "one two three four";
  const cut: Behaviour = { kind: "cut", text, after: 3, how: "end" };
  first.script([{ kind: "silence" }, answer(text)]);
  second.script([cut, answer(text)]);
  const outcome = await ask(house, { model: `mended/case-${cases++}`, stream: true });
  assert.deepEqual([outcome.text, outcome.finishReason, outcome.error], [text, "stop", undefined]);
});

test("what both did counts for their circuits: the target that failed opens its own, and the other's stays closed", async () => {
  const model = `quick/case-${cases++}`;
  first.script({ kind: "reset-before", delay: 60 });
  second.script(answer("two"));
  for (let count = 0; count < 12; count++) {
    const outcome = await ask(house, { model, stream: true });
    assert.equal(outcome.text, "two");
  }
  const before = second.count;
  const outcome = await ask(house, { model, stream: true });
  assert.deepEqual([outcome.text, second.count - before], ["two", 1]);
});

test("a lost race is no failure of its loser: it is asked first again", async () => {
  for (let count = 0; count < 6; count++) await run([{ kind: "silence" }, answer("two")], true);
  const outcome = await run([answer("one"), answer("two")], true);
  assert.deepEqual([outcome.text, outcome.calls], ["one", [1, 0]]);
});
