import type { Message, Part } from "../../kernel/request.ts";
import { mapParts, unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/**
 * Leaves out empty texts beside other parts, and turns of the assistant's that say nothing: no protocol misses them,
 * and some refuse them. A user's message that says nothing is left to the codecs.
 */
export const emptyParts: Pass = (request) => {
  const parts = mapParts(request.messages, (part, message) =>
    isEmptyText(part) && message.parts.some((other) => !isEmptyText(other)) ? undefined : part,
  );
  const messages = parts.some(isEmptyTurn) ? parts.filter((message) => !isEmptyTurn(message)) : parts;
  if (messages === request.messages || messages.length === 0) return unchanged(request);
  return { request: { ...request, messages }, losses: [] };
};

function isEmptyText(part: Part): boolean {
  return part.type === "text" && part.text === "" && part.keep === undefined;
}

function isEmptyTurn({ role, parts, extra }: Message): boolean {
  return role === "assistant" && extra === undefined && parts.every(isEmptyText);
}
