import type { Result } from "./result.ts";

/** What stands behind a URL that a client named. */
export interface FetchedMedia {
  readonly mediaType: string;
  readonly base64: string;
}

/** Fetches what a request names by URL, for backends that take only bytes. Never rejects. */
export interface MediaFetcher {
  get(url: string, signal: AbortSignal): Promise<Result<FetchedMedia>>;
}
