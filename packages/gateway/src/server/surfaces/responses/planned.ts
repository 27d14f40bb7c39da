import { failure } from "../../../kernel/failure.ts";
import type { Result } from "../../../kernel/result.ts";
import { Rope } from "../../../wire/rope.ts";
import type { RelayOrder } from "../../order.ts";
import { planFor } from "../../planning.ts";
import type { Incoming } from "../../router.ts";
import { headersFor, readRequest } from "../generate.ts";
import { ownerOf } from "./responses.ts";
import type { Responses } from "./responses.ts";
import { unfold } from "./unfold.ts";
import type { Unfolded } from "./unfold.ts";

/** What a request about a response means, with all that it refers to put in. */
export function readPlanned({ gateway, codec, store }: Responses, incoming: Incoming, rope: Rope): Result<Unfolded> {
  const runtime = gateway.service.current();
  const read = readRequest(rope, runtime.config.server.limits.depth, false);
  if (!read.ok) return read;
  const { model, body } = read.value;
  const { identity } = incoming;
  if (identity === undefined) return { ok: false, failure: failure("forbidden", "Nobody is known to have asked.") };
  const asking = { model, protocol: codec.protocol, identity, headers: incoming.request.headers, body };
  const planned = planFor(asking, runtime, gateway.service);
  if (!planned.ok) return planned;
  const headers = headersFor(codec, incoming.request.headers);
  const order: RelayOrder = { codec, runtime, requestedModel: model, body, plan: planned.value, headers };
  return unfold(order, { store, owners: [ownerOf(identity)] });
}
