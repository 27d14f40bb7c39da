/** What the tests of this codec share. It holds no test of its own; its name keeps it out of the build. */
import assert from "node:assert/strict";
import type { WireEvent } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { GenerationRequest, Message, Part } from "../../kernel/request.ts";
import { parseExactObject } from "../shared/exact.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { asked, context, generation, run } from "../shared/support.test.ts";
import { anthropicMessages } from "./index.ts";

export const hi: JsonObject = { role: "user", content: "hi" };

export function read(body: JsonObject): GenerationRequest {
  const result = anthropicMessages.ingress.readRequest(body, asked(body));
  assert.ok(result.ok, result.ok ? "" : result.failure.message);
  assert.equal(result.value.request.operation, "generate");
  return result.value.request;
}

/** The request as the wire has it, with the fields that were lost. */
export function write(request: GenerationRequest): { body: JsonObject; losses: readonly Loss[]; lost: string[] } {
  const { body, losses } = anthropicMessages.egress.writeRequest(request, { streamUsage: true, developerRole: true });
  const written = parseExactObject(JSON.stringify(body)) ?? {};
  return { body: written, losses, lost: losses.map(({ field }) => field) };
}

/** Reads a body and writes it again, through JSON as the wire does. */
export function again(body: JsonObject): JsonObject {
  return write(read(parseExactObject(JSON.stringify(body)) ?? {})).body;
}

/** A request of another protocol's. */
export function request(messages: readonly Message[], rest: Partial<GenerationRequest> = {}): GenerationRequest {
  return generation({ messages, ...rest });
}

export const text = (value: string): Part => ({ type: "text", text: value });
export const user = (...parts: Part[]): Message => ({ role: "user", parts });
export const assistant = (...parts: Part[]): Message => ({ role: "assistant", parts });
export const toolCall = (id: string, args = "{}"): Part => ({
  type: "tool-call",
  id,
  name: "f",
  arguments: args,
  tool: "function",
});
export const toolResult = (id: string, ...content: Part[]): Message => ({
  role: "tool",
  parts: [{ type: "tool-result", id, content }],
});

export function encode(events: readonly AnswerEvent[], about = context()): readonly WireEvent[] {
  return eventsOf(run(anthropicMessages.ingress.streamEncoder(about), events).join(""));
}

export function eventsOf(stream: string): readonly WireEvent[] {
  return stream
    .split("\n\n")
    .filter((each) => each !== "")
    .map((each) => {
      const [event = "", data = "", ...rest] = each.split("\n");
      assert.deepEqual(rest, []);
      assert.ok(event.startsWith("event: ") && data.startsWith("data: "), each);
      return { event: event.slice("event: ".length), data: data.slice("data: ".length) };
    });
}

export function decode(events: readonly WireEvent[]): readonly AnswerEvent[] {
  return run(anthropicMessages.egress.streamDecoder({ id: "attempt-1" }), events);
}

export const wire = (body: JsonObject): WireEvent => ({ event: String(body["type"]), data: JSON.stringify(body) });
export const bodyOf = (event: WireEvent): JsonObject => parseExactObject(event.data) ?? {};
export const bodiesOf = (events: readonly WireEvent[]): JsonObject[] => events.map(bodyOf);

/** Deltas that each type of block may have; an opaque one may have a call's. */
const deltas: { readonly [type: string]: readonly string[] } = {
  text: ["text_delta", "citations_delta"],
  thinking: ["thinking_delta", "signature_delta"],
  redacted_thinking: [],
};

/**
 * The grammar of a stream as the strictest measured clients check it; throws at the first event that breaks it.
 * Returns the message that a client has at the end, or undefined where the stream ends in an error.
 */
export function accept(events: readonly WireEvent[]): JsonObject | undefined {
  let message: JsonObject | undefined;
  let delta: JsonObject | undefined;
  let over = false;
  let open: { block: JsonObject; input: string } | undefined;
  const content: JsonObject[] = [];
  for (const event of events) {
    const body = bodyOf(event);
    assert.equal(body["type"], event.event);
    assert.ok(!over, `${event.event} after the end`);
    switch (event.event) {
      case "error":
        assert.equal(typeof objectOf(body["error"])?.["type"], "string");
        assert.equal(events.at(-1), event);
        return undefined;
      case "message_start":
        assert.equal(message, undefined);
        message = objectOf(body["message"]) ?? {};
        assert.match(String(message["id"]), /./);
        assert.deepEqual(message["content"], []);
        checkUsage(message["usage"]);
        break;
      case "content_block_start": {
        assert.ok(message !== undefined && delta === undefined && open === undefined);
        assert.equal(body["index"], content.length);
        const block = objectOf(body["content_block"]) ?? {};
        checkStart(block);
        open = { block, input: "" };
        break;
      }
      case "content_block_delta": {
        assert.ok(open !== undefined);
        assert.equal(body["index"], content.length);
        open = grow(open, objectOf(body["delta"]) ?? {});
        break;
      }
      case "content_block_stop":
        assert.ok(open !== undefined);
        assert.equal(body["index"], content.length);
        content.push(open.input === "" ? open.block : { ...open.block, input: parseExactObject(open.input) ?? {} });
        open = undefined;
        break;
      case "message_delta":
        assert.ok(message !== undefined && open === undefined && delta === undefined);
        delta = objectOf(body["delta"]) ?? {};
        assert.equal(typeof delta["stop_reason"], "string");
        checkUsage(body["usage"]);
        message = { ...message, ...delta, usage: body["usage"] ?? {} };
        break;
      case "message_stop":
        assert.ok(delta !== undefined);
        over = true;
        break;
      default:
        assert.fail(event.event);
    }
  }
  assert.ok(over, "the stream has no end");
  const hasCall = content.some(({ type }) => type === "tool_use");
  if (message?.["stop_reason"] === "tool_use") assert.ok(hasCall);
  return { ...message, content };
}

function checkUsage(value: unknown): void {
  const usage = objectOf(value as JsonObject) ?? {};
  for (const name of ["input_tokens", "output_tokens"]) {
    assert.ok(Number.isSafeInteger(usage[name]) && Number(usage[name]) >= 0, name);
  }
}

function checkStart(block: JsonObject): void {
  if (block["type"] === "text") assert.equal(block["text"], "");
  if (block["type"] === "thinking") assert.equal(block["thinking"], "");
  if (block["type"] !== "tool_use") return;
  assert.match(String(block["id"]), /./);
  assert.match(String(block["name"]), /./);
  assert.deepEqual(block["input"], {});
}

function grow(open: { block: JsonObject; input: string }, delta: JsonObject): { block: JsonObject; input: string } {
  const { block } = open;
  const type = String(delta["type"]);
  const allowed = deltas[String(block["type"])] ?? ["input_json_delta"];
  assert.ok(allowed.includes(type), `${type} within ${String(block["type"])}`);
  switch (type) {
    case "text_delta":
      return { ...open, block: { ...block, text: String(block["text"]) + String(delta["text"]) } };
    case "thinking_delta":
      return { ...open, block: { ...block, thinking: String(block["thinking"]) + String(delta["thinking"]) } };
    case "signature_delta":
      assert.match(String(delta["signature"]), /./);
      return { ...open, block: { ...block, signature: delta["signature"] ?? "" } };
    case "citations_delta":
      return { ...open, block: { ...block, citations: [...arrayOf(block["citations"]), delta["citation"] ?? {}] } };
    default:
      assert.equal(typeof delta["partial_json"], "string");
      return { ...open, input: open.input + String(delta["partial_json"]) };
  }
}
