import type { Authenticator } from "../auth/authenticate.ts";
import type { Config } from "../config/types.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Codec } from "../kernel/codec.ts";
import type { Failure } from "../kernel/failure.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Caller, RelayContext, RelayEndpoint, RelaySettings } from "../relay/types.ts";
import type { Catalog } from "../routing/catalog.ts";
import type { Rota } from "../routing/rota.ts";
import type { RoutingState } from "../routing/types.ts";

/** What one version of the configuration made. A request reads it once, so it sees exactly one version. */
export interface Runtime {
  readonly config: Config;
  readonly catalog: Catalog;
  readonly endpoints: ReadonlyMap<string, RelayEndpoint>;
  readonly authenticator: Authenticator;
  readonly settings: RelaySettings;
  /** Seconds since 1970 at which this version took effect. */
  readonly since: number;
}

/** What is known of a request to a surface that was refused. */
export interface RefusedRequest {
  readonly protocol: Protocol;
  readonly model?: string;
  readonly stream?: boolean;
  readonly bytesIn?: number;
}

export interface Refusal {
  readonly id: string;
  readonly failure: Failure;
  readonly status: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly bytesOut: number;
  readonly caller: Caller;
  /** Present for a request to a surface whose caller passed authentication. */
  readonly about?: RefusedRequest;
}

/** Requests of Ollama's clients that want no answer, but a model in memory, or out of it. */
export interface LoadHook {
  isLoadRequest(body: JsonObject, protocol: "ollama" | "ollama-generate"): boolean;
  /** @param about `created` is in seconds since 1970. */
  loadAnswer(
    body: JsonObject,
    about: { readonly protocol: "ollama" | "ollama-generate"; readonly created: number; readonly model: string },
  ): JsonObject;
}

/** What plans depend on, and who hears that one is carried out. */
export interface Routing extends RoutingState {
  readonly rota: Rota;
}

/** What the listener serves from. */
export interface Service {
  readonly clock: Clock;
  readonly relay: RelayContext;
  readonly routing: Routing;
  readonly codecs: ReadonlyMap<Protocol, Codec>;
  /** Gemini's protocol for clients that ask for a stream as one JSON array. */
  readonly geminiArray?: Codec;
  /** What a request to load or unload a model is answered with where there is nothing to load. */
  readonly loads?: LoadHook;
  readonly version: string;
  current(): Runtime;
  /** What is wrong with the service at the moment, in words. Requests are answered all the same. */
  troubles(): readonly string[];
  /** What an operator should know, though it keeps nobody from being served. */
  notes(): readonly string[];
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Hears of every request that was answered without an exchange. */
  refused(refusal: Refusal): void;
  /** A line for the log about something that is not an exchange. */
  report(level: "debug" | "info" | "warn" | "error", message: string, error?: unknown): void;
}
