import type { JsonObject } from "../kernel/json.ts";
import { failure } from "../kernel/failure.ts";
import { parseObject } from "../relay/interpreter.ts";
import type { ScannedObject } from "../wire/json-scan.ts";
import type { Rope } from "../wire/rope.ts";
import { readBody } from "./body.ts";
import type { Gateway } from "./gateway.ts";
import type { Incoming } from "./router.ts";
import type { Errors } from "./shapes.ts";
import { refuseMedia, scanBody } from "./surfaces/generate.ts";

export interface JsonBody {
  readonly rope: Rope;
  readonly scanned: ScannedObject;
  readonly object: JsonObject;
}

/** Reads a request's body as one JSON object, within the limits of all bodies; answers itself when it is none. */
export function withJsonBody(
  incoming: Incoming,
  { gateway, errors }: { readonly gateway: Gateway; readonly errors: Errors },
  use: (body: JsonBody) => void,
): void {
  const refused = refuseMedia(incoming);
  if (refused !== undefined) return gateway.refuse(incoming, errors, refused);
  const { body, depth } = gateway.service.current().config.server.limits;
  const read = (rope: Rope) => {
    const scan = scanBody(rope, depth);
    if (!scan.ok) return gateway.refuse(incoming, errors, scan.failure);
    const object = parseObject(rope.bytes);
    if (object !== undefined) return use({ rope, scanned: scan.value, object });
    gateway.refuse(incoming, errors, failure("bad-request", "The request body is not a JSON object."));
  };
  const taken = readBody(incoming.request, { limit: body, budget: gateway.bodies }, (outcome) => {
    if (!outcome.ok) return gateway.refuse(incoming, errors, outcome.failure);
    gateway.guarded(incoming, () => read(outcome.rope));
  });
  incoming.response.on("close", () => gateway.bodies.give(taken()));
}
