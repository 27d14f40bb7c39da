import { Transform } from "node:stream";
import { mayManage } from "../../auth/identity.ts";
import { failure } from "../../kernel/failure.ts";
import { own } from "../../kernel/json.ts";
import { resolveExactly } from "../../routing/names.ts";
import { splicePieces } from "../../wire/json-splice.ts";
import { passOn } from "../forward.ts";
import type { PassedCall, Upstream } from "../forward.ts";
import type { Gateway } from "../gateway.ts";
import { isLoopback } from "../guard.ts";
import { withJsonBody } from "../json-body.ts";
import type { JsonBody } from "../json-body.ts";
import { decodeName } from "../router.ts";
import type { Incoming, Route } from "../router.ts";
import { ollamaEndpoint, ollamaTarget } from "./ollama.ts";
import { ollamaPaths } from "./paths.ts";

/** Largest file of a model that is passed on, in bytes. */
const largestBlob = 1_099_511_627_776;

/** How Ollama names a file: by what is in it. */
const digest = /^sha256[:-][0-9a-f]{64}$/;

/** What Ollama does with models on its own disk: the field of the body that names an existing one, which may be ours. */
const operations = [
  { path: "pull", method: "POST", field: "model", summary: "Fetch a model" },
  { path: "push", method: "POST", field: "model", summary: "Publish a model" },
  { path: "create", method: "POST", field: undefined, summary: "Make a model" },
  { path: "copy", method: "POST", field: "source", summary: "Copy a model" },
  { path: "delete", method: "DELETE", field: "model", summary: "Delete a model" },
] as const;

type Operation = (typeof operations)[number];

/**
 * What changes or shows what an Ollama server has, passed on to the endpoint that the model is at, else to the first
 * one that speaks Ollama's own protocol. Only for those who may manage: callers without a key on this machine, and keys
 * that are not limited to some models.
 */
export function addManagementRoutes(gateway: Gateway): void {
  const { router, shapes } = gateway;
  const errors = shapes.of("ollama");
  const streamed = ["application/x-ndjson", "application/json"];
  for (const operation of operations) {
    const route: Route = {
      access: "key",
      errors,
      about: { surface: "ollama", summary: operation.summary, body: "json", answers: streamed },
      handle: (incoming) => {
        if (!allowed(incoming, gateway)) return;
        withJsonBody(incoming, { gateway, errors }, (body) => manage(incoming, { operation, body }, gateway));
      },
    };
    router.add("POST", ollamaPaths[operation.path], route);
    if (operation.method === "DELETE") router.add("DELETE", ollamaPaths[operation.path], route);
  }
  const ps: Route = {
    access: "key",
    errors,
    about: { surface: "ollama", summary: "Models in memory" },
    handle: (incoming) => {
      const upstream = mayAsk(incoming) ? defaultEndpoint(gateway) : undefined;
      if (upstream === undefined) return gateway.json(incoming, { models: [] });
      send(incoming, { method: "GET", path: "/api/ps", headers: {} }, { gateway, upstream });
    },
  };
  router.add("GET", ollamaPaths.ps, ps).add("POST", ollamaPaths.ps, ps);
  const blob = (method: "HEAD" | "POST", summary: string): Route => ({
    access: "key",
    errors,
    about: {
      surface: "ollama",
      summary,
      name: "digest",
      ...(method === "POST" ? { body: "bytes" as const } : {}),
    },
    handle: (incoming) => passBlob(incoming, method, gateway),
  });
  router.addPrefix("HEAD", ollamaPaths.blobs, blob("HEAD", "Whether a file is there"));
  router.addPrefix("POST", ollamaPaths.blobs, blob("POST", "Send a file"));
}

function manage(incoming: Incoming, what: { operation: Operation; body: JsonBody }, gateway: Gateway): void {
  const { path, method, field } = what.operation;
  const { rope, scanned, object } = what.body;
  // `name` is the older word for `model`.
  const given = field === undefined ? undefined : (own(object, field) ?? own(object, "name"));
  const name = typeof given === "string" ? given : undefined;
  const target = name === undefined ? undefined : ollamaTarget(name, gateway);
  const upstream = target?.upstream ?? defaultEndpoint(gateway);
  if (upstream === undefined) {
    // Codex fetches its model before it asks it, also one that is served elsewhere.
    const there = name !== undefined && resolveExactly(gateway.service.current().catalog, name) !== undefined;
    return path === "pull" && there
      ? sayPulled(incoming, object["stream"] === false, gateway)
      : nobody(incoming, gateway);
  }
  const renamed = field !== undefined && target !== undefined && target.model !== name;
  const body = Buffer.concat(splicePieces(rope, scanned, renamed ? [{ kind: "set", field, value: target.model }] : []));
  send(incoming, { method, path: `/api/${path}`, body, headers: {} }, { gateway, upstream });
}

function sayPulled(incoming: Incoming, whole: boolean, gateway: Gateway): void {
  const type = whole ? "application/json; charset=utf-8" : "application/x-ndjson";
  gateway.text(incoming, 200, `${JSON.stringify({ status: "success" })}${whole ? "" : "\n"}`, type);
}

/** A file goes through as it comes, at the pace of the slower side; nothing of it is kept. */
function passBlob(incoming: Incoming, method: "HEAD" | "POST", gateway: Gateway): void {
  if (!allowed(incoming, gateway)) return;
  const errors = gateway.shapes.of("ollama");
  const name = decodeName(incoming);
  if (name === undefined || !digest.test(name)) {
    return gateway.refuse(incoming, errors, failure("bad-request", "The digest must be sha256: and 64 hex digits."));
  }
  const upstream = defaultEndpoint(gateway);
  if (upstream === undefined) return nobody(incoming, gateway);
  const path = `/api/blobs/${name}`;
  if (method === "HEAD") return send(incoming, { method, path, headers: {} }, { gateway, upstream });
  const { request } = incoming;
  const length = request.headers["content-length"];
  if (Number(length ?? 0) > largestBlob) {
    return gateway.refuse(incoming, errors, failure("too-large", `A file may have ${largestBlob} bytes.`));
  }
  send(
    incoming,
    {
      method,
      path,
      body: request.pipe(limited(largestBlob)),
      ...(length === undefined ? {} : { bodyLength: Number(length) }),
      headers: { "content-type": "application/octet-stream" },
    },
    { gateway, upstream },
  );
}

/** Passes bytes, and fails beyond a number of them. Of its own, so that a failed call does not end the client's connection. */
function limited(most: number): Transform {
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > most) done(new Error("too large"));
      else done(null, chunk);
    },
  });
}

function send(incoming: Incoming, call: PassedCall, to: { gateway: Gateway; upstream: Upstream }): void {
  passOn(incoming, call, { ...to, errors: to.gateway.shapes.of("ollama") });
}

/** The enabled endpoint of the highest priority that speaks Ollama's own protocol. */
function defaultEndpoint(gateway: Gateway): Upstream | undefined {
  for (const { name } of gateway.service.current().catalog.endpoints) {
    const upstream = ollamaEndpoint(name, gateway);
    if (upstream !== undefined) return upstream;
  }
  return undefined;
}

/** An open door lets strangers ask models, not change them: without a key only this machine may. */
function mayAsk({ identity, request }: Incoming): boolean {
  if (identity === undefined || !mayManage(identity)) return false;
  return identity.kind !== "open" || isLoopback(request.socket.remoteAddress);
}

function allowed(incoming: Incoming, gateway: Gateway): boolean {
  if (mayAsk(incoming)) return true;
  const why = failure(
    "forbidden",
    "Managing models needs a key that may use all of them, or a call from this machine.",
  );
  gateway.refuse(incoming, gateway.shapes.of("ollama"), why);
  return false;
}

function nobody(incoming: Incoming, gateway: Gateway): void {
  const why = failure(
    "not-found",
    "There is no Ollama endpoint here that could do this; configure one of type ollama.",
  );
  gateway.refuse(incoming, gateway.shapes.of("ollama"), why);
}
