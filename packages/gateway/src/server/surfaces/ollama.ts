import { failure } from "../../kernel/failure.ts";
import { own } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { resolveExactly } from "../../routing/names.ts";
import { splicePieces } from "../../wire/json-splice.ts";
import { passOn } from "../forward.ts";
import type { Upstream } from "../forward.ts";
import type { Gateway } from "../gateway.ts";
import { withJsonBody } from "../json-body.ts";
import type { JsonBody } from "../json-body.ts";
import type { Incoming, Route } from "../router.ts";
import { ollamaShow, ollamaTag } from "./model-shapes.ts";
import { findOffered, noSuchModel, offered } from "./models.ts";
import { helloPaths, ollamaPaths } from "./paths.ts";

/**
 * The version of Ollama that we claim to be. Codex wants at least 0.13.4 and VS Code 0.6.4, each as plain numbers. What
 * we honour is its API as of August 2026.
 */
const ollamaVersion = "0.20.0";

/** What Ollama's clients ask beside its protocols, answered from what we know of the models. */
export function addOllamaRoutes(gateway: Gateway): void {
  const { router, shapes } = gateway;
  const errors = shapes.of("ollama");
  const route = (access: Route["access"], summary: string, handle: Route["handle"]): Route => ({
    access,
    errors,
    about: { surface: "ollama", summary },
    handle,
  });
  const version = route("public", "Ollama's version", (incoming) => gateway.json(incoming, { version: ollamaVersion }));
  const tags = route("key", "Models", (incoming) =>
    gateway.json(incoming, { models: offered(incoming, gateway).map(ollamaTag) }),
  );
  const show = route("key", "What is known of a model", (incoming) =>
    withJsonBody(incoming, { gateway, errors }, (body) => showModel(incoming, body, gateway)),
  );
  router.add("GET", ollamaPaths.version, version);
  router.add("GET", ollamaPaths.tags, tags);
  router.add("POST", ollamaPaths.show, { ...show, about: { surface: "ollama", summary: "One model", body: "json" } });
  router.add("GET", helloPaths, {
    access: "public",
    errors: shapes.of("anthropic"),
    about: { surface: "anthropic", summary: "Whether anybody is there" },
    handle: (incoming) => gateway.json(incoming, { ok: true }),
  });
}

/** Ollama's own word on a model that it has, ours on any other. */
function showModel(incoming: Incoming, { rope, scanned, object }: JsonBody, gateway: Gateway): void {
  const errors = gateway.shapes.of("ollama");
  const name = modelIn(object);
  if (name === undefined) {
    return gateway.refuse(incoming, errors, failure("bad-request", "model is required", { param: "model" }));
  }
  const model = findOffered(incoming, name, gateway);
  if (model === undefined) return gateway.refuse(incoming, errors, noSuchModel(name));
  const target = ollamaTarget(name, gateway);
  if (target === undefined) return gateway.json(incoming, ollamaShow(model));
  const body = Buffer.concat(splicePieces(rope, scanned, [{ kind: "set", field: "model", value: target.model }]));
  const { upstream } = target;
  passOn(incoming, { method: "POST", path: "/api/show", body, headers: {} }, { gateway, errors, upstream });
}

/** The model that a body names: `model`, or `name` as clients of old have it. */
export function modelIn(body: JsonObject): string | undefined {
  const name = own(body, "model") ?? own(body, "name");
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** Where a name leads first, if that is an endpoint that speaks Ollama's own protocol. */
export function ollamaTarget(name: string, gateway: Gateway): { upstream: Upstream; model: string } | undefined {
  const [first] = resolveExactly(gateway.service.current().catalog, name)?.targets ?? [];
  const upstream = first === undefined ? undefined : ollamaEndpoint(first.endpoint, gateway);
  return first === undefined || upstream === undefined ? undefined : { upstream, model: first.model };
}

/** An endpoint, if it speaks Ollama's own protocol and is in service. */
export function ollamaEndpoint(name: string, gateway: Gateway): Upstream | undefined {
  const { endpoints, catalog } = gateway.service.current();
  const backend = endpoints.get(name)?.backend;
  if (backend?.kind !== "wire" || !backend.serves.includes("ollama")) return undefined;
  return catalog.endpoints.some((endpoint) => endpoint.name === name) ? { name, backend } : undefined;
}
