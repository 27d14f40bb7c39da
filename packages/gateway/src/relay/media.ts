import type { FetchedMedia } from "../kernel/media.ts";
import type { CanonicalRequest, Message, Part } from "../kernel/request.ts";

/** What was fetched, by URL. */
export type FetchedByUrl = ReadonlyMap<string, FetchedMedia>;

/** The URLs of images that a request names and that have not been fetched yet, each once. */
export function imageUrls(request: CanonicalRequest, fetched: FetchedByUrl): readonly string[] {
  if (request.operation !== "generate") return [];
  const urls = new Set<string>();
  for (const message of request.messages) {
    eachPart(message.parts, (part) => {
      const url = urlOf(part);
      if (url !== undefined && !fetched.has(url)) urls.add(url);
    });
  }
  return [...urls];
}

/** The request with its images' bytes in the place of their URLs. */
export function withImages(request: CanonicalRequest, fetched: FetchedByUrl): CanonicalRequest {
  if (request.operation !== "generate" || fetched.size === 0) return request;
  const fill = (part: Part): Part => {
    if (part.type === "tool-result") return { ...part, content: part.content.map(fill) };
    const media = fetched.get(urlOf(part) ?? "");
    return part.type === "image" && media !== undefined ? { ...part, source: { kind: "data", ...media } } : part;
  };
  const messages = request.messages.map((message): Message => ({ ...message, parts: message.parts.map(fill) }));
  return { ...request, messages };
}

function urlOf(part: Part): string | undefined {
  return part.type === "image" && part.source.kind === "url" && /^https?:/i.test(part.source.url)
    ? part.source.url
    : undefined;
}

function eachPart(parts: readonly Part[], look: (part: Part) => void): void {
  for (const part of parts) {
    if (part.type === "tool-result") eachPart(part.content, look);
    else look(part);
  }
}
