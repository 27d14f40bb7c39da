import assert from "node:assert/strict";
import { test } from "node:test";
import type { Accepts } from "../../kernel/codec.ts";
import type { FeatureTarget } from "../../kernel/feature.ts";
import type { GenerationRequest, Message, Part, Reasoning } from "../../kernel/request.ts";
import { candidates } from "./candidates.ts";
import { emptyParts } from "./empty-parts.ts";
import { foreignState } from "./foreign-state.ts";
import type { Pass } from "./pass.ts";
import { prefill } from "./prefill.ts";
import { reasoning } from "./reasoning.ts";
import { assistant, call, requestOf, sketch, targetOf, text, toolSays, user } from "./support.test.ts";

const keep = { "openai-chat": { signature: "s" } };
const thinks = (words: string, origin?: string): Part => ({
  type: "reasoning",
  text: words,
  keep,
  ...(origin !== undefined && { origin }),
});

interface Case {
  readonly what: string;
  readonly pass: Pass;
  readonly accepts?: Partial<Accepts>;
  readonly messages: readonly Message[];
  readonly rest?: Partial<GenerationRequest>;
  /** The same request where absent. */
  readonly becomes?: readonly string[];
  readonly losses?: readonly string[];
}

const refuses = { prefill: false };

const cases: readonly Case[] = [
  { what: "a target that continues gets the prefill", pass: prefill, messages: [user("a"), assistant("b")] },
  { what: "no prefill, nothing to do", pass: prefill, accepts: refuses, messages: [assistant("a"), user("b")] },
  {
    what: "a prefill is left out and reported",
    pass: prefill,
    accepts: refuses,
    messages: [user("a"), assistant("{"), assistant("b")],
    becomes: ['user: "a"'],
    losses: ["messages[1] approximated", "messages[2] approximated"],
  },
  { what: "calls are no prefill", pass: prefill, accepts: refuses, messages: [user("a"), assistant("b", call("1"))] },
  {
    what: "a turn that the target paused is no prefill",
    pass: prefill,
    accepts: refuses,
    messages: [user("a"), assistant("b", { type: "opaque", keep: { "openai-chat": { a: 1 } } })],
  },
  {
    what: "a turn that another protocol's backend paused is one",
    pass: prefill,
    accepts: refuses,
    messages: [user("a"), assistant("b", { type: "opaque", keep: { gemini: { a: 1 } } })],
    becomes: ['user: "a"'],
    losses: ["messages[1] approximated"],
  },
  {
    what: "a prefill without a question is the backend's to refuse",
    pass: prefill,
    accepts: refuses,
    messages: [{ role: "system", parts: [text("a")] }, assistant("b")],
  },

  {
    what: "a target that gives several answers is asked for them",
    pass: candidates,
    messages: [],
    rest: { candidates: 3 },
  },
  {
    what: "one answer is asked for where there is only one",
    pass: candidates,
    accepts: { candidates: false },
    messages: [],
    rest: { candidates: 3 },
    becomes: [],
    losses: ["candidates unsupported"],
  },
  {
    what: "asking for one answer is no loss",
    pass: candidates,
    accepts: { candidates: false },
    messages: [],
    rest: { candidates: 1 },
    becomes: [],
  },

  { what: "state of this endpoint stays", pass: foreignState, messages: [assistant(thinks("a", "here"))] },
  { what: "state of nobody knows whom stays", pass: foreignState, messages: [assistant(thinks("a"))] },
  {
    what: "reasoning from elsewhere is plain text",
    pass: foreignState,
    messages: [user("a"), assistant(thinks("b", "there"), "c")],
    becomes: ['user: "a"', 'assistant: thinks "b", "c"'],
    losses: ["messages[1].parts approximated"],
  },
  {
    what: "reasoning from elsewhere without text goes",
    pass: foreignState,
    messages: [assistant(thinks("", "there"), thinks("b", "there"), "c")],
    becomes: ['assistant: thinks "b", "c"'],
    losses: ["messages[0].parts unsupported"],
  },
  {
    what: "a call from elsewhere loses its signature",
    pass: foreignState,
    messages: [assistant(call("1", "f", { keep, origin: "there" }))],
    becomes: ["assistant: call 1"],
    losses: ["messages[0].parts approximated"],
  },

  { what: "texts that say something stay", pass: emptyParts, messages: [user("a"), assistant(" "), user("b", "c")] },
  {
    what: "an empty text beside others goes",
    pass: emptyParts,
    messages: [user("", "a"), assistant("", call("1")), toolSays("1")],
    becomes: ['user: "a"', "assistant: call 1", "tool: result 1"],
  },
  {
    what: "a turn of the assistant's that says nothing goes",
    pass: emptyParts,
    messages: [user("a"), assistant(), assistant("", ""), user("b")],
    becomes: ['user: "a"', 'user: "b"'],
  },
  { what: "a user's empty message is the codecs' concern", pass: emptyParts, messages: [user("")] },
  {
    what: "an empty text with a signature stays",
    pass: emptyParts,
    messages: [assistant("a", { type: "text", text: "", keep })],
  },
  { what: "a turn with fields of its vendor's stays", pass: emptyParts, messages: [{ ...assistant(""), extra: keep }] },
  { what: "a request is never left without messages", pass: emptyParts, messages: [assistant("")] },
];

for (const { what, pass, accepts, messages, rest, becomes, losses = [] } of cases) {
  test(what, () => {
    const request = requestOf(messages, rest);
    const passed = pass(request, targetOf(accepts));
    if (becomes === undefined) assert.equal(passed.request, request);
    else assert.deepEqual(sketch(passed.request.messages), becomes);
    assert.deepEqual(
      passed.losses.map(({ field, reason }) => `${field} ${reason}`),
      losses,
    );
  });
}

test("where one answer is asked for, the number is not told", () => {
  const { request } = candidates(requestOf([], { candidates: 2 }), targetOf({ candidates: false }));
  assert.equal("candidates" in request, false);
});

test("state from elsewhere is gone without a trace", () => {
  const { request } = foreignState(requestOf([assistant(thinks("a", "there"))]), targetOf());
  assert.deepEqual(request.messages[0]?.parts, [{ type: "reasoning", text: "a" }]);
});

test("a model that is known not to reason is not asked to, unless by its own protocol's words", () => {
  const asking = (wanted: Reasoning, about: Partial<FeatureTarget>) => {
    const passed = reasoning(requestOf([user("a")], { reasoning: wanted }), targetOf({}, about));
    return [passed.request.reasoning, ...passed.losses.map(({ field }) => field)];
  };
  const high = { effort: "high" };
  assert.deepEqual(asking(high, { client: "gemini", reasons: false }), [undefined, "reasoning"]);
  assert.deepEqual(asking({ budgetTokens: 9 }, { client: "gemini", reasons: false }), [undefined, "reasoning"]);
  assert.deepEqual(asking({ effort: "none" }, { client: "gemini", reasons: false }), [undefined]);
  assert.deepEqual(asking(high, { client: "openai-chat", reasons: false }), [high]);
  assert.deepEqual(asking(high, { client: "gemini", reasons: true }), [high]);
  assert.deepEqual(asking(high, { client: "gemini" }), [high]);
});
