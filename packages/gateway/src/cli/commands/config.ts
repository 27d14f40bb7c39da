import { documentCandidates } from "../../config/paths.ts";
import { dataDirectory } from "../../config/paths.ts";
import { locate, reportProblems } from "../context.ts";
import type { ConfigFlags, Context } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { count, plain } from "../text.ts";

/** Says whether a document is valid: every problem with its file, line and column. */
export async function validate(context: Context, flags: ConfigFlags): Promise<number> {
  const { output } = context;
  const options = locate(context, flags);
  if (options.file === undefined) {
    output.fail(noDocument(context));
    return exitCodes.failure;
  }
  const { readConfig } = await import("../../app/configuration.ts");
  const { formatProblem } = await import("../../config/problems.ts");
  const loaded = readConfig(options);
  if (!loaded.ok) {
    if (!output.json) return reportProblems(output, loaded.problems);
    output.result({ valid: false, file: options.file, problems: loaded.problems }, []);
    return exitCodes.configuration;
  }
  const { config, warnings } = loaded;
  if (!output.json) for (const warning of warnings) output.error(plain(`warning: ${formatProblem(warning)}`));
  const sum = `${count(config.endpoints.length, "endpoint")}, ${count(config.models.length, "model")}`;
  output.result({ valid: true, file: options.file, warnings }, [`${plain(options.file)} is valid: ${sum}`]);
  return exitCodes.ok;
}

/** Prints the document's JSON Schema, for editors. */
export async function schema({ output }: Context): Promise<number> {
  const { configSchema } = await import("../../app/configuration.ts");
  const text = configSchema();
  output.result(output.json ? JSON.parse(text) : undefined, [text.trimEnd()]);
  return exitCodes.ok;
}

/** Prints which document is used. */
export async function path(context: Context, flags: ConfigFlags): Promise<number> {
  const { output } = context;
  const { file } = locate(context, flags);
  const { required, optional } = documentCandidates(flags.config, context);
  const facts = {
    document: file ?? null,
    candidates: required === undefined ? optional : [required],
    dataDirectory: dataDirectory(flags.dataDir, context),
  };
  if (file === undefined && !output.json) {
    output.fail(noDocument(context));
    return exitCodes.failure;
  }
  output.result(facts, [plain(file ?? "")]);
  return exitCodes.ok;
}

function noDocument(context: Context): string {
  const places = documentCandidates(undefined, context).optional.map(plain).join(" and ");
  return `There is no document: looked for ${places}. Write one, or name it with --config FILE.`;
}
