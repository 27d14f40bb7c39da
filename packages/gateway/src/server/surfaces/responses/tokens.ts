import { estimateTokens } from "../../../codecs/shared/estimate.ts";
import { parseObject } from "../../../relay/interpreter.ts";
import { withJsonBody } from "../../json-body.ts";
import type { Route } from "../../router.ts";
import { readPlanned } from "./planned.ts";
import type { Responses } from "./responses.ts";

/** `POST /v1/responses/input_tokens`: an estimate of ours, which says so. */
export function inputTokensRoute(responses: Responses): Route {
  const { gateway, codec } = responses;
  const errors = codec.ingress;
  return {
    access: "key",
    errors,
    about: { surface: "openai", summary: "Counts the tokens that a request would read.", body: "json" },
    handle: (incoming) =>
      withJsonBody(incoming, { gateway, errors }, ({ rope }) => {
        const unfolded = readPlanned(responses, incoming, rope);
        if (!unfolded.ok) return gateway.refuse(incoming, errors, unfolded.failure);
        const { order } = unfolded.value;
        const body = parseObject(order.body.rope.bytes) ?? {};
        const read = errors.readRequest(body, { model: order.requestedModel, stream: false });
        if (!read.ok) return gateway.refuse(incoming, errors, read.failure);
        const answer = { object: "response.input_tokens", input_tokens: estimateTokens(read.value.request) };
        const headers = ["content-type", "application/json; charset=utf-8", "x-patchbay-estimate", "true"];
        gateway.send(incoming, { status: 200, headers, body: JSON.stringify(answer) });
      }),
  };
}
