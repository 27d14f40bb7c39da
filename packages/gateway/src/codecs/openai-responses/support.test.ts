/** What the tests of this codec share. It holds no test of its own. */
import assert from "node:assert/strict";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest } from "../../kernel/request.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { asked, context, run } from "../shared/support.test.ts";
import { openaiResponses } from "./index.ts";

export const dialect = { streamUsage: true, developerRole: true };

export function read(body: JsonObject): GenerationRequest {
  const full = { model: "m", ...body };
  const result = openaiResponses.ingress.readRequest(full, asked(full));
  assert.ok(result.ok, result.ok ? "" : result.failure.message);
  assert.equal(result.value.request.operation, "generate");
  return result.value.request;
}

export function write(request: GenerationRequest): JsonObject {
  return JSON.parse(JSON.stringify(openaiResponses.egress.writeRequest(request, dialect).body));
}

/** The events of a written stream. */
export function eventsOf(stream: string): JsonObject[] {
  return stream
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => {
      const [name, data, ...rest] = event.split("\n");
      assert.equal(rest.length, 0);
      const parsed: JsonObject = JSON.parse((data ?? "").replace(/^data: /, ""));
      assert.equal(name, `event: ${String(parsed["type"])}`);
      return parsed;
    });
}

/** The events that a client gets for an answer, and what was reported as lost. */
export function written(events: readonly AnswerEvent[], request: JsonObject = {}) {
  const lost: string[] = [];
  const hearing = context(request, ({ field }) => void lost.push(field));
  const pieces = run(openaiResponses.ingress.streamEncoder(hearing), events);
  for (const piece of pieces) assert.equal(piece.split("\n\n").length, 2);
  const told = eventsOf(pieces.join(""));
  checkGrammar(told);
  return { events: told, lost, response: objectOf(told.at(-1)?.["response"]) ?? {} };
}

/** Fields that Open Responses demands of every response. */
const demanded = (
  "id object created_at completed_at status incomplete_details model previous_response_id instructions " +
  "output error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty " +
  "frequency_penalty top_logprobs temperature reasoning usage user max_output_tokens max_tool_calls " +
  "store background service_tier metadata safety_identifier prompt_cache_key"
).split(" ");
const ends = new Set(["response.completed", "response.incomplete", "response.failed"]);
/** The field of a `done` event that its deltas add up to. */
const wholes: { readonly [event: string]: string } = {
  "response.output_text": "text",
  "response.refusal": "refusal",
  "response.reasoning_summary_text": "text",
  "response.function_call_arguments": "arguments",
  "response.custom_tool_call_input": "input",
};

/** The state machine of a Responses stream as the strictest clients know it. */
export function checkGrammar(events: readonly JsonObject[]): void {
  const output: Json[] = [];
  let open: JsonObject | undefined;
  let part: string | undefined;
  const grown = new Map<string, string>();
  for (const [index, event] of events.entries()) {
    const type = String(event["type"]);
    assert.equal(event["sequence_number"], index);
    const response = objectOf(event["response"]);
    if (index === 0) assert.equal(type, "response.created");
    if (index === 1) assert.equal(type, "response.in_progress");
    assert.equal(ends.has(type), index === events.length - 1, `${type} at ${index}`);
    if (response !== undefined) {
      for (const name of demanded) assert.ok(name in response, name);
      assert.equal(response["id"], objectOf(events[0]?.["response"])?.["id"]);
      if (type !== "response.failed") assert.equal(open, undefined);
      assert.deepEqual(response["output"], output);
    } else if (type === "response.output_item.added") {
      assert.equal(open, undefined);
      assert.equal(event["output_index"], output.length);
      open = objectOf(event["item"]);
      assert.equal(typeof open?.["id"], "string");
      assert.equal(typeof open?.["type"], "string");
      grown.clear();
    } else if (type === "response.output_item.done") {
      const item = objectOf(event["item"]);
      assert.equal(item?.["id"], open?.["id"]);
      assert.equal(item?.["type"], open?.["type"]);
      assert.equal(event["output_index"], output.length);
      if (item?.["type"] === "message") {
        for (const content of arrayOf(item["content"])) {
          const { annotations, logprobs, type: kind } = objectOf(content) ?? {};
          assert.ok(kind === "refusal" || (Array.isArray(annotations) && Array.isArray(logprobs)));
        }
      }
      if (item?.["type"] !== "opaque-test") output.push(item ?? null);
      open = undefined;
      part = undefined;
    } else if (type !== "error") {
      assert.equal(event["item_id"], open?.["id"], type);
      assert.equal(event["output_index"], output.length);
      if (type.endsWith("part.added")) part = type;
      if (/output_text|refusal|summary_text/.test(type)) assert.ok(part !== undefined, type);
      const stem = type.replace(/\.(?:delta|done)$/, "");
      if (type.endsWith(".delta")) grown.set(stem, (grown.get(stem) ?? "") + String(event["delta"]));
      const field = wholes[stem];
      if (type.endsWith(".done") && field !== undefined) assert.equal(event[field], grown.get(stem) ?? "");
    }
  }
}
