import type { Clock } from "../kernel/clock.ts";
import { defaultCircuit } from "./circuit.ts";
import { Cooldowns } from "./cooldowns.ts";
import type { Cooling } from "./cooldowns.ts";
import { RetryBudget } from "./retry-budget.ts";
import type { TargetState } from "./target-state.ts";
import { Targets } from "./targets.ts";
import type { CircuitSettings, CircuitState, PlannedAttempt, TargetHealth } from "./types.ts";

/** What is known of an endpoint as a whole. */
interface EndpointState {
  credentials: number;
  /** The credential whose turn is next. */
  turn: number;
  healthy: boolean;
  /** Milliseconds to stay away after a 429 that names no time; undefined to find out. */
  cooldown: number | undefined;
  /** By credential, how often in a row it was refused. */
  readonly refusals: Map<number, number>;
  readonly budget: RetryBudget;
  /** How often circuits of its targets have opened and closed. */
  readonly turned: { open: number; closed: number };
}

/** Figures of an endpoint for metrics. */
export interface EndpointFigures {
  readonly endpoint: string;
  /** Circuits of its targets that are open now, and how often they have opened and closed. */
  readonly open: number;
  readonly opened: number;
  readonly closed: number;
  /** Pauses that run now. */
  readonly cooling: number;
  /** Times that a target was asked again, and times that this was denied because the budget was used up. */
  readonly retries: number;
  readonly denied: number;
  readonly healthy: boolean;
}

/** What health must be told of an endpoint. */
export interface HealthSettings {
  readonly name: string;
  readonly credentials: number;
  /** Milliseconds to stay away after a 429 that names no time. */
  readonly cooldown?: number | undefined;
}

/** A target that is not well, for people. */
export interface Ailment {
  readonly endpoint: string;
  readonly model?: string | undefined;
  readonly credential?: number | undefined;
  readonly state: "cooldown" | "circuit" | "unhealthy";
  readonly why?: string;
  /** Milliseconds until it may be asked again, where that is known. */
  readonly wait?: number;
}

/** What a request is foreseen to use; counted when it is asked for. */
interface Tokens {
  tokens(): number;
}

const aToken: Tokens = { tokens: () => 1 };

/** What `Health` asks of who counts what targets are asked for. */
export interface TargetLimits {
  limited(endpoint: string, model: string, tokens: number): number;
  /** Milliseconds until a credential may be used for a model and so many tokens; 0 when it may be now. */
  credentialWait(endpoint: string, model: string, credential: number, demand: Tokens): number;
}

/** How targets are, as far as the gateway has seen. Outlives the configuration. */
export class Health implements TargetHealth {
  readonly cooldowns: Cooldowns;
  /** Of the whole gateway. */
  readonly budget = new RetryBudget();
  /** From 0 to 1. */
  readonly random: () => number;
  /** Of all circuits, where a model does not differ. */
  circuitSettings: CircuitSettings = defaultCircuit;
  /** What targets are asked for at most; set where limits are kept. */
  limits: TargetLimits | undefined;
  /** Told when a credential is refused that was accepted before, or was new. */
  credentialRefused: ((endpoint: string, credential: number) => void) | undefined;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #endpoints = new Map<string, EndpointState>();
  /** Who is configured; undefined where nobody said. */
  #names: ReadonlySet<string> | undefined;
  readonly #targets = new Targets();

  /** @param random Gives numbers from 0 to 1, the latter left out. */
  constructor(clock: Pick<Clock, "monotonic">, random: () => number = () => 0) {
    this.#clock = clock;
    this.random = random;
    this.cooldowns = new Cooldowns(clock);
  }

  /** Takes over how endpoints are configured now. What the other ones were like is forgotten. */
  know(endpoints: readonly HealthSettings[], circuit: CircuitSettings = defaultCircuit): void {
    this.circuitSettings = circuit;
    const names = new Set(endpoints.map(({ name }) => name));
    this.#names = names;
    for (const name of this.#endpoints.keys()) if (!names.has(name)) this.#endpoints.delete(name);
    this.#targets.keep(names);
    for (const { name, credentials, cooldown } of endpoints) {
      const state = this.endpoint(name);
      state.credentials = credentials;
      state.cooldown = cooldown;
    }
  }

  /** What ends at an endpoint that is no more is noted nowhere. */
  endpoint(name: string): EndpointState {
    let state = this.#endpoints.get(name);
    if (state === undefined) {
      state = {
        credentials: 1,
        turn: 0,
        healthy: true,
        cooldown: undefined,
        refusals: new Map(),
        budget: new RetryBudget(),
        turned: { open: 0, closed: 0 },
      };
      if (this.#names?.has(name) !== false) this.#endpoints.set(name, state);
    }
    return state;
  }

  target(endpoint: string, model: string): TargetState {
    return this.#targets.of(endpoint, model, this.#clock.monotonic());
  }

  cooldown(endpoint: string, model: string): number {
    const credentials = this.#endpoints.get(endpoint)?.credentials ?? 1;
    let least = Infinity;
    for (let index = 0; index < credentials && least > 0; index++) {
      least = Math.min(least, this.cooldowns.left(endpoint, model, index));
    }
    return least;
  }

  circuit(endpoint: string, model: string): CircuitState {
    const circuit = this.#targets.get(endpoint, model)?.circuit;
    return circuit === undefined || circuit.isClosed ? "closed" : circuit.state(this.#clock.monotonic());
  }

  /** Whether a target may be asked now: it need not pause, and its circuit lets it. */
  isFree({ endpoint, model }: Pick<PlannedAttempt, "endpoint" | "model">): boolean {
    return this.cooldown(endpoint, model) === 0 && this.circuit(endpoint, model) !== "open";
  }

  latency(endpoint: string, model: string, stream: boolean): number | undefined {
    const target = this.#targets.get(endpoint, model);
    return target?.history(stream).peak(this.#clock.monotonic());
  }

  inFlight(endpoint: string, model: string): number {
    return this.#targets.get(endpoint, model)?.inFlight ?? 0;
  }

  healthy(endpoint: string): boolean {
    return this.#endpoints.get(endpoint)?.healthy ?? true;
  }

  limited(endpoint: string, model: string, tokens: number): number {
    return this.limits === undefined ? 0 : this.limits.limited(endpoint, model, tokens);
  }

  /** Milliseconds until a credential may be used for a target. */
  #left(endpoint: string, model: string, credential: number, demand: Tokens): number {
    const pause = this.cooldowns.left(endpoint, model, credential);
    if (this.limits === undefined) return pause;
    return Math.max(pause, this.limits.credentialWait(endpoint, model, credential, demand));
  }

  /**
   * Which credential to use next: in turn, those left out that must pause or have no room.
   *
   * @param planned With the credential that is taken if it is free.
   * @param credentials How many the endpoint had when the request came.
   */
  pick(planned: PlannedAttempt, credentials: number, demand: Tokens = aToken): number {
    const { endpoint, model, credential: preferred } = planned;
    if (credentials < 2) return 0;
    const state = this.endpoint(endpoint);
    if (preferred !== undefined && preferred < credentials && this.#left(endpoint, model, preferred, demand) === 0) {
      return preferred;
    }
    let best = state.turn % credentials;
    let shortest = Infinity;
    for (let step = 0; step < credentials && shortest > 0; step++) {
      const index = (state.turn + step) % credentials;
      const left = this.#left(endpoint, model, index, demand);
      if (left >= shortest) continue;
      best = index;
      shortest = left;
    }
    state.turn = (best + 1) % credentials;
    return best;
  }

  /** An upstream refused a credential. Returns how often it had done so in a row before. */
  refused(endpoint: string, credential: number): number {
    const { refusals } = this.endpoint(endpoint);
    const before = refusals.get(credential) ?? 0;
    refusals.set(credential, before + 1);
    if (before === 0) this.credentialRefused?.(endpoint, credential);
    return before;
  }

  /** An upstream took a credential. */
  accepted(endpoint: string, credential: number): void {
    const { refusals } = this.endpoint(endpoint);
    if (refusals.size > 0) refusals.delete(credential);
  }

  /** Credentials may be others now: those that were refused are asked again. */
  forgive(): void {
    for (const { refusals } of this.#endpoints.values()) refusals.clear();
    this.cooldowns.end(({ why }) => why === "upstream-auth");
  }

  /** Notes that a target's circuit has opened or closed. */
  turned(endpoint: string, to: "open" | "closed"): void {
    this.endpoint(endpoint).turned[to]++;
  }

  /** What metrics tell of every endpoint. */
  figures(): readonly EndpointFigures[] {
    const now = this.#clock.monotonic();
    const open = this.#targets.all().filter(({ circuit }) => circuit.state(now) !== "closed");
    const cooling = this.cooldowns.all();
    return [...this.#endpoints].map(([endpoint, { turned, budget, healthy }]) => ({
      endpoint,
      open: open.filter((target) => target.endpoint === endpoint).length,
      opened: turned.open,
      closed: turned.closed,
      cooling: cooling.filter((pause) => pause.endpoint === endpoint).length,
      retries: budget.spent,
      denied: budget.denied,
      healthy,
    }));
  }

  /** Makes targets as if nothing had gone wrong: those of an endpoint, one of them, or all. */
  reset(endpoint?: string, model?: string): void {
    this.cooldowns.reset(endpoint, model);
    for (const [name, { refusals }] of this.#endpoints)
      if (endpoint === undefined || endpoint === name) refusals.clear();
    for (const target of this.#targets.all()) {
      if (endpoint !== undefined && target.endpoint !== endpoint) continue;
      if (model !== undefined && target.model !== model) continue;
      target.circuit.reset();
      target.pauses.clear();
      target.streamed.stretchAt = undefined;
      target.whole.stretchAt = undefined;
    }
  }

  /** Everything that keeps requests from somewhere at the moment. */
  ailments(): readonly Ailment[] {
    const now = this.#clock.monotonic();
    const unhealthy = [...this.#endpoints]
      .filter(([, { healthy }]) => !healthy)
      .map(([endpoint]): Ailment => ({ endpoint, state: "unhealthy" }));
    const cooling = this.cooldowns.all().map(({ endpoint, model, credential, until, why }: Cooling): Ailment => ({
      endpoint,
      model,
      credential,
      state: "cooldown",
      why,
      wait: Math.ceil(until - now),
    }));
    const open = this.#targets
      .all()
      .filter(({ circuit }) => circuit.state(now) !== "closed")
      .map(({ endpoint, model, circuit }): Ailment => {
        return { endpoint, model, state: "circuit", why: circuit.state(now), wait: Math.ceil(circuit.wait(now)) };
      });
    return [...unhealthy, ...cooling, ...open];
  }
}

/** Health of targets of which nothing is known: all are well. */
export const unknownHealth: TargetHealth = {
  cooldown: () => 0,
  circuit: () => "closed",
  latency: () => undefined,
  inFlight: () => 0,
  healthy: () => true,
  limited: () => 0,
};
