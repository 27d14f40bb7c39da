import type { Codec } from "../kernel/codec.ts";

/** How an answer comes. */
export type Shape = "stream" | "whole";

/** What a content type says of an answer; undefined if it says nothing. */
export function claimedShape(contentType: string | undefined): Shape | undefined {
  const type = contentType?.toLowerCase() ?? "";
  if (type.startsWith("text/event-stream") || type.startsWith("application/x-ndjson")) return "stream";
  return /^application\/(?:[a-z.+-]+\+)?json/.test(type) ? "whole" : undefined;
}

/**
 * How an answer comes, by its first bytes, which tell more than its content type does; undefined if neither tells.
 *
 * @param wanted What was asked for.
 */
export function shapeOf(
  first: Buffer,
  { codec, wanted, claimed }: { readonly codec: Codec; readonly wanted: Shape; readonly claimed: Shape | undefined },
): Shape | undefined {
  const text = first
    .toString("latin1", 0, 64)
    .replace(/^\xef\xbb\xbf/, "")
    .trimStart();
  if (/^(?:data|event|id|retry)?:/.test(text)) return "stream";
  if (!text.startsWith("{") && !text.startsWith("[")) return claimed;
  // Lines of JSON begin like a whole answer, and a single line is both.
  return codec.framing === "ndjson" && (wanted === "stream" || claimed === "stream") ? "stream" : "whole";
}

/** Whether a body that was taken for a whole one is a stream: lines of JSON begin like a single object. */
export function isLines(codec: Codec, body: Buffer): boolean {
  // Nowhere in a single object is this: line feeds within texts are escaped.
  return codec.framing === "ndjson" && (body.includes("}\n{") || body.includes("}\r\n{"));
}
