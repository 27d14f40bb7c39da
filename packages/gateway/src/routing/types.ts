import type { JsonObject } from "../kernel/json.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Price } from "../kernel/usage.ts";

/** What we know of a model, from the document, the vendor's list or our own table. Absent means unknown. */
export interface ModelFacts {
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  readonly inputModalities?: readonly string[];
  readonly outputModalities?: readonly string[];
  readonly tools?: boolean;
  readonly reasoning?: boolean;
  readonly embeddings?: boolean;
  readonly price?: Price;
  /** Seconds since 1970. */
  readonly created?: number;
  readonly ownedBy?: string;
  readonly displayName?: string;
}

/** A model that an endpoint says it has. */
export interface CatalogModel {
  readonly id: string;
  readonly facts: ModelFacts;
}

/** An endpoint as routing sees it: what it serves, not how to reach it. */
export interface EndpointView {
  readonly name: string;
  readonly type: string;
  readonly enabled: boolean;
  /** Greater goes first where several endpoints offer the same name. */
  readonly priority: number;
  readonly serves: readonly Protocol[];
  /** What its model list said; empty until known. */
  readonly catalog: readonly CatalogModel[];
  /** Names known without a list, with one `*` at most. */
  readonly modelPatterns: readonly string[];
}

export interface Target {
  readonly endpoint: string;
  /** The actual model; may hold one `*`, which takes the text that the virtual model's `*` matched. */
  readonly model: string;
}

export type Strategy = "backup";

export interface VirtualModel {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly enabled: boolean;
  readonly strategy: Strategy;
  readonly targets: readonly Target[];
  /** Most attempts for one request, over all targets. */
  readonly attempts: number;
  /**
   * How much of same-protocol traffic is looked at: `auto` watches it, `never` translates it even so, `always` passes it
   * unread, which leaves usage unknown and the end of a stream unjudged.
   */
  readonly relay: "auto" | "always" | "never";
  /** Which model name an answer bears: the upstream's own, or the one that the client asked for. */
  readonly echo: "upstream" | "requested";
  /** Whether a translation that would lose something is refused. */
  readonly strict: boolean;
  readonly facts: ModelFacts;
  /** Request fields that are set where the client left them out. */
  readonly defaults: JsonObject;
}

/** Everything that routing may look at. Immutable: a reload builds a new one and swaps one reference. */
export interface RoutingSnapshot {
  readonly endpoints: ReadonlyMap<string, EndpointView>;
  readonly models: readonly VirtualModel[];
}

/** What routing must know of a request. */
export interface RoutingFacts {
  /** The name the client asked for. */
  readonly model: string;
  readonly protocol: Protocol;
}

/** State that outlives a snapshot, by `endpoint/model`. Later: circuits and limits. */
export interface TargetHealth {
  /** Milliseconds until the target may be asked again; 0 when it may be asked now. */
  cooldown(endpoint: string, model: string): number;
}

/** One try that the plan foresees. */
export interface PlannedAttempt {
  readonly endpoint: string;
  readonly model: string;
  readonly reason: string;
  /** Tokens that the model can hold, where that is known. */
  readonly contextWindow?: number | undefined;
  /** Milliseconds to wait before the try, because every target is cooling down and this one is ready soonest. */
  readonly wait: number;
}

export interface Exclusion {
  readonly endpoint: string;
  readonly model: string;
  readonly reason: string;
}

export interface Plan {
  /** The virtual model that the name resolved to; also made up for direct and discovered names. */
  readonly model: VirtualModel;
  readonly attempts: readonly PlannedAttempt[];
  readonly excluded: readonly Exclusion[];
}
