import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerEvent } from "../../kernel/event.ts";
import { ollama } from "./index.ts";

const events: readonly AnswerEvent[] = [
  { type: "start", model: "m" },
  { type: "part-start", candidate: 0, part: 0, head: { type: "text" } },
  { type: "part-delta", candidate: 0, part: 0, text: "Hello" },
  { type: "part-end", candidate: 0, part: 0 },
  { type: "finish", candidate: 0, reason: { unified: "stop", raw: "stop" } },
];

function contextAt(times: readonly number[]) {
  const left = [...times];
  const context = { id: "id", created: 1, model: "m", request: {}, lost: () => {} };
  return { ...context, elapsed: () => left.shift() ?? 0 };
}

test("durations that the backend did not tell are those that the gateway measured", () => {
  const encoder = ollama.ingress.streamEncoder(contextAt([40, 100]));
  const lines = [...events.flatMap((event) => encoder.push(event)), ...encoder.end()];
  const last: unknown = JSON.parse(lines.at(-1) ?? "");
  assert.partialDeepStrictEqual(last, {
    total_duration: 100_000_000,
    prompt_eval_duration: 40_000_000,
    eval_duration: 60_000_000,
  });
  assert.partialDeepStrictEqual(JSON.parse(ollama.ingress.writeAnswer(events, contextAt([70]))), {
    total_duration: 70_000_000,
  });
});
