import type { EndpointReport, OfferedModel } from "../../app/survey.ts";
import { load, locate } from "../context.ts";
import type { ConfigFlags, Context } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { plain, table } from "../text.ts";
import { listTime, progressOf } from "../progress.ts";

/** Lists the model names that clients may use. Works without a running gateway: it asks the endpoints itself. */
export async function models(context: Context, flags: ConfigFlags): Promise<number> {
  const { output } = context;
  const loaded = await load(context, locate(context, flags));
  if ("exitCode" in loaded) return loaded.exitCode;
  const { survey, offeredModels } = await import("../../app/survey.ts");
  const { endpoints, catalog } = await survey(loaded.config, {
    timeLimit: listTime,
    ask: true,
    onReport: progressOf(output),
  });
  output.progress("");
  const offered = offeredModels(catalog);
  const silent = endpoints.filter(({ state }) => state === "failed" || state === "late");
  for (const report of silent) output.error(plain(silenceOf(report)));
  const rows = offered.map((model) => [model.name, routeOf(model), contextOf(model), priceOf(model)]);
  const lines = table([["MODEL", "ROUTE", "CONTEXT", "USD PER MILLION (IN/OUT)"], ...rows]);
  output.result({ models: offered, endpoints }, offered.length === 0 ? [] : lines);
  if (offered.length > 0) return exitCodes.ok;
  if (!output.json) output.error("No model is known. `patchbay doctor` says why endpoints do not answer.");
  return exitCodes.failure;
}

function silenceOf({ name, reason }: EndpointReport): string {
  return `endpoint ${name}: no model list (${reason ?? "unknown"}); \`patchbay doctor\` says more`;
}

function routeOf({ route }: OfferedModel): string {
  const [first = "", ...backups] = route;
  return backups.length === 0 ? first : `${first} (+${backups.length})`;
}

function contextOf({ contextWindow }: OfferedModel): string {
  return contextWindow === undefined ? "-" : contextWindow.toLocaleString("en-US");
}

function priceOf({ price }: OfferedModel): string {
  if (price === undefined) return "-";
  return `${price.input ?? "?"} / ${price.output ?? "?"}`;
}
