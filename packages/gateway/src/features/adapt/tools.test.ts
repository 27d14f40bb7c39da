import assert from "node:assert/strict";
import { test } from "node:test";
import type { GenerationRequest } from "../../kernel/request.ts";
import { requestOf, targetOf } from "./support.test.ts";
import { toolChoice } from "./tool-choice.ts";
import { uniqueTools } from "./unique-tools.ts";

const look = { tool: "function", name: "look" } as const;
const patch = { tool: "custom", name: "patch" } as const;
const search = { "anthropic-messages": { tools: [{ type: "web_search_20260209", name: "web_search" }] } };

function chosen(more: Partial<GenerationRequest>) {
  const { request, losses } = toolChoice({ ...requestOf([]), ...more }, targetOf());
  return { choice: request.toolChoice, lost: losses.map(({ field }) => field) };
}

test("a choice of another vendor's own tool is lost with the tool", () => {
  const named = { type: "tool", tool: "function", name: "web_search" } as const;
  assert.deepEqual(chosen({ tools: [look], toolChoice: named, extra: search }), {
    choice: undefined,
    lost: ["toolChoice"],
  });
  const any = { type: "required" } as const;
  assert.deepEqual(chosen({ toolChoice: any, extra: search }), { choice: undefined, lost: ["toolChoice"] });
  assert.deepEqual(chosen({ tools: [look], toolChoice: any, extra: search }), { choice: any, lost: [] });
});

test("a choice of a tool that nobody offers is left to the backend", () => {
  const named = { type: "tool", tool: "function", name: "other" } as const;
  assert.deepEqual(chosen({ tools: [look], toolChoice: named }), { choice: named, lost: [] });
});

test("a choice says what kind of tool it chooses", () => {
  const named = { type: "tool", tool: "function", name: "patch" } as const;
  assert.deepEqual(chosen({ tools: [look, patch], toolChoice: named }), {
    choice: { ...named, tool: "custom" },
    lost: [],
  });
});

test("of tools with one name the first stays", () => {
  const request = { ...requestOf([]), tools: [look, patch, { ...look, description: "again" }] };
  const passed = uniqueTools(request, targetOf());
  assert.deepEqual(passed.request.tools, [look, patch]);
  assert.deepEqual(passed.losses, [{ field: "tools[2]", reason: "unsupported" }]);
  assert.equal(uniqueTools(passed.request, targetOf()).request, passed.request);
});
