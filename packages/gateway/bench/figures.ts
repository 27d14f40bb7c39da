import type { IdleCost } from "./measure.ts";
import type { Row } from "./report.ts";
import { growthOf, type PairCost } from "./translation.ts";

/** The figures that the gateway is to reach, as a table, and how a run did. */

/** What a run found beside its rows. */
export interface Findings {
  readonly rows: readonly Row[];
  /** By target. */
  readonly idle: { readonly [target: string]: IdleCost };
  /** Milliseconds, by target. */
  readonly startup: { readonly [target: string]: number };
  /** The dearest first. */
  readonly translations: readonly PairCost[];
  /** Bytes a request. */
  readonly heapSlope?: number;
}

export interface Figure {
  readonly name: string;
  readonly goal: string;
  /** Absent when the run did not take it. */
  readonly measured?: number;
  readonly verdict: "PASS" | "MISS" | "not measured";
}

interface Goal {
  readonly name: string;
  readonly bound: "at most" | "under" | "at least";
  readonly value: number;
  readonly unit: string;
  readonly measure: (findings: Findings) => number | undefined;
}

const ours = "patchbay";
const translating = "translating";

function row(findings: Findings, scenario: string, target = ours): Row | undefined {
  return findings.rows.find((candidate) => candidate.scenario === scenario && candidate.target === target);
}

function timesLessThanPortkey(findings: Findings): number | undefined {
  const own = row(findings, "1 KB requests")?.cpu;
  const peer = row(findings, "1 KB requests", "portkey")?.cpu;
  return own === undefined || peer === undefined ? undefined : peer / own;
}

function kilobytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1000;
}

const goals: readonly Goal[] = [
  {
    name: "CPU per 1 KB request",
    bound: "at most",
    value: 1.8,
    unit: "x bare relay",
    measure: (found) => row(found, "1 KB requests")?.ratio,
  },
  {
    name: "CPU per 200 KB request",
    bound: "at most",
    value: 1.3,
    unit: "x bare relay",
    measure: (found) => row(found, "200 KB requests")?.ratio,
  },
  {
    name: "CPU per streamed event",
    bound: "at most",
    value: 1.5,
    unit: "x bare relay",
    measure: (found) => row(found, "streams of 200 events")?.ratio,
  },
  {
    name: "added latency p50",
    bound: "under",
    value: 0.5,
    unit: "ms",
    measure: (found) => row(found, "1 KB latency")?.addedP50,
  },
  {
    name: "CPU per request, Portkey's",
    bound: "at least",
    value: 8,
    unit: "x ours",
    measure: timesLessThanPortkey,
  },
  {
    name: "translation per 1 KB request",
    bound: "at most",
    value: 150,
    unit: "us",
    measure: (found) => row(found, "1 KB requests", translating)?.aboveRelaying,
  },
  {
    name: "translation per streamed event",
    bound: "at most",
    value: 25,
    unit: "us",
    measure: (found) => row(found, "streams of 200 events", translating)?.aboveRelaying,
  },
  {
    name: "translation of 1 MB, dearest pair",
    bound: "under",
    value: 25,
    unit: "ms",
    measure: (found) => found.translations[0]?.small,
  },
  {
    name: "translation of 4 MB",
    bound: "at most",
    value: 4.6,
    unit: "x 1 MB",
    measure: ({ translations }) => (translations.length === 0 ? undefined : growthOf(translations)),
  },
  {
    name: "an idle stream, of 1,000",
    bound: "at most",
    value: 25,
    unit: "KB",
    measure: (found) => kilobytes(found.idle[ours]?.resident),
  },
  {
    name: "heap slope",
    bound: "under",
    value: 10,
    unit: "B/request",
    measure: (found) => found.heapSlope,
  },
  {
    name: "from node to listening",
    bound: "under",
    value: 500,
    unit: "ms",
    measure: (found) => found.startup[ours],
  },
];

function reached(goal: Goal, measured: number): boolean {
  if (goal.bound === "at least") return measured >= goal.value;
  return goal.bound === "at most" ? measured <= goal.value : measured < goal.value;
}

export function judge(findings: Findings): readonly Figure[] {
  return goals.map((goal) => {
    const measured = goal.measure(findings);
    const head = { name: goal.name, goal: `${goal.bound} ${goal.value} ${goal.unit}` };
    if (measured === undefined) return { ...head, verdict: "not measured" };
    return { ...head, measured, verdict: reached(goal, measured) ? "PASS" : "MISS" };
  });
}
