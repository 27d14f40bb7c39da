import type { Clock } from "../kernel/clock.ts";
import type { FailureKind } from "../kernel/failure.ts";

/** Whom a pause concerns: an endpoint, one of its models, one of its credentials, or one credential's use of a model. */
export interface CooldownScope {
  readonly endpoint: string;
  readonly model?: string | undefined;
  /** Index into the endpoint's credentials. */
  readonly credential?: number | undefined;
}

/** A pause that is running. */
export interface Cooling extends CooldownScope {
  /** Monotonic milliseconds. */
  readonly until: number;
  readonly why: FailureKind;
}

/** Most pauses that are remembered. */
const most = 10_000;

/** Who asked to be left alone, and until when. Lives as long as the process. */
export class Cooldowns {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #running = new Map<string, Cooling>();
  /** Told of every pause that begins or becomes longer; for who shares them with other replicas. */
  started: ((scope: CooldownScope, duration: number, why: FailureKind) => void) | undefined;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** @param duration Milliseconds from now; a longer one that already runs is kept. */
  start(scope: CooldownScope, duration: number, why: FailureKind): void {
    if (duration <= 0) return;
    const name = nameOf(scope.endpoint, scope.model, scope.credential);
    const until = this.#clock.monotonic() + duration;
    if (until <= (this.#running.get(name)?.until ?? 0)) return;
    this.#running.set(name, { ...scope, until, why });
    if (this.#running.size > most) this.#sweep();
    this.started?.(scope, duration, why);
  }

  /** The longest pause that a call of this model with this credential would disturb. */
  running(endpoint: string, model: string, credential: number): Cooling | undefined {
    if (this.#running.size === 0) return undefined;
    let longest = this.#get(nameOf(endpoint, undefined, undefined));
    for (const name of [
      nameOf(endpoint, model, undefined),
      nameOf(endpoint, undefined, credential),
      nameOf(endpoint, model, credential),
    ]) {
      const found = this.#get(name);
      if (found !== undefined && found.until > (longest?.until ?? 0)) longest = found;
    }
    return longest;
  }

  /** Milliseconds until a call of this model with this credential disturbs nobody; 0 when it does not now. */
  left(endpoint: string, model: string, credential: number): number {
    const found = this.running(endpoint, model, credential);
    return found === undefined ? 0 : found.until - this.#clock.monotonic();
  }

  /** Every pause that is running. */
  all(): readonly Cooling[] {
    const now = this.#clock.monotonic();
    return [...this.#running.values()].filter(({ until }) => until > now);
  }

  /** Ends an endpoint's pauses, or all of one of its models; without a name every pause. */
  reset(endpoint?: string, model?: string): void {
    this.end(
      (cooling) =>
        (endpoint === undefined || cooling.endpoint === endpoint) && (model === undefined || cooling.model === model),
    );
  }

  /** Ends the pauses that are meant. */
  end(isMeant: (cooling: Cooling) => boolean): void {
    for (const [name, cooling] of this.#running) if (isMeant(cooling)) this.#running.delete(name);
  }

  #get(name: string): Cooling | undefined {
    const found = this.#running.get(name);
    if (found === undefined || found.until > this.#clock.monotonic()) return found;
    this.#running.delete(name);
    return undefined;
  }

  /** Forgets what is over and, if that is too little, the oldest half. */
  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [name, { until }] of this.#running) if (until <= now) this.#running.delete(name);
    for (const name of this.#running.keys()) {
      if (this.#running.size <= most / 2) break;
      this.#running.delete(name);
    }
  }
}

/** No endpoint's name holds a slash. */
function nameOf(endpoint: string, model: string | undefined, credential: number | undefined): string {
  return `${endpoint}/${credential ?? ""}/${model ?? ""}`;
}
