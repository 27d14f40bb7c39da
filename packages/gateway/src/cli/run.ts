import { CommanderError } from "commander";
import { environmentFromProcess } from "../config/environment.ts";
import { exitCodes } from "./exit-codes.ts";
import { processOutput } from "./output.ts";
import type { Outcome } from "./program.ts";
import { createProgram, UsageError } from "./program.ts";
import { plain } from "./text.ts";

/**
 * Runs a command line to its end.
 *
 * @param args Without the program's own name.
 * @returns the exit code: 0 done, 1 failed, 2 not understood, 78 bad configuration.
 */
export async function run(args: readonly string[]): Promise<number> {
  const environment = environmentFromProcess();
  const output = processOutput(args.includes("--json"), environment);
  const outcome: Outcome = { exitCode: exitCodes.ok };
  const directory = workingDirectory();
  if (directory === undefined) {
    output.fail("The directory in which this runs was removed. Change to one that exists, and come again.");
    return exitCodes.failure;
  }
  const program = createProgram({ output, environment, directory }, outcome);
  try {
    await program.parseAsync(args, { from: "user" });
    return outcome.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError) && !(error instanceof UsageError)) throw error;
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    if (error instanceof CommanderError && error.code.startsWith("commander.help")) return exitCodes.usage;
    output.fail(sentenceOf(error.message));
    return exitCodes.usage;
  }
}

/** The directory in which the process runs; undefined when it is no longer there. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/** Commander's words on one line, with the command that helps. */
function sentenceOf(message: string): string {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  const hint = rest.join(" ").replace(/^\(Did you mean (.*?)\?\)$/, "did you mean '$1'?");
  const sentence = hint === "" ? first.replace(/\.$/, "") : `${first}; ${hint}`;
  return plain(`${sentence}${sentence.endsWith("?") ? "" : "."} \`patchbay help\` shows what there is.`);
}
