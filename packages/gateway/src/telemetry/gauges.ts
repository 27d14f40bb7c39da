import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Description } from "./families.ts";
import { limitReadings } from "./limit-figures.ts";
import type { WatchedLimits } from "./limit-figures.ts";

/** What is asked when metrics are read, rather than counted as it happens. */
export interface Watched {
  readonly ledgerPending: () => number;
  readonly ledgerDropped: () => number;
  readonly exchangesActive: () => number;
  readonly endpoints: () => readonly WatchedEndpoint[];
  readonly limits: () => WatchedLimits;
  /** What replicas share; absent where they share nothing. */
  readonly shared?: WatchedSharedState;
}

export interface WatchedSharedState {
  readonly isUp: boolean;
  readonly replicas: number;
  readonly failures: number;
}

/** How an endpoint is and was. Endpoints are the document's, so that their names may be labels. */
export interface WatchedEndpoint {
  readonly endpoint: string;
  readonly open: number;
  readonly opened: number;
  readonly closed: number;
  readonly cooling: number;
  readonly retries: number;
  readonly denied: number;
  readonly healthy: boolean;
}

export interface Reading {
  readonly description: Description;
  readonly kind: "gauge" | "counter";
  readonly values: readonly {
    readonly labels: { readonly [name: string]: string };
    readonly value: number;
  }[];
}

/** Milliseconds between two looks at the event loop. A measured delay includes them. */
const resolution = 20;
const quantiles = [
  ["0.5", 50],
  ["0.99", 99],
  ["1", 100],
] as const;

function reading(kind: Reading["kind"], description: Omit<Description, "labels">, value: number): Reading {
  return { kind, description: { ...description, labels: [] }, values: [{ labels: {}, value }] };
}

/** Figures of this process and of its parts. */
export class Gauges implements Disposable {
  readonly #delay = monitorEventLoopDelay({ resolution });
  readonly #startTime: number;
  readonly #version: string;
  #watched: Watched | undefined;

  /** `startTime` in milliseconds since 1970. */
  constructor(startTime: number, version: string) {
    this.#startTime = startTime;
    this.#version = version;
    this.#delay.enable();
  }

  watch(watched: Watched): void {
    this.#watched = watched;
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
  }

  /** The figures of now; the event loop's delay since the last reading. */
  read(): readonly Reading[] {
    const usage = process.memoryUsage();
    const processor = process.cpuUsage();
    const watched = this.#watched;
    const delay = quantiles.map(([quantile, percent]) => ({
      labels: { quantile },
      value: Math.max(0, this.#delay.percentile(percent) / 1e9 - resolution / 1000),
    }));
    this.#delay.reset();
    return [
      ...(watched === undefined ? [] : watchedReadings(watched)),
      {
        kind: "gauge",
        description: {
          name: "patchbay.event_loop.delay",
          help: "How late the event loop was since the last reading.",
          unit: "s",
          labels: ["quantile"],
        },
        values: delay,
      },
      {
        kind: "gauge",
        description: {
          name: "patchbay.build_info",
          help: "Always 1.",
          unit: "",
          labels: ["version"],
        },
        values: [{ labels: { version: this.#version }, value: 1 }],
      },
      reading("gauge", { name: "process.resident_memory", help: "Resident set size.", unit: "By" }, usage.rss),
      reading("gauge", { name: "nodejs.heap_used", help: "Heap in use.", unit: "By" }, usage.heapUsed),
      reading(
        "counter",
        { name: "process.cpu", help: "Processor time, user and system.", unit: "s" },
        (processor.user + processor.system) / 1e6,
      ),
      reading(
        "gauge",
        { name: "process.start_time", help: "When the process started, since 1970.", unit: "s" },
        this.#startTime / 1000,
      ),
    ];
  }
}

type EndpointFigure = readonly [
  kind: Reading["kind"],
  name: string,
  help: string,
  values: readonly (readonly [labels: { readonly [name: string]: string }, value: (of: WatchedEndpoint) => number])[],
];

const endpointFigures: readonly EndpointFigure[] = [
  ["gauge", "patchbay.circuits.open", "Targets that are left alone because they failed.", [[{}, (of) => of.open]]],
  [
    "counter",
    "patchbay.circuits.turns",
    "How often targets' circuits opened and closed.",
    [
      [{ to: "open" }, (of) => of.opened],
      [{ to: "closed" }, (of) => of.closed],
    ],
  ],
  ["gauge", "patchbay.cooldowns", "Pauses that upstreams asked for and that are running.", [[{}, (of) => of.cooling]]],
  [
    "counter",
    "patchbay.retries",
    "Times that a target was to be asked again: done, or denied for want of budget.",
    [
      [{ outcome: "done" }, (of) => of.retries],
      [{ outcome: "denied" }, (of) => of.denied],
    ],
  ],
  ["gauge", "patchbay.endpoint.healthy", "1 unless its health check failed.", [[{}, (of) => (of.healthy ? 1 : 0)]]],
];

function endpointReadings(endpoints: readonly WatchedEndpoint[]): readonly Reading[] {
  return endpointFigures.map(([kind, name, help, values]) => ({
    kind,
    description: { name, help, unit: "", labels: ["endpoint", ...Object.keys(values[0]?.[0] ?? {})] },
    values: endpoints.flatMap((of) =>
      values.map(([labels, value]) => ({ labels: { endpoint: of.endpoint, ...labels }, value: value(of) })),
    ),
  }));
}

function sharedReadings({ isUp, replicas, failures }: WatchedSharedState): readonly Reading[] {
  return [
    reading(
      "gauge",
      { name: "patchbay.shared.up", help: "1 while limits are counted with the other replicas.", unit: "" },
      isUp ? 1 : 0,
    ),
    reading("gauge", { name: "patchbay.shared.replicas", help: "Replicas when last known.", unit: "" }, replicas),
    reading(
      "counter",
      { name: "patchbay.shared.failures", help: "Commands that had no answer in time, or a refusal.", unit: "" },
      failures,
    ),
  ];
}

function watchedReadings(watched: Watched): readonly Reading[] {
  return [
    ...endpointReadings(watched.endpoints()),
    ...limitReadings(watched.limits()),
    ...(watched.shared === undefined ? [] : sharedReadings(watched.shared)),
    reading(
      "gauge",
      { name: "patchbay.exchanges.active", help: "Requests under way.", unit: "" },
      watched.exchangesActive(),
    ),
    reading(
      "gauge",
      { name: "patchbay.ledger.pending", help: "Ledger rows that are not on disk yet.", unit: "" },
      watched.ledgerPending(),
    ),
    reading(
      "counter",
      { name: "patchbay.ledger.dropped", help: "Ledger rows that were lost.", unit: "" },
      watched.ledgerDropped(),
    ),
  ];
}
