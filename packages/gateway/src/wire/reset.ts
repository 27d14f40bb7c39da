import { longestRetryAfter } from "./headers.ts";

type Header = (name: string) => string | undefined;

/** How a header tells when a limit is lifted. */
type Form = "duration" | "seconds" | "date" | "epoch";

/** A limit that a provider tells of: what is left of it, and when there is more. */
interface Window {
  readonly left: string;
  readonly reset: string;
  readonly form: Form;
}

/**
 * The windows of providers that say in headers what is left of a limit and when there is more: OpenAI and those like it
 * (durations such as `6m0s`), Cerebras (seconds), Anthropic (RFC 3339), and the general form, which OpenRouter fills
 * with milliseconds since 1970 and others with seconds. From the providers' documents on rate limits.
 */
const windows: readonly Window[] = [
  { left: "x-ratelimit-remaining-requests", reset: "x-ratelimit-reset-requests", form: "duration" },
  { left: "x-ratelimit-remaining-tokens", reset: "x-ratelimit-reset-tokens", form: "duration" },
  ...["requests-day", "tokens-day", "requests-hour", "tokens-hour", "requests-minute", "tokens-minute"].map(
    (name): Window => ({
      left: `x-ratelimit-remaining-${name}`,
      reset: `x-ratelimit-reset-${name}`,
      form: "seconds",
    }),
  ),
  ...["requests", "tokens", "input-tokens", "output-tokens"].map((name): Window => ({
    left: `anthropic-ratelimit-${name}-remaining`,
    reset: `anthropic-ratelimit-${name}-reset`,
    form: "date",
  })),
  { left: "x-ratelimit-remaining", reset: "x-ratelimit-reset", form: "epoch" },
];

/** Codex tells how much of a window is used instead of what is left. */
const codexWindows = ["primary", "secondary"] as const;

/**
 * How long a refused caller must wait by the headers on limits, in milliseconds up to an hour: until the last of the
 * used-up limits is lifted. Undefined when none is said to be used up.
 *
 * @param now Milliseconds since 1970.
 */
export function readReset(header: Header, now: number): number | undefined {
  let longest: number | undefined;
  const note = (wait: number | undefined) => {
    if (wait !== undefined) longest = Math.max(longest ?? 0, wait);
  };
  for (const { left, reset, form } of windows) {
    const remaining = header(left);
    if (remaining !== undefined && Number(remaining) <= 0) note(readTime(header(reset), form, now));
  }
  for (const name of codexWindows) {
    if (Number(header(`x-codex-${name}-used-percent`) ?? 0) < 100) continue;
    note(
      readTime(header(`x-codex-${name}-reset-after-seconds`), "seconds", now) ??
        readTime(header(`x-codex-${name}-reset-at`), "epoch", now),
    );
  }
  return longest === undefined ? undefined : bounded(longest);
}

/**
 * How long a refused caller must wait by the body of the refusal: Codex' `resets_at` (seconds since 1970) and
 * `resets_in_seconds`, within `error` or beside it. Milliseconds up to an hour.
 */
export function readBodyReset(body: unknown, now: number): number | undefined {
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

function readTime(text: string | undefined, form: Form, now: number): number | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    const number = Number(trimmed);
    // Whatever is said to be a date and is a small number is a number of seconds.
    if (form !== "epoch" || number < 1e8) return number * 1000;
    return number > 1e11 ? number - now : number * 1000 - now;
  }
  if (form === "date" || form === "epoch") {
    const date = Date.parse(trimmed);
    return /^\d{4}-\d{2}-\d{2}T/.test(trimmed) && !Number.isNaN(date) ? date - now : undefined;
  }
  return readDuration(trimmed);
}

const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `1s`, `6m0s`, `120ms` or `1h2m3.5s`. */
function readDuration(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (units[unit] ?? 0);
  }
  return total;
}

function bounded(milliseconds: number): number | undefined {
  if (!Number.isFinite(milliseconds)) return undefined;
  return Math.min(Math.max(Math.ceil(milliseconds), 0), longestRetryAfter);
}
