import assert from "node:assert/strict";
import { test } from "node:test";
import fastCheck from "fast-check";
import { Circuit, defaultCircuit } from "./circuit.ts";

const settings = { failures: 3, window: 1000, cooldown: 500 };

function opened(): Circuit {
  const circuit = new Circuit();
  for (let index = 0; index < 3; index++) circuit.failed(index, settings, false);
  return circuit;
}

test("it opens when so many failures fall into the window", () => {
  const circuit = new Circuit();
  assert.equal(circuit.failed(0, settings, false), false);
  assert.equal(circuit.failed(600, settings, false), false);
  assert.equal(circuit.failed(1100, settings, false), false, "the first is too long ago");
  assert.equal(circuit.state(1100), "closed");
  assert.equal(circuit.failed(1500, settings, false), true);
  assert.deepEqual([circuit.state(1500), circuit.state(1999), circuit.state(2000)], ["open", "open", "half-open"]);
  assert.equal(circuit.wait(1600), 400);
});

test("a busy target with a rare fault stays in use", () => {
  const circuit = new Circuit();
  for (let time = 0; time < 500; time += 5) {
    for (let index = 0; index < 9; index++) circuit.succeeded();
    assert.equal(circuit.failed(time, settings, false), false);
  }
  assert.equal(circuit.state(500), "closed");
});

test("as many successes as failures do not keep it closed", () => {
  const circuit = new Circuit();
  for (let index = 0; index < 3; index++) {
    circuit.succeeded();
    circuit.failed(index, settings, false);
  }
  assert.equal(circuit.state(3), "open");
});

test("one probe at a time is let through", () => {
  const circuit = opened();
  assert.equal(circuit.takeProbe(400), false);
  assert.equal(circuit.takeProbe(600), true);
  assert.equal(circuit.state(600), "open", "for everybody else");
  assert.equal(circuit.takeProbe(600), false);
  circuit.returnProbe();
  assert.equal(circuit.takeProbe(700), true);
});

test("a probe's success closes it and forgets the failures", () => {
  const circuit = opened();
  circuit.takeProbe(600);
  assert.equal(circuit.succeeded(), true);
  assert.equal(circuit.state(600), "closed");
  assert.equal(circuit.failed(601, settings, false), false);
  assert.equal(circuit.succeeded(), false);
});

test("a probe's failure opens it for as long again", () => {
  const circuit = opened();
  circuit.takeProbe(600);
  assert.equal(circuit.failed(700, settings, false), false, "a straggler shows nothing");
  assert.equal(circuit.failed(700, settings, true), true);
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
      let probes = 0;
      for (const { what, pass } of steps) {
        now += pass;
        if (what === "ask" && circuit.takeProbe(now)) probes++;
        if (what === "fail") {
          circuit.failed(now, settings, probes > 0);
          probes = 0;
        }
        if (what === "vanish" && probes > 0) {
          circuit.returnProbe();
          probes = 0;
        }
        if (what === "succeed") {
          circuit.succeeded();
          probes = 0;
          assert.equal(circuit.state(now), "closed");
        }
        assert.ok(probes <= 1);
        if (probes === 1) assert.equal(circuit.state(now), "open");
        // It is never shut for ever.
        if (probes === 0) assert.notEqual(circuit.state(now + settings.cooldown), "open");
      }
    }),
    { numRuns: 200 },
  );
});

test("by default a target that is well again is back within half a minute, with a request every four seconds", () => {
  assert.ok(defaultCircuit.cooldown + 4000 < 30_000);
});
