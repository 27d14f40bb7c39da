import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { NameRule } from "../../kernel/codec.ts";
import type { Tool } from "../../kernel/request.ts";
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
import { toolNames } from "./tool-names.ts";

const rule: NameRule = { character: /[a-zA-Z0-9_-]/, longest: 64 };
const target = targetOf({ toolName: rule });
const tool = (name: string): Tool => ({ tool: "function", name });

test("names that fit leave the request as it is, without a machine", () => {
  const request = requestOf([user("hi"), assistant(call("1", "f")), toolSays("1")], { tools: [tool("f")] });
  const passed = toolNames(request, target);
  assert.equal(passed.request, request);
  assert.equal(passed.answer, undefined);
});

test("a name changes alike in tools, choice, calls, results and messages of tools", () => {
  const name = "mcp.files:read";
  const request = requestOf(
    [
      assistant(call("1", name)),
      { role: "tool", name, parts: [{ ...result("1"), name }] },
      { role: "user", name: "a.person", parts: [] },
    ],
    { tools: [tool(name)], toolChoice: { type: "tool", tool: "function", name } },
  );
  const { request: out } = toolNames(request, target);
  const short = out.tools[0]?.name ?? "";
  assert.match(short, /^mcp_files_read_[0-9a-f]{10}$/);
  assert.equal(JSON.stringify(out), JSON.stringify(request).replaceAll(name, short));
});

test("history may name a tool that is no longer offered, and the answer may call it", () => {
  const passed = toolNames(
    requestOf([assistant(call("1", "old.tool")), toolSays("1")], { tools: [tool("new")] }),
    target,
  );
  const [part] = passed.request.messages[0]?.parts ?? [];
  assert.ok(part?.type === "tool-call");
  const [head] = headsOf(through(passed.answer, callEvents({ name: part.name })));
  assert.equal(head?.name, "old.tool");
});

test("a name becomes the same in requests with other tools", () => {
  const alone = toolNames(requestOf([], { tools: [tool("a.b")] }), target);
  const among = toolNames(requestOf([], { tools: [tool("c.d"), tool("x"), tool("a.b")] }), target);
  assert.equal(among.request.tools[2]?.name, alone.request.tools[0]?.name);
});

test("a call of a tool that was not renamed passes untouched", () => {
  const { answer } = toolNames(requestOf([], { tools: [tool("a.b"), tool("plain")] }), target);
  const events = callEvents({ name: "plain" });
  assert.deepEqual(through(answer, events), events);
});

test("property: every name arrives as one that fits, and comes back as itself", () => {
  const name = fc.oneof(fc.string({ maxLength: 80 }), fc.stringMatching(/^[a-z.]{0,4}$/));
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 12 }), (names) => {
      const { request, answer } = toolNames(requestOf([], { tools: names.map(tool) }), target);
      assert.equal(new Set(request.tools.map((each) => each.name)).size, names.length);
      for (const [index, each] of request.tools.entries()) {
        assert.ok(fits(each.name, rule));
        assert.equal(headsOf(through(answer, callEvents({ name: each.name })))[0]?.name, names[index]);
      }
    }),
    { numRuns: 100 },
  );
});
