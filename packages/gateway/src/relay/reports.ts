import type { Failure } from "../kernel/failure.ts";
import type { Attempt } from "./attempt.ts";
import type { AttemptReport, ExchangeInput, ExchangeReport, TriedTarget } from "./types.ts";

/** What is told of an attempt that is over. @param now Monotonic milliseconds. */
export function attemptReport(
  input: ExchangeInput,
  { planned, sentAt, firstAt }: Attempt,
  about: { readonly now: number; readonly failure: Failure | undefined; readonly before: AttemptReport["after"] },
): AttemptReport {
  const { endpoint, model } = planned;
  return {
    input,
    endpoint,
    model,
    stream: input.body.stream,
    duration: about.now - sentAt,
    failure: about.failure,
    timeToFirstToken: firstAt === undefined ? undefined : firstAt - sentAt,
    after: about.before?.endpoint === endpoint ? undefined : about.before,
  };
}

/** What an exchange report takes from the attempt that answered, or was the last. */
type FromAttempt = Pick<
  ExchangeReport,
  "endpoint" | "targetModel" | "actualModel" | "sight" | "finish" | "usage" | "losses"
>;

export function fromAttempt(attempt: Attempt | undefined): FromAttempt {
  const seen = attempt?.seen;
  return {
    endpoint: attempt?.planned.endpoint,
    targetModel: attempt?.planned.model,
    actualModel: seen?.model ?? attempt?.planned.model,
    sight: attempt?.sight,
    finish: seen?.finish,
    usage: seen?.usage,
    losses: attempt?.losses ?? [],
  };
}

/** An attempt that did not answer, as records name it. */
export function triedTarget({ planned, seen }: Attempt, why: Failure): TriedTarget {
  const { endpoint, model } = planned;
  return { endpoint, model, failure: why.kind, ...(seen.usage !== undefined && { usage: seen.usage }) };
}
