import assert from "node:assert/strict";
import { test } from "node:test";
import fastCheck from "fast-check";
import { Circuit, defaultCircuit } from "./circuit.ts";

const settings = { failures: 3, window: 1000, cooldown: 500 };

function opened(): Circuit {
  const circuit = new Circuit();
  for (let index = 0; index < 3; index++) circuit.failed(index, settings);
  return circuit;
}

test("it opens when so many failures fall into the window", () => {
  const circuit = new Circuit();
  assert.equal(circuit.failed(0, settings), false);
  assert.equal(circuit.failed(600, settings), false);
  assert.equal(circuit.failed(1100, settings), false, "the first is too long ago");
  assert.equal(circuit.state(1100), "closed");
  assert.equal(circuit.failed(1500, settings), true);
  assert.deepEqual([circuit.state(1500), circuit.state(1999), circuit.state(2000)], ["open", "open", "half-open"]);
  assert.equal(circuit.wait(1600), 400);
});

test("a busy target with a rare fault stays in use", () => {
  const circuit = new Circuit();
  for (let time = 0; time < 500; time += 5) {
    for (let index = 0; index < 9; index++) circuit.succeeded(0);
    assert.equal(circuit.failed(time, settings), false);
  }
  assert.equal(circuit.state(500), "closed");
});

test("as many successes as failures do not keep it closed", () => {
  const circuit = new Circuit();
  for (let index = 0; index < 3; index++) {
    circuit.succeeded(0);
    circuit.failed(index, settings);
  }
  assert.equal(circuit.state(3), "open");
});

test("a circuit that opens late for one model still opens early for another", () => {
  const circuit = new Circuit();
  assert.equal(circuit.failed(0, settings), false);
  assert.equal(circuit.failed(1, { ...settings, failures: 100 }), false);
  assert.equal(circuit.failed(2, settings), true);
  const other = new Circuit();
  for (let index = 0; index < 9; index++) {
    assert.equal(other.failed(index, { ...settings, failures: 10 }), false);
    for (let success = 0; success < 5; success++) other.succeeded(0);
    assert.equal(other.failed(index, { ...settings, failures: 2 }), false);
  }
});

test("one probe at a time is let through", () => {
  const circuit = opened();
  assert.equal(circuit.takeProbe(400), undefined);
  const probe = circuit.takeProbe(600) ?? assert.fail();
  assert.equal(circuit.state(600), "open", "for everybody else");
  assert.equal(circuit.takeProbe(600), undefined);
  circuit.returnProbe(probe);
  assert.notEqual(circuit.takeProbe(700), undefined);
});

test("whoever has lost the probe's place does not give another's back", () => {
  const circuit = opened();
  const first = circuit.takeProbe(600) ?? assert.fail();
  circuit.succeeded(600, first);
  for (let index = 0; index < 3; index++) circuit.failed(700, settings);
  assert.notEqual(circuit.takeProbe(1300), undefined);
  circuit.returnProbe(first);
  assert.equal(circuit.takeProbe(1300), undefined);
  assert.equal(circuit.failed(1300, settings, first), false);
});

test("a probe's success closes it and forgets the failures", () => {
  const circuit = opened();
  const probe = circuit.takeProbe(600);
  assert.equal(circuit.succeeded(600, probe), true);
  assert.equal(circuit.state(600), "closed");
  assert.equal(circuit.failed(601, settings), false);
  assert.equal(circuit.succeeded(600), false);
});

test("a probe that breaks off after its beginning opens it again, unless others went well since", () => {
  const circuit = opened();
  const probe = circuit.takeProbe(600);
  circuit.succeeded(600, probe);
  assert.equal(circuit.failed(650, settings, probe), true);
  assert.equal(circuit.state(1149), "open");
  const next = circuit.takeProbe(1200);
  circuit.succeeded(1200, next);
  for (let index = 0; index < 4; index++) circuit.succeeded(1300);
  assert.equal(circuit.failed(1400, settings, next), false);
});

test("a request that was under way when it opened does not close it, one that was sent for want of others does", () => {
  const circuit = opened();
  assert.equal(circuit.succeeded(1), false);
  assert.equal(circuit.state(3), "open");
  assert.equal(circuit.succeeded(3), true);
  assert.equal(circuit.state(3), "closed");
});

test("a probe's failure opens it for as long again", () => {
  const circuit = opened();
  const probe = circuit.takeProbe(600);
  assert.equal(circuit.failed(700, settings), false, "a straggler shows nothing");
  assert.equal(circuit.failed(700, settings, probe), true);
  assert.deepEqual([circuit.state(1199), circuit.state(1200)], ["open", "half-open"]);
});

test("whatever happens, at most one request probes, and success ends all trouble", () => {
  const step = fastCheck.record({
    what: fastCheck.constantFrom("ask", "fail", "succeed", "vanish"),
    pass: fastCheck.integer({ min: 0, max: 400 }),
  });
  fastCheck.assert(
    fastCheck.property(fastCheck.array(step, { maxLength: 60 }), (steps) => {
      const circuit = new Circuit();
      let now = 0;
      let probe: number | undefined;
      for (const { what, pass } of steps) {
        now += pass;
        if (what === "ask") probe ??= circuit.takeProbe(now);
        if (what === "fail") {
          circuit.failed(now, settings, probe);
          probe = undefined;
        }
        if (what === "vanish" && probe !== undefined) {
          circuit.returnProbe(probe);
          probe = undefined;
        }
        if (what === "succeed") {
          circuit.succeeded(now, probe);
          probe = undefined;
          assert.equal(circuit.state(now), "closed");
        }
        if (probe !== undefined) assert.equal(circuit.takeProbe(now), undefined);
        if (probe !== undefined) assert.equal(circuit.state(now), "open");
        // It is never shut for ever.
        if (probe === undefined) assert.notEqual(circuit.state(now + settings.cooldown), "open");
      }
    }),
    { numRuns: 200 },
  );
});

test("by default a target that is well again is back within half a minute, with a request every four seconds", () => {
  assert.ok(defaultCircuit.cooldown + 4000 < 30_000);
});

test("a probe of a circuit that was reset closes none that opened after it was sent", () => {
  const circuit = opened();
  const probe = circuit.takeProbe(600);
  assert.ok(probe !== undefined);
  circuit.reset();
  for (let index = 0; index < 3; index++) circuit.failed(700 + index, settings);
  assert.equal(circuit.succeeded(600, probe), false);
  assert.equal(circuit.state(710), "open");
  const next = circuit.takeProbe(1300);
  assert.equal(circuit.succeeded(1300, next), true);
});
