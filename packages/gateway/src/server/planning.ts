import type { IncomingHttpHeaders } from "node:http";
import { mayUse } from "../auth/identity.ts";
import type { Identity } from "../auth/identity.ts";
import { failure } from "../kernel/failure.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Result } from "../kernel/result.ts";
import { plan } from "../routing/plan.ts";
import type { Plan, RoutingFacts } from "../routing/types.ts";
import type { ScannedObject } from "../wire/json-scan.ts";
import type { Rope } from "../wire/rope.ts";
import type { Runtime, Service } from "./runtime.ts";
import { BodyTraits } from "./traits.ts";

/** A request to a model, as far as its route depends on it. */
export interface Asking {
  /** The name that was asked for. */
  readonly model: string;
  readonly protocol: Protocol;
  readonly identity: Identity | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: { readonly rope: Rope; readonly object: ScannedObject; readonly stream: boolean };
}

/** Where a request goes, or why nowhere; by one version of the configuration. */
export function planFor(asking: Asking, runtime: Runtime, { routing }: Pick<Service, "routing">): Result<Plan> {
  const { model, protocol, identity, headers, body } = asking;
  if (identity === undefined) {
    const why = failure("forbidden", "Nobody is known to have asked.", { param: "model" });
    return { ok: false, failure: why };
  }
  const facts: RoutingFacts = { model, protocol, stream: body.stream, request: new BodyTraits(body, headers) };
  const isFree = identity.kind !== "key" || identity.models === undefined;
  return plan(isFree ? facts : { ...facts, allows: (name) => mayUse(identity, name) }, runtime.catalog, routing);
}
