import { parseDuration } from "../config/units.ts";

/**
 * When a key expires: a duration from now such as `30d` or `12h`, or a date such as `2027-01-31` (its beginning, UTC)
 * or `2027-01-31T18:00:00Z`.
 *
 * @returns milliseconds since 1970; undefined for anything else. A number without a unit is refused: people mean days
 * by it, programs milliseconds.
 */
export function parseExpiry(text: string, now: number): number | undefined {
  const given = text.trim();
  if (/^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/.test(given)) {
    const date = new Date(given);
    // A 31st of February is read as a day of March.
    const valid =
      !Number.isNaN(date.getTime()) &&
      new Date(`${given.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(given.slice(0, 10));
    return valid ? date.getTime() : undefined;
  }
  const duration = /[a-z]$/i.test(given) ? parseDuration(given) : undefined;
  return duration === undefined ? undefined : now + duration;
}
