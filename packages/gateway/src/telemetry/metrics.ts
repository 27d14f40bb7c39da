import type { Clock } from "../kernel/clock.ts";
import { failures, type FailureKind } from "../kernel/failure.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Usage } from "../kernel/usage.ts";
import { loadExposition, type Exposition } from "./exposition.ts";
import type { Counter, Histogram } from "./families.ts";
import { Gauges, type Watched } from "./gauges.ts";
import { createInstruments } from "./instruments.ts";
import { BoundedLabel, other } from "./labels.ts";

export type { Watched } from "./gauges.ts";

/** The target of an exchange or attempt, as the plan names it. */
export interface MeasuredTarget {
  readonly endpoint: string;
  /** The endpoint's type, such as `openai`. */
  readonly type: string;
  /** The model that the upstream was asked for. */
  readonly model: string;
}

/** What is measured of one finished exchange. Durations are milliseconds; what is not known is absent. */
export interface MeasuredExchange {
  readonly surface: Protocol;
  /** The virtual model, or what the client asked for where there was none. */
  readonly model: string;
  /** What the client saw; 499 when it left. */
  readonly status: number;
  readonly failure?: FailureKind | undefined;
  /** Of the attempt that answered; absent when none did. */
  readonly target?: MeasuredTarget | undefined;
  readonly duration: number;
  readonly timeToFirstToken?: number | undefined;
  readonly usage?: Usage | undefined;
  readonly costMicroDollars?: number | undefined;
}

/** What is measured of one try at an upstream. `duration` is milliseconds. */
export interface MeasuredAttempt {
  readonly surface: Protocol;
  readonly target: MeasuredTarget;
  readonly outcome: "success" | FailureKind;
  readonly duration: number;
  /** The failed attempt before this one, when this one is at another endpoint. */
  readonly after?: { readonly endpoint: string; readonly failure: FailureKind } | undefined;
}

export interface MetricsOptions {
  readonly clock: Clock;
  readonly version: string;
  /** Most distinct values of a label; 200 unless given. */
  readonly cap?: number;
}

/** Names of `gen_ai.operation.name` in the GenAI semantic conventions. */
const operations: { readonly [P in Protocol]: string } = {
  "openai-chat": "chat",
  "openai-responses": "chat",
  "openai-completions": "text_completion",
  "openai-embeddings": "embeddings",
  "anthropic-messages": "chat",
  gemini: "generate_content",
  "gemini-embeddings": "embeddings",
  ollama: "chat",
  "ollama-generate": "text_completion",
  "ollama-embeddings": "embeddings",
};

/** Names of `gen_ai.provider.name` in the same conventions, where they are not our own word. */
const providers: ReadonlyMap<string, string> = new Map([
  ["gemini", "gcp.gemini"],
  ["mistral", "mistral_ai"],
  ["moonshot", "moonshot_ai"],
  ["xai", "x_ai"],
]);

/** Asking for a cell makes a series of it, so that those which may stay empty are asked for when they are first used. */
interface ExchangeCells {
  readonly requests: Counter;
  readonly duration: Histogram;
  readonly firstToken: () => Histogram;
  readonly inputTokens: () => Histogram;
  readonly outputTokens: () => Histogram;
  readonly cost: () => Counter;
  readonly unpriced: () => Counter;
}

interface AttemptCells {
  readonly attempts: Counter;
  readonly duration: Histogram;
}

/** Most label combinations whose cells are kept at hand. When there are more, all are looked up anew. */
const mostKept = 4_000;

function statusLabel(status: number): string {
  return Number.isInteger(status) && status >= 100 && status <= 599 ? String(status) : other;
}

function failureLabel(kind: string | undefined): string | undefined {
  return kind === undefined || Object.hasOwn(failures, kind) ? kind : other;
}

/**
 * Counts what happens, cheaply, and tells it as Prometheus text. Counting never fails and never waits; nothing that
 * is counted before the first reading is lost. Label values are bounded: see `BoundedLabel`.
 */
export class Metrics implements Disposable {
  readonly #instruments = createInstruments();
  readonly #gauges: Gauges;
  readonly #models: BoundedLabel;
  readonly #endpoints: BoundedLabel;
  readonly #types: BoundedLabel;
  readonly #exchanges = new Map<string, ExchangeCells>();
  readonly #attempts = new Map<string, AttemptCells>();
  #exposition: Promise<Exposition> | undefined;

  constructor(options: MetricsOptions) {
    const cap = options.cap ?? 200;
    this.#gauges = new Gauges(options.clock.now(), options.version);
    this.#models = new BoundedLabel(cap);
    this.#endpoints = new BoundedLabel(cap);
    this.#types = new BoundedLabel(cap);
  }

  /**
   * Replaces the names that may become label values; to be called with every new configuration and model list.
   * `models` holds virtual models, direct names and upstreams' models; `types` the types of endpoints.
   */
  know(names: {
    readonly models: Iterable<string>;
    readonly endpoints: Iterable<string>;
    readonly types: Iterable<string>;
  }): void {
    this.#models.know(names.models);
    this.#endpoints.know(names.endpoints);
    this.#types.know(names.types);
  }

  /** Says where to ask for figures that others keep. */
  watch(watched: Watched): void {
    this.#gauges.watch(watched);
  }

  /** To be called once per exchange, when it is over. */
  recordExchange(exchange: MeasuredExchange): void {
    const cells = this.#exchangeCells(exchange);
    cells.requests.add(1);
    cells.duration.record(exchange.duration / 1000);
    if (exchange.timeToFirstToken !== undefined) cells.firstToken().record(exchange.timeToFirstToken / 1000);
    const { usage } = exchange;
    if (usage?.inputTokens !== undefined) cells.inputTokens().record(usage.inputTokens);
    if (usage?.outputTokens !== undefined) cells.outputTokens().record(usage.outputTokens);
    if (exchange.costMicroDollars !== undefined) cells.cost().add(exchange.costMicroDollars);
    else if (exchange.failure === undefined) cells.unpriced().add(1);
  }

  /** To be called once per attempt, when it is over. */
  recordAttempt(attempt: MeasuredAttempt): void {
    const cells = this.#attemptCells(attempt);
    cells.attempts.add(1);
    cells.duration.record(attempt.duration / 1000);
    const { after } = attempt;
    if (after === undefined) return;
    const from = this.#endpoints.fold(after.endpoint);
    const to = this.#endpoints.fold(attempt.target.endpoint);
    this.#instruments.counters.failovers.cell([from, to, failureLabel(after.failure)]).add(1);
  }

  /**
   * Loads OpenTelemetry, which holds everything up for 100 ms: to be called when the server listens and nobody has
   * come yet. Without it the first reading does so. Rejects when it cannot be loaded; the next call tries again.
   */
  async load(): Promise<void> {
    await this.#loaded();
  }

  /** Everything, as Prometheus text (version 0.0.4). Rejects when OpenTelemetry cannot be loaded. */
  async text(): Promise<string> {
    const exposition = await this.#loaded();
    const text = exposition({
      instruments: this.#instruments,
      readings: this.#gauges.read(),
      scale,
    });
    return `${text.trimEnd()}\n`;
  }

  [Symbol.dispose](): void {
    this.#gauges[Symbol.dispose]();
  }

  async #loaded(): Promise<Exposition> {
    this.#exposition ??= loadExposition();
    try {
      return await this.#exposition;
    } catch (error) {
      this.#exposition = undefined;
      throw error;
    }
  }

  #exchangeCells(exchange: MeasuredExchange): ExchangeCells {
    const { surface, target } = exchange;
    const model = this.#models.fold(exchange.model);
    const status = statusLabel(exchange.status);
    const failure = failureLabel(exchange.failure);
    const endpoint = target === undefined ? undefined : this.#endpoints.fold(target.endpoint);
    const type = target === undefined ? undefined : this.#types.fold(target.type);
    const actual = target === undefined ? undefined : this.#models.fold(target.model);
    const key = `${surface}\n${model}\n${status}\n${failure}\n${endpoint}\n${type}\n${actual}`;
    const kept = this.#exchanges.get(key);
    if (kept !== undefined) return kept;
    const { counters, histograms } = this.#instruments;
    const served = [operations[surface], providerLabel(type), model];
    const called = [operations[surface], providerLabel(type), actual];
    const cells: ExchangeCells = {
      requests: counters.requests.cell([surface, model, status, failure]),
      duration: histograms.requestDuration.cell([...served, failure]),
      firstToken: once(() => histograms.firstToken.cell(served)),
      inputTokens: once(() => histograms.tokens.cell([...called, "input"])),
      outputTokens: once(() => histograms.tokens.cell([...called, "output"])),
      cost: once(() => counters.cost.cell([model, endpoint])),
      unpriced: once(() => counters.unpriced.cell([model, endpoint])),
    };
    if (this.#exchanges.size >= mostKept) this.#exchanges.clear();
    this.#exchanges.set(key, cells);
    return cells;
  }

  #attemptCells({ surface, target, outcome }: MeasuredAttempt): AttemptCells {
    const endpoint = this.#endpoints.fold(target.endpoint);
    const type = this.#types.fold(target.type);
    const model = this.#models.fold(target.model);
    const key = `${surface}\n${endpoint}\n${type}\n${model}\n${outcome}`;
    const kept = this.#attempts.get(key);
    if (kept !== undefined) return kept;
    const failed = outcome === "success" ? undefined : failureLabel(outcome);
    const { counters, histograms } = this.#instruments;
    const cells: AttemptCells = {
      attempts: counters.attempts.cell([endpoint, failed ?? "success"]),
      duration: histograms.operationDuration.cell([operations[surface], providerLabel(type), model, failed]),
    };
    if (this.#attempts.size >= mostKept) this.#attempts.clear();
    this.#attempts.set(key, cells);
    return cells;
  }
}

/** What `make` gives, made at the first call and kept. */
function once<Value extends object>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => (made ??= make());
}

function providerLabel(type: string | undefined): string | undefined {
  return type === undefined ? undefined : (providers.get(type) ?? type);
}

/** Costs are counted in whole micro-dollars, which add up exactly, and told in dollars. */
function scale(name: string, value: number): number {
  return name === "patchbay.cost.usd" ? value / 1_000_000 : value;
}
