import { failures } from "../kernel/failure.ts";
import type { Failure, FailureKind } from "../kernel/failure.ts";
import { longestRetryAfter } from "../wire/headers.ts";
import type { Probe } from "../routing/circuit.ts";
import type { Health } from "../routing/health.ts";
import type { TargetState } from "../routing/target-state.ts";
import type { CircuitSettings, PlannedAttempt } from "../routing/types.ts";
import { noteGivenUp } from "./patience.ts";

/** A 429 that names no time pauses its target for so long, and twice as long every time in a row; milliseconds. */
const firstPause = 1000;
const longestPause = 60_000;

/** A used-up quota that names no time pauses its credential for so long, unless the endpoint says otherwise. */
const quotaPause = 60_000;

/** A credential that was refused is left alone for so long, where the endpoint has another, and twice as long in a row. */
const refusedPause = 60_000;
const longestRefusedPause = 3_600_000;

/** Failures that tell nothing of whether a target works: limits have their cooldown, and these others their own cure. */
const neutral: ReadonlySet<FailureKind> = new Set<FailureKind>([
  "rate-limited",
  "quota-exhausted",
  "unserved",
  "stale-connection",
]);

/** Whether a failure is the target's fault, so that its circuit counts it. */
export function isTargetsFault({ kind }: Failure): boolean {
  const { blame } = failures[kind];
  return (blame === "upstream" || blame === "operator") && !neutral.has(kind);
}

/** Who knows whether another target could be asked in place of one that is waited for. */
interface Others {
  hasOthers(planned: PlannedAttempt): boolean;
}

export interface TurnParts {
  readonly planned: PlannedAttempt;
  readonly target: TargetState;
  readonly credential: number;
  readonly patience: number;
  readonly others: Others;
  readonly probe: Probe | undefined;
  /** Monotonic milliseconds. */
  readonly sentAt: number;
  readonly stream: boolean;
  /** What differs from the settings of all circuits. */
  readonly circuit: Partial<CircuitSettings>;
}

/** One attempt as the state of its target sees it: what it may take, and what is learned from it. */
export class Turn {
  readonly credential: number;
  /** Milliseconds that the target has for beginning its answer while others are left. */
  readonly patience: number;
  readonly #parts: TurnParts;
  readonly #health: Health;
  #over = false;

  constructor(parts: TurnParts, health: Health) {
    this.#parts = parts;
    this.#health = health;
    this.credential = parts.credential;
    this.patience = parts.patience;
    parts.target.inFlight++;
  }

  /** Whether the target has had its time, since somebody else could be asked. @param after Milliseconds from sending. */
  isTooLate(after: number): boolean {
    return after > this.patience && this.#parts.others.hasOthers(this.#parts.planned);
  }

  /** The first meaningful event came (unstreamed: the answer). @param after Milliseconds from sending. */
  began(after: number, now: number): void {
    const { target, stream, sentAt, probe } = this.#parts;
    const history = target.history(stream);
    history.observe(after, now);
    history.stretchAt = undefined;
    if (target.circuit.succeeded(sentAt, probe)) this.#health.turned(target.endpoint, "closed");
    target.pauses.delete(this.credential);
    this.#health.accepted(target.endpoint, this.credential);
  }

  /** The attempt is over; `why` is absent when it ended well. */
  ended(now: number, why?: Failure): void {
    if (this.#over) return;
    this.#over = true;
    const { target, circuit, probe, stream } = this.#parts;
    target.inFlight--;
    if (why === undefined) return;
    if (why.kind === "timeout-first-token" && this.patience !== Infinity) noteGivenUp(target, { stream, now });
    if (isTargetsFault(why)) {
      const settings = { ...this.#health.circuitSettings, ...circuit };
      if (target.circuit.failed(now, settings, probe)) this.#health.turned(target.endpoint, "open");
    } else if (probe !== undefined) target.circuit.returnProbe(probe);
    this.#cool(why);
  }

  /** Starts the pause that a failure asks for, or that stands to reason. */
  #cool(why: Failure): void {
    const { kind, retryAfter } = why;
    const { endpoint, model } = this.#parts.planned;
    const { credential, target } = this.#parts;
    const { cooldown, credentials } = this.#health.endpoint(endpoint);
    const { cooldowns } = this.#health;
    // Some codecs read it from a body. Who refuses and asks for no pause, or names a time that is past, names none.
    const asked = retryAfter === undefined || retryAfter <= 0 ? undefined : Math.min(retryAfter, longestRetryAfter);
    switch (kind) {
      case "rate-limited": {
        const scope = { endpoint, model, credential };
        if (asked !== undefined) return cooldowns.start(scope, asked, kind);
        // Of requests that were under way together, the first refusal says what all of them say.
        if (cooldowns.left(endpoint, model, credential) > 0) return;
        const before = target.pauses.get(credential) ?? 0;
        target.pauses.set(credential, before + 1);
        const own = cooldown ?? Math.min(longestPause, firstPause * 2 ** Math.min(before, 10));
        return cooldowns.start(scope, own, kind);
      }
      case "quota-exhausted": {
        // A quota is a credential's, and the next one is asked. Where there is no other, a free model may still answer.
        const scope = credentials > 1 ? { endpoint, credential } : { endpoint, model, credential };
        return cooldowns.start(scope, asked ?? cooldown ?? quotaPause, kind);
      }
      case "overloaded":
        return cooldowns.start({ endpoint, model }, asked ?? 0, kind);
      case "upstream-auth": {
        const before = this.#health.refused(endpoint, credential);
        const own = Math.min(longestRefusedPause, refusedPause * 2 ** Math.min(before, 10));
        if (credentials > 1) cooldowns.start({ endpoint, credential }, own, kind);
        return;
      }
      default:
        return;
    }
  }
}
