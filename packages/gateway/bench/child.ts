import { type ChildProcess, type Serializable, spawn } from "node:child_process";
import { isJsonObject, type JsonObject, own } from "../src/kernel/json.ts";

/** A process of the bench. Disposing ends it, by its id. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** What its first line of interest told. */
  readonly url: string;
  /** Milliseconds from spawn to that line. */
  readonly startup: number;
  /** Sends a message and waits for the next one back, which `read` takes apart; `{ error }` rejects. */
  ask<Answer>(message: Serializable, read: (answer: JsonObject) => Answer): Promise<Answer>;
}

export interface ChildOptions {
  /** Node's own flags and the script with its arguments. */
  readonly argv: readonly string[];
  /** Finds the URL (its first group) in what the process prints. */
  readonly ready: RegExp;
  readonly environment?: { readonly [name: string]: string };
  /** With a channel for messages. */
  readonly ipc?: boolean;
  /** Milliseconds to be ready in. */
  readonly timeout?: number;
}

const running = new Set<ChildProcess>();

// However the bench ends, it leaves no process behind.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
  await ended;
  clearTimeout(timer);
}

/** The lines of a process's output that say what went wrong: an error's own line, else the last ones. */
export function gist(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const error = lines.find((line) => /\berror\b/iu.test(line));
  return error?.trim() ?? lines.slice(-3).join("\n");
}

/** Resolves with the URL, or rejects with what the process printed instead. */
function readiness(child: ChildProcess, options: ChildOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (reason: string): void => {
      clearTimeout(timer);
      reject(new Error(`${options.argv.join(" ")}: ${reason}. ${gist(output)}`.trim()));
    };
    const timer = setTimeout(() => fail("was not ready in time"), options.timeout ?? 15_000);
    let ready = false;
    const take = (chunk: Buffer): void => {
      // Afterwards its output is only drained, so that logging never waits for us.
      if (ready) return;
      output += chunk.toString();
      const url = options.ready.exec(output)?.[1];
      if (url === undefined) return;
      ready = true;
      clearTimeout(timer);
      resolve(url);
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, signal) => fail(`ended with ${signal ?? `code ${code}`}`));
  });
}

/** Sends a message and waits for the answer; rejects when it is an error, or the process ends first. */
function exchange(child: ChildProcess, message: Serializable): Promise<JsonObject> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error("A process of the bench ended while it was asked."));
    child.once("exit", gone);
    child.once("message", (answer) => {
      child.off("exit", gone);
      if (!isJsonObject(answer)) reject(new Error("A process of the bench answered no object."));
      else if (typeof answer["error"] === "string") reject(new Error(answer["error"]));
      else resolve(answer);
    });
    child.send(message);
  });
}

/** A number of a message; throws when it is none. */
export function numberOf(answer: JsonObject, name: string): number {
  const value = own(answer, name);
  if (typeof value !== "number") throw new Error(`A process of the bench told no ${name}.`);
  return value;
}

/** Starts `node` with these arguments and waits until it says that it is ready. Throws with its output if it is not. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const started = performance.now();
  const child = spawn(process.execPath, options.argv, {
    stdio: ["ignore", "pipe", "pipe", options.ipc === true ? "ipc" : "ignore"],
    env: { ...process.env, ...options.environment },
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let url: string;
  try {
    url = await readiness(child, options);
  } catch (error) {
    await stop(child);
    throw error;
  }
  const startup = performance.now() - started;
  return {
    pid: child.pid ?? 0,
    url,
    startup,
    ask: async (message, read) => read(await exchange(child, message)),
    [Symbol.asyncDispose]: () => stop(child),
  };
}
