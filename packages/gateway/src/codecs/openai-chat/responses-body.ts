import type { Codec, DecodedRequest, Ingress } from "../../kernel/codec.ts";
import type { Part } from "../../kernel/request.ts";
import { flatCustomTools, isResponsesBody } from "./client-form.ts";
import { openaiChat } from "./index.ts";

/**
 * Chat for clients that also post bodies of Responses' form to `/chat/completions` and want them answered as chat, as
 * Cursor's agent does. `readResponses` reads such a body; all else is chat's own.
 */
export function chatReading(responses: Pick<Ingress, "readRequest">): Codec {
  const { ingress } = openaiChat;
  return {
    ...openaiChat,
    ingress: {
      ...ingress,
      readRequest(body, asked) {
        if (!isResponsesBody(body)) return ingress.readRequest(body, asked);
        const read = responses.readRequest(body, asked);
        return read.ok ? { ok: true, value: withCustomCalls(read.value, flatCustomTools(body)) } : read;
      },
    },
  };
}

/** Calls of custom tools, which we told this client as functions, are calls of custom tools again. */
function withCustomCalls(read: DecodedRequest, custom: ReadonlySet<string>): DecodedRequest {
  if (read.request.operation !== "generate" || custom.size === 0) return read;
  const restored = (part: Part): Part =>
    part.type === "tool-call" && custom.has(part.name) ? { ...part, tool: "custom" } : part;
  const messages = read.request.messages.map((message) => ({ ...message, parts: message.parts.map(restored) }));
  return { ...read, request: { ...read.request, messages } };
}
