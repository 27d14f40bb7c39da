import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The program that users run. */
export const binary = fileURLToPath(new URL("../../bin/patchbay.js", import.meta.url));

/** Where compiled modules are kept between starts; a start without them takes three times as long. */
const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");

/** Longest that a command may take; milliseconds. */
const patience = 15_000;

export interface BinaryOptions {
  /** Also the user's home, so that no document and no store of this machine is found. */
  readonly directory: string;
  readonly environment?: { readonly [name: string]: string };
  /** Another Node, or another program altogether. */
  readonly program?: string;
}

export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory that is removed with its owner. */
export function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "patchbay-cli-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

class Running implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout = "";
  stderr = "";
  readonly #hears = new Set<() => void>();

  constructor(args: readonly string[], { directory, environment, program = process.execPath }: BinaryOptions) {
    const given = program === process.execPath ? [binary, ...args] : args;
    const { PATH = "" } = process.env;
    this.process = spawn(program, given, {
      cwd: directory,
      env: { PATH, HOME: directory, XDG_CACHE_HOME: cache, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      for (const hear of this.#hears) hear();
    });
    this.process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      for (const hear of this.#hears) hear();
    });
    const late = setTimeout(() => this.process.kill("SIGKILL"), patience);
    this.finished = new Promise((resolve, reject) => {
      this.process.once("error", reject);
      this.process.once("close", (code) => {
        clearTimeout(late);
        for (const hear of this.#hears) hear();
        resolve({ code, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Resolves as soon as stdout or stderr holds a match. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const hear = () => {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) resolve(match);
      else if (this.process.exitCode !== null) {
        reject(new Error(`${pattern.source} never came; it said:\n${this.stdout}\n${this.stderr}`));
      }
    };
    this.#hears.add(hear);
    hear();
    try {
      return await promise;
    } finally {
      this.#hears.delete(hear);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null) this.process.kill("SIGKILL");
    await this.finished;
  }
}

export type { Running };

/** Runs a command to its end. */
export async function runBinary(args: readonly string[], options: BinaryOptions): Promise<Finished> {
  await using running = new Running(args, options);
  return await running.finished;
}

/** A gateway in a process of its own, on a free port, ready to be called. */
export async function startBinary(
  args: readonly string[],
  options: BinaryOptions,
): Promise<Running & { readonly url: string }> {
  const running = new Running(args, options);
  try {
    const [, url = ""] = await running.says(/^listening url=(\S+)$/m);
    return Object.assign(running, { url });
  } catch (error) {
    await running[Symbol.asyncDispose]();
    throw error;
  }
}
