/** What a request carries that may be a key. The server decides which carriers a route has. */
export interface Credentials {
  /** The `authorization` header as it came. */
  readonly authorization?: string | undefined;
  /** `x-api-key`, Anthropic's. */
  readonly xApiKey?: string | undefined;
  /** `api-key`, Azure's. */
  readonly apiKey?: string | undefined;
  /** `x-goog-api-key`, Google's. */
  readonly xGoogApiKey?: string | undefined;
  /** `?key=`, Google's; decoded. Only routes of the Gemini surface may pass it. */
  readonly queryKey?: string | undefined;
}

export interface Extracted {
  /** The different values that were sent. */
  readonly tokens: readonly string[];
  /** The authorization header held something else than `Bearer KEY`: this text, without its scheme if it had one. */
  readonly unreadable?: string;
}

const none: Extracted = { tokens: [] };

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function firstBlank(text: string): number {
  for (let index = 0; index < text.length; index += 1) if (isBlank(text.charCodeAt(index))) return index;
  return -1;
}

/** A lone `Bearer` is what clients without a key send: no token, and no error. */
function readAuthorization(header: string): Extracted {
  const value = header.trim();
  if (value === "") return none;
  const blank = firstBlank(value);
  const scheme = blank < 0 ? value : value.slice(0, blank);
  const rest = blank < 0 ? "" : value.slice(blank).trim();
  if (scheme.toLowerCase() !== "bearer") return { tokens: [], unreadable: rest === "" ? value : rest };
  return rest === "" ? none : { tokens: [rest] };
}

/**
 * The one place that reads keys from a request, whatever carries them. Empty values count as absent, since clients
 * send them when they have no key.
 */
export function extract(credentials: Credentials): Extracted {
  const { authorization, xApiKey, apiKey, xGoogApiKey, queryKey } = credentials;
  const bearer = authorization === undefined ? none : readAuthorization(authorization);
  let tokens = bearer.tokens;
  for (const carrier of [xApiKey, apiKey, xGoogApiKey, queryKey]) {
    const token = carrier?.trim() ?? "";
    if (token !== "" && !tokens.includes(token)) tokens = [...tokens, token];
  }
  return bearer.unreadable === undefined ? { tokens } : { tokens, unreadable: bearer.unreadable };
}
