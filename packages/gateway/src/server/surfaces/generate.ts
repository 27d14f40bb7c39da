import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import type { Codec } from "../../kernel/codec.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import type { Result } from "../../kernel/result.ts";
import type { RequestBody } from "../../relay/types.ts";
import { climbs } from "../../routing/lookup.ts";
import { longestName } from "../../routing/names.ts";
import { foldName, readField, scanObject } from "../../wire/json-scan.ts";
import type { ScannedObject } from "../../wire/json-scan.ts";
import type { Rope } from "../../wire/rope.ts";
import type { Gateway } from "../gateway.ts";
import type { RelayOrder } from "../order.ts";
import { readBody } from "../body.ts";
import { planFor } from "../planning.ts";
import { decodeName } from "../router.ts";
import type { Incoming, Route, RouteAbout } from "../router.ts";

/** Most fields at the top of a body. No protocol has a hundred; each costs more than its bytes. */
const mostFields = 4096;

/** Fields that decide what the gateway does. */
const decisive: ReadonlySet<string> = new Set(["model", "stream"]);

/** Client headers that go on to any upstream, beside those of the codec. Credentials, cookies and anything that names a host never do. */
const passedOn: readonly string[] = ["idempotency-key", "traceparent", "tracestate"];

/** Takes over a request that was read, checked and planned. */
export type Takeover = (incoming: Incoming, order: RelayOrder) => void;

export interface GenerateOptions {
  readonly about?: RouteAbout;
  /** What becomes of a good request; to be relayed unless told. */
  readonly takeover?: Takeover | undefined;
  /** What this path asks for, where the path and not the body tells. */
  readonly stream?: boolean;
}

/** The route of a protocol whose requests are one JSON object, with the model in it or in the path. */
export function generateRouteOf(codec: Codec, gateway: Gateway, options: GenerateOptions): Route {
  const takeover = options.takeover ?? ((incoming: Incoming, order: RelayOrder) => gateway.relay(incoming, order));
  const context: Context = { codec, gateway, takeover, stream: options.stream ?? codec.streamsByDefault };
  const about = { protocol: codec.protocol };
  return {
    access: "key",
    isToModel: true,
    errors: codec.ingress,
    // Only Google's clients put a key there, and only their protocol has the model in the path.
    queryKey: codec.addressing === "path",
    ...(options.about === undefined ? {} : { about: options.about }),
    handle(incoming) {
      const refused = refuseMedia(incoming);
      if (refused !== undefined) return gateway.refuse(incoming, codec.ingress, refused, about);
      const limit = gateway.service.current().config.server.limits.body;
      const taken = readBody(incoming.request, { limit, budget: gateway.bodies }, (outcome) => {
        if (!outcome.ok) return gateway.refuse(incoming, codec.ingress, outcome.failure, about);
        gateway.guarded(incoming, () => answer(incoming, outcome.rope, context));
      });
      incoming.response.on("close", () => gateway.bodies.give(taken()));
    },
  };
}

interface Context {
  readonly codec: Codec;
  readonly gateway: Gateway;
  readonly takeover: Takeover;
  /** What a body that says nothing of it asks for. */
  readonly stream: boolean;
}

function answer(incoming: Incoming, rope: Rope, { codec, gateway, takeover, stream }: Context): void {
  const runtime = gateway.service.current();
  const { depth } = runtime.config.server.limits;
  const read =
    codec.addressing === "path" ? readNamed(incoming, rope, { depth, stream }) : readRequest(rope, depth, stream);
  const { protocol } = codec;
  if (!read.ok) return gateway.refuse(incoming, codec.ingress, read.failure, { protocol, bytesIn: rope.length });
  const { model, body } = read.value;
  const about = { protocol, model, stream: body.stream, bytesIn: rope.length };
  const { identity } = incoming;
  const asking = { model, protocol, identity, headers: incoming.request.headers, body };
  const planned = planFor(asking, runtime, gateway.service);
  if (!planned.ok) return gateway.refuse(incoming, codec.ingress, planned.failure, about);
  const headers = headersFor(codec, incoming.request.headers);
  takeover(incoming, { codec, runtime, requestedModel: model, body, plan: planned.value, headers });
}

/** By codec, the names of the headers that go on. */
const headerNames = new WeakMap<Codec, readonly string[]>();

/** The headers of a client that go on to an upstream. */
export function headersFor(codec: Codec, given: IncomingHttpHeaders): { readonly [name: string]: string } {
  let names = headerNames.get(codec);
  if (names === undefined) headerNames.set(codec, (names = [...passedOn, ...codec.ingress.headers]));
  const headers: Record<string, string> = {};
  for (const name of names) {
    const value = given[name];
    if (typeof value === "string") headers[name] = value;
  }
  return headers;
}

/** What routing must know of a body, from a scan of its top level. */
export function readRequest(
  rope: Rope,
  depth: number,
  streamsByDefault: boolean,
): Result<{ readonly model: string; readonly body: RequestBody }> {
  const scan = scanBody(rope, depth);
  if (!scan.ok) return scan;
  const object = scan.value;
  // A server that ignores case would act on `Model`, which we had not looked at.
  const odd = object.fields.find(({ name }) => !decisive.has(name) && decisive.has(foldName(name)));
  if (odd !== undefined) return bad(`The field '${odd.name}' must be written '${foldName(odd.name)}'.`, odd.name);
  const model = readModel(readField(rope, object, "model"));
  if (!model.ok) return model;
  const stream = readField(rope, object, "stream") ?? streamsByDefault;
  if (typeof stream !== "boolean") return bad("The field 'stream' must be true or false.", "stream");
  return { ok: true, value: { model: model.value, body: { rope, object, stream } } };
}

/** The same of a request whose path says which model it asks, and whether for a stream. */
function readNamed(
  incoming: Incoming,
  rope: Rope,
  { depth, stream }: { readonly depth: number; readonly stream: boolean },
): Result<{ readonly model: string; readonly body: RequestBody }> {
  const model = nameOfModel(incoming);
  if (!model.ok) return model;
  const scan = scanBody(rope, depth);
  return scan.ok ? { ok: true, value: { model: model.value, body: { rope, object: scan.value, stream } } } : scan;
}

/** The model that a path names, with or without Google's `models/` before it. */
export function nameOfModel(incoming: Incoming): Result<string> {
  const name = decodeName(incoming);
  if (name === undefined) return bad("The model's name in the path is not validly encoded.", "model");
  return readModel(name.startsWith("models/") ? name.slice("models/".length) : name);
}

/** A model's name as a client may give it. */
export function readModel(model: unknown): Result<string> {
  if (model === undefined) return bad("The field 'model' is missing.", "model");
  if (typeof model !== "string" || model.trim() === "")
    return bad("The field 'model' must be a non-empty string.", "model");
  if (model.length > longestName) return bad(`The field 'model' is longer than ${longestName} characters.`, "model");
  if (climbs(model)) return bad("The field 'model' must not hold '.' or '..' as a part of a path.", "model");
  return { ok: true, value: model };
}

/** A body's top level, or why it is none. */
export function scanBody(rope: Rope, depth: number): Result<ScannedObject> {
  const scan = rope.withBytes((bytes) => (isUtf8(bytes) ? scanObject(bytes, depth) : undefined));
  if (scan === undefined) return bad("The request body is not valid UTF-8.");
  if (!scan.ok) return bad(`The request body is not acceptable JSON: ${scan.message} (at byte ${scan.offset}).`);
  const { fields } = scan.object;
  if (fields.length > mostFields) return bad(`The request body has more than ${mostFields} fields.`);
  return { ok: true, value: scan.object };
}

function bad(message: string, param?: string): Result<never> {
  return { ok: false, failure: failure("bad-request", message, param === undefined ? {} : { param }) };
}

/** A body in a coding or a shape that no protocol has. */
export function refuseMedia({ request }: Incoming): Failure | undefined {
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
