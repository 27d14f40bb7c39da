import type { Ingress } from "../kernel/codec.ts";
import { failures } from "../kernel/failure.ts";
import type { Failure, FailureKind } from "../kernel/failure.ts";
import { headerText } from "../wire/headers.ts";

/** Seconds that a 429 or 503 names when nobody knows better. Short, since some clients sleep it through. */
const defaultRetryAfter = 1;

/** Failures that pass by themselves. */
const waits: ReadonlySet<FailureKind> = new Set<FailureKind>(["rate-limited", "overloaded", "over-limit"]);

export interface ErrorAnswer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/**
 * A failure as an HTTP answer in the caller's protocol. `retry-after` is always there on 429 (some clients do not retry
 * without it); `x-should-retry: false` tells the official SDKs that a retry is pointless.
 */
export function errorAnswer(ingress: Pick<Ingress, "writeError">, failure: Failure): ErrorAnswer {
  const { status, again } = failures[failure.kind];
  const body = Buffer.from(JSON.stringify(ingress.writeError(failure)));
  const headers = ["content-type", "application/json; charset=utf-8", "content-length", String(body.length)];
  if (status === 429 || failure.retryAfter !== undefined || status === 503) {
    const seconds =
      failure.retryAfter === undefined ? defaultRetryAfter : Math.max(1, Math.ceil(failure.retryAfter / 1000));
    headers.push("retry-after", String(seconds));
  }
  if (failure.limit !== undefined) headers.push("x-patchbay-limit", headerText(failure.limit));
  if (!again) headers.push("x-should-retry", "false");
  return { status, headers, body };
}

/**
 * What the caller is told when every attempt failed: that it must wait, if that would have helped everywhere; else what
 * it can mend itself; else the last failure.
 */
export function summarize(attempts: readonly Failure[]): Failure | undefined {
  const limited = attempts.filter(({ kind }) => waits.has(kind));
  if (limited.length > 0 && limited.length === attempts.length) {
    const soonest = limited.reduce((a, b) => ((b.retryAfter ?? Infinity) < (a.retryAfter ?? Infinity) ? b : a));
    return limited.find(({ kind }) => kind === "rate-limited") === undefined
      ? soonest
      : { ...soonest, kind: "rate-limited" };
  }
  return attempts.findLast(({ kind }) => failures[kind].blame === "client") ?? attempts.at(-1);
}
