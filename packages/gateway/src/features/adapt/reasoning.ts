import { unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/**
 * Asks a model that is known not to reason for no reasoning: OpenAI answers 400 to `reasoning_effort` there, Ollama to
 * `think`. A client of the target's own protocol is not talked out of its words.
 */
export const reasoning: Pass = (request, { reasons, client, protocol }) => {
  const { reasoning: wanted, ...rest } = request;
  if (reasons !== false || wanted === undefined || client === protocol) return unchanged(request);
  return { request: rest, losses: wanted.effort === "none" ? [] : [{ field: "reasoning", reason: "unsupported" }] };
};
