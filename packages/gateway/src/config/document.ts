import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Alias, Node, Scalar, YAMLMap } from "yaml";
import type { Json } from "../kernel/json.ts";
import { formatPath, printable } from "./path.ts";
import type { Path } from "./path.ts";
import { syntaxFaults } from "./syntax.ts";
import type { ConfigProblem } from "./types.ts";

/** Longest document, in bytes of UTF-8. */
const longestDocument = 1024 * 1024;
/** Most values a document may hold once its aliases are expanded. */
const mostValues = 100_000;
const deepestNesting = 64;
/** Enough to mend a document; a binary file has a syntax error in every byte. */
const mostProblems = 100;

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** The document as plain data (null-prototype objects), with the place of every value. */
export interface DocumentTree {
  /** Null for an empty document. */
  readonly value: Json;
  readonly problems: readonly ConfigProblem[];
  /** The text could not be read as a whole, so that looking into `value` would only find consequences. */
  readonly broken: boolean;
  /** Where a value, or else the nearest thing around it, stands; `inside` names a piece of its text. */
  locate(path: Path, inside?: string): Position;
  /** Where a key stands, or else as `locate`. */
  locateKey(path: Path): Position;
}

interface Range {
  readonly key?: number;
  readonly start: number;
  readonly end: number;
}

/** Reads YAML 1.2 or JSON. Never throws; what cannot be read is a problem with its position. */
export function readDocument(text: string, file?: string): DocumentTree {
  return new Reader(text, file).read();
}

class Reader {
  readonly #text: string;
  readonly #file: string | undefined;
  readonly #lines = new LineCounter();
  readonly #ranges = new Map<string, Range>();
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  readonly #problems: ConfigProblem[] = [];
  #values = 0;
  #broken = false;

  constructor(text: string, file: string | undefined) {
    this.#text = text;
    this.#file = file;
  }

  read(): DocumentTree {
    if (Buffer.byteLength(this.#text) > longestDocument) {
      this.#refuse(0, [], "the document is longer than 1 MiB");
      return this.#tree(null);
    }
    const contents = this.#parse();
    const value = contents === null ? null : this.#value(contents, []);
    return this.#tree(value ?? null);
  }

  /** The parser is recursive, so a hostile document can exhaust its stack; it then throws or reports it. */
  #parse(): Node | null {
    try {
      const document = parseDocument(this.#text, {
        version: "1.2",
        schema: "core",
        merge: false,
        resolveKnownTags: false,
        // Its check takes quadratic time; ours is below.
        uniqueKeys: false,
        prettyErrors: false,
        lineCounter: this.#lines,
      });
      for (const { offset, message } of syntaxFaults([...document.errors, ...document.warnings], this.#text)) {
        this.#refuse(offset, [], message);
      }
      return document.contents;
    } catch {
      this.#refuse(0, [], "the document cannot be read: it is nested too deeply");
      return null;
    }
  }

  #tree(value: Json): DocumentTree {
    const find = (path: Path, key: boolean, inside?: string): Position => {
      for (let length = path.length; length >= 0; length--) {
        const range = this.#ranges.get(rangeKey(path.slice(0, length)));
        if (range === undefined) continue;
        const offset = key && length === path.length ? (range.key ?? range.start) : range.start;
        return this.#position(offset + this.#piece(range, inside));
      }
      return { line: 1, column: 1 };
    };
    return {
      value,
      problems: this.#problems,
      broken: this.#broken,
      locate: (path, inside) => find(path, false, inside),
      locateKey: (path) => find(path, true),
    };
  }

  #piece(range: Range, inside: string | undefined): number {
    if (inside === undefined) return 0;
    return Math.max(0, this.#text.slice(range.start, range.end).indexOf(inside));
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return line === 0 ? { line: 1, column: 1 } : { line, column: col };
  }

  #refuse(offset: number, path: Path, message: string): void {
    this.#broken = true;
    this.#problem(offset, path, message);
  }

  #problem(offset: number, path: Path, message: string): void {
    if (this.#problems.length > mostProblems) return;
    const text = this.#problems.length === mostProblems ? "too many problems to list; mend the first ones" : message;
    const file = this.#file === undefined ? {} : { file: this.#file };
    this.#problems.push({
      message: text,
      path: formatPath(path),
      ...file,
      ...this.#position(offset),
    });
  }

  /** Undefined when the value was refused; the problem is then noted. */
  #value(node: Node, path: Path, key?: number): Json | undefined {
    const [start, end] = node.range ?? [0, 0];
    this.#ranges.set(rangeKey(path), { start, end, ...(key === undefined ? {} : { key }) });
    this.#values += 1;
    if (this.#values > mostValues) {
      if (this.#values === mostValues + 1) {
        this.#refuse(start, path, `the document holds more than ${mostValues} values, aliases expanded`);
      }
      return undefined;
    }
    if (path.length > deepestNesting) {
      this.#refuse(start, [], `the document is nested more than ${deepestNesting} levels deep`);
      return undefined;
    }
    if (isAlias(node)) return this.#alias(node, path, key);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return this.#scalar(node, path);
    this.#open.add(node);
    try {
      if (isMap(node)) return this.#map(node, path);
      if (isSeq(node)) {
        return node.items.map((item, index) => this.#value(item as Node, [...path, index]) ?? null);
      }
    } finally {
      this.#open.delete(node);
    }
    this.#refuse(start, path, "this kind of value is not supported");
    return undefined;
  }

  #alias(node: Alias, path: Path, key?: number): Json | undefined {
    const target = this.#anchors.get(node.source);
    const start = node.range?.[0] ?? 0;
    if (target === undefined) {
      this.#refuse(start, path, "an alias names no anchor that stands before it");
      return undefined;
    }
    if (this.#open.has(target)) {
      this.#refuse(start, path, "an alias stands inside its own anchor");
      return undefined;
    }
    return this.#value(target, path, key);
  }

  #scalar(node: Scalar, path: Path): Json | undefined {
    const { value } = node;
    if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    this.#refuse(node.range?.[0] ?? 0, path, "must be a finite number");
    return undefined;
  }

  #map(node: YAMLMap, path: Path): Json {
    const result: { [name: string]: Json } = Object.create(null) as { [name: string]: Json };
    for (const pair of node.items) {
      const keyNode = pair.key as Node | null;
      const offset = keyNode?.range?.[0] ?? node.range?.[0] ?? 0;
      const name = isScalar(keyNode) ? (keyNode.source ?? "") : undefined;
      if (name === undefined) {
        this.#problem(offset, path, "a key must be plain text");
        continue;
      }
      if (name === "__proto__") {
        this.#problem(offset, path, "the key `__proto__` is refused");
        continue;
      }
      const place = [...path, name];
      if (Object.hasOwn(result, name)) {
        const first = this.#position(this.#ranges.get(rangeKey(place))?.key ?? 0).line;
        this.#problem(offset, path, `duplicate key \`${printable(name)}\`; it was first given in line ${first}`);
        continue;
      }
      const value = pair.value === null ? null : this.#value(pair.value as Node, place, offset);
      if (pair.value === null) this.#ranges.set(rangeKey(place), { key: offset, start: offset, end: offset });
      if (value !== undefined) result[name] = value;
    }
    return result;
  }
}

const rangeKey = (path: Path): string => path.join("\u0000");
