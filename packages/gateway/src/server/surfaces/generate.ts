import { isUtf8 } from "node:buffer";
import { mayUse } from "../../auth/identity.ts";
import type { Codec } from "../../kernel/codec.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import type { Result } from "../../kernel/result.ts";
import type { RequestBody } from "../../relay/types.ts";
import { plan } from "../../routing/plan.ts";
import { foldName, readField, scanObject } from "../../wire/json-scan.ts";
import type { Rope } from "../../wire/rope.ts";
import type { Gateway } from "../gateway.ts";
import { readBody } from "../body.ts";
import type { Incoming, Route } from "../router.ts";

/** Longest model name that is looked up. */
const longestModel = 512;

/** Fields that decide what the gateway does. */
const decisive: ReadonlySet<string> = new Set(["model", "stream"]);

/** Client headers that go on to any upstream, beside those of the codec. Credentials, cookies and anything that names a host never do. */
const passedOn: readonly string[] = ["idempotency-key", "traceparent", "tracestate"];

/** The route of a protocol whose requests are one JSON object with a `model`. */
export function generateRoute(codec: Codec, gateway: Gateway): Route {
  return {
    access: "key",
    errors: codec.ingress,
    handle(incoming) {
      const refused = refuseMedia(incoming);
      if (refused !== undefined) return gateway.refuse(incoming, codec.ingress, refused, { protocol: codec.protocol });
      const limit = gateway.service.current().config.server.limits.body;
      const taken = readBody(incoming.request, { limit, budget: gateway.bodies }, (outcome) => {
        if (!outcome.ok) return gateway.refuse(incoming, codec.ingress, outcome.failure, { protocol: codec.protocol });
        answer(incoming, outcome.rope, { codec, gateway });
      });
      incoming.response.on("close", () => gateway.bodies.give(taken()));
    },
  };
}

function answer(incoming: Incoming, rope: Rope, { codec, gateway }: { codec: Codec; gateway: Gateway }): void {
  const runtime = gateway.service.current();
  const read = readRequest(rope, runtime.config.server.limits.depth, codec.streamsByDefault);
  const { protocol } = codec;
  if (!read.ok) return gateway.refuse(incoming, codec.ingress, read.failure, { protocol, bytesIn: rope.length });
  const { model, body } = read.value;
  const about = { protocol, model, stream: body.stream, bytesIn: rope.length };
  const { identity } = incoming;
  if (identity === undefined || !mayUse(identity, model)) {
    const why = failure("forbidden", `This key may not use the model '${model}'.`, { param: "model" });
    return gateway.refuse(incoming, codec.ingress, why, about);
  }
  const planned = plan({ model, protocol }, runtime.catalog, gateway.service.relay.cooldowns);
  if (!planned.ok) return gateway.refuse(incoming, codec.ingress, planned.failure, about);
  const headers: Record<string, string> = {};
  for (const name of [...passedOn, ...codec.ingress.headers]) {
    const value = incoming.request.headers[name];
    if (typeof value === "string") headers[name] = value;
  }
  gateway.relay(incoming, { codec, runtime, requestedModel: model, body, plan: planned.value, headers });
}

/** What routing must know of a body, from a scan of its top level. */
export function readRequest(
  rope: Rope,
  depth: number,
  streamsByDefault: boolean,
): Result<{ readonly model: string; readonly body: RequestBody }> {
  const scan = rope.withBytes((bytes) => (isUtf8(bytes) ? scanObject(bytes, depth) : undefined));
  if (scan === undefined) return bad("The request body is not valid UTF-8.");
  if (!scan.ok) return bad(`The request body is not acceptable JSON: ${scan.message} (at byte ${scan.offset}).`);
  const { object } = scan;
  // A server that ignores case would act on `Model`, which we had not looked at.
  const odd = object.fields.find(({ name }) => !decisive.has(name) && decisive.has(foldName(name)));
  if (odd !== undefined) return bad(`The field '${odd.name}' must be written '${foldName(odd.name)}'.`, odd.name);
  const model = readField(rope, object, "model");
  if (model === undefined) return bad("The field 'model' is missing.", "model");
  if (typeof model !== "string" || model.trim() === "")
    return bad("The field 'model' must be a non-empty string.", "model");
  if (model.length > longestModel) return bad(`The field 'model' is longer than ${longestModel} characters.`, "model");
  const stream = readField(rope, object, "stream") ?? streamsByDefault;
  if (typeof stream !== "boolean") return bad("The field 'stream' must be true or false.", "stream");
  return { ok: true, value: { model, body: { rope, object, stream } } };
}

function bad(message: string, param?: string): Result<never> {
  return { ok: false, failure: failure("bad-request", message, param === undefined ? {} : { param }) };
}

function refuseMedia({ request }: Incoming): Failure | undefined {
  const coding = request.headers["content-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    return failure(
      "unsupported-media",
      "Compressed request bodies are not accepted; send the body without Content-Encoding.",
    );
  }
  if (request.headers["content-type"]?.toLowerCase().startsWith("multipart/") === true) {
    return failure("unsupported-media", "The request body must be JSON (content-type: application/json).");
  }
  return undefined;
}
