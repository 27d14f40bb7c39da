import type { Backend } from "../backends/types.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Codec } from "../kernel/codec.ts";
import type { FinishReason } from "../kernel/event.ts";
import type { Feature } from "../kernel/feature.ts";
import type { Failure, FailureKind } from "../kernel/failure.ts";
import type { Loss } from "../kernel/loss.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { KeyLimits } from "../kernel/limit.ts";
import type { MediaFetcher } from "../kernel/media.ts";
import type { Usage } from "../kernel/usage.ts";
import type { Limits } from "../limits/limits.ts";
import type { Health } from "../routing/health.ts";
import type { Plan } from "../routing/types.ts";
import type { ScannedObject } from "../wire/json-scan.ts";
import type { Rope } from "../wire/rope.ts";
import type { Sight } from "./sight.ts";
import type { Unserved } from "./unserved.ts";
import type { Ticker } from "./ticker.ts";

/** The client's side of an exchange, as the listener offers it. No method throws. */
export interface ClientSink {
  /** Sends the head. Called once, before any `write`. @param headers Names and values in turn. */
  open(status: number, headers: readonly string[]): void;
  /** False when the client reads more slowly than we write: wait for `drained`. */
  write(bytes: Buffer): boolean;
  /**
   * Ends the answer well.
   *
   * @param stall How long the client may leave the rest of it unread, in milliseconds.
   * @param trailers What its head could not tell yet; names and values in turn. Not every connection can carry them.
   */
  end(bytes: Buffer, stall: number, trailers?: readonly string[]): void;
  /** Breaks the connection, so that nobody takes what came for the whole. */
  destroy(): void;
  /** Set by the relay. The client has gone before the end. */
  onGone: () => void;
  /** Set by the relay. */
  onDrained: () => void;
}

/** A request body with its top level scanned. */
export interface RequestBody {
  readonly rope: Rope;
  readonly object: ScannedObject;
  readonly stream: boolean;
}

/** An endpoint with what the relay needs to use it. */
export interface RelayEndpoint {
  readonly name: string;
  /** As in the configuration, such as `openai`. */
  readonly type: string;
  readonly backend: Backend;
  readonly timeouts: RelayTimeouts;
  /** How many it has. */
  readonly credentials: number;
}

/** Milliseconds; see the configuration's types. */
export interface RelayTimeouts {
  readonly firstToken: number;
  readonly firstByte: number;
  readonly idle: number;
}

export interface RelaySettings {
  /** The whole exchange, in milliseconds. */
  readonly total: number;
  /** Silence before a keepalive is sent into a stream, in milliseconds; 0 for none. */
  readonly keepalive: number;
  /** How long a client may leave its answer unread, in milliseconds. */
  readonly stall: number;
  /** Largest unstreamed answer, and largest event of a stream, in bytes. */
  readonly answer: number;
}

/** What stays the same for all exchanges. */
export interface RelayContext {
  readonly clock: Clock;
  readonly ticker: Ticker;
  readonly health: Health;
  readonly codecs: ReadonlyMap<Protocol, Codec>;
  readonly features: readonly Feature[];
  readonly media: MediaFetcher;
  readonly unserved: Unserved;
  /** Absent where nothing is limited. */
  readonly limits?: Limits;
  readonly observer: RelayObserver;
}

/** Hears what happened. Must be quick, and never throws. */
export interface RelayObserver {
  attempted(report: AttemptReport): void;
  /** Exactly once per exchange, before the last bytes of its answer go out. */
  settled(report: ExchangeReport): void;
  /** Something threw that should not have; its exchange was ended with an `internal` failure. */
  threw(error: unknown): void;
}

export interface ExchangeInput {
  readonly id: string;
  /** The protocol that the client speaks. */
  readonly codec: Codec;
  readonly requestedModel: string;
  readonly body: RequestBody;
  readonly plan: Plan;
  readonly endpoints: ReadonlyMap<string, RelayEndpoint>;
  readonly settings: RelaySettings;
  readonly client: ClientSink;
  /** Client headers that go on to the upstream, already chosen. */
  readonly headers: { readonly [name: string]: string };
  /** Monotonic milliseconds at which the request came. */
  readonly startedAt: number;
  readonly caller: Caller;
  /** Refuse rather than lose anything in translation. */
  readonly strict: boolean;
}

/** Who asks, as records name them. */
export interface Caller {
  /** A key's id, or the name of the variable that fixes it. */
  readonly keyId?: string | undefined;
  /** A key with limits of its own. */
  readonly limited?: { readonly id: string; readonly limits: KeyLimits } | undefined;
  /** The User-Agent header. */
  readonly agent?: string | undefined;
}

export interface AttemptReport {
  readonly input: ExchangeInput;
  readonly endpoint: string;
  readonly model: string;
  readonly stream: boolean;
  /** Absent when it succeeded. */
  readonly failure?: Failure | undefined;
  /** Milliseconds. */
  readonly duration: number;
  /** Milliseconds from sending to the first meaningful event. */
  readonly timeToFirstToken?: number | undefined;
  /** The failed attempt before this one, when that was at another endpoint. */
  readonly after?: TriedTarget | undefined;
}

/** An attempt that did not answer. */
export interface TriedTarget {
  readonly endpoint: string;
  readonly model: string;
  readonly failure: FailureKind;
  /** What it reported before it failed: its provider may charge for that. */
  readonly usage?: Usage;
}

export interface ExchangeReport {
  readonly input: ExchangeInput;
  /** The outcome as an HTTP status: what the client was told or, in mid-stream, would have been; 499 when it left. */
  readonly status: number;
  readonly attempts: number;
  readonly endpoint?: string | undefined;
  /** The upstream's own word for the model, or what it was asked for. */
  readonly actualModel?: string | undefined;
  /** The model that the last attempt asked for. */
  readonly targetModel?: string | undefined;
  readonly sight?: Sight | undefined;
  /** An answer broke off, and another attempt took its place. */
  readonly rescued?: boolean | undefined;
  readonly failure?: Failure | undefined;
  readonly finish?: FinishReason | undefined;
  readonly usage?: Usage | undefined;
  readonly losses: readonly Loss[];
  /** Attempts that did not answer, in the order of their ends. */
  readonly tried: readonly TriedTarget[];
  /** Milliseconds. */
  readonly duration: number;
  /** Milliseconds from the request's coming. */
  readonly timeToFirstToken?: number | undefined;
  readonly bytesOut: number;
}
