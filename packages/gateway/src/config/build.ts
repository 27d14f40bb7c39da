import { compact } from "../kernel/json.ts";
import type { ModelFacts, VirtualModel } from "../routing/types.ts";
import type { Document, DocumentEndpoint, DocumentModel } from "./schema.ts";
import type { CredentialSettings, EndpointSettings } from "./types.ts";

/** An endpoint of the document; `reference` gives the reference behind a credential's key, by its position. */
export function buildEndpoint(
  endpoint: DocumentEndpoint,
  reference: (credential: number) => string | undefined,
): EndpointSettings {
  const credentials = endpoint.credentials.map(({ apiKey }, index): CredentialSettings => {
    const written = reference(index);
    if (apiKey === undefined) return {};
    return written === undefined ? { apiKey } : { apiKey, reference: written };
  });
  return {
    name: endpoint.name,
    type: endpoint.type,
    ...(endpoint.url === undefined ? {} : { url: endpoint.url }),
    ...(endpoint.api === undefined ? {} : { api: endpoint.api }),
    enabled: endpoint.enabled,
    priority: endpoint.priority,
    credentials: credentials.length === 0 ? [{}] : credentials,
    headers: endpoint.headers,
    timeouts: compact(endpoint.timeouts),
    models: endpoint.models.map((model) => ({ id: model.id, facts: buildFacts(model) })),
    options: endpoint.options,
    detected: false,
  };
}

export function buildModel(model: DocumentModel): VirtualModel {
  return {
    name: model.name,
    aliases: model.aliases,
    enabled: model.enabled,
    strategy: model.strategy,
    targets: model.targets,
    attempts: model.failover.attempts,
    relay: model.relay,
    strict: model.strict,
    echo: model.echo,
    facts: buildFacts(model),
    defaults: model.defaults,
  };
}

type DocumentFacts = DocumentModel & Partial<Document["endpoints"][number]["models"][number]>;

function buildFacts(from: Partial<DocumentFacts>): ModelFacts {
  const { contextWindow, maxOutputTokens, inputModalities, outputModalities, tools, reasoning, embeddings } = from;
  const { displayName, ownedBy, created, price } = from;
  return compact({
    contextWindow,
    maxOutputTokens,
    inputModalities,
    outputModalities,
    tools,
    reasoning,
    embeddings,
    displayName,
    ownedBy,
    created,
    price: price === undefined ? undefined : compact(price),
  });
}
