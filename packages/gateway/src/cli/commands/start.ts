import { App, readConfig } from "../../app/app.ts";
import { bannerOf } from "../banner.ts";
import { locate, orExplain, reportProblems } from "../context.ts";
import type { ConfigFlags, Context } from "../context.ts";
import { untilStopped } from "../signals.ts";
import { plain } from "../text.ts";

/**
 * Runs the gateway until it is told to stop. The last line of its start is stable: `listening url=...`.
 * Exit codes: 0 after a graceful stop, 1 when it could not start or broke, 78 when the configuration is at fault.
 */
export async function start(context: Context, flags: ConfigFlags): Promise<number> {
  const { output } = context;
  const options = locate(context, flags);
  const loaded = readConfig(options);
  if (!loaded.ok) return reportProblems(output, loaded.problems);
  if (loaded.warnings.length > 0) {
    const { formatProblem } = await import("../../config/problems.ts");
    for (const warning of loaded.warnings) output.error(plain(`warning: ${formatProblem(warning)}`));
  }
  return orExplain(output, async () => {
    const app = await App.start(options, loaded.config, loaded.text);
    const stopped = untilStopped(app, output.terminal);
    for (const line of bannerOf(app, options, output)) output.line(line);
    output.line(`listening url=${app.url}`);
    return stopped;
  });
}
