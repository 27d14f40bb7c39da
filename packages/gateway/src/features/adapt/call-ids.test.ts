import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { NameRule } from "../../kernel/codec.ts";
import type { GenerationRequest, Tool } from "../../kernel/request.ts";
import { callIds } from "./call-ids.ts";
import { clientIds, fromClient, toClient } from "./client-ids.ts";
import { fits } from "./fit.ts";
import {
  assistant,
  call,
  callEvents,
  headsOf,
  requestOf,
  result,
  targetOf,
  through,
  toolSays,
  user,
} from "./support.test.ts";

const rule: NameRule = { character: /[a-zA-Z0-9_-]/, longest: 64 };
const tools: readonly Tool[] = [{ tool: "function", name: "f" }];
const anthropic = clientIds["anthropic-messages"] ?? rule;

/** The ids of calls and results, message by message. */
function ids({ messages }: GenerationRequest) {
  return messages.map(({ parts }) =>
    parts.map((part) => (part.type === "tool-call" || part.type === "tool-result" ? part.id : "")).join(" "),
  );
}

test("ids that fit leave the request as it is", () => {
  const request = requestOf([user("hi"), assistant(call("a"), call("b")), toolSays("a"), toolSays("b")]);
  const passed = callIds(request, targetOf({ callId: rule }));
  assert.equal(passed.request, request);
  assert.equal(passed.answer, undefined);
});

test("a call and its result get the same short id, each time the same", () => {
  const long = `call|${"x".repeat(80)}`;
  const request = requestOf([assistant(call(long)), toolSays(long)]);
  const [first, second] = ids(callIds(request, targetOf({ callId: rule })).request);
  assert.equal(first, second);
  assert.ok(fits(first ?? "", rule));
  const longer = requestOf([...request.messages, user("more"), assistant(call("b|")), toolSays("b|")]);
  assert.equal(ids(callIds(longer, targetOf({ callId: rule })).request)[0], first);
});

test("a target without ids is given the client's", () => {
  const { accepts, ...rest } = targetOf();
  const { callId: _callId, ...without } = accepts;
  const request = requestOf([assistant(call("a|b")), toolSays("a|b")]);
  assert.equal(callIds(request, { ...rest, accepts: without }).request, request);
});

test("equal ids in one turn are told apart, with the results in the same order", () => {
  const request = requestOf([assistant(call("x"), call("x")), user(result("x", "first"), result("x", "second"))]);
  const [calls, results] = ids(callIds(request, targetOf({ callId: rule })).request);
  assert.match(calls ?? "", /^x x_[0-9a-f]{10}$/);
  assert.equal(results, calls);
});

test("an id that comes again in a later turn is told apart, and the first one keeps itself", () => {
  const turn = [assistant(call("x")), toolSays("x")];
  const [first, , third, fourth] = ids(callIds(requestOf([...turn, ...turn]), targetOf({ callId: rule })).request);
  assert.equal(first, "x");
  assert.match(third ?? "", /^x_[0-9a-f]{10}$/);
  assert.equal(fourth, third);
});

test("a thousand equal ids are told apart in a moment", () => {
  const calls = Array.from({ length: 1000 }, () => call("x"));
  const results = calls.map(() => result("x"));
  const { request } = callIds(requestOf([assistant(...calls), user(...results)]), targetOf({ callId: rule }));
  const [first, second] = ids(request);
  assert.equal(new Set(first?.split(" ")).size, 1000);
  assert.equal(second, first);
});

const given: readonly { what: string; id: string; seen: RegExp }[] = [
  { what: "a usual one", id: "call_1", seen: /^call_1$/ },
  { what: "Kimi's", id: "functions.get_weather:0", seen: /^patchbay_functions_2e_get__weather_3a_0$/ },
  { what: "one with a pipe", id: "call|fc_1", seen: /^patchbay_call_7c_fc__1$/ },
  { what: "one that looks like ours", id: "patchbay_a", seen: /^patchbay_patchbay__a$/ },
  { what: "an empty one", id: "", seen: /^patchbay_$/ },
];

for (const { what, id, seen } of given) {
  test(`an Anthropic client is given an id it takes, and the backend gets its own back: ${what}`, () => {
    const target = targetOf({}, { client: "anthropic-messages" });
    const [head] = headsOf(through(callIds(requestOf([], { tools }), target).answer, callEvents({ id })));
    assert.match(head?.id ?? "none", seen);
    const next = requestOf([assistant(call(head?.id ?? "")), toolSays(head?.id ?? "")]);
    if (id !== "") assert.deepEqual(ids(callIds(next, target).request), [id, id]);
  });
}

test("a Responses client is never given an id of more than 64 characters", () => {
  const { answer } = callIds(requestOf([], { tools }), targetOf({}, { client: "openai-responses" }));
  const [head] = headsOf(through(answer, callEvents({ id: "x.".repeat(50) })));
  assert.equal(head?.id.length, 64);
});

test("clients that take anything are given ids as they are", () => {
  const { answer } = callIds(requestOf([], { tools }), targetOf());
  const events = callEvents({ id: "functions.f:0|patchbay_" });
  assert.deepEqual(through(answer, events), events);
});

test("equal ids of an answer are told apart, also from those in history", () => {
  const history = [assistant(call("old")), toolSays("old")];
  for (const client of ["openai-chat", "anthropic-messages"] as const) {
    const { answer } = callIds(requestOf(history, { tools }), targetOf({}, { client }));
    const events = ["new", "new", "old", "new"].flatMap((id) => callEvents({ id }));
    const heads = headsOf(through(answer, events)).map(({ id }) => id);
    assert.equal(heads[0], "new");
    assert.equal(new Set([...heads, "old"]).size, 5);
  }
});

test("candidates do not disturb each other's ids", () => {
  const { answer } = callIds(requestOf([], { tools }), targetOf());
  const events = [0, 1].flatMap((candidate) => callEvents({ id: "x" }).map((event) => ({ ...event, candidate })));
  assert.deepEqual(through(answer, events), events);
});

test("what only looks like an id of ours is left as it is", () => {
  for (const id of ["patchbay_a.b", "patchbay_a_b", "patchbay__zz_", "patchbay", `patchbay_${"a".repeat(2000)}`]) {
    assert.equal(fromClient(id), id);
  }
});

test("property: an id written for a client fits, and is read back as itself", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^(?:patchbay_)?[a_.:]{0,9}$/)), (id) => {
      const seen = toClient(id, anthropic);
      assert.ok(seen !== undefined && fits(seen, anthropic));
      assert.equal(fromClient(seen), id);
    }),
    { numRuns: 200 },
  );
});

test("property: different ids stay different for the client", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.stringMatching(/^[a2e_.]{0,5}$/), { maxLength: 10 }), (each) => {
      assert.equal(new Set(each.map((id) => toClient(id, anthropic))).size, each.length);
    }),
    { numRuns: 200 },
  );
});
