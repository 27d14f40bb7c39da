/** What the store's tests share. It holds no test of its own; its name keeps it out of the build. */
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import type { LedgerRow } from "./ports.ts";

export const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** A directory of one's own, with a name for a store in it, that is removed by `using`. */
export function temporary(): Disposable & { readonly directory: string; readonly file: string } {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-store-"));
  return {
    directory,
    file: join(directory, "data", "patchbay.db"),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export function ledgerRow(fields: Partial<LedgerRow> = {}): LedgerRow {
  return {
    id: "request-1",
    at: 1_700_000_000_000,
    surface: "openai-chat",
    requestedModel: "fast",
    attempts: 1,
    status: 200,
    stream: true,
    duration: 12.5,
    bytesIn: 100,
    bytesOut: 2_000,
    ...fields,
  };
}

/** Runs a module in a process of its own, in which `openStore` and `clock` are there and `file` is the last argument. */
export function runWithStore(
  script: string,
  file: string,
  under: readonly string[] = [],
): ChildProcessWithoutNullStreams {
  const prelude = `
    import { openStore } from ${JSON.stringify(new URL("./sqlite.ts", import.meta.url).href)};
    const clock = { now: () => Date.now(), monotonic: () => performance.now() };
    const file = process.argv.at(-1);
  `;
  const node = [process.execPath, "--input-type=module", "--eval", prelude + script, file];
  return spawn("env", [...under, ...node], { stdio: ["pipe", "pipe", "pipe"] });
}

/** What a process says until it ends. */
export async function outputOf(
  child: ChildProcessWithoutNullStreams,
): Promise<{ readonly code: number | null; readonly output: string; readonly errors: string }> {
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output, errors };
}
