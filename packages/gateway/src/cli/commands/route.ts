import { load, locate } from "../context.ts";
import type { ConfigFlags, Context } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { listTime, progressOf } from "../progress.ts";
import { count, plain, table } from "../text.ts";

export interface ExplainFlags extends ConfigFlags {
  readonly embeddings?: boolean;
}

/** Says where a request for a model would go, in which order and why: the plan that the gateway itself makes. */
export async function explainRoute(context: Context, name: string, flags: ExplainFlags): Promise<number> {
  const { output } = context;
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
  const planned = explain(catalog, name, flags.embeddings === true);
  if (!planned.ok) {
    const silent = endpoints.filter(({ state }) => state === "failed" || state === "late").map((report) => report.name);
    const hint = silent.length === 0 ? "" : ` No list came from ${silent.join(", ")}.`;
    output.fail(plain(planned.failure.message + hint), { kind: planned.failure.kind });
    return exitCodes.failure;
  }
  const { model, attempts, excluded } = planned.value;
  const used = new Set([...attempts, ...excluded].map((target) => `${target.endpoint}/${target.model}`));
  const spare = model.targets
    .filter((target) => !used.has(`${target.endpoint}/${target.model}`))
    .map((target) => ({ endpoint: target.endpoint, model: target.model, reason: spareReason(model.attempts) }));
  const value = {
    requested: name,
    model: model.name,
    strategy: model.strategy,
    maxAttempts: model.attempts,
    attempts: attempts.map(({ endpoint, model: target, reason }) => ({ endpoint, model: target, reason })),
    excluded: [...excluded, ...spare],
  };
  output.result(value, [
    `${plain(name)} -> ${plain(model.name)} (${model.strategy}, at most ${count(model.attempts, "attempt")})`,
    ...table([
      ...value.attempts.map((target, index) => [`  ${index + 1}`, `${target.endpoint}/${target.model}`, target.reason]),
      ...value.excluded.map((target) => ["  -", `${target.endpoint}/${target.model}`, target.reason]),
    ]),
  ]);
  return exitCodes.ok;
}

const spareReason = (most: number): string => `not tried: failover.attempts is ${most}`;
