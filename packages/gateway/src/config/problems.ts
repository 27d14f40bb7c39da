import * as z from "zod";
import { isJsonObject } from "../kernel/json.ts";
import type { Json } from "../kernel/json.ts";
import type { DocumentTree } from "./document.ts";
import { meant } from "./fields.ts";
import { formatKind, formatPath, printable } from "./path.ts";
import type { Path } from "./path.ts";
import type { ConfigProblem } from "./types.ts";
import { habits, laterKeys } from "./unavailable.ts";

/** A problem as one line, `file:line:column: path: message`, without what is unknown of it. */
export function formatProblem(problem: ConfigProblem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(":");
  return [place, problem.path, problem.message].filter((part) => part !== "").join(": ");
}

/** Where a value came from, if not from the document: a variable or a flag. */
export interface Origin {
  readonly file: "environment" | "command line";
  /** The variable's or flag's name. */
  readonly name: string;
}

export interface Spot {
  /** A piece of the value's text, to point at. */
  readonly inside?: string;
  /** A key below `path`, to point at instead. */
  readonly key?: string;
}

/** The line of a problem that stands elsewhere. */
const last = Number.MAX_SAFE_INTEGER;

/** Collects what is wrong, with the place of each. */
export class Problems {
  readonly #tree: DocumentTree;
  readonly #file: string | undefined;
  readonly #origins = new Map<string, Origin>();
  readonly #found: ConfigProblem[];
  /** Values that could not be resolved: what else is wrong with them is a consequence. */
  readonly #unresolved = new Set<string>();

  constructor(tree: DocumentTree, file?: string) {
    this.#tree = tree;
    this.#file = file;
    this.#found = [...tree.problems];
  }

  /** In the order of the document; what stands elsewhere comes last. */
  get found(): readonly ConfigProblem[] {
    return this.#found.toSorted((a, b) => (a.line ?? last) - (b.line ?? last) || (a.column ?? 0) - (b.column ?? 0));
  }

  /** The value at `path`, and all in it, came from somewhere else. */
  setOrigin(path: Path, origin: Origin): void {
    this.#origins.set(formatPath(path), origin);
  }

  addUnresolved(path: Path, message: string, inside: string): void {
    this.#unresolved.add(formatPath(path));
    this.#found.push(this.at(path, message, { inside }));
  }

  add(path: Path, message: string, spot: Spot = {}): void {
    if (!this.#unresolved.has(formatPath(path))) this.#found.push(this.at(path, message, spot));
  }

  /** A problem of a variable or a flag. */
  addElsewhere({ file, name }: Origin, message: string): void {
    this.#found.push({ file, path: name, message: message.replace("{value}", "the value") });
  }

  /** A problem or a warning with its place, not yet collected. */
  at(path: Path, message: string, spot: Spot = {}): ConfigProblem {
    const origin = this.#originOf(path);
    if (origin !== undefined) {
      return {
        file: origin.file,
        path: origin.name,
        message: message.replace("{value}", "the value"),
      };
    }
    const text = message.replace("{value}", () => this.#shown(path));
    const position =
      spot.key === undefined ? this.#tree.locate(path, spot.inside) : this.#tree.locateKey([...path, spot.key]);
    return {
      message: text,
      path: formatPath(path),
      ...(this.#file === undefined ? {} : { file: this.#file }),
      ...position,
    };
  }

  /** Adds what the schema found. */
  addIssues(issues: readonly z.core.$ZodIssue[], schema: z.ZodType): void {
    for (const issue of issues) {
      const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
      if (issue.code === "unrecognized_keys") {
        const known = keysAt(schema, path);
        for (const key of issue.keys) this.add(path, unknownKey(path, key, known), { key });
      } else this.add(path, issueMessage(issue));
    }
  }

  #originOf(path: Path): Origin | undefined {
    for (let length = path.length; length > 0; length--) {
      const origin = this.#origins.get(formatPath(path.slice(0, length)));
      if (origin !== undefined) return origin;
    }
    return undefined;
  }

  /** What the document itself says there: a reference unresolved, so that no variable's value is shown. */
  #shown(path: Path): string {
    let value: Json | undefined = this.#tree.value;
    for (const step of path) {
      if (typeof step === "number") value = Array.isArray(value) ? (value as readonly Json[])[step] : undefined;
      else value = isJsonObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
    }
    return typeof value === "string" || typeof value === "number" ? `\`${printable(String(value))}\`` : "the value";
  }
}

function issueMessage(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "custom":
      return issue.message;
    case "invalid_type":
      if (issue.message.endsWith("received undefined")) return "is required";
      if (issue.expected === "object") return "must be a mapping";
      return issue.expected === "array" ? "must be a list" : `must be a ${issue.expected}`;
    case "too_small":
      return "must hold at least one entry";
    default:
      return issue.message;
  }
}

function unknownKey(path: Path, key: string, known: readonly string[]): string {
  const shown = printable(key);
  if (laterKeys.get(formatKind(path))?.includes(key) === true) return `\`${shown}\` is not available in this version`;
  const habit = habits.get(formatKind([...path, key]));
  if (habit !== undefined) return `unknown key \`${shown}\`; write \`${habit}\``;
  return `unknown key \`${shown}\`${meant(key, known)}`;
}

/** The keys that a mapping of the document may hold. */
function keysAt(schema: z.core.$ZodType, path: Path): readonly string[] {
  const inner = unwrapped(schema);
  const [step, ...rest] = path;
  if (inner instanceof z.ZodObject) {
    const shape = inner.shape as { readonly [name: string]: z.core.$ZodType };
    if (step === undefined) return Object.keys(shape);
    const next = Object.hasOwn(shape, step) ? shape[step] : undefined;
    return next === undefined ? [] : keysAt(next, rest);
  }
  return inner instanceof z.ZodArray && step !== undefined ? keysAt(inner.element, rest) : [];
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return unwrapped(schema.def.innerType);
  return schema instanceof z.ZodPipe ? unwrapped(schema.def.out) : schema;
}
