import type { Json } from "../../kernel/json.ts";

/** The event that ends an OpenAI stream. */
export const doneEvent = "data: [DONE]\n\n";

/** Whether an event's data is the mark of the end. Some backends put spaces around it. */
export function isDone(data: string): boolean {
  return data.length < 16 && data.trim() === "[DONE]";
}

/** A comment: every client that we measured skips it. */
export const keepaliveComment = ": keepalive\n\n";

export const eventStream = "text/event-stream; charset=utf-8";

/** An unnamed SSE event that holds one JSON value. JSON text has no line breaks of its own. */
export function dataEvent(value: Json): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
