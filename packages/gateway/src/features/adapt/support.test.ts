/** What the tests of `adapt` share. It holds no test of its own; its name keeps it out of the build. */
import type { Accepts } from "../../kernel/codec.ts";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { FeatureTarget } from "../../kernel/feature.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { GenerationRequest, Message, Part, ToolCallPart, ToolResultPart } from "../../kernel/request.ts";

/** A target that takes everything. */
export function targetOf(accepts: Partial<Accepts> = {}, rest: Partial<FeatureTarget> = {}): FeatureTarget {
  return {
    endpoint: "here",
    model: "m",
    protocol: "openai-chat",
    client: "openai-chat",
    ...rest,
    accepts: {
      toolName: { character: /[\s\S]/, longest: Infinity },
      callId: { character: /[\s\S]/, longest: Infinity },
      customTools: true,
      candidates: true,
      prefill: true,
      imageUrls: true,
      ...accepts,
    },
  };
}

export function requestOf(messages: readonly Message[], rest: Partial<GenerationRequest> = {}): GenerationRequest {
  return { operation: "generate", model: "m", messages, tools: [], sampling: {}, stream: true, ...rest };
}

export const text = (words: string): Part => ({ type: "text", text: words });
export const user = (...parts: (string | Part)[]): Message => ({ role: "user", parts: parts.map(partOf) });
export const assistant = (...parts: (string | Part)[]): Message => ({ role: "assistant", parts: parts.map(partOf) });
export const toolSays = (id: string, words = `result of ${id}`): Message => ({
  role: "tool",
  parts: [result(id, words)],
});

export function call(id: string, name = "f", rest: Partial<ToolCallPart> = {}): ToolCallPart {
  return { type: "tool-call", id, name, arguments: "{}", tool: "function", ...rest };
}

export function result(id: string, words = `result of ${id}`): ToolResultPart {
  return { type: "tool-result", id, content: [text(words)] };
}

function partOf(part: string | Part): Part {
  return typeof part === "string" ? text(part) : part;
}

/** A short way to say what messages hold: their role's letter, and their parts. */
export function sketch(messages: readonly Message[]): string[] {
  return messages.map(({ role, parts }) => `${role}: ${parts.map(sketchPart).join(", ")}`);
}

function sketchPart(part: Part): string {
  switch (part.type) {
    case "text":
      return JSON.stringify(part.text);
    case "reasoning":
      return `thinks ${JSON.stringify(part.text)}`;
    case "tool-call":
      return `call ${part.id}`;
    case "tool-result":
      return `result ${part.id}`;
    default:
      return part.type;
  }
}

/** The events of one tool call, whose arguments come in these pieces. */
export function callEvents(head: Partial<Extract<PartHead, { type: "tool-call" }>>, pieces: readonly string[] = []) {
  const place = { candidate: 0, part: 0 };
  const whole = { type: "tool-call", id: "1", name: "f", tool: "function", ...head } as const;
  return [
    { type: "part-start", ...place, head: whole },
    ...pieces.map((piece) => ({ type: "part-delta", ...place, text: piece }) as const),
    { type: "part-end", ...place },
  ] satisfies AnswerEvent[];
}

/** What a machine makes of events; the events themselves where there is no machine. */
export function through(
  machine: Machine<AnswerEvent, AnswerEvent> | undefined,
  events: readonly AnswerEvent[],
): readonly AnswerEvent[] {
  return machine === undefined ? events : [...events.flatMap((event) => machine.push(event)), ...machine.end()];
}

/** The heads of the calls among events. */
export function headsOf(events: readonly AnswerEvent[]) {
  return events.flatMap((event) =>
    event.type === "part-start" && event.head.type === "tool-call" ? [event.head] : [],
  );
}

/** All text of the deltas among events. */
export function textOf(events: readonly AnswerEvent[]): string {
  return events.map((event) => (event.type === "part-delta" ? event.text : "")).join("");
}
