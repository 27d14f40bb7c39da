import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Tool } from "../../kernel/request.ts";
import { customTools } from "./custom-tools.ts";
import {
  assistant,
  call,
  callEvents,
  headsOf,
  requestOf,
  targetOf,
  textOf,
  through,
  toolSays,
  user,
} from "./support.test.ts";
import { wrapInput } from "./wrapped-input.ts";

const target = targetOf({ customTools: false });
const patch: Tool = { tool: "custom", name: "apply_patch", description: "Edits files." };

test("a target that takes custom tools is given them", () => {
  const request = requestOf([assistant(call("1", "apply_patch", { tool: "custom" }))], { tools: [patch] });
  const passed = customTools(request, targetOf());
  assert.equal(passed.request, request);
  assert.equal(passed.answer, undefined);
});

test("a request without custom tools stays as it is", () => {
  const request = requestOf([user("hi"), assistant(call("1")), toolSays("1")], {
    tools: [{ tool: "function", name: "f" }],
  });
  const passed = customTools(request, target);
  assert.equal(passed.request, request);
  assert.equal(passed.answer, undefined);
});

test("a custom tool becomes a function with one string", () => {
  const { request, losses } = customTools(requestOf([], { tools: [patch] }), target);
  const [tool] = request.tools;
  assert.equal(tool?.tool, "function");
  assert.equal(tool?.description, "Edits files.");
  assert.deepEqual(tool?.parameters?.["required"], ["input"]);
  assert.deepEqual(losses, []);
});

const lark = "start: line+";
const formats: readonly { what: string; format: JsonObject; says: RegExp | undefined }[] = [
  {
    what: "a grammar of Responses",
    format: { type: "grammar", syntax: "lark", definition: lark },
    says: /lark grammar:\nstart: line\+$/,
  },
  {
    what: "a grammar of chat",
    format: { type: "grammar", grammar: { syntax: "regex", definition: "^a+$" } },
    says: /this regex:\n\^a\+\$$/,
  },
  { what: "a format we do not know", format: { type: "abnf", rules: 1 }, says: /\{"type":"abnf","rules":1\}$/ },
  { what: "plain text", format: { type: "text" }, says: undefined },
];

for (const { what, format, says } of formats) {
  test(`the model is told of a custom tool's format: ${what}`, () => {
    const { request, losses } = customTools(requestOf([], { tools: [{ ...patch, format }] }), target);
    const description = request.tools[0]?.description ?? "";
    if (says === undefined) assert.equal(description, "Edits files.");
    else assert.match(description, says);
    assert.deepEqual(losses, says ? [{ field: "tools[0].format", reason: "approximated" }] : []);
  });
}

test("calls in history and the choice follow, also of tools that are no longer offered", () => {
  const history = [assistant(call("1", "old", { tool: "custom", arguments: 'a "b"\n' })), toolSays("1")];
  const toolChoice = { type: "tool", tool: "custom", name: "apply_patch" } as const;
  const { request } = customTools(requestOf(history, { tools: [patch], toolChoice }), target);
  assert.deepEqual(request.toolChoice, { type: "tool", tool: "function", name: "apply_patch" });
  assert.deepEqual(request.messages[0]?.parts, [call("1", "old", { arguments: wrapInput('a "b"\n') })]);
  assert.equal(request.messages[1], history[1]);
});

test("what a protocol keeps of custom tools is left out, and other entries stay", () => {
  const extra = { "openai-chat": { custom: { a: 1 }, b: 2 }, gemini: { c: 3 } };
  const keep = { "openai-chat": { custom: { a: 1 } } };
  const history = [assistant(call("1", "apply_patch", { tool: "custom", keep }))];
  const { request } = customTools(requestOf(history, { tools: [{ ...patch, extra }] }), target);
  assert.deepEqual(request.tools[0]?.extra, { "openai-chat": { b: 2 }, gemini: { c: 3 } });
  assert.deepEqual(request.messages[0]?.parts, [call("1", "apply_patch", { arguments: wrapInput("{}") })]);
});

test("a call in the answer is one of the custom tool again, with its text as it grows", () => {
  const { answer } = customTools(requestOf([], { tools: [patch] }), target);
  const pieces = ['{"input":', ' "*** Begin', "\\nend", '"}'];
  const events = through(answer, callEvents({ name: "apply_patch" }, pieces));
  assert.deepEqual(headsOf(events), [{ type: "tool-call", id: "1", name: "apply_patch", tool: "custom" }]);
  assert.equal(textOf(events), "*** Begin\nend");
  assert.deepEqual(
    events.map(({ type }) => type),
    ["part-start", "part-delta", "part-delta", "part-end"],
  );
});

test("what the model wrote in another way is told before the call ends", () => {
  const { answer } = customTools(requestOf([], { tools: [patch] }), target);
  const events = through(answer, callEvents({ name: "apply_patch" }, ["*** Begin", " Patch"]));
  assert.equal(textOf(events), "*** Begin Patch");
  assert.equal(events.at(-1)?.type, "part-end");
});

test("calls of functions pass untouched beside calls of custom tools, also where they overlap", () => {
  const { answer } = customTools(requestOf([], { tools: [patch, { tool: "function", name: "f" }] }), target);
  const wrapped = callEvents({ name: "apply_patch" }, [wrapInput("a")]);
  const plain = callEvents({ name: "f" }, [wrapInput("b")]).map((event) => ({ ...event, part: 1 }));
  const events = through(
    answer,
    wrapped.flatMap((event, index) => [event, plain[index] ?? event]),
  );
  assert.deepEqual(
    events.filter((event) => "part" in event && event.part === 1),
    plain,
  );
  assert.equal(textOf(events.filter((event) => "part" in event && event.part === 0)), "a");
});
