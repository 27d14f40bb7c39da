import type { ExchangeReport } from "../relay/types.ts";

/** Targets of a record that were left out; more are not kept. */
const mostExcluded = 20;

/**
 * Where an exchange was to go and went, as JSON: the strategy, each planned attempt with its reason and what became of
 * it, and who was left out and why. Undefined where there is nothing to tell: the first target answered, by its name.
 */
export function routeRecord(report: ExchangeReport): string | undefined {
  const { plan } = report.input;
  const { model, attempts, excluded, understood } = plan;
  const failed = report.tried.filter(({ failure }) => failure !== "cancelled");
  const [first] = attempts;
  const isFirst =
    report.endpoint === undefined || (report.endpoint === first?.endpoint && report.targetModel === first.model);
  if (failed.length === 0 && excluded.length === 0 && understood === undefined && isFirst) return undefined;
  return JSON.stringify({
    strategy: model.strategy,
    understood,
    attempts: attempts.map(({ endpoint, model: target, reason, wait }) => ({
      endpoint,
      model: target,
      reason,
      ...(wait > 0 && { wait }),
    })),
    excluded: excluded.slice(0, mostExcluded),
    ...(report.rescued === true && { rescued: true }),
    failed: report.tried,
  });
}
