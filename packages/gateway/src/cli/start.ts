import { App, readConfig } from "../app/app.ts";
import type { AppOptions } from "../app/app.ts";
import { StartError } from "../app/start-error.ts";
import { formatProblem } from "../config/problems.ts";
import type { Output } from "./output.ts";
import { bannerOf } from "./banner.ts";

/**
 * Runs the gateway until it is told to stop. The last line of its start is stable: `listening url=...`.
 * Exit codes: 0 after a graceful stop, 1 when it could not start, 78 when the configuration is at fault.
 */
export async function start(options: AppOptions, output: Output): Promise<number> {
  const loaded = readConfig(options);
  if (!loaded.ok) {
    for (const problem of loaded.problems) output.error(formatProblem(problem));
    return 78;
  }
  for (const warning of loaded.warnings) output.error(`warning: ${formatProblem(warning)}`);
  let app: App;
  try {
    app = await App.start(options, loaded.config);
  } catch (error) {
    if (!(error instanceof StartError) && !(error instanceof Error && error.name === "StoreError")) throw error;
    output.error(error.message);
    return error instanceof StartError ? error.exitCode : 78;
  }
  const stopped = untilStopped(app);
  for (const line of bannerOf(app, options, output)) output.line(line);
  output.line(`listening url=${app.url}`);
  return stopped;
}

/** Waits for a signal and stops gracefully; a second one ends the process at once. */
function untilStopped(app: App): Promise<number> {
  process.on("SIGHUP", () => app.reload());
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals) => {
      if (stopping) {
        app.log.fatal("stopped at once by a second signal", { signal });
        process.exit(1);
      }
      stopping = true;
      app.stop().then(
        () => resolve(0),
        (error: unknown) => {
          console.error(error);
          resolve(1);
        },
      );
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
    process.on("uncaughtException", (error) => {
      app.log.fatal("an error that nobody caught; stopping", { error });
      stop("SIGTERM");
      process.exitCode = 1;
    });
  });
}
