import { failure } from "../../../kernel/failure.ts";
import { askerOf } from "../../caller.ts";
import type { RelayOrder } from "../../order.ts";
import type { Incoming } from "../../router.ts";
import { follow } from "./follow.ts";
import { Recorder } from "./recorder.ts";
import { ownerOf } from "./responses.ts";
import type { Responses } from "./responses.ts";
import { isStateless, unfold } from "./unfold.ts";
import type { Unfolded } from "./unfold.ts";

/** `POST /v1/responses`: an ordinary exchange, with what it refers to put in, and what comes of it written down. */
export function createResponse(responses: Responses, incoming: Incoming, order: RelayOrder): void {
  const { gateway, store } = responses;
  if (isStateless(order)) return gateway.relay(incoming, order);
  const owner = ownerOf(incoming.identity);
  const outcome = unfold(order, { store, owners: [owner] });
  const refuse = refusing(responses, incoming, order);
  if (!outcome.ok) return refuse(outcome.failure);
  const unfolded = outcome.value;
  const more = unfolded.order.body.rope.length - order.body.rope.length;
  if (more > 0) {
    if (!gateway.bodies.take(more)) {
      return refuse(failure("overwhelmed", "Too many long conversations are under way. Try again in a moment."));
    }
    incoming.response.on("close", () => gateway.bodies.give(more));
  }
  if (unfolded.background) return startInBackground(responses, incoming, { unfolded, stream: order.body.stream });
  if (!unfolded.keep && unfolded.envelope.size === 0) return gateway.relay(incoming, unfolded.order);
  gateway.relay(incoming, {
    ...unfolded.order,
    wrap: (client) =>
      new Recorder(client, {
        stream: order.body.stream,
        envelope: unfolded.envelope,
        limit: order.runtime.settings.answer,
        done: (answered) => {
          if (unfolded.keep) responses.remember(owner, unfolded.thread, answered);
          else responses.extend(owner, unfolded.thread, answered.final);
        },
      }),
  });
}

function startInBackground(
  responses: Responses,
  incoming: Incoming,
  { unfolded, stream }: { readonly unfolded: Unfolded; readonly stream: boolean },
): void {
  const started = responses.startRun(ownerOf(incoming.identity), unfolded, askerOf(incoming));
  if (!started.ok) return refusing(responses, incoming, unfolded.order)(started.failure);
  const { run } = started.value;
  if (stream) return follow(responses, incoming, run);
  responses.gateway.text(incoming, 200, run.object.toString("utf8"), "application/json; charset=utf-8");
}

function refusing({ gateway, codec }: Responses, incoming: Incoming, { requestedModel, body }: RelayOrder) {
  return (why: Parameters<typeof gateway.refuse>[2]) =>
    gateway.refuse(incoming, codec.ingress, why, {
      protocol: codec.protocol,
      model: requestedModel,
      stream: body.stream,
      bytesIn: body.rope.length,
    });
}
