import { existsSync } from "node:fs";
import type { AppOptions } from "../app/configuration.ts";
import type { Environment } from "../config/environment.ts";
import type { Overrides } from "../config/overrides.ts";
import { documentCandidates, findDocument } from "../config/paths.ts";
import type { Config, ConfigProblem } from "../config/types.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Output } from "./output.ts";
import { plain } from "./text.ts";

/** What every command is given. */
export interface Context {
  readonly output: Output;
  readonly environment: Environment;
  /** The directory in which the process runs. */
  readonly directory: string;
}

/** The flags by which a command finds its configuration. */
export interface ConfigFlags {
  readonly config?: string;
  readonly dataDir?: string;
  /** False after `--no-detect`; otherwise true, given or not. */
  readonly detect?: boolean;
  readonly host?: string;
  readonly port?: string;
  readonly logLevel?: string;
}

/** Where the document is, and what the flags say. */
export function locate({ environment, directory }: Context, flags: ConfigFlags): AppOptions {
  const { host, port, dataDir, logLevel } = flags;
  const overrides: Overrides = {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(logLevel === undefined ? {} : { logLevel }),
    ...(flags.detect === false ? { detect: false } : {}),
  };
  const file = findDocument(documentCandidates(flags.config, { environment, directory }), existsSync);
  return { file, environment, directory, overrides };
}

export type Loaded = { readonly config: Config } | { readonly exitCode: number };

/** The configuration, or the exit code after saying what is wrong with it. */
export async function load(context: Context, options: AppOptions): Promise<Loaded> {
  const { readConfig } = await import("../app/configuration.ts");
  const loaded = readConfig(options);
  return loaded.ok ? { config: loaded.config } : { exitCode: await reportProblems(context.output, loaded.problems) };
}

/** Says what is wrong, a line each; flags alone are a matter of usage. Gives the exit code. */
export async function reportProblems(output: Output, problems: readonly ConfigProblem[]): Promise<number> {
  const { formatProblem } = await import("../config/problems.ts");
  for (const problem of problems) output.error(plain(formatProblem(problem)));
  if (output.json) output.line(JSON.stringify({ error: { message: "the configuration is not valid", problems } }));
  return problems.every(({ file }) => file === "command line") ? exitCodes.usage : exitCodes.configuration;
}

/** Runs what may throw a StartError, and gives its exit code after saying why. Anything else is thrown on. */
export async function orExplain(output: Output, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const { StartError } = await import("../app/start-error.ts");
    if (!(error instanceof StartError)) throw error;
    output.fail(error.message);
    return error.exitCode;
  }
}
