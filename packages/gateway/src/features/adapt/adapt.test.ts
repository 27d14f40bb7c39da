import assert from "node:assert/strict";
import { test } from "node:test";
import type { Accepts } from "../../kernel/codec.ts";
import type { GenerationRequest, Message, Tool } from "../../kernel/request.ts";
import { adapt } from "./index.ts";
import {
  assistant,
  call,
  callEvents,
  headsOf,
  requestOf,
  sketch,
  targetOf,
  textOf,
  through,
  toolSays,
  user,
} from "./support.test.ts";
import { wrapInput } from "./wrapped-input.ts";

const strict: Accepts = {
  toolName: { character: /[a-zA-Z0-9_-]/, longest: 64 },
  callId: { character: /[a-zA-Z0-9_-]/, longest: 64 },
  customTools: false,
  candidates: false,
  prefill: false,
  imageUrls: false,
};

test("a request that its target accepts stays the same object, without a machine", () => {
  const request = requestOf([user("a"), assistant(call("1")), toolSays("1"), user("b")]);
  assert.deepEqual(adapt.apply(request, targetOf(strict)), { request, losses: [] });
  assert.equal(adapt.apply(request, targetOf(strict)).request, request);
});

test("a request for embeddings is nothing to adapt", () => {
  const request = { operation: "embed", model: "m", inputs: ["a"] } as const;
  assert.deepEqual(adapt.apply(request, targetOf(strict)), { request, losses: [] });
});

test("a custom tool with a name of another protocol's goes out as a function and comes back as itself", () => {
  const tool: Tool = { tool: "custom", name: "edit.apply:patch" };
  const { request, answer } = adapt.apply(requestOf([user("a")], { tools: [tool] }), targetOf(strict));
  assert.ok(request.operation === "generate");
  const name = request.tools[0]?.name ?? "";
  assert.match(name, /^[a-zA-Z0-9_-]+$/);
  const events = through(answer, callEvents({ name }, [wrapInput("free text")]));
  assert.deepEqual(headsOf(events), [{ type: "tool-call", id: "1", name: "edit.apply:patch", tool: "custom" }]);
  assert.equal(textOf(events), "free text");
});

test("everything at once: disorder, ids, names, prefill", () => {
  const messages: readonly Message[] = [
    user("", "a"),
    assistant("", call("x|1", "a.b"), call("x|1", "c.d")),
    user("wait"),
    toolSays("x|1", "first"),
    toolSays("x|1", "second"),
    toolSays("lost"),
    assistant("{"),
  ];
  const { request, losses } = adapt.apply(requestOf(messages, { candidates: 2 }), targetOf(strict));
  assert.ok(request.operation === "generate");
  const shown = sketch(request.messages).map((line) => line.replace(/_[0-9a-f]{10}/g, "#"));
  assert.deepEqual(shown, [
    'user: "a"',
    "assistant: call x_1#, call x_1#",
    "tool: result x_1#",
    "tool: result x_1#",
    'user: "wait"',
  ]);
  assert.deepEqual(
    losses.map(({ field }) => field),
    ["candidates", "messages[5]", "messages[5]"],
  );
  const ids = request.messages.flatMap(({ parts }) => parts.flatMap((part) => ("id" in part ? [part.id] : [])));
  assert.equal(new Set(ids).size, 2);
  assert.deepEqual(ids.slice(0, 2), ids.slice(2));
});

test("adapting twice is adapting once", () => {
  const messages = [
    assistant(call("a|b", "x.y", { tool: "custom" })),
    user("a"),
    toolSays("a|b"),
    toolSays("c"),
    assistant("b"),
  ];
  const once = adapt.apply(requestOf(messages), targetOf(strict)).request;
  assert.equal(adapt.apply(once, targetOf(strict)).request, once);
});

test("a call's id from a vendor with other characters comes back to it from a client that cannot bear them", () => {
  const loose = targetOf({}, { client: "anthropic-messages" });
  const tools: readonly Tool[] = [{ tool: "function", name: "f" }];
  const { answer } = adapt.apply(requestOf([user("a")], { tools }), loose);
  const seen = headsOf(through(answer, callEvents({ id: "functions.f:0" })))[0]?.id ?? "";
  const next: GenerationRequest = requestOf([user("a"), assistant(call(seen)), toolSays(seen)], { tools });
  const { request } = adapt.apply(next, loose);
  assert.ok(request.operation === "generate");
  assert.deepEqual(sketch(request.messages).slice(1), ["assistant: call functions.f:0", "tool: result functions.f:0"]);
});
