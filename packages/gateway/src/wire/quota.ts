import type { Quote } from "../kernel/limit.ts";

/**
 * Header families that tell what is left. `{}` stands for `remaining` or `reset`.
 *
 * - OpenAI, Groq and most that are like them (platform.openai.com/docs/guides/rate-limits): resets as durations.
 * - Cerebras (inference-docs.cerebras.ai/support/rate-limits): with the period, resets in seconds.
 * - Mistral: `req` and `tokens` with the period, no resets.
 * - Anthropic (docs.anthropic.com/en/api/rate-limits): resets in RFC 3339.
 * - The general form, which OpenRouter fills with milliseconds since 1970 and others with seconds.
 *
 * Gemini and Ollama have no such headers; Gemini's waits are in the bodies of its refusals.
 */
const families: readonly (readonly [unit: Quote["unit"], template: string])[] = [
  ["requests", "x-ratelimit-{}-requests"],
  ["tokens", "x-ratelimit-{}-tokens"],
  ...(["minute", "hour", "day"] as const).flatMap(
    (period) =>
      [
        ["requests", `x-ratelimit-{}-requests-${period}`],
        ["tokens", `x-ratelimit-{}-tokens-${period}`],
      ] as const,
  ),
  ["requests", "x-ratelimit-{}-req-minute"],
  ["requests", "anthropic-ratelimit-requests-{}"],
  ["tokens", "anthropic-ratelimit-tokens-{}"],
  ["tokens", "anthropic-ratelimit-input-tokens-{}"],
  ["tokens", "anthropic-ratelimit-output-tokens-{}"],
  ["requests", "x-ratelimit-{}"],
];

const rows = families.map(([unit, template]) => ({
  unit,
  remaining: template.replace("{}", "remaining"),
  reset: template.replace("{}", "reset"),
}));

/** Codex tells how much of a window is used up, in percent; its reset is a time, or seconds from now. */
const codexWindows = ["x-codex-primary", "x-codex-secondary"] as const;

/**
 * What an answer's headers say that is left at the provider. Empty where they say nothing.
 *
 * @param now Milliseconds since 1970.
 */
export function readQuotes(header: (name: string) => string | undefined, now: number): readonly Quote[] {
  const quotes: Quote[] = [];
  for (const { unit, remaining, reset } of rows) {
    const text = header(remaining);
    const left = text === undefined ? undefined : /^\s*-\d/.test(text) ? 0 : decimal(text);
    if (left !== undefined) quotes.push({ unit, remaining: Math.floor(left), reset: readReset(header(reset), now) });
  }
  for (const window of codexWindows) {
    const percent = decimal(header(`${window}-used-percent`));
    if (percent === undefined || percent < 100) continue;
    const reset = header(`${window}-reset-at`) ?? header(`${window}-reset-after-seconds`);
    quotes.push({ unit: "requests", remaining: 0, reset: readReset(reset, now) });
  }
  // Subscriptions tell only whether they refuse, and until when.
  if (header("anthropic-ratelimit-unified-status") === "rejected") {
    quotes.push({
      unit: "requests",
      remaining: 0,
      reset: readReset(header("anthropic-ratelimit-unified-reset"), now),
    });
  }
  return quotes;
}

/** Below it a number is seconds from now, from it on seconds since 1970, and further on milliseconds. */
const firstTime = 1e9;
const firstMillisecond = 1e12;

/**
 * Milliseconds from now that a reset means, at least 0; undefined where it makes no sense. Vendors write seconds
 * (`59.7`), a time since 1970, a duration (`1m30.5s`, `12ms`) or a date (`2026-01-31T00:00:00Z`).
 *
 * @param now Milliseconds since 1970.
 */
export function readReset(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  const number = decimal(trimmed);
  if (number !== undefined) {
    if (number < firstTime) return Math.ceil(number * 1000);
    return Math.max(0, Math.ceil(number >= firstMillisecond ? number : number * 1000) - now);
  }
  if (/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/.test(trimmed)) {
    const date = Date.parse(trimmed);
    return Number.isNaN(date) ? undefined : Math.max(0, date - now);
  }
  return readDuration(trimmed);
}

const unitSizes: { readonly [unit: string]: number } = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

function readDuration(text: string): number | undefined {
  if (text.length > 32 || !/^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[dhms]))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, figure, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)) {
    sum += Number(figure) * (unitSizes[unit ?? ""] ?? 0);
  }
  return Math.ceil(sum);
}

function decimal(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}(?:\.\d{1,9})?$/.test(text.trim()) ? Number(text) : undefined;
}
