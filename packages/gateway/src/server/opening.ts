import type { ScannedObject } from "../wire/json-scan.ts";
import type { Rope } from "../wire/rope.ts";

/** So much of a conversation is looked at, in bytes. */
const lookedAt = 16_384;

/** Fields that hold what stands before a conversation. */
const introductions: ReadonlySet<string> = new Set([
  "system",
  "instructions",
  "systemInstruction",
  "system_instruction",
]);

/** Texts in it; clients write the same text as a string one time and as a part another, with a cache mark or without. */
const texts = /"(?:text|content|input|prompt|system|instructions)"\s*:\s*"((?:[^"\\]|\\.)*)/g;

/** Where the first answer begins, or the first call of a tool where that is no message. */
const firstAnswer = /"role"\s*:\s*"(?:assistant|model)"|"type"\s*:\s*"(?:reasoning|function_call|custom_tool_call)"/;

export interface Opening {
  /** The instructions and what was said until the first answer: they stay the same while a conversation goes on. */
  readonly text: string;
  /** There was an answer. */
  readonly isAnswered: boolean;
}

/** How a conversation opens; undefined for a request that is none. */
export function openingOf(rope: Rope, object: ScannedObject): Opening | undefined {
  const pieces: string[] = [];
  let isConversation = false;
  let isAnswered = object.roles.has("assistant") || object.roles.has("model");
  for (const { name, keyStart, valueStart, valueEnd } of object.fields) {
    if (introductions.has(name)) pieces.push(rope.text(keyStart, Math.min(valueEnd, keyStart + lookedAt)));
    if (name !== "messages" && name !== "input" && name !== "contents") continue;
    isConversation = true;
    const text = rope.text(keyStart, Math.min(valueEnd, valueStart + lookedAt));
    const answer = text.search(firstAnswer);
    pieces.push(answer === -1 ? text : text.slice(0, answer));
    isAnswered ||= answer !== -1 || rope.includes('"function_call_output"', valueStart, valueEnd);
  }
  if (!isConversation) return undefined;
  const joined = pieces.join("\n");
  const said = [...joined.matchAll(texts)].map(([, text]) => text).join("\n");
  return { text: said === "" ? joined : said, isAnswered };
}
