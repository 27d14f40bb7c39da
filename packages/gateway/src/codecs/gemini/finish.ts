import type { FinishReason, FinishWord } from "../../kernel/event.ts";

/** Gemini's finish reasons (js-genai types.ts, FinishReason) and reasons why a prompt was blocked. */
const words: ReadonlyMap<string, FinishWord> = new Map<string, FinishWord>([
  ["STOP", "stop"],
  ["MAX_TOKENS", "length"],
  ["CONTINUATION", "length"],
  ["SAFETY", "content-filter"],
  ["RECITATION", "content-filter"],
  ["BLOCKLIST", "content-filter"],
  ["PROHIBITED_CONTENT", "content-filter"],
  ["SPII", "content-filter"],
  ["IMAGE_SAFETY", "content-filter"],
  ["IMAGE_PROHIBITED_CONTENT", "content-filter"],
  ["IMAGE_RECITATION", "content-filter"],
  ["LANGUAGE", "other"],
  ["OTHER", "other"],
  ["MALFORMED_FUNCTION_CALL", "other"],
  ["MALFORMED_RESPONSE", "other"],
  ["UNEXPECTED_TOOL_CALL", "other"],
  ["TOO_MANY_TOOL_CALLS", "other"],
  ["IMAGE_OTHER", "other"],
  ["NO_IMAGE", "other"],
]);

/** A finish reason in our word. Gemini has none for calls: whether a turn ended in them is judged by the calls. */
export function readFinish(raw: string, hasCalls: boolean): FinishReason {
  const word = words.get(raw) ?? "other";
  return { unified: hasCalls && (word === "stop" || word === "other") ? "tool-calls" : word, raw };
}

/** Gemini's word: the backend's own where it is one of Gemini's with the same meaning. */
export function writeFinish(reason: FinishReason): string {
  const word = words.get(reason.raw);
  const isCalls = reason.unified === "tool-calls";
  if (word !== undefined && (word === reason.unified || (isCalls && word === "stop"))) return reason.raw;
  switch (reason.unified) {
    case "length":
      return "MAX_TOKENS";
    case "content-filter":
      return "SAFETY";
    case "other":
      return "OTHER";
    default:
      return "STOP";
  }
}
