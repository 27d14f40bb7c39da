import { cleanField } from "./fields.ts";
import type { Redactor } from "./redact.ts";

/** What is logged of an exchange, by the ledger's names: its rows fit. Durations are milliseconds. */
export interface ExchangeFacts {
  readonly id: string;
  readonly keyId?: string | undefined;
  readonly surface: string;
  readonly requestedModel: string;
  readonly virtualModel?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly actualModel?: string | undefined;
  /** What the client saw; 499 when it left. */
  readonly status: number;
  readonly failureKind?: string | undefined;
  readonly finishReason?: string | undefined;
  readonly sight?: string | undefined;
  readonly stream: boolean;
  readonly attempts: number;
  readonly duration: number;
  readonly timeToFirstToken?: number | undefined;
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly cacheReadTokens?: number | undefined;
  readonly cacheWriteTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
  readonly costMicroDollars?: number | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly clientAgent?: string | undefined;
}

/** Every fact, so that none is forgotten; the id is called as in all other lines. */
type ExchangeLine = {
  readonly [Name in Exclude<keyof ExchangeFacts, "id">]-?: ExchangeFacts[Name] | undefined;
} & {
  readonly requestId: string;
  readonly losses: string | undefined;
};

/**
 * The fields of an exchange's line, cleaned; durations are rounded to a tenth of a millisecond. Written out field by
 * field: an object of one shape is built and printed in two thirds of the time of a loop, and nothing else gets in.
 * @param losses Paths of the fields that a translation lost.
 */
export function exchangeLine(facts: ExchangeFacts, losses: readonly string[], redactor: Redactor): ExchangeLine {
  const text = (value: string | undefined): string | undefined =>
    value === undefined ? undefined : cleanField(value, redactor);
  return {
    requestId: cleanField(facts.id, redactor),
    keyId: text(facts.keyId),
    surface: facts.surface,
    requestedModel: text(facts.requestedModel),
    virtualModel: text(facts.virtualModel),
    endpoint: text(facts.endpoint),
    actualModel: text(facts.actualModel),
    status: facts.status,
    failureKind: facts.failureKind,
    finishReason: text(facts.finishReason),
    sight: facts.sight,
    stream: facts.stream,
    attempts: facts.attempts,
    duration: tenth(facts.duration),
    timeToFirstToken: facts.timeToFirstToken === undefined ? undefined : tenth(facts.timeToFirstToken),
    inputTokens: facts.inputTokens,
    outputTokens: facts.outputTokens,
    cacheReadTokens: facts.cacheReadTokens,
    cacheWriteTokens: facts.cacheWriteTokens,
    reasoningTokens: facts.reasoningTokens,
    costMicroDollars: facts.costMicroDollars,
    bytesIn: facts.bytesIn,
    bytesOut: facts.bytesOut,
    clientAgent: text(facts.clientAgent),
    losses: losses.length === 0 ? undefined : cleanField(losses.join(","), redactor),
  };
}

function tenth(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
