import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Message } from "../../kernel/request.ts";
import { assistant, call, requestOf, result, sketch, targetOf, toolSays, user } from "./support.test.ts";
import { toolResults } from "./tool-results.ts";

const lineUp = (messages: readonly Message[]) => toolResults(requestOf(messages), targetOf());

const orderly: readonly { what: string; messages: readonly Message[] }[] = [
  { what: "no tools at all", messages: [user("a"), assistant("b"), user("c")] },
  {
    what: "a message for each result",
    messages: [assistant(call("1"), call("2")), toolSays("1"), toolSays("2"), user("a")],
  },
  {
    what: "results first in the user's message",
    messages: [assistant(call("1"), call("2")), user(result("1"), result("2"), "a")],
  },
  { what: "calls that wait for their results", messages: [user("a"), assistant("b", call("1"), call("2"))] },
  {
    what: "the same id in two turns",
    messages: [assistant(call("1")), toolSays("1"), assistant(call("1")), toolSays("1")],
  },
];

for (const { what, messages } of orderly) {
  test(`an orderly request stays the same object: ${what}`, () => {
    const request = requestOf(messages);
    assert.equal(toolResults(request, targetOf()).request, request);
  });
}

interface Case {
  readonly what: string;
  readonly messages: readonly Message[];
  readonly becomes: readonly string[];
  readonly losses?: readonly string[];
}

const cases: readonly Case[] = [
  {
    what: "a user's message before the result waits",
    messages: [assistant(call("1")), user("wait"), toolSays("1"), user("go")],
    becomes: ["assistant: call 1", "tool: result 1", 'user: "wait"', 'user: "go"'],
  },
  {
    what: "results go in the order of the calls",
    messages: [assistant(call("1"), call("2")), toolSays("2"), toolSays("1")],
    becomes: ["assistant: call 1, call 2", "tool: result 1", "tool: result 2"],
  },
  {
    what: "results that are scattered are gathered",
    messages: [assistant(call("1"), call("2")), user("a", result("2")), user(result("1"), "b")],
    becomes: ["assistant: call 1, call 2", "tool: result 1", "tool: result 2", 'user: "a"', 'user: "b"'],
  },
  {
    what: "calls told in two messages are one turn",
    messages: [assistant("so", call("1")), assistant(call("2")), toolSays("1"), toolSays("2")],
    becomes: ['assistant: "so", call 1, call 2', "tool: result 1", "tool: result 2"],
  },
  {
    what: "an orphan is left out",
    messages: [user("a"), toolSays("9"), user("b")],
    becomes: ['user: "a"', 'user: "b"'],
    losses: ["messages[1] unsupported"],
  },
  {
    what: "a result before its call is an orphan",
    messages: [toolSays("1"), assistant(call("1")), user("b")],
    becomes: ["assistant: call 1", "tool: result 1", 'user: "b"'],
    losses: ["messages[0] unsupported", "messages[1] approximated"],
  },
  {
    what: "a second result of the same call is left out",
    messages: [assistant(call("1")), toolSays("1"), user(result("1"), "a")],
    becomes: ["assistant: call 1", "tool: result 1", 'user: "a"'],
    losses: ["messages[2] unsupported"],
  },
  {
    what: "a call that was passed over gets a result",
    messages: [assistant(call("1"), call("2")), toolSays("2"), user("go on")],
    becomes: ["assistant: call 1, call 2", "tool: result 1", "tool: result 2", 'user: "go on"'],
    losses: ["messages[0] approximated"],
  },
  {
    what: "one of the last calls has no result",
    messages: [user("a"), assistant(call("1"), call("2")), toolSays("1")],
    becomes: ['user: "a"', "assistant: call 1, call 2", "tool: result 1", "tool: result 2"],
    losses: ["messages[1] approximated"],
  },
  {
    what: "an id that comes again belongs to the later call",
    messages: [assistant(call("1")), user("a"), assistant(call("1")), toolSays("1", "b")],
    becomes: ["assistant: call 1", "tool: result 1", 'user: "a"', "assistant: call 1", "tool: result 1"],
    losses: ["messages[0] approximated"],
  },
];

for (const { what, messages, becomes, losses = [] } of cases) {
  test(`results stand behind their calls: ${what}`, () => {
    const passed = lineUp(messages);
    assert.deepEqual(sketch(passed.request.messages), becomes);
    assert.deepEqual(
      passed.losses.map(({ field, reason }) => `${field} ${reason}`),
      losses,
    );
  });
}

test("a message of a tool's that only moves is the same message, and extras stay with their messages", () => {
  const answer: Message = { ...toolSays("1"), name: "f", extra: { "openai-chat": { a: 1 } } };
  const alone: Message = { ...user(result("2")), extra: { "anthropic-messages": { b: 2 } } };
  const { request } = lineUp([assistant(call("1"), call("2")), user("wait"), alone, answer]);
  assert.equal(request.messages[1], answer);
  assert.deepEqual(request.messages[2]?.extra, alone.extra);
});

test("a made-up result names its tool and says that there is none", () => {
  const { request } = lineUp([assistant(call("1", "shell")), user("go on")]);
  const [part] = request.messages[1]?.parts ?? [];
  assert.ok(part?.type === "tool-result" && part.name === "shell");
  assert.match(JSON.stringify(part.content), /No output of this call was recorded/);
});

/** Conversations with calls and results in any order, with few ids, so that they meet. */
const id = fc.constantFrom("1", "2", "3");
const message: fc.Arbitrary<Message> = fc.oneof(
  fc
    .array(
      fc.oneof(
        id.map((each) => call(each)),
        fc.constant("a"),
      ),
      { maxLength: 3 },
    )
    .map((parts) => assistant(...parts)),
  fc
    .array(
      fc.oneof(
        id.map((each) => result(each)),
        fc.constant("b"),
      ),
      { maxLength: 3 },
    )
    .map((parts) => user(...parts)),
  id.map((each) => toolSays(each)),
);

test("property: each call is followed by exactly one result, in order, but for the last message's; twice is once", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
      const { request } = lineUp(messages);
      let due: string[] = [];
      for (const [index, { parts }] of request.messages.entries()) {
        for (const part of parts) {
          if (part.type === "tool-result") assert.equal(part.id, due.shift());
          else assert.deepEqual(due, []);
        }
        const calls = parts.flatMap((part) => (part.type === "tool-call" ? [part.id] : []));
        if (index < request.messages.length - 1) due.push(...calls);
      }
      assert.deepEqual(due, []);
      assert.equal(toolResults(request, targetOf()).request, request);
    }),
    { numRuns: 300 },
  );
});

test("property: nothing but results is lost or changes places", () => {
  const others = (messages: readonly Message[]) =>
    messages.flatMap(({ role, parts }) =>
      parts.filter(({ type }) => type !== "tool-result").map((part) => ({ role, part })),
    );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
      assert.deepEqual(others(lineUp(messages).request.messages), others(messages));
    }),
    { numRuns: 200 },
  );
});
