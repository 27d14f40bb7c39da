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
}

/** Says where a request for a model would go, in which order and why: the plan that the gateway itself makes. */
export async function explainRoute(context: Context, name: string, flags: ExplainFlags): Promise<number> {
  const { output } = context;
  const tokens = flags.tokens === undefined ? 0 : Number(flags.tokens);
  if (!Number.isSafeInteger(tokens) || tokens < 0) {
    output.fail(`--tokens must be a whole number, and not '${plain(flags.tokens ?? "")}'`);
    return exitCodes.usage;
  }
  const loaded = await load(context, locate(context, flags));
  if ("exitCode" in loaded) return loaded.exitCode;
  const { survey, explain } = await import("../../app/survey.ts");
  // A name that the document states needs nobody's list.
  const stated = loaded.config.models.some((model) => [model.name, ...model.aliases].includes(name));
  const { catalog, endpoints } = await survey(loaded.config, {
    timeLimit: listTime,
    ask: !stated,
    onReport: progressOf(output),
  });
  output.progress("");
  const planned = explain(catalog, {
    model: name,
    embeddings: flags.embeddings === true,
    tools: flags.tools === true,
    images: flags.image === true,
    jsonSchema: flags.schema === true,
    tokens,
  });
  if (!planned.ok) {
    const silent = endpoints.filter(({ state }) => state === "failed" || state === "late").map((report) => report.name);
    const hint = silent.length === 0 ? "" : ` No list came from ${silent.join(", ")}.`;
    output.fail(plain(planned.failure.message + hint), { kind: planned.failure.kind });
    return exitCodes.failure;
  }
  const { model, attempts, excluded, understood } = planned.value;
  const spare = (planned.value.spare ?? []).map((target) => ({
    endpoint: target.endpoint,
    model: target.model,
    reason: spareReason(model.attempts),
  }));
  const value = {
    requested: name,
    model: model.name,
    ...(understood === undefined ? {} : { understood }),
    strategy: model.strategy,
    maxAttempts: model.attempts,
    winner: attempts.slice(0, 1).map(({ endpoint, model: target }) => `${endpoint}/${target}`)[0],
    attempts: attempts.map(({ endpoint, model: target, reason }) => ({ endpoint, model: target, reason })),
    excluded: [...excluded, ...spare],
  };
  output.result(value, [
    ...(understood === undefined
      ? []
      : [`${plain(name)} is taken for ${plain(understood.as)}: ${ways[understood.by]}`]),
    `${plain(name)} -> ${plain(model.name)} (${model.strategy}, at most ${count(model.attempts, "attempt")})`,
    ...table([
      ...value.attempts.map((target, index) => [`  ${index + 1}`, `${target.endpoint}/${target.model}`, target.reason]),
      ...value.excluded.map((target) => ["  -", `${target.endpoint}/${target.model}`, target.reason]),
    ]),
  ]);
  return exitCodes.ok;
}

/** How a name that nobody has is understood, in words. */
const ways = {
  variant: "without what clients put around a name",
  case: "in other letters",
  family: "the model for its family",
  "catch-all": "the catch-all takes every name",
  fallback: "the fallback stands in",
} as const;

const spareReason = (most: number): string => `not tried: failover.attempts is ${most}`;
