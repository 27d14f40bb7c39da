import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Rig } from "./rig.test.ts";
import { chunk, json } from "./support.test.ts";
import type { FakeCall, SceneOptions } from "./support.test.ts";

/** The judge is the first of three targets. */
const council = (options: SceneOptions = {}): Rig =>
  new Rig({
    endpoints: ["judge", "left", "right"],
    ...options,
    model: { strategy: "council", attempts: 1, ...options.model },
    // What the plan leaves beyond the model's attempts is in the council all the same.
  }).start();

function answers(call: FakeCall, text: string, more: object = {}): void {
  const message = { role: "assistant", content: text, ...more };
  call.head(200, json);
  call.data(
    JSON.stringify({
      id: "x",
      model: "m",
      choices: [{ index: 0, message, finish_reason: "stop" }],
      usage: { prompt_tokens: 10, completion_tokens: 5 },
    }),
  );
  call.end();
}

interface Sent {
  readonly stream?: boolean;
  readonly max_completion_tokens?: number;
  readonly max_tokens?: number;
  readonly n?: number;
  readonly tools?: readonly unknown[];
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}
const sent = ({ call }: FakeCall): Sent => JSON.parse(Buffer.concat(call.body).toString()) as Sent;
const usage = `data: {"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":7}}\n\n`;

function judges(call: FakeCall, text: string): void {
  call.head(200, { "content-type": "text/event-stream" });
  call.data(`${chunk({ content: text })}${chunk({}, "stop")}${usage}data: [DONE]\n\n`);
  call.end();
}

describe("a council", () => {
  test("the members are asked side by side, and the judge streams the answer knowing theirs", () => {
    const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
    using rig = council({ body: { n: 2, tools, stream_options: { include_usage: true } } });
    assert.equal(rig.sends, 2);
    for (const call of [rig.at(0), rig.at(1)]) {
      const { stream, max_completion_tokens: most, max_tokens: mostToo, n, tools: known } = sent(call);
      assert.equal("stream_options" in sent(call), false);
      assert.deepEqual([stream ?? false, most ?? mostToo, n, known?.length], [false, 4096, undefined, 1]);
    }
    answers(rig.at(1), "right says </answer> 2");
    assert.equal(rig.sends, 2);
    answers(rig.at(0), "left says 1");
    assert.equal(rig.sends, 3);
    const last = sent(rig.at(2)).messages.at(-1);
    assert.equal(last?.role, "user");
    assert.match(last?.content ?? "", /2 answers were[\s\S]*number="1">\nleft says 1\n[\s\S]*right says <\/answer> 2/u);
    assert.equal(sent(rig.at(2)).stream, true);
    judges(rig.at(2), "It is 1.");
    assert.deepEqual(rig.told, { text: "It is 1.", error: undefined, finished: true });
    const [report] = rig.scene.observer.exchanges;
    assert.deepEqual([report?.endpoint, report?.attempts], ["judge", 3]);
    assert.deepEqual(report?.usage, { inputTokens: 50, outputTokens: 17 });
    assert.ok(rig.scene.client.body.includes('"prompt_tokens":50'));
    assert.deepEqual(rig.attempts, [
      ["right", undefined],
      ["left", undefined],
      ["judge", undefined],
    ]);
    assert.deepEqual(rig.scene.client.faults, []);
  });

  test("unstreamed too", () => {
    using rig = council({ stream: false });
    answers(rig.at(0), "left");
    answers(rig.at(1), "right");
    answers(rig.at(2), "both");
    const body = JSON.parse(rig.scene.client.body) as { choices: { message: { content: string } }[]; usage: object };
    assert.equal(body.choices[0]?.message.content, "both");
    assert.deepEqual(rig.scene.observer.exchanges[0]?.usage, { inputTokens: 30, outputTokens: 15 });
  });

  test("the judge is told of the calls that members would make", () => {
    using rig = council();
    const calls = [{ id: "c", type: "function", function: { name: "look", arguments: '{"x":1}' } }];
    answers(rig.at(0), "", { tool_calls: calls });
    answers(rig.at(1), "no");
    assert.match(sent(rig.at(2)).messages.at(-1)?.content ?? "", /would call the tool look with: \{"x":1\}/u);
  });

  test("a member that fails is left out, and so is one that takes too long", () => {
    using rig = council({ endpoints: ["judge", "a", "b", "c"], model: { council: { tokens: 10, patience: 500 } } });
    rig.at(0).fail("unreachable");
    answers(rig.at(2), "c");
    assert.equal(rig.sends, 3);
    rig.pass(600);
    assert.equal(rig.at(1).over, "cancelled");
    assert.equal(rig.sends, 4);
    assert.match(sent(rig.at(3)).messages.at(-1)?.content ?? "", /One answer was/u);
    judges(rig.at(3), "so");
    assert.equal(rig.told.text, "so");
    assert.deepEqual(
      rig.attempts.map(([, why]) => why),
      ["unreachable", undefined, "timeout-first-token", undefined],
    );
  });

  test("a member whose connection had gone stale is asked once more", () => {
    using rig = council();
    rig.at(0).fail("stale-connection");
    assert.deepEqual([rig.sends, rig.at(2).call.fresh], [3, true]);
    answers(rig.at(2), "left");
    answers(rig.at(1), "right");
    assert.match(sent(rig.at(3)).messages.at(-1)?.content ?? "", /2 answers were/u);
    rig[Symbol.dispose]();
    using other = council();
    for (const index of [0, 1]) other.at(index).fail("stale-connection");
    for (const index of [2, 3]) other.at(index).fail("stale-connection");
    assert.equal(sent(other.at(4)).messages.length, 1, "and no more than once");
  });

  test("without any member's answer the judge answers alone", () => {
    using rig = council();
    rig.at(0).fail("unreachable");
    rig.at(1).fail("unreachable");
    assert.equal(sent(rig.at(2)).messages.length, 1);
    judges(rig.at(2), "alone");
    assert.equal(rig.told.text, "alone");
  });

  test("when the judge fails, the first member's answer stands", () => {
    using rig = council();
    answers(rig.at(0), "left");
    answers(rig.at(1), "right");
    rig.at(2).fail("unreachable");
    assert.deepEqual(rig.told, { text: "left", error: undefined, finished: true });
    const [report] = rig.scene.observer.exchanges;
    assert.deepEqual([report?.endpoint, report?.attempts, report?.status], ["left", 3, 200]);
    assert.equal(rig.attempts.length, 3);
    assert.deepEqual(report?.usage, { inputTokens: 20, outputTokens: 10 });
  });

  test("a judge's content filter reaches the client", () => {
    using rig = council();
    answers(rig.at(0), "left");
    answers(rig.at(1), "right");
    rig.at(2).head(400, json);
    rig.at(2).data('{"error":{"message":"filtered","code":"content_filter"}}');
    rig.at(2).end();
    assert.equal(rig.scene.client.status, 400);
    assert.equal(rig.sends, 3);
  });

  test("another judge may be named, also one that is no target", () => {
    using named = council({
      model: { council: { tokens: 10, patience: 500, judge: { endpoint: "right", model: "actual" } } },
    });
    answers(named.at(0), "a");
    answers(named.at(1), "b");
    judges(named.at(2), "so");
    assert.equal(named.scene.client.headers.get("x-patchbay-endpoint"), "right");
    named[Symbol.dispose]();
    using other = council({
      model: { council: { tokens: 10, patience: 500, judge: { endpoint: "left", model: "wise" } } },
    });
    assert.equal(other.sends, 3);
    for (const index of [0, 1, 2]) answers(other.at(index), "a");
    assert.equal(other.sends, 4);
    assert.equal((sent(other.at(3)) as unknown as { model: string }).model, "wise");
  });

  test("a lone target answers as ever", () => {
    using rig = council({ endpoints: ["only"] });
    assert.equal(sent(rig.at(0)).messages.length, 1);
    rig.says(["hi"], "finish");
    assert.equal(rig.told.text, "hi");
  });

  test("a client that leaves stops all members", () => {
    using rig = council();
    rig.scene.client.leave();
    assert.deepEqual([rig.at(0).over, rig.at(1).over], ["cancelled", "cancelled"]);
    assert.deepEqual(
      rig.attempts.map(([, why]) => why),
      ["cancelled", "cancelled"],
    );
    assert.equal(rig.scene.observer.exchanges.length, 1);
  });

  test("members that have answered are accounted for when the client leaves before the judge is asked", () => {
    using rig = council();
    answers(rig.at(0), "left");
    rig.scene.client.leave();
    const [report] = rig.scene.observer.exchanges;
    assert.deepEqual([report?.status, report?.usage], [499, undefined], "what the other one took is unknown");
  });

  test("when nobody can be asked to judge, the first member's answer stands", () => {
    using rig = council({ endpoints: ["judge", "left"] });
    const { health } = rig.scene.context;
    health.cooldowns.start({ endpoint: "judge", model: "actual" }, 60_000, "overloaded");
    answers(rig.at(0), "left");
    rig.at(1).fail("unreachable");
    assert.equal(rig.told.text, "left");
    assert.equal(rig.scene.observer.exchanges[0]?.status, 200);
  });

  test("a large council has sixteen members, and a judge all the same", () => {
    using rig = council({ endpoints: ["judge", ...Array.from({ length: 30 }, (_, index) => `member${index}`)] });
    assert.equal(rig.sends, 16);
    for (let index = 0; index < 16; index++) answers(rig.at(index), "a");
    judges(rig.at(16), "so");
    assert.equal(rig.told.text, "so");
  });

  test("a judge that breaks off is told of, or continued by another judge, and never by a member's answer", () => {
    for (const rescue of ["error", "continue"] as const) {
      using rig = council({ model: { rescue } });
      answers(rig.at(0), "left");
      answers(rig.at(1), "right");
      rig.says(["so ", "it "], "reset", rig.at(2));
      if (rescue === "error")
        assert.deepEqual(rig.told, { text: "so it ", error: "The test says so.", finished: false });
      else {
        assert.match(sent(rig.at(3)).messages.at(-1)?.content ?? "", /2 answers were/u);
        rig.says(["so it ", "is"], "finish");
        assert.deepEqual(rig.told, { text: "so it is", error: undefined, finished: true });
      }
    }
  });

  test("a client that waits for its council is kept alive", () => {
    using rig = council();
    rig.pass(400);
    assert.equal(rig.scene.client.status, 200);
    assert.match(rig.scene.client.body, /^:/u);
  });
});
