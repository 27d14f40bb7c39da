import assert from "node:assert/strict";
import { test } from "node:test";
import fastCheck from "fast-check";
import { Latency } from "./latency.ts";

test("nothing is known before the first answer", () => {
  const latency = new Latency();
  assert.deepEqual([latency.peak(0), latency.tail], [undefined, undefined]);
});

test("a slow answer counts at once, and less and less as time goes by", () => {
  const latency = new Latency();
  for (let index = 0; index < 20; index++) latency.observe(100, index);
  latency.observe(5000, 20);
  assert.equal(latency.peak(20), 5000);
  const later = [30_020, 60_020, 600_020].map((now) => latency.peak(now) ?? 0);
  assert.ok((later[0] ?? 0) < 2500 && (later[1] ?? 0) < (later[0] ?? 0), String(later));
  assert.ok((later[2] ?? 0) > 100 && (later[2] ?? 0) < 800, String(later));
});

test("a fast answer does not make a slow one forgotten", () => {
  const latency = new Latency();
  latency.observe(5000, 0);
  latency.observe(100, 10);
  assert.ok((latency.peak(10) ?? 0) > 4900);
});

test("nearly no answer exceeds the tail", () => {
  const latency = new Latency();
  for (let index = 0; index < 200; index++) latency.observe(1000 + (index % 5) * 100, index);
  assert.ok((latency.tail ?? 0) > 1400 && (latency.tail ?? 0) < 2000, String(latency.tail));
});

test("the peak is never beyond what was observed", () => {
  const observation = fastCheck.tuple(fastCheck.integer({ min: 0, max: 60_000 }), fastCheck.nat(10_000));
  fastCheck.assert(
    fastCheck.property(fastCheck.array(observation, { minLength: 1, maxLength: 40 }), (observations) => {
      const latency = new Latency();
      let now = 0;
      for (const [value, pass] of observations) latency.observe(value, (now += pass));
      const values = observations.map(([value]) => value);
      const peak = latency.peak(now) ?? -1;
      assert.ok(peak >= Math.min(...values) - 1e-6 && peak <= Math.max(...values) + 1e-6);
    }),
    { numRuns: 200 },
  );
});
