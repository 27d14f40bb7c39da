import type { JsonObject } from "../kernel/json.ts";
import type { SharedLimits } from "../kernel/limit.ts";
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
  /** Whether it goes on with an answer whose beginning it is given as the last message. */
  readonly prefill?: boolean;
  /** Whether its answers can be held to a JSON schema. */
  readonly jsonSchema?: boolean;
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
  /** What is known of a model that its list does not name. */
  readonly known?: (model: string) => ModelFacts | undefined;
  /** How many credentials it has; one, where nothing is said. */
  readonly credentials?: number;
}

export interface Target {
  readonly endpoint: string;
  /** The actual model; may hold one `*`, which takes the text that the virtual model's `*` matched. */
  readonly model: string;
  /** Its share under the strategy `weighted`; 1 where nothing is said, 0 for one that only stands in. */
  readonly weight?: number;
}

/**
 * How the first target is chosen. `race` and `council` ask several in the order in which they stand; the relay knows
 * how.
 */
export const strategies = [
  "backup",
  "rotate",
  "weighted",
  "duplicate",
  "fastest",
  "cheapest",
  "race",
  "council",
] as const;

export type Strategy = (typeof strategies)[number];

/**
 * What becomes of an answer that breaks off after its beginning was sent: `off` breaks the client's connection too,
 * `error` tells of it, `continue` has another target go on, `hold` sends nothing before the answer is complete.
 */
export const rescues = ["off", "error", "continue", "hold"] as const;

/** By how many mean deviations a share of a target's times lies above their mean, if they are spread normally. */
export const percentiles = { p90: 1.6, p95: 2.1, p99: 2.9 } as const;

export type Percentile = keyof typeof percentiles;

/** How a race is run. */
export interface Hedge {
  /** Time without a first token after which the next target is asked too: milliseconds, or what it seldom takes. */
  readonly after: number | Percentile;
  /** Most attempts at a time. */
  readonly inFlight: number;
}

/** How a council is held. */
export interface CouncilSettings {
  /** Who writes the answer; absent: the first target. */
  readonly judge?: Target;
  /** Most tokens of a member's answer. */
  readonly tokens: number;
  /** Milliseconds after which members that have not answered are left out, if others have. */
  readonly patience: number;
}

/** How a request goes on while its targets fail. Durations are milliseconds. */
export interface FailoverSettings {
  /** Longest pause, asked for by a target, that is waited for when nobody else is left. */
  readonly wait: number;
  /** Longest pause that is waited for although others are left. */
  readonly stay: number;
  /** Least time that a target has for beginning its answer while others are left. */
  readonly patience: number;
  /** Whether a target has less time than configured while others are left. */
  readonly adaptive: boolean;
}

/** When a target is left alone. Durations are milliseconds. */
export interface CircuitSettings {
  /** So many failures within the window open its circuit. */
  readonly failures: number;
  readonly window: number;
  /** How long the circuit stays open before one request may try the target. */
  readonly cooldown: number;
}

export interface VirtualModel {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly enabled: boolean;
  readonly strategy: Strategy;
  /** Absent: `error`. */
  readonly rescue?: (typeof rescues)[number];
  readonly hedge?: Hedge;
  readonly council?: CouncilSettings;
  /** Whether a conversation stays with its target; absent: where several targets have the same actual model. */
  readonly affinity?: boolean;
  readonly targets: readonly Target[];
  /** What all clients together may ask of it. */
  readonly limits?: SharedLimits;
  /** Most attempts for one request, over all targets. */
  readonly attempts: number;
  /** Absent: as by default. */
  readonly failover?: FailoverSettings;
  /** What differs from the settings of all circuits. */
  readonly circuit?: Partial<CircuitSettings>;
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

/** A virtual model of which nothing is said but its name and its targets. */
export function plainModel(name: string, targets: readonly Target[]): VirtualModel {
  return {
    name,
    aliases: [],
    enabled: true,
    strategy: "backup",
    targets,
    attempts: 3,
    relay: "auto",
    strict: false,
    echo: "upstream",
    facts: {},
    defaults: {},
  };
}

/** Everything that routing may look at. Immutable: a reload builds a new one and swaps one reference. */
export interface RoutingSnapshot {
  readonly endpoints: ReadonlyMap<string, EndpointView>;
  readonly models: readonly VirtualModel[];
  /** Which model stands for a tier of names that nobody has. */
  readonly families?: Families;
  /** The model that stands for every other name that nobody has. */
  readonly fallback?: string;
}

/** What the names of models promise, the most able last: the words of the gateway that this table comes from. */
export const tiers = ["lite", "efficient", "auto", "performance", "ultimate"] as const;

export type Tier = (typeof tiers)[number];

export type Families = { readonly [Name in Tier]?: string };

/** What routing must know of a request. */
export interface RoutingFacts {
  /** The name the client asked for. */
  readonly model: string;
  readonly protocol: Protocol;
  /** Whether its answer is to be streamed. */
  readonly stream: boolean;
  /** What it needs of a model; absent where there is no request, and nothing is filtered by it. */
  readonly request?: RequestTraits;
  /** Whether the caller may use a model of this name; absent: every one. */
  readonly allows?: (model: string) => boolean;
}

/** What a request needs. Each is found out when it is asked for, since most plans ask for none. */
export interface RequestTraits {
  /** It offers tools. */
  readonly tools: boolean;
  readonly images: boolean;
  /** Its answer is to fit a JSON schema. */
  readonly jsonSchema: boolean;
  /** About how many tokens it has, from its length alone. */
  readonly tokens: number;
  /** The same more closely: images are not counted by their length. */
  readonly textTokens: number;
  /** Which conversation it belongs to, as far as can be told. */
  readonly session: Session | undefined;
}

export interface Session {
  /** The same for all requests of a conversation. */
  readonly key: string;
  /** It has begun before, as far as can be told: by the client's word for it, or since an answer is in it. */
  readonly begun: boolean;
}

/** State that outlives a snapshot, by endpoint and model. */
export interface TargetHealth {
  /** Milliseconds until the target may be asked again; 0 when it may be asked now. */
  cooldown(endpoint: string, model: string): number;
  /** `open`: it failed too often to be asked. `half-open`: it may be asked once, to see whether it is well again. */
  circuit(endpoint: string, model: string): CircuitState;
  /**
   * Milliseconds to the first token of its streams of late, or to the end of its whole answers, with slow ones remembered
   * longest; undefined while unknown.
   */
  latency(endpoint: string, model: string, stream: boolean): number | undefined;
  /** Attempts under way. */
  inFlight(endpoint: string, model: string): number;
  /** False when the endpoint's health check says that it cannot serve. */
  healthy(endpoint: string): boolean;
  /** Milliseconds until its limits have room for a request of so many tokens; 0 when they have it now. */
  limited(endpoint: string, model: string, tokens: number): number;
}

export type CircuitState = "closed" | "open" | "half-open";

/** One try that the plan foresees. */
export interface PlannedAttempt {
  readonly endpoint: string;
  readonly model: string;
  readonly reason: string;
  /** Tokens that the model can hold, where that is known. */
  readonly contextWindow?: number | undefined;
  /** Whether the model is known to think before it answers. */
  readonly reasoning?: boolean | undefined;
  /** The credential that would serve it best, as an index into the endpoint's. */
  readonly credential?: number | undefined;
  /** Whether the model is declared to go on with an answer whose beginning it is given. */
  readonly prefill?: boolean | undefined;
  /** Milliseconds that the target must be left alone from the time of the plan on. */
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
  /** What could be asked too, but is more than the model's attempts allow. */
  readonly spare?: readonly PlannedAttempt[];
  /** What is left out since it is not well, and may be so by the time that the others have failed. */
  readonly unwell?: readonly PlannedAttempt[];
  /** How the name was understood, where nobody has it as it stands. */
  readonly understood?: Understood;
  /** Whose turn it was, to be told to `Rota` when the plan is carried out. */
  readonly entry?: RotaEntry;
}

/** How a name that nobody has was understood. */
export interface Understood {
  /** The name that it was taken for. */
  readonly as: string;
  /** `variant`: without a prefix or suffix; `case`: in other letters; `family`: by the table; `catch-all`: by `*`. */
  readonly by: "variant" | "case" | "family" | "catch-all" | "fallback";
}

/** What a plan takes from the order of turns. */
export interface RotaEntry {
  /** The virtual model. */
  readonly model: string;
  /** Those who took part, as `endpoint/model`; nobody, where it was no turn. */
  readonly targets: readonly string[];
  /** What each of them was due of this turn; together 1. */
  readonly shares: readonly number[];
  /** Whose turn it was, as `endpoint/model`. */
  readonly taken: string;
  /** The conversation that stays with the target. */
  readonly session?: string;
}

/** Where the turns stand. */
export interface RotaView {
  /**
   * What targets have coming to them, by `endpoint/model`, in turns: their share of all turns so far, less those they
   * had. Nothing, where none is named.
   */
  due(model: string): ReadonlyMap<string, number>;
  /** The target that a conversation is with, as `endpoint/model`. */
  targetOf(model: string, session: string): string | undefined;
}

/** What a plan depends on beside the request and the catalog. */
export interface RoutingState {
  readonly health: TargetHealth;
  readonly rota: RotaView;
  /** A number from 0 up to 1. */
  readonly random: () => number;
}
