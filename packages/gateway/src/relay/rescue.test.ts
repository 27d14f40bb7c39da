import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fastCheck from "fast-check";
import { Rig } from "./rig.test.ts";
import { chunk, json } from "./support.test.ts";
import type { SceneOptions } from "./support.test.ts";

const words = Array.from({ length: 60 }, (_, index) => `word${index} `);
const whole = words.join("");
const continuing = (more: SceneOptions = {}): Rig =>
  new Rig({ ...more, model: { rescue: "continue", ...more.model } }).start();

describe("continue", () => {
  test("a cut answer is asked for afresh and joined where it agrees", () => {
    using rig = continuing();
    rig.says(words.slice(0, 40), "reset");
    assert.equal(rig.sends, 2);
    assert.equal(rig.sent.messages.length, 1, "nothing is put into its mouth");
    rig.says(words, "finish");
    assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
    const [report] = rig.scene.observer.exchanges;
    assert.deepEqual(
      [report?.status, report?.attempts, report?.rescued, report?.endpoint, report?.sight],
      [200, 2, true, "second", "translate"],
    );
    assert.deepEqual(
      rig.scene.observer.attempts.map(({ failure: why }) => why?.kind),
      ["broken-stream", undefined],
    );
    assert.deepEqual(rig.scene.client.faults, []);
  });

  test("a model that is declared to do so goes on behind what was told, without the blank at its end", () => {
    using rig = continuing({ prefill: true });
    rig.says(words.slice(0, 40), "reset");
    assert.deepEqual(rig.sent.messages.at(-1), { role: "assistant", content: words.slice(0, 40).join("").trimEnd() });
    rig.says([" ", ...words.slice(40)], "finish");
    assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
  });

  test("one that refuses the prefill is asked afresh", () => {
    using rig = continuing({ prefill: true });
    rig.says(words.slice(0, 40), "reset");
    rig.call.head(400, json);
    rig.call.data(JSON.stringify({ error: { message: "Prefill is not supported.", type: "invalid_request_error" } }));
    rig.call.end();
    assert.equal(rig.sends, 3);
    assert.equal(rig.sent.messages.length, 1);
    rig.says(words, "finish");
    assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
  });

  test("one that ignores the prefill is asked afresh, even behind its last attempt", () => {
    using rig = continuing({ prefill: true, model: { attempts: 2 } });
    rig.says(words.slice(0, 40), "reset");
    rig.says(words.slice(0, 10));
    assert.deepEqual([rig.sends, rig.sent.messages.length], [3, 1]);
    rig.says(words, "finish");
    assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
  });

  test("an answer that fails behind its finish is whole", () => {
    using rig = continuing();
    rig.says(words);
    rig.call.data(chunk({}, "stop"));
    rig.call.data('data: {"error":{"message":"oh","code":"server_error"}}\n\n');
    rig.call.end();
    assert.equal(rig.sends, 1);
    assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
    assert.ok(rig.scene.client.body.endsWith("data: [DONE]\n\n"));
  });

  test("a lone target is asked again only as far as the budget of retries goes", () => {
    using rig = continuing({ endpoints: ["only"] });
    const { health, clock } = rig.scene.context;
    while (health.budget.has(clock.monotonic())) health.budget.spend(clock.monotonic());
    rig.says(words.slice(0, 40), "reset");
    assert.deepEqual([rig.sends, rig.told.finished], [1, false]);
    assert.notEqual(rig.told.error, undefined);
    assert.equal(rig.scene.observer.exchanges[0]?.rescued, false, "it was not");
  });

  test("what fails before it has begun is treated as ever: a server's error is waited for and tried again", () => {
    using rig = continuing({ endpoints: ["only"] });
    rig.says(words.slice(0, 40), "reset");
    rig.call.head(503, json);
    rig.call.data('{"error":{"message":"busy"}}');
    rig.call.end();
    rig.pass(1000);
    assert.equal(rig.sends, 3);
    rig.says(words, "finish");
    assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
  });

  const malformed = "data: {broken\n\n";
  const many = (texts: readonly string[]) => texts.map((text) => chunk({ content: text })).join("");

  test("an attempt that fails with its first bytes has told nothing: any other answer takes its place", () => {
    using rig = continuing();
    rig.says([]);
    rig.call.data(many(words.slice(0, 5)) + malformed);
    rig.says(["another ", "answer"], "finish");
    assert.deepEqual(rig.told, { text: "another answer", error: undefined, finished: true });
    assert.equal(rig.scene.client.headers.get("x-patchbay-endpoint"), "second");
  });

  test("what goes on and fails with its first bytes has told nothing either", () => {
    using rig = continuing();
    rig.says(words.slice(0, 40), "reset");
    rig.says([]);
    rig.call.data(many(words.slice(0, 50)) + malformed);
    rig.says(words, "finish");
    assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
  });

  test("what a whole body that has no finish says is told, and completed by the next", () => {
    using rig = continuing();
    rig.call.head(200, json);
    rig.call.data(JSON.stringify({ choices: [{ index: 0, message: { role: "assistant", content: "one two" } }] }));
    rig.call.end();
    rig.says(["one two three"], "finish");
    assert.deepEqual(rig.told, { text: "one two three", error: undefined, finished: true });
  });

  test("what a broken attempt reported to have used is on record, and not on the bill", () => {
    using rig = continuing();
    const usage = (tokens: number) =>
      `data: {"choices":[],"usage":{"prompt_tokens":${tokens},"completion_tokens":1}}\n\n`;
    rig.says(words.slice(0, 40));
    rig.call.data(usage(7));
    rig.call.fail("broken-stream");
    rig.says(words);
    rig.call.data(`${chunk({}, "stop")}${usage(9)}data: [DONE]\n\n`);
    rig.call.end();
    const [report] = rig.scene.observer.exchanges;
    assert.deepEqual(report?.usage, { inputTokens: 9, outputTokens: 1 });
    assert.deepEqual(report.tried, [
      { endpoint: "first", model: "actual", failure: "broken-stream", usage: { inputTokens: 7, outputTokens: 1 } },
    ]);
  });

  test("a client that reads slowly slows down whoever goes on, too", () => {
    using rig = continuing();
    rig.scene.client.takes = false;
    rig.says(words.slice(0, 40), "reset");
    rig.says(words.slice(0, 50));
    assert.equal(rig.call.paused, true);
    rig.scene.client.drain();
    assert.equal(rig.call.paused, false);
  });

  test("the trailers name who completed the answer", () => {
    using rig = continuing();
    rig.says(words.slice(0, 40), "reset");
    rig.says(words, "finish");
    assert.equal(rig.scene.client.headers.get("x-patchbay-endpoint"), "first");
    assert.deepEqual(rig.scene.client.trailers, [
      "x-patchbay-attempts",
      "2",
      "x-patchbay-rescued",
      "true",
      "x-patchbay-endpoint",
      "second",
      "x-patchbay-model",
      "actual",
    ]);
  });

  test("a request that asks for reasoning is asked afresh even so", () => {
    using rig = continuing({ prefill: true, body: { reasoning_effort: "high" } });
    rig.says(words.slice(0, 40), "reset");
    assert.equal(rig.sent.messages.length, 1);
  });

  test("an answer that takes another course is given up for the next one, and in the end told of", () => {
    using rig = continuing();
    rig.says(words.slice(0, 40), "reset");
    rig.says(["something else altogether"]);
    assert.equal(rig.call.over, undefined);
    assert.equal(rig.sends, 3, "the first target once more");
    rig.says(["again something else"]);
    assert.equal(rig.told.text, words.slice(0, 40).join(""));
    assert.equal(rig.told.finished, false);
    assert.match(rig.told.error ?? "", /The test says so/);
  });

  const breaks: readonly (readonly [name: string, how: (rig: Rig) => void])[] = [
    ["a clean end without a finish", (rig) => rig.call.end()],
    ["a malformed event", (rig) => rig.call.data("data: {broken\n\n")],
    ["an error event", (rig) => rig.call.data('data: {"error":{"message":"oh","code":"server_error"}}\n\n')],
    ["silence", (rig) => rig.pass(600)],
  ];
  for (const [name, how] of breaks) {
    test(`goes on after ${name}`, () => {
      using rig = continuing();
      rig.says(words.slice(0, 40));
      how(rig);
      assert.equal(rig.sends, 2);
      rig.says(words, "finish");
      assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
    });
  }

  test("a content filter ends the answer, also that of the second attempt", () => {
    const filtered = 'data: {"error":{"message":"filtered","code":"content_filter"}}\n\n';
    using first = continuing();
    first.says(words.slice(0, 3));
    first.call.data(filtered);
    assert.deepEqual([first.sends, first.told.error], [1, "filtered"]);
    first[Symbol.dispose]();
    using second = continuing();
    second.says(words.slice(0, 3), "reset");
    second.says([]);
    second.call.data(filtered);
    assert.deepEqual([second.sends, second.told.error], [2, "filtered"]);
  });

  test("a lone target is asked again, but not when it fell silent", () => {
    using rig = continuing({ endpoints: ["only"] });
    rig.says(words.slice(0, 40), "reset");
    assert.equal(rig.sends, 2);
    rig.says(words.slice(0, 50));
    rig.pass(600);
    assert.equal(rig.sends, 2);
    assert.deepEqual([rig.told.text, rig.told.finished], [words.slice(0, 50).join(""), false]);
  });

  test("a broken call is made again, and told once", () => {
    using rig = continuing();
    const call = (id: string, piece: string, name?: string) =>
      chunk({ tool_calls: [{ index: 0, id, type: "function", function: { name, arguments: piece } }] });
    rig.says(["I look. "]);
    rig.call.data(call("one", '{"path":', "read"));
    rig.call.fail("broken-stream");
    rig.says(["I look. "]);
    rig.call.data(call("two", '{"path":"x"}', "read"));
    rig.call.data(`${chunk({}, "tool_calls")}data: [DONE]\n\n`);
    assert.equal(rig.told.text, "I look. ");
    assert.equal(rig.scene.client.body.split('"name":"read"').length, 2);
    assert.ok(rig.scene.client.body.includes('"two"') && !rig.scene.client.body.includes('"one"'));
    assert.equal(rig.told.finished, true);
  });

  test("whatever is cut where, and whatever comes behind: a whole answer, or the beginning of one and an error", () => {
    const texts = fastCheck.array(
      fastCheck.string({ unit: fastCheck.constantFrom("a", "b", " "), minLength: 1, maxLength: 3 }),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    fastCheck.assert(
      fastCheck.property(texts, fastCheck.nat(8), texts, fastCheck.boolean(), (first, cut, other, agrees) => {
        using rig = continuing({ model: { attempts: 2 } });
        const told = first.slice(0, cut).join("");
        rig.says(first.slice(0, cut), "reset");
        const second = agrees ? [told, ...other] : other;
        rig.says(second, "finish");
        const answer = second.join("");
        const expected = answer.startsWith(told) ? answer : told;
        assert.equal(rig.told.text, expected);
        assert.equal(rig.told.finished, answer.startsWith(told));
        assert.equal(rig.told.error === undefined, rig.told.finished);
        assert.deepEqual(rig.scene.client.faults, []);
      }),
      { numRuns: 100 },
    );
  });
});

describe("hold", () => {
  const holding = (more: SceneOptions = {}): Rig => new Rig({ ...more, model: { rescue: "hold" } }).start();

  test("nothing is sent before the answer is complete, but for comments", () => {
    using rig = holding();
    rig.says(words.slice(0, 40));
    assert.equal(rig.scene.client.state, "waiting");
    rig.pass(400);
    assert.equal(rig.scene.client.body.replaceAll(/^:.*\n\n/gm, ""), "");
    assert.equal(rig.scene.client.state, "open");
    rig.says(words.slice(40), "finish");
    assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
    assert.equal(rig.scene.observer.exchanges[0]?.rescued, false);
  });

  test("an answer that breaks off is forgotten, and the next target's is the client's", () => {
    using rig = holding();
    rig.says(words.slice(0, 40), "reset");
    rig.says(["another ", "answer"], "finish");
    assert.deepEqual(rig.told, { text: "another answer", error: undefined, finished: true });
    assert.equal(rig.scene.client.headers.get("x-patchbay-endpoint"), "second");
    assert.equal(rig.scene.client.headers.get("x-patchbay-rescued"), "true");
    assert.deepEqual(
      rig.scene.observer.exchanges.map(({ sight, rescued, attempts }) => [sight, rescued, attempts]),
      [["tap", true, 2]],
    );
  });

  test("an answer that merely ends is not taken for complete, even where bytes are to pass unread", () => {
    using rig = new Rig({ relay: "always", model: { rescue: "hold" } }).start();
    rig.says(words.slice(0, 40));
    rig.call.end();
    assert.equal(rig.sends, 2);
    rig.says(words, "finish");
    assert.deepEqual(rig.told, { text: whole, error: undefined, finished: true });
  });

  test("an answer that is too large to be held is sent on", () => {
    using rig = holding({ settings: { answer: 1000 } });
    rig.says(words.slice(0, 40));
    assert.ok(rig.told.text.length > 0);
    rig.call.fail("broken-stream");
    assert.equal(rig.sends, 1);
    assert.match(rig.told.error ?? "", /The test says so/);
  });
});

describe("off and error", () => {
  test("off breaks the connection as the upstream did", () => {
    using rig = new Rig({ model: { rescue: "off" } }).start();
    rig.says(words.slice(0, 40), "reset");
    assert.equal(rig.scene.client.state, "destroyed");
    assert.equal(rig.told.error, undefined);
    assert.deepEqual(
      rig.scene.observer.exchanges.map(({ status, failure: why }) => [status, why?.kind]),
      [[502, "broken-stream"]],
    );
  });

  test("error, which is the default, tells of it in the stream and asks nobody else", () => {
    using rig = new Rig({}).start();
    rig.says(words.slice(0, 40), "reset");
    assert.deepEqual([rig.sends, rig.scene.client.state], [1, "ended"]);
    assert.deepEqual(rig.told, { text: words.slice(0, 40).join(""), error: "The test says so.", finished: false });
  });
});
