import type { BodyName } from "./bodies.ts";

/** What the load process is told and tells. Times are milliseconds. */

export interface Place {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly headers: { readonly [name: string]: string };
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
