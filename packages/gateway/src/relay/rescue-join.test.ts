import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fastCheck from "fast-check";
import type { AnswerEvent, PartHead } from "../kernel/event.ts";
import { Join, Told } from "./rescue-join.ts";

/** A part of an answer, in no protocol's words. */
interface Said {
  readonly type: "text" | "refusal" | "reasoning" | "call";
  readonly text: string;
}

const text = (said: string): Said => ({ type: "text", text: said });
const reasoning = (said: string): Said => ({ type: "reasoning", text: said });
const call = (said: string): Said => ({ type: "call", text: said });

/** The events of an answer, letter by letter. Ids of calls differ from attempt to attempt. */
function answer(parts: readonly Said[], id = "a"): AnswerEvent[] {
  const events = parts.flatMap(({ type, text: said }, part): AnswerEvent[] => {
    const head: PartHead =
      type === "call" ? { type: "tool-call", id: `${id}-${part}`, name: "look", tool: "function" } : { type };
    return [
      { type: "part-start", candidate: 0, part, head },
      ...Array.from(said, (letter): AnswerEvent => ({ type: "part-delta", candidate: 0, part, text: letter })),
      { type: "part-end", candidate: 0, part },
    ];
  });
  const finish: AnswerEvent = { type: "finish", candidate: 0, reason: { unified: "stop", raw: "stop" } };
  return [{ type: "start", id }, ...events, finish];
}

/** What a client makes of events, and what is wrong with their order. */
function read(events: readonly AnswerEvent[]) {
  const parts: { type: string; text: string; ended: boolean }[] = [];
  const faults: string[] = [];
  let starts = 0;
  let finished = false;
  let failed = false;
  for (const event of events) {
    if (finished || failed) faults.push(`${event.type} behind the end`);
    if (event.type === "start") starts++;
    if (event.type === "failure") failed = true;
    if (event.type === "part-start") {
      if (event.part !== parts.length) faults.push(`part ${event.part} follows part ${parts.length - 1}`);
      parts.push({ type: event.head.type === "tool-call" ? "call" : event.head.type, text: "", ended: false });
    }
    if (event.type === "part-delta" || event.type === "part-end") {
      const part = parts[event.part];
      if (part === undefined || part.ended) faults.push(`${event.type} of a part that is not open`);
      else if (event.type === "part-end") part.ended = true;
      else part.text += event.text;
    }
    if (event.type === "finish") {
      finished = true;
      if (parts.some(({ ended }) => !ended)) faults.push("an open part at the finish");
    }
  }
  if (starts > 1) faults.push("two starts");
  return { said: parts.map(({ type, text: said }) => ({ type, text: said })), faults, finished, failed };
}

/** Attempts one after the other, each cut after so many events but for the last. */
function joined(attempts: readonly { readonly events: readonly AnswerEvent[]; readonly prefix?: string }[]) {
  const told = new Told(10_000);
  const out: AnswerEvent[] = [];
  for (const { events, prefix } of attempts) {
    const join = new Join(told, { limit: 10_000, prefix });
    for (const event of events) {
      const next = join.push(event);
      out.push(...next);
      if (next.some(({ type }) => type === "failure")) return read(out);
    }
  }
  return read(out);
}

/** The answer cut after so many events, and another one behind it. */
const broken = (first: readonly Said[], cut: number, second: readonly Said[]) =>
  joined([{ events: answer(first).slice(0, cut) }, { events: answer(second, "b") }]);

const long = "It was a bright cold day in April, and the clocks were striking thirteen.";

describe("an answer that is asked for afresh", () => {
  test("the same answer is told once, wherever the first one broke off", () => {
    const whole = [reasoning("so"), text("Let me see."), call('{"x":1}'), call('{"y":2}')];
    for (let cut = 0; cut < answer(whole).length; cut++) {
      const { said, faults, finished } = broken(whole, cut, whole);
      assert.deepEqual({ said, faults, finished }, { said: whole, faults: [], finished: true }, `cut after ${cut}`);
    }
  });

  const cases: readonly (readonly [name: string, first: readonly Said[], cut: number, second: readonly Said[]])[] = [
    ["another text", [text("one two")], 6, [text("one, two")]],
    ["a shorter text", [text("one two")], 8, [text("one")]],
    ["a call in place of a text", [text("one")], 4, [call("{}")]],
    ["a refusal in place of a text", [text("one")], 4, [{ type: "refusal", text: "one" }]],
    [
      "a longer text where the call should come",
      [text("one"), call("{}"), text("x")],
      11,
      [text("one two"), call("{}")],
    ],
    ["other arguments of a call that was told", [call('{"x":1}'), text("x")], 13, [call('{"x":2}')]],
    ["no call any more", [text("one"), call("{}"), text("x")], 12, [text("one")]],
  ];
  for (const [name, first, cut, second] of cases) {
    test(`ends in a failure: ${name}`, () => {
      const { faults, finished, failed } = broken(first, cut, second);
      assert.deepEqual({ faults, finished, failed }, { faults: [], finished: false, failed: true });
    });
  }

  test("a call that was begun is made again, and may be another one", () => {
    const { said, finished } = broken([text("one"), call('{"x":1}')], 10, [text("one"), call('{"z":true}')]);
    assert.deepEqual([said, finished], [[text("one"), call('{"z":true}')], true]);
  });

  test("a call whose arguments differ in blanks only is the same", () => {
    const { said, finished } = broken([call('{"x":1}'), text("ab")], 13, [call('{ "x": 1 }'), text("abc")]);
    assert.deepEqual([said, finished], [[call('{"x":1}'), text("abc")], true]);
  });

  test("other thoughts are shown while nothing else was, and not behind a text", () => {
    const second = [reasoning("why"), text("one")];
    const early = broken([reasoning("who")], 5, second);
    assert.deepEqual([early.said, early.faults], [[reasoning("who"), reasoning("why"), text("one")], []]);
    const late = broken([reasoning("who"), text("one")], 8, second);
    assert.deepEqual([late.said, late.faults, late.finished], [[reasoning("who"), text("one")], [], true]);
  });

  test("an answer of which something cannot be compared is not joined", () => {
    const told = new Told(10_000);
    const join = new Join(told, { limit: 10_000 });
    join.push({ type: "part-start", candidate: 1, part: 0, head: { type: "text" } });
    assert.equal(told.isBeyondJoining, true);
  });

  test("more than is remembered is not joined, and larger calls than that end in a failure", () => {
    const told = new Told(10);
    const join = new Join(told, { limit: 10 });
    for (const event of answer([text("12345678901")])) join.push(event);
    assert.equal(told.isBeyondJoining, true);
    const calls = answer([call("12345678901")]);
    const greedy = new Join(new Told(10), { limit: 10 });
    assert.ok(calls.flatMap((event) => greedy.push(event)).some(({ type }) => type === "failure"));
  });
});

describe("what stands beside the texts", () => {
  const head: PartHead = { type: "text" };
  const start = (id: string): AnswerEvent => ({ type: "start", id });
  const said = (letters: string): AnswerEvent[] => [
    { type: "part-start", candidate: 0, part: 0, head },
    { type: "part-delta", candidate: 0, part: 0, text: letters },
  ];
  const note = (value: string): AnswerEvent => ({
    type: "extra",
    candidate: 0,
    extra: [{ protocol: "openai-chat", fields: { note: value } }] as never,
  });
  /** What each attempt tells of its events. */
  const each = (...attempts: readonly (readonly AnswerEvent[])[]): AnswerEvent[][] => {
    const told = new Told(10_000);
    return attempts.map((events) => {
      const join = new Join(told, { limit: 10_000 });
      return events.flatMap((event) => join.push(event));
    });
  };

  test("nothing is told of an attempt that has nothing to say yet: the next one takes its place", () => {
    const usage: AnswerEvent = { type: "usage", usage: { inputTokens: 5 } };
    const begun: AnswerEvent = {
      type: "part-start",
      candidate: 0,
      part: 0,
      head: { type: "tool-call", id: "c", name: "look", tool: "function" },
    };
    const [first, second] = each([start("a"), usage, begun], [start("b"), ...said("hi")]);
    assert.deepEqual(first, []);
    assert.deepEqual(second, [start("b"), ...said("hi")]);
  });

  test("a text that says nothing takes no part, but for the state that it may hold", () => {
    const empty = (part: number, keep?: string): AnswerEvent[] => [
      { type: "part-start", candidate: 0, part, head },
      { type: "part-end", candidate: 0, part, ...(keep !== undefined && { keep: { gemini: { signature: keep } } }) },
    ];
    const whole = [call('{"x":1}'), text("hi")];
    const second = answer(whole, "b");
    const { said, faults } = joined([
      { events: [...answer(whole).slice(0, 1), ...empty(7), ...answer(whole).slice(1, -3)] },
      { events: second },
    ]);
    assert.deepEqual([said, faults], [whole, []]);
    const [told] = each([start("a"), ...empty(0), ...empty(1, "s")]);
    assert.deepEqual(told?.slice(1), empty(0, "s"));
  });

  test("vendors' fields are told once", () => {
    const [first, second] = each(
      [start("a"), ...said("hi"), note("x")],
      [start("b"), ...said("hi"), note("x"), note("y")],
    );
    assert.deepEqual(first?.at(-1), note("x"));
    assert.deepEqual(second, [note("y")]);
  });

  test("counts that only an attempt before reported are taken back", () => {
    const count = (usage: object): AnswerEvent => ({ type: "usage", usage });
    const [, second] = each(
      [start("a"), count({ inputTokens: 9, cacheReadTokens: 4 }), ...said("hi")],
      [start("b"), ...said("hi there"), count({ inputTokens: 8 }), count({ outputTokens: 2 })],
    );
    assert.deepEqual(second?.slice(1), [
      count({ cacheReadTokens: undefined, inputTokens: 8 }),
      count({ cacheReadTokens: undefined, outputTokens: 2 }),
    ]);
  });

  test("a call of the id of one that was told is not told", () => {
    const first = answer([call('{"x":1}'), text("a")]).slice(0, 11);
    const second = answer([call('{"x":1}'), text("a"), call("{}")], "b").map((event): AnswerEvent => {
      if (event.type !== "part-start" || event.part !== 2 || event.head.type !== "tool-call") return event;
      return { ...event, head: { ...event.head, id: "a-0" } };
    });
    const { faults, failed } = joined([{ events: first }, { events: second }]);
    assert.deepEqual([faults, failed], [[], true]);
  });

  test("the chances of letters are told with letters that are wholly new", () => {
    const delta = (letters: string): AnswerEvent => ({
      type: "part-delta",
      candidate: 0,
      part: 0,
      text: letters,
      logprobs: [letters],
    });
    const [, behind] = each(
      [start("a"), ...said("ab")],
      [start("b"), said("")[0] ?? start("b"), delta("ab"), delta("c")],
    );
    assert.deepEqual(behind, [delta("c")]);
    const [, across] = each([start("a"), ...said("ab")], [start("b"), said("")[0] ?? start("b"), delta("abc")]);
    assert.deepEqual(across, [{ type: "part-delta", candidate: 0, part: 0, text: "c" }]);
  });
});

describe("an answer that goes on behind a prefill", () => {
  const continued = (told: string, second: readonly Said[]) =>
    joined([
      { events: answer([text(told)]).slice(0, told.length + 2) },
      { events: answer(second, "b"), prefix: told.trimEnd() },
    ]);

  test("the continuation is told behind what was told", () => {
    for (let cut = 1; cut < long.length; cut++) {
      const start = long.slice(0, cut);
      const { said, faults, finished } = continued(start, [text(long.slice(start.trimEnd().length))]);
      assert.deepEqual({ said, faults, finished }, { said: [text(long)], faults: [], finished: true });
    }
  });

  const failing: readonly (readonly [name: string, told: string, second: readonly Said[]])[] = [
    ["one that begins anew, or has the same words twice", long.slice(0, 40), [text(long)]],
    ["one that begins anew with other words", long, [text(`${long.slice(0, 30)} lovely day in May.`)]],
    ["one that begins anew, or goes on with the same few words", "Yes", [text("Yes it is")]],
    ["one that may go on or begin anew, since the text repeats itself", "1, ".repeat(10), [text("1, ".repeat(12))]],
    ["one that does not go on with the blank that was told", "one ", [text("two")]],
    ["nothing, where a blank was told", "one ", [text("")]],
  ];
  for (const [name, told, second] of failing) {
    test(`ends in a failure: ${name}`, () => {
      const { said, faults, failed } = continued(told, second);
      assert.deepEqual({ said, faults, failed }, { said: [text(told)], faults: [], failed: true });
    });
  }

  test("a text that was complete is kept, and the call that broke off behind it made again", () => {
    const first = answer([text("I look."), call('{"x":1}')]).slice(0, -4);
    const again = (second: readonly Said[]) =>
      joined([{ events: first }, { events: answer(second, "b"), prefix: "I look." }]);
    const { said, faults, finished } = again([call('{"y":2}')]);
    assert.deepEqual([said, faults, finished], [[text("I look."), call('{"y":2}')], [], true]);
    assert.equal(again([text(" And more."), call("{}")]).failed, true, "the text had ended");
  });

  test("nothing more, or a call, ends the text", () => {
    for (const second of [[], [text("")], [call("{}")]]) {
      const { said, faults, finished } = continued("one", second);
      const calls = second.filter(({ type }) => type === "call");
      assert.deepEqual([said, faults, finished], [[text("one"), ...calls], [], true]);
    }
  });
});

const anyPart = fastCheck.oneof(
  fastCheck.string({ unit: fastCheck.constantFrom("a", "b", " "), maxLength: 6 }).map(text),
  fastCheck.string({ unit: fastCheck.constantFrom("a", "b"), maxLength: 4 }).map(reasoning),
  fastCheck.constantFrom("{}", '{"a":1}', '{ "a": 1 }').map(call),
);
const anyAnswer = fastCheck.array(anyPart, { maxLength: 4 });
/** What counts: what is shown of the thoughts may come from any attempt. */
const content = (said: readonly { readonly type: string; readonly text: string }[]) =>
  said
    // An empty text is none.
    .filter(({ type, text: each }) => type !== "reasoning" && each !== "")
    .map(({ type, text: each }) => `${type} ${type === "call" ? each.replaceAll(" ", "") : each}`);

test("whatever breaks where, and whatever comes behind it: one whole answer, or the beginning of one and a failure", () => {
  fastCheck.assert(
    fastCheck.property(
      fastCheck.array(fastCheck.tuple(anyAnswer, fastCheck.nat(40)), { minLength: 1, maxLength: 3 }),
      anyAnswer,
      (attempts, last) => {
        const cuts = attempts.map(([parts, cut], index) => {
          const events = answer(parts, `id${index}`);
          return { events: events.slice(0, Math.min(cut, events.length - 1)) };
        });
        const { said, faults, finished, failed } = joined([...cuts, { events: answer(last, "last") }]);
        assert.deepEqual(faults, []);
        assert.equal(finished, !failed);
        const told = content(said);
        if (finished) return assert.deepEqual(told, content(last));
        const wholes = [...attempts.map(([parts]) => content(parts)), content(last)];
        const isBeginning = (whole: readonly string[]) =>
          told.every((each, index) =>
            index < told.length - 1 ? each === whole[index] : whole[index]?.startsWith(each),
          );
        assert.ok(wholes.some(isBeginning), `${JSON.stringify(told)} is not the beginning of any answer`);
      },
    ),
    { numRuns: 500 },
  );
});
