import { TargetState } from "./target-state.ts";

/** Most targets whose state is kept; clients may name any model of an endpoint. */
const most = 10_000;

/** A target that was not used for so long may be forgotten; milliseconds. */
const memory = 600_000;

/** The states of targets, by the names of endpoint and model as they are: joining them would cost more than both looks. */
export class Targets {
  readonly #byEndpoint = new Map<string, Map<string, TargetState>>();
  #size = 0;

  get(endpoint: string, model: string): TargetState | undefined {
    return this.#byEndpoint.get(endpoint)?.get(model);
  }

  /** A target's state, made where there is none. @param now Monotonic milliseconds. */
  of(endpoint: string, model: string, now: number): TargetState {
    const state = this.get(endpoint, model) ?? this.#add(new TargetState(endpoint, model), now);
    state.usedAt = now;
    return state;
  }

  /** Forgets what is at rest of endpoints that are no more. */
  keep(endpoints: ReadonlySet<string>): void {
    for (const state of this.all()) {
      if (!endpoints.has(state.endpoint) && state.inFlight === 0) this.#delete(state);
    }
  }

  all(): readonly TargetState[] {
    return [...this.#byEndpoint.values()].flatMap((models) => [...models.values()]);
  }

  #add(state: TargetState, now: number): TargetState {
    if (this.#size >= most) this.#sweep(now);
    let models = this.#byEndpoint.get(state.endpoint);
    if (models === undefined) this.#byEndpoint.set(state.endpoint, (models = new Map()));
    models.set(state.model, state);
    this.#size++;
    return state;
  }

  #delete({ endpoint, model }: TargetState): void {
    const models = this.#byEndpoint.get(endpoint);
    if (models?.delete(model) !== true) return;
    this.#size--;
    if (models.size === 0) this.#byEndpoint.delete(endpoint);
  }

  /** Forgets targets that are at rest and, if these are too few, any that are not under way. */
  #sweep(now: number): void {
    const resting = this.all().filter(({ inFlight }) => inFlight === 0);
    for (const state of resting) if (now - state.usedAt > memory) this.#delete(state);
    for (const state of resting) {
      if (this.#size <= most / 2) break;
      this.#delete(state);
    }
  }
}
