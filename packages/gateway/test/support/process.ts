import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const binary = fileURLToPath(new URL("../../bin/patchbay.js", import.meta.url));

/** The program as users run it, with an environment of its own. */
export interface RunningProgram extends AsyncDisposable {
  readonly url: string;
  /** Everything that it has written so far. */
  readonly output: { readonly stdout: string; readonly stderr: string };
  /** Ends it with SIGTERM; resolves to its exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts `patchbay start` with these arguments, and waits until it listens; rejects with its output when it does not.
 *
 * @param nodeFlags Node's own.
 */
export async function startProgram(
  args: readonly string[],
  environment: { readonly [name: string]: string },
  nodeFlags: readonly string[] = [],
): Promise<RunningProgram> {
  const child = spawn(process.execPath, [...nodeFlags, binary, "start", "--port", "0", "--no-detect", ...args], {
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      output.stdout += chunk.toString();
      const found = /^listening url=(\S+)$/mu.exec(output.stdout)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
    child.once("error", reject);
    void exited.then((code) => reject(new Error(`It ended with ${code}.\n${output.stdout}${output.stderr}`)));
  });
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null) child.kill("SIGTERM");
    return exited;
  };
  return {
    url,
    output,
    stop,
    [Symbol.asyncDispose]: async () => {
      const patience = setTimeout(() => child.kill("SIGKILL"), 3000);
      await stop();
      clearTimeout(patience);
    },
  };
}
