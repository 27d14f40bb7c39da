import { mayUse } from "../../auth/identity.ts";
import type { Identity } from "../../auth/identity.ts";
import { failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Ingress } from "../../kernel/codec.ts";
import { factsFor, offeredNames, resolve } from "../../routing/catalog.ts";
import type { Catalog } from "../../routing/catalog.ts";
import type { Gateway } from "../gateway.ts";
import type { Incoming, Route } from "../router.ts";
import type { Runtime } from "../runtime.ts";

/**
 * The list of models in one shape that both the OpenAI and the Anthropic SDKs read: each object carries both sets of
 * fields, and the list carries Anthropic's paging fields. What is not known is left out.
 */
export function modelListRoute(errors: Pick<Ingress, "writeError">, gateway: Gateway): Route {
  return {
    access: "key",
    errors,
    handle(incoming) {
      const runtime = gateway.service.current();
      const data = offeredNames(runtime.catalog)
        .filter((name) => allowed(incoming.identity, name))
        .map((name) => describe(name, runtime));
      const first = data[0]?.["id"] ?? null;
      const last = data.at(-1)?.["id"] ?? null;
      gateway.json(incoming, { object: "list", data, has_more: false, first_id: first, last_id: last });
    },
  };
}

/** One model by its name, which may hold slashes, raw or as `%2F`. Patterns and `endpoint/model` are found too. */
export function modelRoute(errors: Pick<Ingress, "writeError">, gateway: Gateway): Route {
  return {
    access: "key",
    errors,
    handle(incoming) {
      const name = nameFrom(incoming);
      const runtime = gateway.service.current();
      if (name === undefined || !allowed(incoming.identity, name) || resolve(runtime.catalog, name) === undefined) {
        const why = failure("not-found", `The model '${(name ?? "").slice(0, 100)}' does not exist.`, {
          param: "model",
          upstreamCode: "model_not_found",
        });
        return gateway.refuse(incoming, errors, why);
      }
      gateway.json(incoming, describe(name, runtime));
    },
  };
}

function allowed(identity: Identity | undefined, name: string): boolean {
  return identity !== undefined && mayUse(identity, name);
}

function nameFrom({ path }: Incoming): string | undefined {
  const raw = path.slice(path.indexOf("/models/") + "/models/".length).replace(/\/$/, "");
  try {
    return decodeURIComponent(raw);
  } catch {
    return undefined;
  }
}

function describe(name: string, { catalog, since }: Runtime): JsonObject {
  const model = resolve(catalog, name);
  const facts = model === undefined ? {} : factsFor(catalog, model);
  const created = facts.created ?? since;
  return compact({
    id: name,
    object: "model",
    created,
    owned_by: facts.ownedBy ?? model?.targets[0]?.endpoint ?? "patchbay",
    type: "model",
    display_name: facts.displayName ?? name,
    created_at: new Date(created * 1000).toISOString(),
    context_length: facts.contextWindow,
    max_input_tokens: facts.contextWindow,
    max_tokens: facts.maxOutputTokens,
    architecture: modalities(facts.inputModalities, facts.outputModalities),
    pricing: facts.price === undefined ? undefined : pricing(facts.price),
    capabilities: capabilities(facts),
    endpoints: endpointsOf(catalog, name),
  });
}

function endpointsOf(catalog: Catalog, name: string): Json | undefined {
  const targets = resolve(catalog, name)?.targets ?? [];
  return targets.length === 0 ? undefined : targets.map((target) => target.endpoint);
}

function modalities(input: readonly string[] | undefined, output: readonly string[] | undefined): Json | undefined {
  if (input === undefined && output === undefined) return undefined;
  return compact({ input_modalities: input, output_modalities: output });
}

/** US dollars per million tokens. */
function pricing(price: { input?: number; output?: number; cacheRead?: number; cacheWrite?: number }): Json {
  return compact({
    unit: "usd_per_million_tokens",
    input: price.input,
    output: price.output,
    cache_read: price.cacheRead,
    cache_write: price.cacheWrite,
  });
}

function capabilities(facts: { tools?: boolean; reasoning?: boolean; embeddings?: boolean }): Json | undefined {
  const known = compact({ tools: facts.tools, reasoning: facts.reasoning, embeddings: facts.embeddings });
  return Object.keys(known).length === 0 ? undefined : known;
}
