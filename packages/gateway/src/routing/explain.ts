import type { Result } from "../kernel/result.ts";
import type { Catalog } from "./catalog.ts";
import { plan } from "./plan.ts";
import { recordOf } from "./record.ts";
import type { RouteRecord } from "./record.ts";
import type { RoutingFacts, RoutingState } from "./types.ts";

/** A request whose route is to be explained. */
export interface ExplainedRequest {
  readonly model: string;
  readonly embeddings: boolean;
  readonly tools: boolean;
  readonly images: boolean;
  readonly jsonSchema: boolean;
  /** Of its prompt. */
  readonly tokens: number;
}

/** Where a request would go, by the code that plans requests. Nothing is sent, and nobody's turn is taken. */
export function explain(asked: ExplainedRequest, catalog: Catalog, state: RoutingState): Result<RouteRecord> {
  const { model, embeddings, tokens, tools, images, jsonSchema } = asked;
  const facts: RoutingFacts = {
    model,
    protocol: embeddings ? "openai-embeddings" : "openai-chat",
    stream: !embeddings,
    request: { tools, images, jsonSchema, tokens, textTokens: tokens, session: undefined },
  };
  const planned = plan(facts, catalog, state);
  return planned.ok ? { ok: true, value: recordOf(planned.value) } : planned;
}
