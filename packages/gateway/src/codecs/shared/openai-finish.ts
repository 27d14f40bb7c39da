import type { FinishReason, FinishWord } from "../../kernel/event.ts";

/** Finish words that OpenAI-compatible backends were seen to send, in lower case. */
const words: ReadonlyMap<string, FinishWord> = new Map<string, FinishWord>([
  ["", "stop"],
  ["stop", "stop"],
  ["eos", "stop"],
  ["eos_token", "stop"],
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["complete", "stop"],
  ["completed", "stop"],
  ["length", "length"],
  ["max_tokens", "length"],
  ["max_output_tokens", "length"],
  ["model_length", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_calls", "tool-calls"],
  ["tool_call", "tool-calls"],
  ["tool_use", "tool-calls"],
  ["function_call", "tool-calls"],
  ["content_filter", "content-filter"],
  ["safety", "content-filter"],
  ["refusal", "content-filter"],
  ["recitation", "content-filter"],
  ["prohibited_content", "content-filter"],
]);

/** A backend's finish word in ours. Whether a turn ended in calls is judged by the calls, not by the word. */
export function readFinish(raw: string, hasCalls: boolean): FinishReason {
  const word = words.get(raw.toLowerCase()) ?? "other";
  if (hasCalls && (word === "stop" || word === "other")) return { unified: "tool-calls", raw };
  if (!hasCalls && word === "tool-calls") return { unified: "stop", raw };
  return { unified: word, raw };
}

/** OpenAI's word, which is one of a closed list that clients check. */
export function writeFinish(reason: FinishReason, calls: "tool_calls" | "function_call" | "stop"): string {
  switch (reason.unified) {
    case "tool-calls":
      return calls;
    case "length":
      return "length";
    case "content-filter":
      return "content_filter";
    default:
      return "stop";
  }
}
