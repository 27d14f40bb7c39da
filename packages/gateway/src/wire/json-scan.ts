import type { Rope } from "./rope.ts";

/** A member of a JSON object's top level, as byte offsets into the bytes that were scanned. */
export interface ScannedField {
  readonly name: string;
  /** Offset of the key's opening quote. */
  readonly keyStart: number;
  /** Offset behind the key's closing quote. */
  readonly keyEnd: number;
  readonly valueStart: number;
  /** Offset behind the value's last byte. */
  readonly valueEnd: number;
}

export interface ScannedObject {
  readonly fields: readonly ScannedField[];
  /** Offset of the opening brace. */
  readonly open: number;
  /** Offset of the closing brace. */
  readonly close: number;
  /** Short string values of the members named `role` below the top level, each once: who speaks in a conversation. */
  readonly roles: ReadonlySet<string>;
}

export type ScanOutcome =
  | { readonly ok: true; readonly object: ScannedObject }
  | { readonly ok: false; readonly message: string; readonly offset: number };

const quote = 34;
const comma = 44;
const colon = 58;
const backslash = 92;
const openBracket = 91;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

const roleKey = '"role"';

/** Longest value of a role that is noted, in bytes. */
const longestRole = 24;

/** Strings are stepped through by hand for so many bytes; then the engine's own search looks for the next quote. */
const shortString = 10;

/** Integers of fewer digits need no closer look: every double can hold them, at least nearly. */
const plainDigits = 300;

/** Characters of a field name that a message repeats. */
const quotedName = 64;

const number = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/**
 * Finds the members of a JSON object without building any value, and checks the grammar on the way.
 *
 * Refuses what two parsers could read differently: a second member of the same name at the top level (also by another
 * case or by escapes, since some servers match names without regard to case), nesting deeper than `depth`, a number
 * that no double can hold, anything behind the object. Left to whoever reads the values: control characters and escapes
 * inside strings, and names given twice further down.
 *
 * @param bytes UTF-8 text; that it is valid UTF-8 is the caller's to check.
 * @param depth Deepest nesting; the object itself is 1.
 */
export function scanObject(bytes: Buffer, depth: number): ScanOutcome {
  return new Scanner(bytes, depth).scan();
}

/**
 * The form under which names count as the same: Unicode's case folding, nearly. Upper case comes first because some
 * letters have two lower cases: Go's parser reads a long s (U+017F) as an s.
 */
export function foldName(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** Digits, and `+ - . E e`. */
function isNumberByte(code: number | undefined): boolean {
  if (code === undefined) return false;
  return (code >= 48 && code <= 57) || code === 43 || code === 45 || code === 46 || code === 69 || code === 101;
}

class ScanError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

class Scanner {
  readonly #bytes: Buffer;
  readonly #depth: number;
  readonly #fields: ScannedField[] = [];
  readonly #roles = new Set<string>();
  /** Length and first byte of the roles that were seen, so that a long conversation does not cut out each one again. */
  readonly #rolePrints = new Set<number>();

  constructor(bytes: Buffer, depth: number) {
    this.#bytes = bytes;
    this.#depth = depth;
  }

  scan(): ScanOutcome {
    try {
      const open = this.#skipSpace(0);
      if (this.#bytes[open] !== openBrace) {
        throw new ScanError(open >= this.#bytes.length ? "the body is empty" : "the body must be a JSON object", open);
      }
      const close = this.#topLevel(open);
      const rest = this.#skipSpace(close + 1);
      if (rest < this.#bytes.length) throw new ScanError("unexpected text behind the JSON object", rest);
      return { ok: true, object: { fields: this.#fields, open, close, roles: this.#roles } };
    } catch (error) {
      if (error instanceof ScanError) return { ok: false, message: error.message, offset: error.offset };
      throw error;
    }
  }

  /** Reads the members behind `open`; returns the offset of the closing brace. */
  #topLevel(open: number): number {
    const bytes = this.#bytes;
    const seen = new Set<string>();
    let at = this.#skipSpace(open + 1);
    if (bytes[at] === closeBrace) return at;
    for (;;) {
      const keyStart = at;
      const keyEnd = this.#string(at);
      const name = this.#name(keyStart, keyEnd);
      const folded = foldName(name);
      if (seen.has(folded)) {
        throw new ScanError(`the field ${JSON.stringify(name.slice(0, quotedName))} is given twice`, keyStart);
      }
      seen.add(folded);
      const valueStart = this.#skipSpace(this.#expect(this.#skipSpace(keyEnd), colon, "':'"));
      const valueEnd = this.#value(valueStart);
      this.#fields.push({ name, keyStart, keyEnd, valueStart, valueEnd });
      at = this.#skipSpace(valueEnd);
      if (bytes[at] === closeBrace) return at;
      at = this.#skipSpace(this.#expect(at, comma, "',' or '}'"));
    }
  }

  /** Reads one value, however deep, without recursion; returns the offset behind it. */
  #value(start: number): number {
    const bytes = this.#bytes;
    // Whether the container at each level is an object.
    const objects: boolean[] = [];
    let at = start;
    for (;;) {
      const code = bytes[at];
      let opened = false;
      if (code === quote) at = this.#string(at);
      else if (code === openBrace || code === openBracket) {
        objects.push(code === openBrace);
        if (objects.length >= this.#depth) throw new ScanError(`nested deeper than ${this.#depth} levels`, at);
        at++;
        opened = true;
      } else at = this.#scalar(at, code);

      for (;;) {
        if (objects.length === 0) return at;
        const inObject = objects[objects.length - 1] === true;
        at = this.#skipSpace(at);
        const next = bytes[at];
        if (next === (inObject ? closeBrace : closeBracket)) {
          objects.pop();
          at++;
          opened = false;
          continue;
        }
        if (!opened) {
          at = this.#skipSpace(this.#expect(at, comma, inObject ? "',' or '}'" : "',' or ']'"));
        }
        if (inObject) {
          const keyStart = at;
          const keyEnd = this.#string(at);
          at = this.#skipSpace(this.#expect(this.#skipSpace(keyEnd), colon, "':'"));
          if (keyEnd - keyStart === roleKey.length && bytes[at] === quote) this.#noteRole(keyStart, at);
        }
        break;
      }
    }
  }

  #noteRole(keyStart: number, valueStart: number): void {
    const bytes = this.#bytes;
    if (bytes[keyStart + 1] !== 114 || bytes.toString("latin1", keyStart, keyStart + roleKey.length) !== roleKey)
      return;
    let end = valueStart + 1;
    while (end - valueStart <= longestRole && bytes[end] !== quote) end++;
    const print = (end - valueStart) * 256 + (bytes[valueStart + 1] ?? 0);
    if (end - valueStart > longestRole || this.#rolePrints.has(print)) return;
    this.#rolePrints.add(print);
    this.#roles.add(bytes.toString("latin1", valueStart + 1, end));
  }

  /** `at` is an opening quote; returns the offset behind the closing one. */
  #string(at: number): number {
    const bytes = this.#bytes;
    if (bytes[at] !== quote) throw this.#unexpected(at, "a string");
    let index = at + 1;
    for (;;) {
      const near = Math.min(index + shortString, bytes.length);
      for (; index < near; index++) {
        const code = bytes[index];
        if (code === quote) return index + 1;
        if (code === backslash) index++;
      }
      const end = bytes.indexOf(quote, index);
      if (end === -1) throw new ScanError("a string is not closed", at);
      // An even number of backslashes before it escape each other; `index` itself is not escaped.
      let before = end - 1;
      while (before >= index && bytes[before] === backslash) before--;
      if (((end - before) & 1) === 1) return end + 1;
      index = end + 1;
    }
  }

  #scalar(at: number, code: number | undefined): number {
    if (code === 116 && this.#word(at, "true")) return at + 4;
    if (code === 102 && this.#word(at, "false")) return at + 5;
    if (code === 110 && this.#word(at, "null")) return at + 4;
    const bytes = this.#bytes;
    let end = at;
    let digit = code;
    while (digit !== undefined && digit >= 48 && digit <= 57) digit = bytes[++end];
    if (end > at && end - at < plainDigits && !isNumberByte(digit) && (code !== 48 || end === at + 1)) return end;
    while (isNumberByte(bytes[end])) end++;
    const text = bytes.toString("latin1", at, end);
    if (!number.test(text)) throw this.#unexpected(at, "a value");
    if (!Number.isFinite(Number(text))) throw new ScanError("a number is out of range", at);
    return end;
  }

  #word(at: number, word: string): boolean {
    return this.#bytes.toString("latin1", at, at + word.length) === word;
  }

  #skipSpace(at: number): number {
    const bytes = this.#bytes;
    let code = bytes[at];
    while (code === 32 || code === 10 || code === 13 || code === 9) code = bytes[++at];
    return at;
  }

  #expect(at: number, code: number, what: string): number {
    if (this.#bytes[at] !== code) throw this.#unexpected(at, what);
    return at + 1;
  }

  #unexpected(at: number, wanted: string): ScanError {
    if (at >= this.#bytes.length) return new ScanError(`the body ends where ${wanted} should be`, at);
    const code = this.#bytes[at] ?? 0;
    const found =
      code > 32 && code < 127 ? `'${String.fromCharCode(code)}'` : `byte 0x${code.toString(16).padStart(2, "0")}`;
    return new ScanError(`expected ${wanted} but found ${found}`, at);
  }

  #name(start: number, end: number): string {
    const raw = this.#bytes.toString("utf8", start + 1, end - 1);
    if (!raw.includes("\\")) return raw;
    try {
      return JSON.parse(`"${raw}"`) as string;
    } catch {
      throw new ScanError("a field name has a bad escape", start);
    }
  }
}

/** The value of a scanned field, parsed. `undefined` when there is no such field or its text is not JSON after all. */
export function readField(rope: Rope, object: ScannedObject, name: string): unknown {
  const field = object.fields.find((candidate) => candidate.name === name);
  if (field === undefined) return undefined;
  try {
    return JSON.parse(rope.text(field.valueStart, field.valueEnd));
  } catch {
    return undefined;
  }
}
