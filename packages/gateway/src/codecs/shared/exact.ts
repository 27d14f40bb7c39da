import { isJsonObject } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";

/** What JSON.rawJSON makes: an object that prints as the text it was made of. */
interface RawJson {
  readonly rawJSON: string;
}

/** ECMAScript's JSON source text access, which TypeScript's library does not know yet. */
const exact = JSON as unknown as {
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
  parse(
    text: string,
    reviver: (this: unknown, name: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
};

/**
 * A number with so many digits in a row that a double may lose some that another program would miss. What stands before
 * it keeps the digits of ids within strings from being taken for one.
 */
const risky = /(?:^|[:,[\s])-?(?:\d+\.)?\d{16}/;

/** Whether a value is a number that a double cannot hold, kept as its text. */
export function isExact(value: unknown): boolean {
  return exact.isRawJSON(value);
}

/**
 * Like `JSON.parse`, but a number whose digits a double would change is kept as its text, and is written so by
 * `JSON.stringify`. Such a value is an object for `typeof`; `isExact` tells it. Throws a SyntaxError as `JSON.parse` does.
 */
export function parseExact(text: string): Json {
  if (!risky.test(text)) return JSON.parse(text) as Json;
  return exact.parse(text, (_name, value, { source }) =>
    typeof value === "number" && source !== undefined && loses(value, source) ? exact.rawJSON(source) : value,
  ) as Json;
}

function loses(value: number, source: string): boolean {
  if (/^-?\d+$/.test(source)) return !Number.isSafeInteger(value) && String(value) !== source;
  // Seventeen digits tell one double from all others; more were meant to be more.
  const digits = source
    .replace(/[eE].*$/, "")
    .replaceAll(/\D/g, "")
    .replace(/^0+/, "");
  return digits.length > 17 && String(value) !== source;
}

/** Deeper values are not printed again for sure: `JSON.stringify` calls itself for each level. */
const deepest = 1000;

/** Whether JSON text is nested so deeply that what it says could be read, but not written. */
export function isTooDeep(text: string): boolean {
  if (text.length < 2 * deepest) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      for (at++; at < text.length && text.charCodeAt(at) !== quote; at++) if (text.charCodeAt(at) === backslash) at++;
    } else if (code === openBrace || code === openBracket) {
      if (++depth > deepest) return true;
    } else if (code === closeBrace || code === closeBracket) depth--;
  }
  return false;
}

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = [34, 92, 123, 125, 91, 93];

/** The parsed object; undefined for text that is not JSON, or not an object. */
export function parseExactObject(text: string): JsonObject | undefined {
  try {
    const value = parseExact(text);
    return isJsonObject(value) && !isExact(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
