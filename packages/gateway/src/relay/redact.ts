import type { WireBackend } from "../backends/types.ts";
import type { Failure } from "../kernel/failure.ts";

/** A failure without the secrets of its endpoint, which an upstream's own words may hold. */
export function redactFailure(backend: Pick<WireBackend, "redact">, why: Failure): Failure {
  const clean = Object.entries(why).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === "string" ? backend.redact(value) : value,
  ]);
  return Object.fromEntries(clean) as Failure;
}
