import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dialect } from "../../kernel/codec.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Reasoning } from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import { asked, chunksOf, context, dataOf, decode, encode, readAnswer } from "../shared/support.test.ts";
import { openaiChat } from "./index.ts";
import { writeReasoning } from "./reasoning-write.ts";

const dialect: Dialect = { streamUsage: true, developerRole: true };

const switches: readonly (readonly [JsonObject, Reasoning | undefined])[] = [
  [{}, undefined],
  [{ reasoning_effort: "low" }, { effort: "low" }],
  [{ reasoning: { effort: "high", exclude: true } }, { effort: "high", show: false }],
  [{ reasoning: { max_tokens: 2000 } }, { budgetTokens: 2000 }],
  [{ reasoning: { enabled: true } }, {}],
  [{ reasoning: { enabled: false } }, { effort: "none" }],
  [{ reasoning: { exclude: true } }, undefined],
  [{ include_reasoning: true }, { show: true }],
  [{ include_reasoning: false }, undefined],
  [{ thinking: { type: "enabled", budget_tokens: 4096 } }, { budgetTokens: 4096 }],
  [{ thinking: { type: "disabled" } }, { effort: "none" }],
  [{ enable_thinking: true, thinking_budget: 500 }, { budgetTokens: 500 }],
  [{ enable_thinking: false }, { effort: "none" }],
  [{ chat_template_kwargs: { enable_thinking: false, x: 1 } }, { effort: "none" }],
  [{ chat_template_kwargs: { x: 1 } }, undefined],
  [{ reasoning_effort: "low", thinking: { type: "enabled" } }, { effort: "low" }],
  [{ thinking: 5, reasoning: "x", enable_thinking: "yes" }, undefined],
];
for (const [fields, expected] of switches) {
  test(`reasoning is read: ${JSON.stringify(fields)}`, () => {
    const body = { model: "m", messages: [{ role: "user", content: "x" }], ...fields };
    const result = openaiChat.ingress.readRequest(body, asked(body));
    assert.ok(result.ok && result.value.request.operation === "generate");
    assert.deepEqual(result.value.request.reasoning, expected);
    assert.deepEqual(openaiChat.egress.writeRequest(result.value.request, dialect).body, body);
    const lost = foreignLosses(result.value.request.extra, "gemini", "").map(({ field }) => field);
    assert.deepEqual(lost, "chat_template_kwargs" in fields ? ["chat_template_kwargs"] : []);
  });
}

const approximated = (field: string): Loss => ({ field: `reasoning.${field}`, reason: "approximated" });
const written: readonly (readonly [Reasoning, Partial<Dialect>, JsonObject, readonly Loss[]])[] = [
  [{}, {}, {}, []],
  [{ effort: "xhigh" }, {}, { reasoning_effort: "xhigh" }, []],
  [{ effort: "xhigh" }, { efforts: ["low", "medium", "high"] }, { reasoning_effort: "high" }, []],
  [{ budgetTokens: 5000 }, {}, { reasoning_effort: "medium" }, [approximated("budgetTokens")]],
  [{ budgetTokens: -1 }, {}, {}, [approximated("budgetTokens")]],
  [{ effort: "none" }, { reasoningField: "reasoning" }, { reasoning: { effort: "none" } }, []],
  [
    { budgetTokens: 5000, show: false },
    { reasoningField: "reasoning" },
    { reasoning: { max_tokens: 5000, exclude: true } },
    [],
  ],
  [{}, { reasoningField: "reasoning" }, { reasoning: { enabled: true } }, []],
  [{ effort: "high" }, { reasoningField: "thinking" }, { thinking: { type: "enabled" } }, [approximated("effort")]],
  [{ budgetTokens: 0 }, { reasoningField: "thinking" }, { thinking: { type: "disabled" } }, []],
  [{ budgetTokens: 9 }, { reasoningField: "enable_thinking" }, { enable_thinking: true, thinking_budget: 9 }, []],
  [{ effort: "none" }, { reasoningField: "enable_thinking" }, { enable_thinking: false }, []],
  [
    { effort: "none" },
    { reasoningField: "chat_template_kwargs" },
    { chat_template_kwargs: { enable_thinking: false } },
    [],
  ],
];
for (const [reasoning, row, expected, lost] of written) {
  test(`reasoning is written: ${JSON.stringify(reasoning)} as ${JSON.stringify(row)}`, () => {
    const losses: Loss[] = [];
    assert.deepEqual(writeReasoning(reasoning, { ...dialect, ...row }, losses), expected);
    assert.deepEqual(losses, lost);
  });
}

const chunk = (delta: JsonObject, finish: string | null = null): string =>
  JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] });
const detail = (fields: JsonObject): JsonObject => ({ type: "reasoning.text", index: 0, ...fields });
const details = [
  { type: "reasoning.text", index: 0, text: "one two", signature: "s" },
  { type: "reasoning.encrypted", index: 1, data: "d" },
];
const stream = [
  chunk({ reasoning: "one ", reasoning_details: [detail({ text: "one ", signature: null })] }),
  chunk({ reasoning: "two", reasoning_details: [detail({ text: "two" })] }),
  chunk({ reasoning: null, reasoning_details: [detail({ signature: "s" })] }),
  chunk({ reasoning_details: [{ type: "reasoning.encrypted", index: 1, data: "d" }] }),
  chunk({ content: "so" }),
  chunk({}, "stop"),
];

test("the blocks of streamed reasoning are put together, and kept beside its text", () => {
  const parts = foldAnswer(decode(openaiChat, stream)).candidates.get(0)?.parts ?? [];
  assert.deepEqual(
    parts.map(({ head, text }) => [head.type, text]),
    [
      ["reasoning", "one two"],
      ["text", "so"],
    ],
  );
  assert.deepEqual(parts[0]?.keep, { "openai-chat": { field: "reasoning", reasoning_details: details } });
});

test("the blocks of reasoning are told to the client, whole and streamed, and go back when it returns them", () => {
  const events = decode(openaiChat, stream);
  const whole: { choices: { message: JsonObject }[] } = JSON.parse(openaiChat.ingress.writeAnswer(events, context()));
  const message = whole.choices[0]?.message ?? {};
  assert.deepEqual(message["reasoning_details"], details);
  const again = decode(openaiChat, dataOf(encode(openaiChat, events)));
  const keep = foldAnswer(again).candidates.get(0)?.parts[0]?.keep;
  assert.deepEqual(keep?.["openai-chat"]?.["reasoning_details"], details);
  assert.equal(
    chunksOf(encode(openaiChat, events)).filter((each) => JSON.stringify(each).includes("details")).length,
    1,
  );
  const body = { model: "m", messages: [{ role: "user", content: "x" }, message] };
  const read = openaiChat.ingress.readRequest(body, asked(body));
  assert.ok(read.ok);
  assert.deepEqual(openaiChat.egress.writeRequest(read.value.request, dialect).body, {
    ...body,
    messages: [
      body.messages[0],
      { role: "assistant", content: "so", reasoning_content: "one two", reasoning_details: details },
    ],
  });
});

const said: readonly (readonly [string, JsonObject, string])[] = [
  ["reasoning_text", { reasoning_text: "r" }, "r"],
  ["blocks without a text of their own", { reasoning_details: [{ type: "reasoning.summary", summary: "r" }] }, "r"],
  ["LiteLLM's blocks", { thinking_blocks: [{ type: "thinking", thinking: "r", signature: "s" }] }, "r"],
  ["Mistral's pieces", { content: [{ type: "thinking", thinking: [{ type: "text", text: "r" }] }] }, "r"],
  ["Anthropic's pieces", { content: [{ type: "thinking", thinking: "r", signature: "s" }] }, "r"],
];
for (const [name, message, expected] of said) {
  test(`reasoning is read from an answer: ${name}`, () => {
    const events = readAnswer(openaiChat, { choices: [{ message, finish_reason: "stop" }] });
    const [part] = foldAnswer(events).candidates.get(0)?.parts ?? [];
    assert.deepEqual([part?.head.type, part?.text], ["reasoning", expected]);
  });
}
