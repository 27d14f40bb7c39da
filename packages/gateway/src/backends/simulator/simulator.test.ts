import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { CanonicalRequest, GenerationRequest } from "../../kernel/request.ts";
import type { Flow } from "../types.ts";
import { sampleFor } from "./sample-json.ts";
import { SimulatorBackend } from "./simulator.ts";

const request = (model: string, more: Partial<GenerationRequest> = {}): GenerationRequest => ({
  operation: "generate",
  model,
  messages: [{ role: "user", parts: [{ type: "text", text: "Hello" }] }],
  tools: [],
  sampling: {},
  stream: true,
  ...more,
});

function play(asked: CanonicalRequest, options: object = {}): Promise<readonly AnswerEvent[]> {
  const events: AnswerEvent[] = [];
  return new Promise((resolve) => {
    new SimulatorBackend({ ...options }).run(asked, {
      event: (event) => {
        events.push(event);
        if (event.type === "failure") resolve(events);
      },
      end: () => resolve(events),
    });
  });
}

const textOf = (events: readonly AnswerEvent[]) =>
  events.map((event) => (event.type === "part-delta" ? event.text : "")).join("");

test("a reader that pauses hears nothing until it goes on, and then all of it", async () => {
  const events: AnswerEvent[] = [];
  let paused = false;
  let pauses = 0;
  let flow: Flow | undefined;
  await new Promise<void>((resolve) => {
    flow = new SimulatorBackend({}).run(request("huge"), {
      event: (event) => {
        assert.equal(paused, false);
        events.push(event);
        // The first events come before there are reins.
        if (flow === undefined || events.length % 20_000 !== 0) return;
        paused = true;
        pauses++;
        flow.pause();
        setTimeout(() => {
          paused = false;
          flow?.resume();
        }, 5);
      },
      end: resolve,
    });
  });
  assert.ok(pauses > 5);
  assert.equal(textOf(events), textOf(await play(request("huge"))));
});

test("one that is cancelled says nothing more", async () => {
  let count = 0;
  const flow = new SimulatorBackend({ firstToken: 20, rate: 1000 }).run(request("slow"), {
    event: () => count++,
    end: () => assert.fail("it went on"),
  });
  await new Promise((resolve) => setTimeout(resolve, 40));
  flow.cancel();
  const before = count;
  assert.ok(before > 0 && before < 60);
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(count, before);
});

test("one that stalls does not end when its reader pauses and goes on", async () => {
  const flow = new SimulatorBackend({}).run(request("stall"), {
    event: () => {},
    end: () => assert.fail("it ended"),
  });
  flow.pause();
  flow.resume();
  await new Promise((resolve) => setTimeout(resolve, 20));
  flow.cancel();
});

test("several answers are as many candidates, one after the other", async () => {
  const events = await play(request("lorem", { candidates: 3 }));
  const finishes = events.flatMap((event) => (event.type === "finish" ? [event.candidate] : []));
  assert.deepEqual(finishes, [0, 1, 2]);
});

test("vectors have a length of one, the wanted dimensions, and depend on the text", async () => {
  const embed = (inputs: readonly string[], dimensions?: number) =>
    play({ operation: "embed", model: "embed", inputs, ...(dimensions === undefined ? {} : { dimensions }) });
  const vectors = (await embed(["a", "b", "a"], 8)).flatMap((event) =>
    event.type === "embedding" ? [event.vector] : [],
  );
  assert.deepEqual(
    vectors.map((vector) => [vector.length, Math.hypot(...vector).toFixed(6)]),
    [1, 2, 3].map(() => [8, "1.000000"]),
  );
  assert.deepEqual(vectors[0], vectors[2]);
  assert.notDeepEqual(vectors[0], vectors[1]);
  const [refusal] = await embed(["a"], 100_000);
  assert.equal(refusal?.type === "failure" ? refusal.failure.kind : undefined, "bad-request");
});

test("unknown models, of texts and of vectors, are not found", async () => {
  for (const name of ["nothing", "__proto__", "constructor", "tool-text:nothing", "embed"]) {
    const [event] = await play(request(name));
    assert.equal(event?.type === "failure" ? event.failure.kind : undefined, "model-not-found", name);
  }
});

const schemas: readonly (readonly [schema: object | boolean, sample: unknown])[] = [
  [{ type: "string" }, "sample"],
  [{ type: "string", minLength: 9 }, "sample---"],
  [{ type: "integer", minimum: 4 }, 4],
  [{ type: ["null", "string"] }, null],
  [{ enum: ["b", "a"] }, "b"],
  [{ const: 7, type: "string" }, 7],
  [{ type: "string", default: "d" }, "d"],
  [{ anyOf: [{ type: "boolean" }, { type: "string" }] }, true],
  [{ type: "array", items: { type: "number" }, minItems: 2 }, [1, 1]],
  [{ type: "array", minItems: 1e9, items: { type: "null" } }, Array.from({ length: 10 }, () => null)],
  [
    { type: "object", properties: { a: { type: "string" }, b: { type: "integer" } } },
    { a: "sample", b: 1 },
  ],
  [{ $defs: { x: { const: "found" } }, properties: { a: { $ref: "#/$defs/x" } } }, { a: "found" }],
  [{ properties: { a: { $ref: "#/nowhere" } } }, { a: {} }],
  [JSON.parse('{"properties":{"__proto__":{"type":"string"}}}') as object, JSON.parse('{"__proto__":"sample"}')],
  [{}, {}],
  [true, {}],
];
for (const [schema, sample] of schemas) {
  test(`a sample of ${JSON.stringify(schema).slice(0, 80)}`, () => {
    assert.deepEqual(sampleFor(schema as never), sample);
  });
}

test("a schema that goes round in circles has a sample that ends", () => {
  const schema = { properties: { next: { $ref: "#" } } };
  assert.ok(JSON.stringify(sampleFor(schema)).length < 500);
});
