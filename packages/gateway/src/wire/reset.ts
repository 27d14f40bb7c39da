import { longestRetryAfter } from "./headers.ts";
import { readQuotes } from "./quota.ts";

/**
 * How long a refused caller must wait by the headers on limits, in milliseconds up to an hour: until the last of the
 * used-up limits is lifted. Undefined when none is said to be used up.
 *
 * @param now Milliseconds since 1970.
 */
export function readWait(header: (name: string) => string | undefined, now: number): number | undefined {
  let longest: number | undefined;
  for (const { remaining, reset } of readQuotes(header, now)) {
    if (remaining === 0 && reset !== undefined) longest = Math.max(longest ?? 0, reset);
  }
  return longest === undefined ? undefined : bounded(longest);
}

/**
 * How long a refused caller must wait by the body of the refusal: Codex' `resets_at` (seconds since 1970) and
 * `resets_in_seconds`, within `error` or beside it. Milliseconds up to an hour.
 */
export function readBodyWait(body: unknown, now: number): number | undefined {
  const outer = fieldsOf(body);
  const fields = fieldsOf(outer?.["error"]) ?? outer;
  const after = fields?.["resets_in_seconds"];
  if (typeof after === "number") return bounded(after * 1000);
  const at = fields?.["resets_at"];
  return typeof at === "number" ? bounded(at * 1000 - now) : undefined;
}

function fieldsOf(value: unknown): { readonly [name: string]: unknown } | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}

function bounded(milliseconds: number): number | undefined {
  if (!Number.isFinite(milliseconds)) return undefined;
  return Math.min(Math.max(Math.ceil(milliseconds), 0), longestRetryAfter);
}
