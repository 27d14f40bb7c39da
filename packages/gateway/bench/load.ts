import type { BodyName } from "./bodies.ts";
import type { ClientName } from "./clients.ts";
import { type Child, numberOf } from "./child.ts";

/** What the load process is told and tells. Times are milliseconds. */

export interface Place {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly headers: { readonly [name: string]: string };
  /** Whose requests are sent there. */
  readonly client: ClientName;
}

export type LoadOrder =
  | {
      readonly order: "run";
      readonly place: Place;
      readonly body: BodyName;
      readonly count: number;
      readonly concurrency: number;
    }
  /** Opens streams, waits for the first event of each, and holds them. */
  | { readonly order: "hold"; readonly place: Place; readonly count: number }
  | { readonly order: "release" }
  /** One request, whole. */
  | { readonly order: "probe"; readonly place: Place; readonly body: BodyName };

export interface LoadResult {
  readonly count: number;
  readonly seconds: number;
  /** Events that came; 0 for whole answers. */
  readonly events: number;
  /** Pieces in which bodies came: near `events` when nothing was put together on the way. */
  readonly pieces: number;
  readonly p50: number;
  readonly p99: number;
}

export interface ProbeResult {
  readonly status: number;
  readonly body: string;
}

/** Runs a load to its end. Rejects at the first wrong answer. */
export function runLoad(load: Child, order: Omit<LoadOrder & { order: "run" }, "order">): Promise<LoadResult> {
  return load.ask({ order: "run", ...order }, (answer) => ({
    count: numberOf(answer, "count"),
    seconds: numberOf(answer, "seconds"),
    events: numberOf(answer, "events"),
    pieces: numberOf(answer, "pieces"),
    p50: numberOf(answer, "p50"),
    p99: numberOf(answer, "p99"),
  }));
}

/** Opens streams and returns when each has had its first event. */
export async function holdStreams(load: Child, place: Place, count: number): Promise<void> {
  await load.ask({ order: "hold", place, count }, () => undefined);
}

export async function releaseStreams(load: Child): Promise<void> {
  await load.ask({ order: "release" }, () => undefined);
}

export function probe(load: Child, place: Place, body: BodyName): Promise<ProbeResult> {
  return load.ask({ order: "probe", place, body }, (answer) => ({
    status: numberOf(answer, "status"),
    body: typeof answer["body"] === "string" ? answer["body"] : "",
  }));
}
