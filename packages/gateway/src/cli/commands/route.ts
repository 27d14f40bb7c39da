import type { Config } from "../../config/types.ts";
import type { LiveRoute, TargetNow, ToldRoute } from "../../app/running.ts";
import type { ExplainedRequest } from "../../app/survey.ts";
import { load, locate } from "../context.ts";
import type { ConfigFlags, Context } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { listTime, progressOf } from "../progress.ts";
import { count, plain, table } from "../text.ts";

export interface ExplainFlags extends ConfigFlags {
  readonly embeddings?: boolean;
  readonly tools?: boolean;
  readonly image?: boolean;
  readonly schema?: boolean;
  readonly tokens?: string;
  readonly offline?: boolean;
}

/** Milliseconds that a running gateway has to answer. */
const patience = 1000;

/**
 * Says where a request for a model would go, in which order and why: the plan that the gateway itself makes. One that
 * runs by the same document is asked, for it knows who must pause and whose turn it is; else the document is read.
 */
export async function explainRoute(context: Context, name: string, flags: ExplainFlags): Promise<number> {
  const { output } = context;
  const tokens = flags.tokens === undefined ? 0 : Number(flags.tokens);
  if (!Number.isSafeInteger(tokens) || tokens < 0) {
    output.fail(`--tokens must be a whole number, and not '${plain(flags.tokens ?? "")}'`);
    return exitCodes.usage;
  }
  const options = locate(context, flags);
  const loaded = await load(context, options);
  if ("exitCode" in loaded) return loaded.exitCode;
  const asked: ExplainedRequest = {
    model: name,
    embeddings: flags.embeddings === true,
    tools: flags.tools === true,
    images: flags.image === true,
    jsonSchema: flags.schema === true,
    tokens,
  };
  const live = flags.offline === true ? undefined : await askRunning(loaded.config, asked);
  const told = live?.told ?? (await byDocument(context, loaded.config, asked));
  if (told.state === "failed") {
    output.fail(plain(told.message), { kind: told.kind });
    return exitCodes.failure;
  }
  const { route } = told;
  const value = { requested: name, ...route, ...(live === undefined ? {} : { gateway: live.url }) };
  output.result(value, [...linesOf(name, route), ...(live === undefined ? [] : [`as ${live.url} sees it now`])]);
  return exitCodes.ok;
}

/** What the gateway says that listens where the document has it, if it runs by this very document. */
async function askRunning(
  { server: { host, port }, file }: Config,
  asked: ExplainedRequest,
): Promise<{ readonly told: ToldRoute; readonly url: string } | undefined> {
  if (port === 0) return undefined;
  const { askRoute, localUrl } = await import("../../app/running.ts");
  const url = localUrl(host, port);
  const told = await askRoute(url, asked, patience);
  return told === undefined || told.document !== file ? undefined : { told, url };
}

async function byDocument({ output }: Context, config: Config, asked: ExplainedRequest): Promise<ToldRoute> {
  const { survey, explainAtRest } = await import("../../app/survey.ts");
  // A name that the document states needs nobody's list.
  const stated = config.models.some((model) => [model.name, ...model.aliases].includes(asked.model));
  const { catalog, endpoints } = await survey(config, {
    timeLimit: listTime,
    ask: !stated,
    onReport: progressOf(output),
  });
  output.progress("");
  const document = config.file;
  const explained = explainAtRest(asked, catalog);
  if (explained.ok) return { state: "told", route: explained.value, document };
  const silent = endpoints.filter(({ state }) => state === "failed" || state === "late").map((report) => report.name);
  const hint = silent.length === 0 ? "" : ` No list came from ${silent.join(", ")}.`;
  const { kind, message } = explained.failure;
  return { state: "failed", kind, message: message + hint, document };
}

function linesOf(name: string, { model, understood, strategy, maxAttempts, attempts, excluded }: LiveRoute) {
  const way = understood === undefined ? undefined : ways[understood.by];
  return [
    ...(understood === undefined ? [] : [`${plain(name)} is taken for ${plain(understood.as)}: ${way ?? ""}`]),
    `${plain(name)} -> ${plain(model)} (${strategy}, at most ${count(maxAttempts, "attempt")})`,
    ...table([
      ...attempts.map((target, index) => [`  ${index + 1}`, ...cellsOf(target)]),
      ...excluded.map((target) => ["  -", ...cellsOf(target)]),
    ]),
  ];
}

function cellsOf(target: LiveRoute["attempts"][number]): readonly string[] {
  const { endpoint, model, reason, now } = target;
  return [`${endpoint}/${model}`, reason, ...(now === undefined ? [] : [stateText(now)])];
}

/** What is to be known of a target beside the reason for its place. */
function stateText({ circuit, latency, whole, inFlight = 0 }: TargetNow): string {
  return [
    ...(circuit === "half-open" ? ["its circuit is to be tried"] : []),
    ...(latency === undefined ? [] : [`first token after ${latency} ms`]),
    ...(whole === undefined ? [] : [`whole answers after ${whole} ms`]),
    ...(inFlight === 0 ? [] : [`${inFlight} under way`]),
  ].join(", ");
}

/** How a name that nobody has is understood, in words. */
const ways = {
  variant: "without what clients put around a name",
  case: "in other letters",
  family: "the model for its family",
  "catch-all": "the catch-all takes every name",
  fallback: "the fallback stands in",
} as const;
