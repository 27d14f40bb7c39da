import type { FeatureTarget } from "../../kernel/feature.ts";
import type { Message } from "../../kernel/request.ts";
import { unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/**
 * Leaves out the words that a client puts into the assistant's mouth where the target would not continue them. They
 * are not turned into an instruction: an answer that repeats them would be worse than one that does without.
 */
export const prefill: Pass = (request, target) => {
  if (target.accepts.prefill) return unchanged(request);
  const { messages } = request;
  const end = messages.findLastIndex((message) => !isPrefill(message, target)) + 1;
  const rest = messages.slice(0, end);
  // Where nobody else has spoken, the backend says what is wrong with that.
  if (end === messages.length || !rest.some(({ role }) => role !== "system")) return unchanged(request);
  const losses = messages
    .slice(end)
    .map((_message, index) => ({ field: `messages[${end + index}]`, reason: "approximated" as const }));
  return { request: { ...request, messages: rest }, losses };
};

/** A turn with blocks that only the target knows is one that it paused, and wants back to go on. */
function isPrefill({ role, parts }: Message, { protocol }: FeatureTarget): boolean {
  if (role !== "assistant") return false;
  return !parts.some(
    (part) => part.type === "tool-call" || (part.type === "opaque" && part.keep[protocol] !== undefined),
  );
}
