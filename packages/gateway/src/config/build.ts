import { compact } from "../kernel/json.ts";
import type { KeyLimits } from "../kernel/limit.ts";
import type { ModelFacts, VirtualModel } from "../routing/types.ts";
import type { Document, DocumentEndpoint, DocumentModel } from "./schema.ts";
import type { Config, CredentialSettings, EndpointSettings, FixedKeySettings } from "./types.ts";

/** An endpoint of the document; `reference` gives the reference behind a credential's key, by its position. */
export function buildEndpoint(
  endpoint: DocumentEndpoint,
  reference: (credential: number) => string | undefined,
): EndpointSettings {
  const credentials = endpoint.credentials.map(({ apiKey, limits }, index): CredentialSettings => {
    const written = reference(index);
    return compact({
      apiKey,
      reference: apiKey === undefined ? undefined : written,
      limits: limits === undefined ? undefined : compact(limits),
    });
  });
  return {
    name: endpoint.name,
    type: endpoint.type,
    ...(endpoint.url === undefined ? {} : { url: endpoint.url }),
    ...(endpoint.api === undefined ? {} : { api: endpoint.api }),
    ...(endpoint.limits === undefined ? {} : { limits: compact(endpoint.limits) }),
    enabled: endpoint.enabled,
    priority: endpoint.priority,
    credentials: credentials.length === 0 ? [{}] : credentials,
    headers: endpoint.headers,
    timeouts: compact(endpoint.timeouts),
    ...(endpoint.cooldown === undefined ? {} : { cooldown: endpoint.cooldown }),
    ...(endpoint.health === undefined ? {} : { health: endpoint.health }),
    models: endpoint.models.map((model) => ({ id: model.id, facts: buildFacts(model) })),
    options: endpoint.options,
    detected: false,
  };
}

/** The keys of the document. */
export function buildKeys(keys: Document["keys"]): readonly FixedKeySettings[] {
  return keys.map(({ name, key, models, limits }) => {
    const { usdPerDay, usdPerMonth, ...others } = limits ?? {};
    const own: KeyLimits = compact({
      ...others,
      microDollarsPerDay: microDollars(usdPerDay),
      microDollarsPerMonth: microDollars(usdPerMonth),
    });
    return {
      name,
      key,
      listed: { ...(models === undefined ? {} : { models }), ...(limits === undefined ? {} : { limits: own }) },
    };
  });
}

function microDollars(usd: number | undefined): number | undefined {
  return usd === undefined ? undefined : Math.round(usd * 1_000_000);
}

export function buildModel(model: DocumentModel): VirtualModel {
  return {
    name: model.name,
    aliases: model.aliases,
    enabled: model.enabled,
    strategy: model.strategy,
    ...(model.affinity === undefined ? {} : { affinity: model.affinity }),
    targets: model.targets.map(compact),
    attempts: model.failover.attempts,
    failover: {
      wait: model.failover.wait,
      stay: model.failover.stay,
      patience: model.failover.patience,
      adaptive: model.failover.adaptive,
    },
    circuit: compact(model.circuit),
    ...(model.limits === undefined ? {} : { limits: compact(model.limits) }),
    relay: model.relay,
    strict: model.strict,
    echo: model.echo,
    rescue: model.rescue,
    ...(model.strategy === "race" && { hedge: model.hedge }),
    ...(model.strategy === "council" && { council: compact(model.council) }),
    facts: buildFacts(model),
    defaults: model.defaults,
  };
}

/** What stands for names that nobody has. */
export function buildStandIns({ families, fallback }: Document): Pick<Config, "families" | "fallback"> {
  return compact({ families: families === undefined ? undefined : compact(families), fallback });
}

type DocumentFacts = DocumentModel & Partial<Document["endpoints"][number]["models"][number]>;

function buildFacts(from: Partial<DocumentFacts>): ModelFacts {
  const { contextWindow, maxOutputTokens, inputModalities, outputModalities, tools, reasoning, embeddings } = from;
  const { prefill, jsonSchema } = from;
  const { displayName, ownedBy, created, price } = from;
  return compact({
    contextWindow,
    maxOutputTokens,
    inputModalities,
    outputModalities,
    tools,
    reasoning,
    embeddings,
    prefill,
    jsonSchema,
    displayName,
    ownedBy,
    created,
    price: price === undefined ? undefined : compact(price),
  });
}
