import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { FeatureTarget } from "../../kernel/feature.ts";
import type { Extra, GenerationRequest, Message, Part, ToolCallPart } from "../../kernel/request.ts";
import { ReasoningVault } from "./index.ts";

const signed: Extra = { "anthropic-messages": { signature: "EqQB" } };
const thought: Extra = { gemini: { thoughtSignature: "Eqo" } };

function targetOf(rest: Partial<FeatureTarget> = {}): FeatureTarget {
  const any = { character: /[\s\S]/, longest: Infinity };
  const accepts = { toolName: any, callId: any, customTools: true, candidates: true, prefill: true, imageUrls: true };
  const target = { endpoint: "a", model: "m", protocol: "anthropic-messages", client: "openai-chat", accepts } as const;
  return { ...target, caller: "alice", ...rest };
}

function requestOf(...messages: readonly Message[]): GenerationRequest {
  return { operation: "generate", model: "m", messages, tools: [], sampling: {}, stream: true };
}

const text = (words: string): Part => ({ type: "text", text: words });
const reasoning = (words: string, keep?: Extra, origin = "a"): Part => ({
  type: "reasoning",
  text: words,
  ...(keep && { keep, origin }),
});
const call = (id: string, rest: Partial<ToolCallPart> = {}): ToolCallPart => ({
  type: "tool-call",
  id,
  name: "f",
  arguments: '{"a": 1}',
  tool: "function",
  ...rest,
});
const said = (...parts: readonly Part[]): Message => ({ role: "assistant", parts });

/** The events of an answer with these parts. */
function answerOf(parts: readonly Part[], candidate = 0): readonly AnswerEvent[] {
  const events = parts.flatMap((part, number): AnswerEvent[] => {
    if (part.type !== "text" && part.type !== "reasoning" && part.type !== "tool-call") return [];
    const { id, name, tool } = part.type === "tool-call" ? part : call("");
    const head: PartHead = part.type === "tool-call" ? { type: "tool-call", id, name, tool } : { type: part.type };
    const words = part.type === "tool-call" ? part.arguments : part.text;
    const place = { candidate, part: number };
    return [
      { type: "part-start", ...place, head },
      ...words.split("").map((piece): AnswerEvent => ({ type: "part-delta", ...place, text: piece })),
      { type: "part-end", ...place, ...(part.keep && { keep: part.keep }) },
    ];
  });
  return [...events, { type: "finish", candidate, reason: { unified: "tool-calls", raw: "x" } }];
}

class Setup {
  time = 0;
  readonly vault: ReasoningVault;

  constructor(bounds: ConstructorParameters<typeof ReasoningVault>[1] = {}) {
    this.vault = new ReasoningVault({ now: () => 0, monotonic: () => this.time }, bounds);
  }

  /** An answer with these parts passes by. */
  answer(parts: readonly Part[], target = targetOf()): readonly AnswerEvent[] {
    return this.events(answerOf(parts), target);
  }

  events(events: readonly AnswerEvent[], target = targetOf()): readonly AnswerEvent[] {
    const { answer } = this.vault.apply(requestOf(), target);
    assert.ok(answer !== undefined);
    return [...events.flatMap((event) => answer.push(event)), ...answer.end()];
  }

  /** What becomes of a message in history. */
  ask(parts: readonly Part[], target = targetOf()): readonly Part[] {
    const { request, losses } = this.vault.apply(requestOf({ role: "assistant", parts }), target);
    assert.ok(request.operation === "generate");
    assert.deepEqual(losses, []);
    return request.messages[0]?.parts ?? [];
  }
}

interface Case {
  readonly what: string;
  readonly answer: readonly Part[];
  readonly target?: Partial<FeatureTarget>;
  /** What the client sends back. */
  readonly history: readonly Part[];
  readonly to?: Partial<FeatureTarget>;
  /** The same where absent. */
  readonly becomes?: readonly Part[];
}

const gemini = { protocol: "gemini" } as const;
const chat = { protocol: "openai-chat", client: "anthropic-messages" } as const;
const elsewhere = { endpoint: "b" } as const;
const fielded: Extra = { "openai-chat": { field: "reasoning_content" } };

const cases: readonly Case[] = [
  {
    what: "signed reasoning before its call comes back",
    answer: [reasoning("hm", signed), call("1")],
    history: [call("1")],
    becomes: [reasoning("hm", signed), call("1")],
  },
  {
    what: "reasoning without text comes back",
    answer: [reasoning("", signed), call("1")],
    history: [call("1")],
    becomes: [reasoning("", signed), call("1")],
  },
  {
    what: "each call has its own, in front of or behind the text",
    answer: [reasoning("x", signed), text("so"), reasoning("y", signed), call("1"), reasoning("z", signed), call("2")],
    history: [text("so"), call("1"), call("2")],
    becomes: [reasoning("x", signed), text("so"), reasoning("y", signed), call("1"), reasoning("z", signed), call("2")],
  },
  {
    what: "a call in another message still has its own",
    answer: [reasoning("x", signed), call("1"), reasoning("z", signed), call("2")],
    history: [call("2")],
    becomes: [reasoning("z", signed), call("2")],
  },
  {
    what: "a signature goes to its call, and to no other one",
    answer: [call("1", { keep: thought }), call("2")],
    target: gemini,
    history: [call("1"), call("2")],
    to: gemini,
    becomes: [call("1", { keep: thought, origin: "a" }), call("2")],
  },
  {
    what: "a call with marks of the client's keeps them",
    answer: [call("1", { keep: thought })],
    target: gemini,
    history: [call("1", { keep: signed })],
    to: gemini,
    becomes: [call("1", { keep: { ...signed, ...thought }, origin: "a" })],
  },
  {
    what: "a call with its own signature is left alone",
    answer: [call("1", { keep: thought })],
    target: gemini,
    history: [call("1", { keep: { gemini: { thoughtSignature: "mine" } } })],
    to: gemini,
  },
  {
    what: "state is not given to another endpoint",
    answer: [reasoning("hm", signed), call("1", { keep: thought })],
    history: [call("1")],
    to: elsewhere,
  },
  {
    what: "text of reasoning is given also elsewhere, where the protocol has a place for it",
    answer: [reasoning("hm", signed), call("1")],
    history: [text("so"), call("1")],
    to: { ...chat, ...elsewhere },
    becomes: [{ type: "reasoning", text: "hm" }, text("so"), call("1")],
  },
  {
    what: "reasoning_content comes back with what it was called",
    answer: [reasoning("hm", fielded), call("1")],
    target: chat,
    history: [call("1")],
    to: chat,
    becomes: [reasoning("hm", fielded), call("1")],
  },
  {
    what: "text that the client kept is replaced by what has its signature",
    answer: [reasoning("hm", signed), call("1")],
    history: [reasoning("hm, as shown"), text("so"), call("1")],
    becomes: [reasoning("hm", signed), text("so"), call("1")],
  },
  {
    what: "text that the client kept is not doubled",
    answer: [reasoning("hm", signed), call("1")],
    history: [reasoning("hm, as shown"), call("1")],
    to: { ...chat, ...elsewhere },
  },
  {
    what: "reasoning that has its state is left alone",
    answer: [reasoning("hm", signed), call("1"), reasoning("ah", signed), call("2")],
    history: [reasoning("hm", signed), call("1"), call("2")],
  },
  {
    what: "another client's spelling of the arguments is the same call",
    answer: [reasoning("hm", signed), call("1", { arguments: '{"a": 1}' })],
    history: [call("1", { arguments: '{"a":1}' })],
    becomes: [reasoning("hm", signed), call("1", { arguments: '{"a":1}' })],
  },
  {
    what: "arguments that the client changed are the same call as long as there is no other one",
    answer: [reasoning("hm", signed), call("1")],
    history: [call("1", { arguments: '{"a":2}' })],
    becomes: [reasoning("hm", signed), call("1", { arguments: '{"a":2}' })],
  },
  {
    what: "another tool is another call",
    answer: [reasoning("hm", signed), call("1")],
    history: [call("1", { name: "g" })],
  },
  { what: "an unknown call has nothing", answer: [reasoning("hm", signed), call("1")], history: [call("2")] },
  {
    what: "another caller has nothing",
    answer: [reasoning("hm", signed), call("1")],
    history: [call("1")],
    to: { caller: "bob" },
  },
  {
    what: "a backend that refused such state is given none",
    answer: [reasoning("hm", signed), call("1")],
    history: [call("1")],
    to: { stateless: true },
  },
];

for (const { what, answer, target, history, to, becomes } of cases) {
  test(`the vault: ${what}`, () => {
    const setup = new Setup();
    setup.answer(answer, targetOf(target));
    const parts = setup.ask(history, targetOf(to));
    if (becomes === undefined) assert.equal(parts, history);
    else assert.deepEqual(parts, becomes);
  });
}

test("nobody reaches into a caller's memory by a well-chosen id or name", () => {
  const setup = new Setup();
  setup.answer([reasoning("hm", signed), call("1")]);
  const { caller: _caller, ...nobody } = targetOf();
  for (const id of ["1", "5 alice 1", "alice 1"]) assert.equal(setup.ask([call(id)], nobody).length, 1);
  for (const caller of ["", "5 alice", "alice "]) assert.equal(setup.ask([call("1")], targetOf({ caller })).length, 1);
});

test("every part with vendor state is told where it comes from, and nothing else changes", () => {
  const events = answerOf([reasoning("hm", signed), text("so"), call("1", { keep: thought }), call("2")]);
  const expected = events.map((event) => (event.type === "part-end" && event.keep ? { ...event, origin: "a" } : event));
  assert.deepEqual(new Setup().events(events), expected);
});

test("an answer with nothing worth keeping leaves no trace", () => {
  const setup = new Setup();
  setup.answer([text("so"), call("1"), reasoning("late", signed)]);
  setup.answer([reasoning("no call", signed), text("so")]);
  setup.answer([reasoning(""), call("2")]);
  assert.deepEqual(setup.vault.size, { calls: 0, bytes: 0 });
});

test("of an answer that breaks off the whole calls are remembered, which its client may have been told", () => {
  const setup = new Setup();
  const parts = [text("so"), reasoning("hm", signed), call("1"), reasoning("and", signed), call("2")];
  setup.events(answerOf(parts).slice(0, -2));
  assert.equal(setup.vault.size.calls, 1);
  assert.deepEqual(setup.ask([call("1")])[0], reasoning("hm", signed));
  assert.deepEqual(setup.ask([call("2")]), [call("2")]);
});

test("a call that is whole while reasoning before it is not waits for that", () => {
  const setup = new Setup();
  const events = answerOf([reasoning("hm", signed), call("1")]);
  const end = events.findIndex((event) => event.type === "part-end" && event.part === 0);
  const late = [...events.slice(0, end), ...events.slice(end + 1, -1)];
  setup.events(late);
  assert.equal(setup.vault.size.calls, 0);
  const all = [...late, ...events.slice(end, end + 1), ...events.slice(-1)];
  setup.events(all);
  assert.deepEqual(setup.ask([call("1")])[0], reasoning("hm", signed));
});

test("each of several candidates is remembered", () => {
  const setup = new Setup();
  const first = answerOf([reasoning("x", signed), call("1")]);
  const second = answerOf([reasoning("y", signed), call("1", { arguments: "2" })], 1);
  setup.events(first.flatMap((event, index) => [event, ...second.slice(index, index + 1)]));
  assert.deepEqual(setup.ask([call("1", { arguments: "2" })])[0], reasoning("y", signed));
  assert.deepEqual(setup.ask([call("1")])[0], reasoning("x", signed));
});

test("conversations of one caller whose calls bear the same id do not mix", () => {
  const setup = new Setup();
  setup.answer([reasoning("x", signed), call("f:0", { arguments: "1" })]);
  setup.answer([reasoning("y", signed), call("f:0", { arguments: "2" })]);
  assert.deepEqual(setup.ask([call("f:0", { arguments: "1" })])[0], reasoning("x", signed));
  assert.deepEqual(setup.ask([call("f:0", { arguments: "2" })])[0], reasoning("y", signed));
  assert.equal(setup.ask([call("f:0", { arguments: "3" })]).length, 1);
});

test("a call without reasoning does not get that of another one with its id", () => {
  const setup = new Setup();
  setup.answer([reasoning("x", signed), call("f:0", { arguments: "1" })]);
  setup.answer([call("f:0", { arguments: "2" })]);
  assert.equal(setup.ask([call("f:0", { arguments: "2" })]).length, 1);
  assert.equal(setup.ask([call("f:0", { arguments: "1" })]).length, 2);
});

test("what nobody asks for is forgotten after its time, and what is asked for is not", () => {
  const setup = new Setup({ idle: 1000 });
  setup.answer([reasoning("x", signed), call("1")]);
  setup.answer([reasoning("y", signed), call("2")]);
  setup.time = 900;
  assert.equal(setup.ask([call("1")]).length, 2);
  setup.time = 1800;
  assert.equal(setup.ask([call("1")]).length, 2);
  assert.equal(setup.ask([call("2")]).length, 1);
  setup.time = 2800;
  assert.equal(setup.ask([call("1")]).length, 1);
  assert.deepEqual(setup.vault.size, { calls: 0, bytes: 0 });
});

test("the longest unused makes room", () => {
  const setup = new Setup({ calls: 2 });
  for (const id of ["1", "2"]) setup.answer([reasoning("x", signed), call(id)]);
  setup.ask([call("1")]);
  setup.answer([reasoning("x", signed), call("3")]);
  assert.deepEqual(
    ["1", "2", "3"].map((id) => setup.ask([call(id)]).length),
    [2, 1, 2],
  );
});

test("what is too large is not kept, and does not push out the rest", () => {
  const setup = new Setup({ callBytes: 4000 });
  setup.answer([reasoning("x", signed), call("1")]);
  setup.answer([reasoning("x".repeat(3000), signed), call("2")]);
  setup.answer([reasoning("x".repeat(5000), signed), call("3")]);
  setup.answer([reasoning("x", { gemini: { data: "x".repeat(5000) } }), call("4")]);
  assert.deepEqual(
    ["1", "2", "3", "4"].map((id) => setup.ask([call(id)]).length),
    [2, 1, 1, 1],
  );
});

test("hostile ids, names and arguments are only texts", () => {
  const setup = new Setup();
  for (const id of ["__proto__", "constructor", "", "\u0000", "x".repeat(10_000)]) {
    const deep = "[".repeat(100_000);
    setup.answer([reasoning("x", signed), call(id, { name: id, arguments: deep })]);
    assert.deepEqual(setup.ask([call(id, { name: id, arguments: deep })])[0], reasoning("x", signed));
  }
});

test("a request for embeddings passes", () => {
  const request = { operation: "embed", model: "m", inputs: ["a"] } as const;
  assert.deepEqual(new Setup().vault.apply(request, targetOf()), { request, losses: [] });
});

test("a request that needs nothing stays the same object", () => {
  const setup = new Setup();
  setup.answer([reasoning("x", signed), call("1")]);
  const request = requestOf({ role: "user", parts: [text("hi")] }, said(text("hello")), said(call("9")));
  assert.equal(setup.vault.apply(request, targetOf()).request, request);
});

test("property: the bounds hold whatever happens, and the counts are those of what is there", () => {
  const step = fc.record({
    id: fc.constantFrom("1", "2", "3", "4"),
    args: fc.constantFrom("1", "2", "3"),
    size: fc.nat(2000),
    caller: fc.constantFrom("alice", "bob"),
    asks: fc.boolean(),
    wait: fc.nat(300),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const setup = new Setup({ calls: 5, bytes: 8000, callBytes: 3000, idle: 1000 });
      for (const { id, args, size, caller, asks, wait } of steps) {
        setup.time += wait;
        const target = targetOf({ caller });
        const made = call(id, { arguments: args });
        const own = reasoning(`${caller} ${"x".repeat(size)}`, signed);
        if (!asks) setup.answer([own, made], target);
        const [first] = setup.ask([made], target);
        if (first?.type === "reasoning") assert.ok(first.text.startsWith(caller));
        assert.ok(setup.vault.size.calls <= 5 && setup.vault.size.bytes <= 8000);
      }
      setup.time += 1000;
      for (const id of ["1", "2", "3", "4"])
        for (const caller of ["alice", "bob"]) setup.ask([call(id)], targetOf({ caller }));
      assert.deepEqual(setup.vault.size, { calls: 0, bytes: 0 });
    }),
    { numRuns: 100 },
  );
});
