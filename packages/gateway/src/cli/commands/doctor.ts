import { inspectPort, inspectState, inspectStore, foreignMode } from "../../app/inspect.ts";
import { readConfig } from "../../app/configuration.ts";
import type { AppOptions } from "../../app/configuration.ts";
import { survey } from "../../app/survey.ts";
import { systemClock } from "../../app/system-clock.ts";
import { version } from "../../app/version.ts";
import { formatProblem } from "../../config/problems.ts";
import type { Config, ConfigProblem } from "../../config/types.ts";
import { locate } from "../context.ts";
import type { ConfigFlags, Context } from "../context.ts";
import { failed, ok, warning } from "../doctor/check.ts";
import type { Check } from "../doctor/check.ts";
import { judgeClock, judgeEndpoint, judgePort, judgeState, judgeStore } from "../doctor/judge.ts";
import { reportLines } from "../doctor/report.ts";
import { exitCodes } from "../exit-codes.ts";
import { listTime, progressOf } from "../progress.ts";
import { count } from "../text.ts";

/** Looks at everything that a gateway needs. Asks each endpoint once for its model list, which costs nothing. */
export async function doctor(context: Context, flags: ConfigFlags): Promise<number> {
  const { output } = context;
  const options = locate(context, flags);
  const loaded = readConfig(options);
  const checks: Check[] = [
    ok("node", process.version),
    ...(loaded.ok ? judgeDocument(options, loaded.config, loaded.warnings) : judgeProblems(loaded.problems)),
    ...(loaded.ok ? await judgeSurroundings(context, loaded.config) : [judgeClock(systemClock.now(), undefined)]),
  ];
  output.progress("");
  const sound = checks.every(({ state }) => state !== "failed");
  output.result(
    { ok: sound, checks },
    reportLines(checks, (paint, text) => output.paint(paint, text)),
  );
  return sound ? exitCodes.ok : exitCodes.failure;
}

function judgeDocument({ file }: AppOptions, config: Config, warnings: readonly ConfigProblem[]): readonly Check[] {
  const references = config.endpoints.flatMap(({ credentials }) => credentials.flatMap((one) => one.reference ?? []));
  const literal = warnings.some(({ message }) => /^holds the (?:key|password) itself/.test(message));
  const readable = file !== undefined && literal && foreignMode(file) !== 0;
  return [
    file === undefined
      ? warning("document", "there is none; what the environment and this machine offer is used", "write patchbay.yaml")
      : ok("document", `${file} is valid`),
    ok("references", references.length === 0 ? "none" : `${references.join(", ")} resolve`),
    ...warnings.map((problem) => warning("document", formatProblem(problem), "change the document there")),
    ...(readable ? [failed("document", `${file} holds a secret, and others may read it`, `chmod 600 ${file}`)] : []),
  ];
}

function judgeProblems(problems: readonly ConfigProblem[]): readonly Check[] {
  return [
    ...problems.map((problem) => failed("configuration", formatProblem(problem), "correct it there")),
    warning("all else", "not looked at while the configuration is not valid", "correct it, and come again"),
  ];
}

async function judgeSurroundings({ output }: Context, config: Config): Promise<readonly Check[]> {
  const [port, store, state, { endpoints, config: complete }] = await Promise.all([
    inspectPort(config),
    inspectStore(config),
    inspectState(config),
    survey(config, { timeLimit: listTime, ask: true, onReport: progressOf(output) }),
  ]);
  const settings = new Map(complete.endpoints.map((endpoint) => [endpoint.name, endpoint]));
  const only = complete.endpoints.length === 1 ? complete.endpoints[0] : undefined;
  const idle = only?.type === "simulator" && only.detected;
  return [
    ...judgePort(config, port, version),
    ...judgeStore(store, config),
    ...judgeState(state),
    judgeClock(systemClock.now(), store.latest),
    ...endpoints.map((report) => judgeEndpoint(report, settings.get(report.name))),
    ...(idle
      ? [warning("endpoints", "only the built-in simulator", "set OPENAI_API_KEY or the like, or write patchbay.yaml")]
      : [ok("endpoints", count(complete.endpoints.length, "endpoint"))]),
  ];
}
