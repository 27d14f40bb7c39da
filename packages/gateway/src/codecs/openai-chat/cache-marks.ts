import type { JsonObject } from "../../kernel/json.ts";
import type { Extra, Message, Part, Tool } from "../../kernel/request.ts";
import { objectOf } from "../shared/json.ts";

const vendor = "anthropic-messages";

/**
 * Anthropic's mark for caching, which clients of OpenRouter and LiteLLM put into chat's messages, parts and tools. It
 * is kept as what it is, so that Anthropic gets it where it stood; nobody else misses it.
 */
export function cacheMark(marked: JsonObject): Extra | undefined {
  const cache_control = objectOf(marked["cache_control"]);
  return cache_control && { [vendor]: { cache_control } };
}

function isMarked({ keep }: Part): boolean {
  return keep?.[vendor] !== undefined;
}

/** Anthropic refuses more, and earlier ones are worth the least: a later mark covers what stands before it. */
const most = 4;

/** The messages with the last of their marks, as many as Anthropic takes beside those of the tools. */
export function withFewMarks(messages: readonly Message[], tools: readonly Tool[]): readonly Message[] {
  const ofTools = tools.filter(({ extra }) => extra?.[vendor] !== undefined).length;
  let excess = messages.reduce((sum, { parts }) => sum + parts.filter(isMarked).length, ofTools) - most;
  if (excess <= 0) return messages;
  return messages.map((message) => {
    const parts = message.parts.map((part) =>
      part.type !== "opaque" && isMarked(part) && excess-- > 0 ? withoutMark(part) : part,
    );
    return { ...message, parts };
  });
}

/** The message with its own mark on its last part. Parts of a tool's result bear none: the result does. */
export function withMessageMark(message: Message, raw: JsonObject): Message {
  const mark = cacheMark(raw);
  const parts = message.parts.map(markedResult);
  const last = parts.at(-1);
  if (mark !== undefined && last !== undefined && last.keep?.[vendor] === undefined) {
    parts[parts.length - 1] = { ...last, keep: { ...last.keep, ...mark } };
  }
  return mark === undefined && parts.every((part, place) => part === message.parts[place])
    ? message
    : { ...message, parts };
}

function markedResult(part: Part): Part {
  if (part.type !== "tool-result") return part;
  const mark = part.content.findLast(({ keep }) => keep?.[vendor] !== undefined)?.keep?.[vendor];
  if (mark === undefined) return part;
  const content = part.content.map((inner) => (inner.type === "opaque" ? inner : withoutMark(inner)));
  return { ...part, content, keep: { ...part.keep, [vendor]: mark } };
}

function withoutMark(part: Exclude<Part, { readonly type: "opaque" }>): Part {
  const { keep, ...rest } = part;
  if (keep === undefined) return part;
  const { [vendor]: _mark, ...others } = keep;
  return Object.keys(others).length > 0 ? { ...rest, keep: others } : rest;
}
