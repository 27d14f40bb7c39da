import assert from "node:assert/strict";
import { test } from "node:test";
import { Wire } from "./wire.ts";
import type { Answer } from "./wire.ts";

const clock = { monotonic: () => performance.now() };

/** A connection whose answers the test gives. */
function start(patience = 50) {
  const answers: { resolve: (reply: unknown) => void; reject: (error: Error) => void }[] = [];
  const line = {
    isClosed: false,
    send: () => new Promise<unknown>((resolve, reject) => void answers.push({ resolve, reject })),
    close: () => {
      line.isClosed = true;
      for (const { reject } of answers) reject(new Error("closed"));
    },
  };
  return { wire: new Wire(line, patience, clock), line, answers };
}

const stateOf = ({ state }: Answer) => state;

test("an answer in time is one, and a refusal is a failure", async () => {
  const { wire, answers } = start();
  const [first, second] = [wire.send(["A"]), wire.send(["B"])];
  answers[0]?.resolve(7);
  answers[1]?.reject(new Error("READONLY no writes here, says somebody"));
  assert.deepEqual(await Promise.all([first, second]), [
    { state: "answered", reply: 7 },
    { state: "failed", why: "READONLY" },
  ]);
});

test("nobody waits for longer than the patience, and what comes later is told to who wants to know", async () => {
  const { wire, answers } = start();
  const from = performance.now();
  const answer = await wire.send(["A"]);
  assert.ok(performance.now() - from >= 49);
  assert.ok(answer.state === "late");
  assert.ok(wire.isStalled);
  answers[0]?.resolve("after all");
  assert.equal(await answer.reply, "after all");
  assert.ok(!wire.isStalled);
});

test("when nothing at all is answered, what was sent later is given up with it", async () => {
  const { wire } = start(1000);
  const first = wire.send(["A"]);
  await new Promise((resolve) => setTimeout(resolve, 600));
  const from = performance.now();
  const second = wire.send(["B"]);
  assert.deepEqual((await Promise.all([first, second])).map(stateOf), ["late", "late"]);
  assert.ok(performance.now() - from < 950, "the second waited for as long as the first");
});

test("while this process is busy nothing becomes late", async () => {
  const { wire, answers } = start();
  const answer = wire.send(["A"]);
  await new Promise((resolve) => setTimeout(resolve, 10));
  for (const until = performance.now() + 200; performance.now() < until;);
  // It would have been read long ago.
  setTimeout(() => answers[0]?.resolve("there"), 5);
  assert.equal(stateOf(await answer), "answered");
});

test("the end of a connection ends all waits", async () => {
  const { wire, line } = start(10_000);
  const answer = wire.send(["A"]);
  wire[Symbol.dispose]();
  assert.ok(line.isClosed);
  const { state } = await answer;
  assert.notEqual(state, "answered");
});
