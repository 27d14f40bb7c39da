import { failure } from "../kernel/failure.ts";
import type { FetchedMedia, MediaFetcher } from "../kernel/media.ts";
import type { CanonicalRequest, Message, Part } from "../kernel/request.ts";
import type { Result } from "../kernel/result.ts";

/** Most images that are fetched for one request, how many at a time, and most bytes of them all. */
const mostImages = 32;
const atOnce = 4;
const mostBytes = 67_108_864;

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

/** Fetches all of them, or tells of the first that cannot be had. */
export async function fetchImages(
  urls: readonly string[],
  media: MediaFetcher,
  signal: AbortSignal,
): Promise<Result<FetchedByUrl>> {
  if (urls.length > mostImages) return tooMuch(`more than ${mostImages} of them`);
  const fetched = new Map<string, FetchedMedia>();
  const waiting = [...urls];
  let bytes = 0;
  let wrong: Result<never> | undefined;
  const lane = async (): Promise<void> => {
    for (let url = waiting.shift(); url !== undefined && wrong === undefined; url = waiting.shift()) {
      // oxlint-disable-next-line no-await-in-loop -- A lane fetches one after the other, so that not all come at once.
      const answer = await media.get(url, signal);
      if (!answer.ok) wrong ??= answer;
      else {
        fetched.set(url, answer.value);
        bytes += answer.value.base64.length;
        if (bytes > mostBytes) wrong ??= tooMuch(`more than ${mostBytes} bytes of them`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return wrong ?? { ok: true, value: fetched };
}

function tooMuch(what: string): Result<never> {
  const message = `The request names images by URL, ${what}. This backend takes images only as data; send fewer.`;
  return { ok: false, failure: failure("bad-request", message) };
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
