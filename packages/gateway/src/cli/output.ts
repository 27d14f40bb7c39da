import type { Environment } from "../config/environment.ts";
import { exitCodes } from "./exit-codes.ts";

export type Paint = "good" | "bad" | "caution" | "faint" | "strong";

const codes = { good: 32, bad: 31, caution: 33, faint: 2, strong: 1 } as const satisfies {
  readonly [Name in Paint]: number;
};

/** Where a command writes: results to stdout, what is wrong to stderr. */
export interface Output {
  /** One JSON value instead of lines for people. */
  readonly json: boolean;
  /** stdout is a terminal. */
  readonly terminal: boolean;
  /** A command's whole result: `value` with `--json`, otherwise the lines. Once per command. */
  result(value: unknown, lines: readonly string[]): void;
  /** Says why a command failed; with `--json` the one value on stdout says so too. */
  fail(message: string, detail?: object): void;
  /** A line of stdout. */
  line(text: string): void;
  /** A line of stderr. */
  error(text: string): void;
  /** A line of stderr that the next one replaces; only where a person is watching. An empty text takes it away. */
  progress(text: string): void;
  /** Colours a text for stdout, where colours are wanted. */
  paint(paint: Paint, text: string): string;
}

export interface Stream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface OutputParts {
  readonly json: boolean;
  readonly environment: Environment;
  readonly stdout: Stream;
  readonly stderr: Stream;
}

export function outputTo({ json, environment, stdout, stderr }: OutputParts): Output {
  const terminal = stdout.isTTY === true;
  const colours = terminal && !json && !environment.has("NO_COLOR") && environment.get("TERM") !== "dumb";
  const watched = stderr.isTTY === true && !json && environment.get("TERM") !== "dumb";
  let shown = 0;
  const clear = () => {
    if (shown > 0) stderr.write(`\r${" ".repeat(shown)}\r`);
    shown = 0;
  };
  const line = (text: string) => {
    clear();
    stdout.write(`${text}\n`);
  };
  const error = (text: string) => {
    clear();
    stderr.write(`${text}\n`);
  };
  return {
    json,
    terminal,
    line,
    error,
    result(value, lines) {
      if (json) line(JSON.stringify(value));
      else for (const text of lines) line(text);
    },
    fail(message, detail) {
      error(message);
      if (json) line(JSON.stringify({ error: { message, ...detail } }));
    },
    progress(text) {
      if (!watched) return;
      clear();
      stderr.write(text);
      shown = text.length;
    },
    paint: (paint, text) => (colours && text !== "" ? `\u001b[${codes[paint]}m${text}\u001b[0m` : text),
  };
}

/**
 * The process's own output. A reader that has gone away is no error: nothing is left to be told. A result that could not
 * be written is one: a key is shown only once.
 */
export function processOutput(json: boolean, environment: Environment): Output {
  process.stderr.on("error", () => {});
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    process.stderr.write(`The output could not be written: ${error.message}.\n`);
    process.on("exit", (code) => {
      if (code === exitCodes.ok) process.exitCode = exitCodes.failure;
    });
  });
  return outputTo({ json, environment, stdout: process.stdout, stderr: process.stderr });
}
