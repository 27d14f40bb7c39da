import { roomWith, textStart } from "./json-scan-room.ts";
import type { ScanMachine } from "./json-scan-room.ts";
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
const openBrace = 123;
const closeBrace = 125;

/** Why the machine stopped: the results of `run` in json-scan.wat. */
const stopped = { ended: 0, unclosed: 1, role: 8, number: 9 } as const;

/** What the machine expected where it stopped, by its other results. */
const expected: { readonly [stop: number]: string | undefined } = {
  3: "a value",
  4: "a string",
  5: "',' or '}'",
  6: "',' or ']'",
  7: "':'",
};

/** Deepest nesting that the machine has room for. */
const deepest = 1024;

/** Characters of a field name that a message repeats. */
const quotedName = 64;

/**
 * Finds the members of a JSON object without building any value, and checks the grammar on the way.
 *
 * Refuses what two parsers could read differently: a second member of the same name at the top level (also by another
 * case or by escapes, since some servers match names without regard to case), nesting deeper than `depth`, a number
 * that no double can hold, anything behind the object. Left to whoever reads the values: control characters and escapes
 * inside strings, and names given twice further down.
 *
 * @param bytes UTF-8 text; that it is valid UTF-8 is the caller's to check.
 * @param depth Deepest nesting; the object itself is 1. There is room for 1,024.
 */
export function scanObject(bytes: Buffer, depth: number): ScanOutcome {
  return new Scanner(bytes, depth).scan();
}

/** So many names are looked through one by one. */
const fewNames = 16;

/** Nothing to fold, as in nearly all names. */
const plainName = /^[a-z0-9_]*$/;

/**
 * The form under which names count as the same: Unicode's case folding, nearly. Upper case comes first because some
 * letters have two lower cases: Go's parser reads a long s (U+017F) as an s.
 */
export function foldName(name: string): string {
  if (plainName.test(name)) return name;
  return name.toUpperCase().toLowerCase();
}

class ScanError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

function unclosed(at: number): ScanError {
  return new ScanError("a string is not closed", at);
}

class Scanner {
  readonly #bytes: Buffer;
  readonly #depth: number;
  readonly #machine: ScanMachine;
  readonly #fields: ScannedField[] = [];
  readonly #roles = new Set<string>();

  constructor(bytes: Buffer, depth: number) {
    const { text, machine } = roomWith([bytes], bytes.length);
    this.#bytes = text;
    this.#depth = Math.min(depth, deepest);
    this.#machine = machine;
    this.#machine.begin(textStart + text.length, this.#depth);
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
    const seen: string[] = [];
    // Only where there are many: most bodies have a handful.
    let many: Set<string> | undefined;
    let at = this.#skipSpace(open + 1);
    if (bytes[at] === closeBrace) return at;
    for (;;) {
      const keyStart = at;
      const keyEnd = this.#string(at);
      const name = this.#name(keyStart, keyEnd);
      const folded = foldName(name);
      if (many === undefined ? seen.includes(folded) : many.has(folded)) {
        throw new ScanError(`the field ${JSON.stringify(name.slice(0, quotedName))} is given twice`, keyStart);
      }
      if (many !== undefined) many.add(folded);
      else if (seen.push(folded) > fewNames) many = new Set(seen);
      const valueStart = this.#skipSpace(this.#expect(this.#skipSpace(keyEnd), colon, "':'"));
      const valueEnd = this.#value(valueStart);
      this.#fields.push({ name, keyStart, keyEnd, valueStart, valueEnd });
      at = this.#skipSpace(valueEnd);
      if (bytes[at] === closeBrace) return at;
      at = this.#skipSpace(this.#expect(at, comma, "',' or '}'"));
    }
  }

  /** Reads one value, however deep; returns the offset behind it. */
  #value(start: number): number {
    const machine = this.#machine;
    let stop = machine.run(textStart + start, 0);
    for (;;) {
      const at = machine.position.value - textStart;
      switch (stop) {
        case stopped.ended:
          return at;
        case stopped.role:
          this.#noteRole(at);
          stop = machine.run(textStart + at, 0);
          break;
        case stopped.number: {
          const end = machine.numberEnd.value;
          if (!Number.isFinite(Number(this.#bytes.toString("latin1", at, end - textStart))))
            throw new ScanError("a number is out of range", at);
          stop = machine.run(end, 1);
          break;
        }
        default:
          throw this.#stopped(stop, at);
      }
    }
  }

  #stopped(stop: number, at: number): ScanError {
    const wanted = expected[stop];
    if (wanted !== undefined) return this.#unexpected(at, wanted);
    return stop === stopped.unclosed ? unclosed(at) : new ScanError(`nested deeper than ${this.#depth} levels`, at);
  }

  #noteRole(at: number): void {
    const end = this.#bytes.indexOf(quote, at + 1);
    this.#roles.add(this.#bytes.toString("latin1", at + 1, end));
  }

  /** `at` is an opening quote; returns the offset behind the closing one. */
  #string(at: number): number {
    if (this.#bytes[at] !== quote) throw this.#unexpected(at, "a string");
    const end = this.#machine.string(textStart + at);
    if (end === 0) throw unclosed(at);
    return end - textStart;
  }

  #skipSpace(at: number): number {
    return this.#machine.space(textStart + at) - textStart;
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
