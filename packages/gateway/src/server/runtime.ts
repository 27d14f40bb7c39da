import type { Authenticator } from "../auth/authenticate.ts";
import type { Config } from "../config/types.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Codec } from "../kernel/codec.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Caller, RelayContext, RelayEndpoint, RelaySettings } from "../relay/types.ts";
import type { Catalog } from "../routing/catalog.ts";

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

/** What the listener serves from. */
export interface Service {
  readonly clock: Clock;
  readonly relay: RelayContext;
  readonly codecs: ReadonlyMap<Protocol, Codec>;
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
