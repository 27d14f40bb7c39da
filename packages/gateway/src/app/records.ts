import { costOf } from "../kernel/usage.ts";
import type { AttemptReport, ExchangeInput, ExchangeReport, RelayObserver } from "../relay/types.ts";
import type { Refusal } from "../server/runtime.ts";
import type { Ledger, LedgerRow } from "../store/ports.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { MeasuredTarget, Metrics } from "../telemetry/metrics.ts";
import { withoutSuspects } from "../telemetry/redact.ts";
import type { Catalog } from "../routing/catalog.ts";
import { priceOf } from "./assemble.ts";
import { routeRecord } from "./route-record.ts";

export interface RecordParts {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly catalog: () => Catalog;
}

/** Writes what happened into the ledger, the metrics and the log. One call per exchange, off no timer and no promise. */
export class Records implements RelayObserver {
  readonly #parts: RecordParts;

  constructor(parts: RecordParts) {
    this.#parts = parts;
  }

  attempted(report: AttemptReport): void {
    const { endpoint, model, duration, failure, after } = report;
    this.#parts.metrics.recordAttempt({
      surface: report.input.codec.protocol,
      target: targetOf(report.input, endpoint, model),
      outcome: failure?.kind ?? "success",
      duration,
      after,
    });
    if (failure !== undefined && failure.kind !== "cancelled") {
      this.#parts.log.debug("attempt failed", { requestId: report.input.id, endpoint, failureKind: failure.kind });
    }
  }

  settled(report: ExchangeReport): void {
    const { input, endpoint, targetModel, usage, failure } = report;
    const { clock, ledger, metrics, log } = this.#parts;
    const own = input.plan.model.facts.price;
    const price =
      endpoint === undefined || targetModel === undefined
        ? undefined
        : priceOf(this.#parts.catalog(), { endpoint, model: targetModel, own });
    const cost = costOf(usage, price);
    const row: LedgerRow = {
      id: input.id,
      at: Math.round(clock.now() - report.duration),
      surface: input.codec.protocol,
      requestedModel: input.plan.understood?.by === "fallback" ? nobodys(input.requestedModel) : input.requestedModel,
      virtualModel: input.plan.model.name,
      attempts: report.attempts,
      status: report.status,
      stream: input.body.stream,
      duration: report.duration,
      bytesIn: input.body.rope.length,
      bytesOut: report.bytesOut,
      keyId: input.caller.keyId,
      endpoint,
      actualModel: report.actualModel,
      sight: report.sight,
      failureKind: failure?.kind,
      finishReason: report.finish?.raw,
      inputTokens: usage?.inputTokens,
      outputTokens: usage?.outputTokens,
      cacheReadTokens: usage?.cacheReadTokens,
      cacheWriteTokens: usage?.cacheWriteTokens,
      reasoningTokens: usage?.reasoningTokens,
      costMicroDollars: cost,
      timeToFirstToken: report.timeToFirstToken,
      clientAgent: input.caller.agent,
      route: routeRecord(report),
    };
    ledger.append(row);
    this.#tellRoute(row, input);
    metrics.recordExchange({
      surface: input.codec.protocol,
      model: input.plan.model.name,
      status: report.status,
      failure: failure?.kind,
      target: endpoint === undefined ? undefined : targetOf(input, endpoint, targetModel ?? ""),
      duration: report.duration,
      timeToFirstToken: report.timeToFirstToken,
      usage,
      costMicroDollars: cost,
    });
    log.exchange(
      row,
      report.losses.map(({ field }) => field),
    );
  }

  #tellRoute({ id, route }: LedgerRow, { requestedModel, plan }: ExchangeInput): void {
    const { log } = this.#parts;
    if (route !== undefined) log.debug(`route ${route}`, { requestId: id });
    if (plan.understood?.by !== "fallback") return;
    // Quoted, so that a name with a line break does not begin a line of its own on a terminal.
    log.info(`nobody has the model ${JSON.stringify(requestedModel)}: ${plan.understood.as} stands in`, {
      requestId: id,
    });
  }

  threw(error: unknown): void {
    this.#parts.log.error("an exchange failed by a fault of the gateway", { error });
  }

  /**
   * A request that was answered without an exchange. It gets a row when something is known `about` it, which is after
   * authentication, so that nobody else fills the table.
   */
  refused(refusal: Refusal): void {
    const { about, failure, caller } = refusal;
    if (about === undefined) {
      this.#parts.log.debug("refused", { requestId: refusal.id, status: refusal.status, failureKind: failure.kind });
      return;
    }
    const row: LedgerRow = {
      id: refusal.id,
      at: Math.round(this.#parts.clock.now() - refusal.duration),
      surface: about.protocol,
      requestedModel: failure.kind === "model-not-found" ? nobodys(about.model) : (about.model ?? ""),
      attempts: 0,
      status: refusal.status,
      stream: about.stream ?? false,
      failureKind: failure.kind,
      duration: refusal.duration,
      bytesIn: about.bytesIn ?? 0,
      bytesOut: refusal.bytesOut,
      keyId: caller.keyId,
      clientAgent: caller.agent,
    };
    this.#parts.ledger.append(row);
    this.#parts.metrics.recordExchange({
      surface: about.protocol,
      model: about.model ?? "",
      status: refusal.status,
      failure: failure.kind,
      duration: refusal.duration,
    });
    this.#parts.log.exchange(row);
  }
}

/** A name that no model has may be a key that somebody put into the wrong field. */
function nobodys(model = ""): string {
  return withoutSuspects(model);
}

/** The type is the one that the exchange began with, for a reload may have taken the endpoint away since. */
function targetOf(input: ExchangeInput, endpoint: string, model: string): MeasuredTarget {
  return { endpoint, type: input.endpoints.get(endpoint)?.type ?? "", model };
}
