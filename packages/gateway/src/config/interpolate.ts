import type { Json } from "../kernel/json.ts";
import type { Environment } from "./environment.ts";
import { printable } from "./path.ts";
import type { Path } from "./path.ts";

/** Longest file behind a `file:PATH` reference, in characters. */
const longestFile = 65_536;

export interface InterpolationSources {
  readonly environment: Environment;
  /** Reads a file that the document names, by its path as written there. Throws when it cannot. */
  readonly readFile: (path: string) => string;
}

export interface InterpolationProblem {
  readonly path: Path;
  /** The piece of the value's text that is at fault. */
  readonly inside: string;
  readonly message: string;
}

/** What a value referred to. */
export interface Reference {
  readonly path: Path;
  /** The references in the value, in order, such as `${OPENAI_API_KEY}`. Never a default, never literal text. */
  readonly text: string;
}

export interface Interpolated {
  readonly value: Json;
  readonly references: readonly Reference[];
  readonly problems: readonly InterpolationProblem[];
}

/** Resolves the references in all text values; keys stay as they are, and what was inserted is not looked at again. */
export function interpolate(value: Json, sources: InterpolationSources): Interpolated {
  const references: Reference[] = [];
  const problems: InterpolationProblem[] = [];
  const visit = (item: Json, path: Path): Json => {
    if (typeof item === "string") {
      const { text, names, faults } = resolveText(item, sources);
      if (names.length > 0) references.push({ path, text: names.join("") });
      for (const fault of faults) problems.push({ ...fault, path });
      return text;
    }
    if (Array.isArray(item)) return item.map((entry: Json, index) => visit(entry, [...path, index]));
    if (typeof item !== "object" || item === null) return item;
    const result: { [name: string]: Json } = Object.create(null) as { [name: string]: Json };
    for (const [name, entry] of Object.entries(item)) result[name] = visit(entry, [...path, name]);
    return result;
  };
  return { value: visit(value, []), references, problems };
}

interface ResolvedText {
  readonly text: string;
  readonly names: readonly string[];
  readonly faults: readonly Omit<InterpolationProblem, "path">[];
}

const pattern = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?/g;

function resolveText(source: string, sources: InterpolationSources): ResolvedText {
  const names: string[] = [];
  const faults: Omit<InterpolationProblem, "path">[] = [];
  const fault = (inside: string, message: string): string => {
    faults.push({ inside, message });
    return "";
  };
  const text = source.replaceAll(pattern, (whole: string, name: string | undefined, fallback: string | undefined) => {
    if (whole === "$${") return "${";
    if (name === undefined || fallback?.includes("${") === true) {
      const written = printable(whole);
      return fault(
        whole,
        `\`${written}\` is no reference; write \${NAME}, \${NAME:-default}, or $\${ for a literal \${`,
      );
    }
    names.push(`\${${name}}`);
    const found = sources.environment.get(name) ?? fallback;
    return found ?? fault(whole, `the environment variable ${name} is not set`);
  });
  // Whether it is a reference is read from the document, not from what a variable holds.
  if (source.startsWith("secret:")) {
    const message = "the vault (`secret:NAME`) is not available in this version; use ${NAME} or file:PATH";
    return { text: fault(source, message), names, faults };
  }
  if (source.startsWith("file:") && faults.length === 0) {
    return {
      text: readReference(text.slice("file:".length), sources, fault),
      names: [source],
      faults,
    };
  }
  return { text, names, faults };
}

function readReference(
  path: string,
  sources: InterpolationSources,
  fault: (inside: string, message: string) => string,
): string {
  if (path === "") return fault("file:", "`file:` names no file");
  const shown = printable(path);
  try {
    const text = sources.readFile(path);
    if (text.length > longestFile) return fault("file:", `the file ${shown} is longer than 64 KiB`);
    return text.replace(/\r?\n$/, "");
  } catch (error) {
    return fault("file:", `the file ${shown} cannot be read (${errorCode(error)})`);
  }
}

/** The system's word for an error, such as ENOENT; never its message, which may quote what was read. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "error";
}
