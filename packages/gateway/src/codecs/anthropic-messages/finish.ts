import type { FinishReason, FinishWord } from "../../kernel/event.ts";
import { compact } from "../../kernel/json.ts";

/** Anthropic's own stop reasons (`StopReason` of its SDK 1.11, and `compaction` of a beta). */
const own: ReadonlyMap<string, FinishWord> = new Map<string, FinishWord>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool-calls"],
  ["refusal", "content-filter"],
  // The server's own tools take long; the client is to send the turn back as it is.
  ["pause_turn", "other"],
  ["compaction", "other"],
]);

/** Words of other protocols that compatible vendors let through. */
const strayed: ReadonlyMap<string, FinishWord> = new Map<string, FinishWord>([
  ["", "stop"],
  ["stop", "stop"],
  ["length", "length"],
  ["tool_calls", "tool-calls"],
  ["content_filter", "content-filter"],
]);

/** A stop reason in our word. Whether a turn ended in calls is judged by the calls, unless it was cut off. */
export function readStop(raw: string, hasCalls: boolean, stopSequence?: string): FinishReason {
  const word = own.get(raw) ?? strayed.get(raw) ?? "other";
  const rest = compact({ stopSequence });
  const isPause = word === "other" && own.has(raw);
  if (hasCalls && (word === "stop" || (word === "other" && !isPause))) return { unified: "tool-calls", raw, ...rest };
  if (!hasCalls && word === "tool-calls") return { unified: "stop", raw, ...rest };
  return { unified: word, raw, ...rest };
}

const words: { readonly [Word in FinishWord]: string } = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "refusal",
  other: "end_turn",
};

export interface WrittenStop {
  readonly stop_reason: string;
  readonly stop_sequence: string | null;
}

/** What an answer holds that its stop reason must agree with. */
export interface StopSight {
  readonly hasCalls: boolean;
  readonly hasRefusal: boolean;
}

/** The backend's own word where it is Anthropic's and says the same; `tool_use` only after a call. */
export function writeStop(reason: FinishReason, { hasCalls, hasRefusal }: StopSight): WrittenStop {
  const stop_sequence = reason.stopSequence ?? null;
  const unified = reason.unified === "tool-calls" && !hasCalls ? "stop" : reason.unified;
  if (unified === "stop" && hasCalls) return { stop_reason: "tool_use", stop_sequence };
  if (unified === "stop" && hasRefusal) return { stop_reason: "refusal", stop_sequence };
  if (unified === "stop" && stop_sequence !== null) return { stop_reason: "stop_sequence", stop_sequence };
  return { stop_reason: own.get(reason.raw) === unified ? reason.raw : words[unified], stop_sequence };
}
