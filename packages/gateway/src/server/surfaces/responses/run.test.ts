import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../../kernel/failure.ts";
import { replayLimit, Run } from "./run.ts";
import type { RunOutcome } from "./run.ts";

const event = (type: string, sequence: number, more: object = {}) =>
  Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence, ...more })}\n\n`);

function start(): { run: Run; outcomes: RunOutcome[]; json: () => { [name: string]: unknown } } {
  const outcomes: RunOutcome[] = [];
  const run = new Run({
    request: { model: "m", metadata: { a: "b" } },
    about: { id: "resp_mine", created: 1, model: "m" },
    envelope: new Map([["id", Buffer.from('"resp_mine"')]]),
    limit: 1_000_000,
    done: (outcome) => outcomes.push(outcome),
  });
  return { run, outcomes, json: () => JSON.parse(run.object.toString()) as { [name: string]: unknown } };
}

test("a run is queued, then in progress, then what the backend makes of it, under its own id", () => {
  const { run, outcomes, json } = start();
  assert.equal(json()["status"], "queued");
  assert.deepEqual(json()["metadata"], { a: "b" });
  run.open(200, ["x-patchbay-endpoint", "up"]);
  assert.equal(json()["status"], "in_progress");
  run.write(event("response.created", 0, { response: { id: "resp_theirs", status: "in_progress", n: 1 } }));
  assert.equal(json()["n"], 1);
  run.end(event("response.completed", 1, { response: { id: "resp_theirs", status: "completed", output: [] } }));
  assert.equal(json()["id"], "resp_mine");
  assert.equal(outcomes[0]?.final?.id, "resp_mine");
  assert.equal(outcomes[0]?.endpoint, "up");
  assert.equal(run.over, true);
  assert.ok(!Buffer.concat([0, 1].map((index) => run.event(index)?.raw ?? Buffer.alloc(0))).includes("resp_theirs"));
});

test("every way to end without an answer is a failure, told once and as an event", () => {
  const endings: readonly ((run: Run) => void)[] = [
    (run) => run.destroy(),
    (run) => run.end(Buffer.alloc(0)),
    (run) => {
      run.open(200, []);
      run.end(event("error", 0, { error: { code: "broken", message: "it broke" } }));
    },
    (run) => {
      run.open(503, []);
      run.end(Buffer.from('{"error":{"code":"draining","message":"bye"}}'));
      run.destroy();
    },
  ];
  for (const end of endings) {
    const { run, outcomes, json } = start();
    let closed = 0;
    run.closed = () => closed++;
    end(run);
    assert.equal(outcomes.length, 1);
    assert.equal(outcomes[0]?.final, undefined);
    assert.equal(json()["status"], "failed");
    assert.ok(closed > 0);
    assert.ok(run.event(run.kept.to - 1)?.raw.includes("response.failed"));
  }
});

test("a cancelled run stays cancelled, whatever still comes", () => {
  const { run, outcomes, json } = start();
  const told: string[] = [];
  run.abort = (why) => {
    told.push(why.kind);
    run.end(Buffer.from("too late"));
  };
  run.open(200, []);
  run.cancel();
  run.cancel();
  run.write(event("response.completed", 1, { response: { id: "x", status: "completed", output: [] } }));
  assert.equal(json()["status"], "cancelled");
  assert.deepEqual(told, [failure("cancelled", "").kind]);
  assert.equal(outcomes.length, 1);
});

test("only so many bytes of events are kept, the newest; who follows closely misses none", () => {
  const { run } = start();
  const seen: number[] = [];
  let next = 0;
  run.followers.add({
    more: () => {
      for (; next < run.kept.to; next++) seen.push(run.event(next)?.sequence ?? -1);
    },
    beat: () => {},
  });
  run.open(200, []);
  for (let sequence = 0; sequence < 1000; sequence++) {
    run.write(event("response.output_text.delta", sequence, { delta: "x".repeat(10_000) }));
    assert.ok(run.bytes <= replayLimit);
  }
  assert.deepEqual(seen, [...Array(1000).keys()]);
  assert.ok(run.kept.from > 0);
});
