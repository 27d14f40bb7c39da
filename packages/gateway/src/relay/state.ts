import { partPath } from "../codecs/shared/placed.ts";
import type { Loss } from "../kernel/loss.ts";
import type { CanonicalRequest, Message, Part } from "../kernel/request.ts";

/** The request without what only the account that made it can read: reasoning, and marks on texts and calls. */
export function withoutState(request: CanonicalRequest): {
  readonly request: CanonicalRequest;
  readonly losses: readonly Loss[];
} {
  if (request.operation !== "generate") return { request, losses: [] };
  const losses: Loss[] = [];
  const messages = request.messages.map((message, index): Message => {
    if (message.role !== "assistant") return message;
    const parts = message.parts.flatMap((part, place) => {
      if (part.type !== "reasoning") return [bare(part)];
      losses.push({ field: partPath(part, `messages[${index}].parts`, place), reason: "unsupported" });
      return [];
    });
    return { ...message, parts };
  });
  return { request: { ...request, messages }, losses };
}

function bare(part: Part): Part {
  if (part.type === "opaque" || part.keep === undefined) return part;
  const { keep: _keep, origin: _origin, ...rest } = part;
  return rest;
}
