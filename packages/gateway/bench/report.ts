import type { Scenario } from "./scenarios.ts";
import { median } from "./statistics.ts";
import type { Turn } from "./measure.ts";

/** A row of the report: one scenario on one target, medians over the rounds. */
export interface Row {
  readonly scenario: string;
  readonly target: string;
  readonly unit: "request" | "event";
  /** Microseconds of CPU for each unit. */
  readonly cpu?: number;
  /** Times the bare relay's CPU, round by round. */
  readonly ratio?: number;
  /** Microseconds of CPU above the gateway's own relaying, round by round; of translation only. */
  readonly aboveRelaying?: number;
  /** Units a second. */
  readonly throughput: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds above the direct call, round by round. */
  readonly addedP50?: number;
  readonly addedP99?: number;
  /** Resident MB. */
  readonly memory?: number;
  /** Events in a piece; 1 when each came alone. */
  readonly eventsPerPiece?: number;
}

/** The turns of all targets in one scenario, by target; round for round beside each other. */
export type Turns = ReadonlyMap<string, readonly Turn[]>;

const megabyte = 1024 * 1024;

function defined(values: readonly (number | undefined)[]): readonly number[] {
  return values.filter((value) => value !== undefined);
}

/** `NaN` never leaves: a figure that could not be taken is absent. */
function figure<Name extends string>(name: Name, values: readonly number[]): { [name in Name]?: number } {
  const result: { [name in Name]?: number } = {};
  if (values.length > 0) result[name] = median(values);
  return result;
}

/** Pairs a target's turns with another's of the same round. */
function paired(
  turns: readonly Turn[],
  others: readonly Turn[] | undefined,
  combine: (turn: Turn, other: Turn) => number | undefined,
): readonly number[] {
  return defined(
    turns.map((turn, round) => {
      const other = others?.[round];
      return other === undefined ? undefined : combine(turn, other);
    }),
  );
}

export function rowsOf(scenario: Scenario, turns: Turns): readonly Row[] {
  const relay = turns.get("bare relay");
  const direct = turns.get("direct");
  const gateway = turns.get("patchbay");
  return [...turns].map(([target, own]) => {
    const latency = scenario.measures === "latency" && target !== "direct" ? direct : undefined;
    return {
      scenario: scenario.name,
      target,
      unit: scenario.unit,
      ...figure("cpu", defined(own.map((turn) => (turn.cpu === undefined ? undefined : turn.cpu / 1000)))),
      ...figure(
        "ratio",
        paired(own, relay, (turn, other) =>
          turn.cpu === undefined || other.cpu === undefined ? undefined : turn.cpu / other.cpu,
        ),
      ),
      ...figure(
        "aboveRelaying",
        paired(own, target === "translating" ? gateway : undefined, (turn, other) =>
          turn.cpu === undefined || other.cpu === undefined ? undefined : (turn.cpu - other.cpu) / 1000,
        ),
      ),
      throughput: median(own.map((turn) => (scenario.unit === "event" ? turn.events : turn.count) / turn.seconds)),
      p50: median(own.map((turn) => turn.p50)),
      p99: median(own.map((turn) => turn.p99)),
      ...figure(
        "addedP50",
        paired(own, latency, (turn, other) => turn.p50 - other.p50),
      ),
      ...figure(
        "addedP99",
        paired(own, latency, (turn, other) => turn.p99 - other.p99),
      ),
      ...figure("memory", defined(own.map((turn) => (turn.memory === undefined ? undefined : turn.memory / megabyte)))),
      ...(scenario.unit === "event"
        ? figure(
            "eventsPerPiece",
            own.map((turn) => turn.events / turn.pieces),
          )
        : {}),
    };
  });
}
