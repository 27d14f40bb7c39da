/** Longest time that a provider may make us stay away, in milliseconds. */
export const longestRetryAfter = 3_600_000;

/** HTTP dates, today's form and the two old ones (RFC 9110, 5.6.7), and ISO dates with a zone, which some servers send. */
const dateForms = [
  /^[A-Za-z]{3}, [0-9]{2} [A-Za-z]{3} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/,
  /^[A-Za-z]{6,9}, [0-9]{2}-[A-Za-z]{3}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/,
  /^[A-Za-z]{3} [A-Za-z]{3} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}$/,
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/,
];

/**
 * How long a provider asks its callers to wait, in milliseconds between 0 and an hour; undefined when it does not say.
 * Reads `retry-after-ms`, and `retry-after` as seconds (decimals too) or as an HTTP date (RFC 9110, 10.2.3).
 *
 * @param now Milliseconds since 1970.
 */
export function readRetryAfter(header: (name: string) => string | undefined, now: number): number | undefined {
  const milliseconds = decimal(header("retry-after-ms"));
  if (milliseconds !== undefined) return clamp(milliseconds);
  const text = header("retry-after");
  const seconds = decimal(text);
  if (seconds !== undefined) return clamp(seconds * 1000);
  const date = text === undefined ? Number.NaN : readDate(text.trim());
  return Number.isNaN(date) ? undefined : clamp(date - now);
}

/** Milliseconds since 1970, or NaN. `Date.parse` alone would find a date in nearly any text that holds a number. */
function readDate(text: string): number {
  if (!dateForms.some((form) => form.test(text))) return Number.NaN;
  // The oldest form names no zone and means GMT.
  return Date.parse(/[0-9]{2} [0-9]{4}$/.test(text) ? `${text} GMT` : text);
}

function decimal(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  return /^[0-9]+(\.[0-9]+)?$/.test(trimmed) ? Number(trimmed) : undefined;
}

function clamp(milliseconds: number): number {
  return Math.min(Math.max(Math.ceil(milliseconds), 0), longestRetryAfter);
}

/** Text made fit for a header value: everything but visible ASCII and space is percent-encoded; at most 256 characters. */
export function headerText(text: string): string {
  if (/^[\x21-\x24\x26-\x7e]{0,256}$/.test(text)) return text;
  let safe = "";
  for (const character of text.toWellFormed()) {
    const piece = /^[\x20-\x24\x26-\x7e]$/.test(character) ? character : encodeURIComponent(character);
    if (safe.length + piece.length > 256) break;
    safe += piece;
  }
  return safe.trim();
}

/** True for a request id of the caller's that is safe to adopt: short, and plain in logs and headers. */
export function isPlainId(text: string): boolean {
  return /^[A-Za-z0-9._:-]{1,128}$/.test(text);
}
