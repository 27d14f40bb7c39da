import type { BodyName } from "./bodies.ts";

/** What is sent, as a table. Counts are per round and target. */
export interface Scenario {
  readonly name: string;
  readonly body: BodyName;
  readonly concurrency: number;
  readonly count: number;
  readonly unit: "request" | "event";
  /** `cpu`: CPU and throughput under load. `latency`: what is added to a direct call when nothing else goes on. */
  readonly measures: "cpu" | "latency";
}

export const scenarios: readonly Scenario[] = [
  {
    name: "1 KB requests",
    body: "small",
    concurrency: 16,
    count: 6000,
    unit: "request",
    measures: "cpu",
  },
  {
    name: "200 KB requests",
    body: "large",
    concurrency: 16,
    count: 1000,
    unit: "request",
    measures: "cpu",
  },
  {
    name: "streams of 200 events",
    body: "stream",
    concurrency: 16,
    count: 96,
    unit: "event",
    measures: "cpu",
  },
  {
    name: "1 KB latency",
    body: "small",
    concurrency: 1,
    count: 800,
    unit: "request",
    measures: "latency",
  },
  {
    name: "200 KB latency",
    body: "large",
    concurrency: 1,
    count: 200,
    unit: "request",
    measures: "latency",
  },
];

export const idleStreams = 1000;
/** Fresh processes for the idle streams, and for the start-up time. */
export const idleRounds = 3;
export const starts = 7;
export const rounds = { full: 7, quick: 3 } as const;
/** Translations of each long conversation. */
export const translationRuns = { full: 12, quick: 4 } as const;
/**
 * Before anything is measured, so that code is compiled and pools are full: this many times a round's count. A program of
 * our size is compiled at its best after some 30,000 requests; with one round before, half of the others were part of it.
 */
export const warmUp = { full: 5, quick: 1 } as const;
