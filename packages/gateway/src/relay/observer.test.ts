import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerEvent } from "../kernel/event.ts";
import { failure } from "../kernel/failure.ts";
import { Observer } from "./observer.ts";

const begin = (candidate: number): AnswerEvent => ({
  type: "part-start",
  candidate,
  part: 0,
  head: { type: "text" },
});
const say = (candidate: number, text: string): AnswerEvent => ({ type: "part-delta", candidate, part: 0, text });
const finish = (candidate: number): AnswerEvent => ({
  type: "finish",
  candidate,
  reason: { unified: "stop", raw: "stop" },
});
const call: AnswerEvent = {
  type: "part-start",
  candidate: 0,
  part: 0,
  head: { type: "tool-call", id: "a", name: "b", tool: "function" },
};

const cases: readonly (readonly [name: string, events: readonly AnswerEvent[], started: boolean, finished: boolean])[] =
  [
    ["nothing", [], false, false],
    ["a start", [{ type: "start", model: "m" }], false, false],
    ["a text that begins", [begin(0)], false, false],
    ["an empty text", [begin(0), say(0, "")], false, false],
    ["a text", [begin(0), say(0, "a")], true, false],
    ["a call", [call], true, false],
    ["usage alone", [{ type: "usage", usage: { inputTokens: 1 } }], false, false],
    ["a finish reason alone", [finish(0)], true, true],
    ["a text with its finish reason", [begin(0), say(0, "a"), finish(0)], true, true],
    ["one of two candidates finished", [begin(0), begin(1), finish(0)], true, false],
    ["two candidates finished", [begin(0), begin(1), finish(1), finish(0)], true, true],
    ["a second candidate that begins behind the first", [begin(0), finish(0), begin(1)], true, false],
    ["a second candidate that ends behind the first", [begin(0), finish(0), begin(1), finish(1)], true, true],
    ["a vector", [{ type: "embedding", index: 0, vector: [1] }], true, true],
  ];
for (const [name, events, started, finished] of cases) {
  test(`${name}: ${started ? "" : "not "}begun, ${finished ? "" : "not "}finished`, () => {
    const observer = new Observer();
    for (const event of events) observer.note(event);
    assert.deepEqual([observer.seen.started, observer.seen.finished], [started, finished]);
  });
}

test("usage grows field by field, and the first finish reason counts", () => {
  const observer = new Observer();
  observer.note({ type: "usage", usage: { inputTokens: 1, outputTokens: 1 } });
  observer.note({ type: "usage", usage: { outputTokens: 5 } });
  observer.note(finish(0));
  observer.note({ type: "finish", candidate: 1, reason: { unified: "length", raw: "length" } });
  observer.note({ type: "failure", failure: failure("broken-stream", "x") });
  const { usage, finish: reason, failure: why } = observer.seen;
  assert.deepEqual(usage, { inputTokens: 1, outputTokens: 5 });
  assert.deepEqual([reason?.raw, why?.kind], ["stop", "broken-stream"]);
});
