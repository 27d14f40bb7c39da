import { nearest } from "../kernel/nearest.ts";
import { leaf } from "./leaf.ts";
import type { Report } from "./leaf.ts";
import { parseDuration, parseSize } from "./units.ts";

/** Node's timers cannot wait longer: 2^31 - 1 milliseconds. */
const longestDuration = 2_147_483_647;
/** A body is handled as one text at times, and V8 knows no longer one. */
const largestSize = 500_000_000;

/** In the JSON Schema: any other value may also be a reference into the environment. */
const reference = { type: "string", pattern: "\\$\\{" } as const;

export const text = (what: string, longest = 256) =>
  leaf({ type: "string", minLength: 1, maxLength: longest, description: what }, (value, report) => {
    return readText(value, report, longest);
  });

/** A text without control characters and without blanks at its ends. */
export function readText(value: unknown, report: Report, longest: number): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return report("must be a text; put it in quotes");
  if (typeof value !== "string") return report("must be a text");
  if (value === "") return report("is empty");
  if (value.length > longest) return report(`is longer than ${longest} characters`);
  if (/\p{Cc}/u.test(value)) return report("must not hold control characters");
  if (value !== value.trim()) return report("must not begin or end with a blank");
  return value;
}

export const flag = (what: string) =>
  leaf({ anyOf: [{ type: "boolean" }, reference], description: what }, (value, report) => {
    if (typeof value === "boolean") return value;
    // What variables hold, and what YAML 1.1 took for truth.
    const word = typeof value === "string" ? value.trim().toLowerCase() : value;
    if (word === "true" || word === "yes" || word === "on" || word === "1") return true;
    if (word === "false" || word === "no" || word === "off" || word === "0") return false;
    return report("must be true or false");
  });

export const whole = (least: number, most: number, what: string) =>
  leaf(
    { anyOf: [{ type: "integer", minimum: least, maximum: most }, reference], description: what },
    (value, report) => {
      const number = numberOf(value);
      const fits = number !== undefined && Number.isInteger(number) && number >= least && number <= most;
      return fits ? number : report(`must be a whole number from ${least} to ${most}`);
    },
  );

/** A number of at least 0, such as a price. */
export const amount = (what: string) =>
  leaf({ anyOf: [{ type: "number", minimum: 0 }, reference], description: what }, (value, report) => {
    const number = numberOf(value);
    return number !== undefined && number >= 0 ? number : report("must be a number of at least 0");
  });

function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  // A variable's value is a text, whatever it means.
  if (typeof value !== "string" || !/^-?\d{1,15}(\.\d{1,15})?$/.test(value.trim())) return undefined;
  return Number(value);
}

export const duration = (what: string, least = 1) =>
  leaf(
    {
      anyOf: [
        { type: "integer", minimum: least, maximum: longestDuration },
        { type: "string", pattern: "^\\s*\\d+(\\.\\d+)?\\s?(ms|s|m|h|d)?\\s*$|\\$\\{" },
      ],
      description: `${what} A duration such as 250ms, 5s, 10m, 1h or 1d; a number is milliseconds.`,
    },
    (value, report) => {
      const parsed = parseDuration(value);
      if (parsed === undefined)
        return report("must be a duration such as 250ms, 5s, 10m or 1h, or a number of milliseconds");
      if (parsed < least) return report(`must be at least ${least === 1000 ? "1s" : "1ms"}`);
      return parsed <= longestDuration ? parsed : report("must be at most 24d");
    },
  );

export const size = (what: string) =>
  leaf(
    {
      anyOf: [
        { type: "integer", minimum: 1, maximum: largestSize },
        { type: "string", pattern: "^\\s*\\d+(\\.\\d+)?\\s?([bB]|[kmgKMG][iI]?[bB])?\\s*$|\\$\\{" },
      ],
      description: `${what} A size such as 64KB (64,000), 64KiB (65,536) or 50MB; a number is bytes.`,
    },
    (value, report) => {
      const parsed = parseSize(value);
      if (parsed === undefined || parsed < 1)
        return report("must be a size such as 64KB, 64KiB or 50MB, or a number of bytes");
      return parsed <= largestSize ? parsed : report("must be at most 500MB");
    },
  );

/** One of some words. */
export const choice = <const Word extends string>(words: readonly Word[], what: string) =>
  leaf({ enum: words, description: what }, (value, report): Word | undefined => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    return report(`must be one of ${words.join(", ")}${meant(value, words)}`);
  });

/** `; did you mean ...?`, or nothing. */
export function meant(value: unknown, words: Iterable<string>): string {
  const [word] = typeof value === "string" ? nearest(value, words) : [];
  return word === undefined ? "" : `; did you mean \`${word}\`?`;
}
