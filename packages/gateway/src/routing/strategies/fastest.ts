import type { Candidate } from "../candidates.ts";
import type { RoutingState } from "../types.ts";
import { leastFirst } from "./least.ts";

/** What is taken for the latency of a target that is being tried for the first time, in milliseconds. */
const unknownLatency = 60_000;

/**
 * The faster of two that are drawn at random, then the others, the faster first. With only two drawn a target that was
 * the fastest a moment ago is not overrun by everybody at once (Mitzenmacher's power of two choices). What was never
 * tried goes before all others, once at a time.
 */
export function byLatency(
  ready: readonly Candidate[],
  { health, random }: Pick<RoutingState, "health" | "random">,
  { stream, most }: { readonly stream: boolean; readonly most: number },
): readonly Candidate[] {
  const scores = ready.map(({ endpoint, model }) => {
    const waiting = health.inFlight(endpoint, model);
    const latency = health.latency(endpoint, model, stream) ?? (waiting === 0 ? 0 : unknownLatency);
    return latency * (waiting + 1);
  });
  const one = Math.floor(random() * ready.length);
  const other = (one + 1 + Math.floor(random() * (ready.length - 1))) % ready.length;
  const first = (scores[other] ?? 0) < (scores[one] ?? 0) ? other : one;
  scores[first] = -1;
  return leastFirst(scores, most).flatMap((index) => ready[index] ?? []);
}

/** What is known of a target's speed, in words. */
export function speedOf({ endpoint, model }: Candidate, health: RoutingState["health"], stream: boolean): string {
  const latency = health.latency(endpoint, model, stream);
  if (latency === undefined) return "its speed is not known";
  return `${Math.round(latency)} ms to ${stream ? "the first token" : "a whole answer"}`;
}
