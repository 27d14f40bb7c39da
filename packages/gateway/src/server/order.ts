import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Identity } from "../auth/identity.ts";
import type { Codec } from "../kernel/codec.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Exchange } from "../relay/exchange.ts";
import type { Caller, ClientSink, RequestBody } from "../relay/types.ts";
import type { Plan } from "../routing/types.ts";
import type { Runtime } from "./runtime.ts";

/** A request that was read, checked and planned. */
export interface RelayOrder {
  readonly codec: Codec;
  readonly runtime: Runtime;
  readonly requestedModel: string;
  readonly body: RequestBody;
  readonly plan: Plan;
  readonly headers: { readonly [name: string]: string };
  /** Puts something before the client's side of the exchange, such as what writes the answer down. */
  readonly wrap?: (client: ClientSink) => ClientSink;
}

/** Who asked for an exchange, and when. */
export interface Asker {
  /** The exchange's id, unique. */
  readonly id: string;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  readonly caller: Caller;
  /** Rather a failure than a loss. */
  readonly strict: boolean;
}

/** An exchange, and the response that it answers; none for one that answers something else than a request. */
export interface Served {
  readonly exchange: Exchange;
  readonly response: ServerResponse | undefined;
}

/** A request to change the protocol of a connection, from a caller who may. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the head. */
  readonly head: Buffer;
  readonly id: string;
  readonly identity: Identity;
  /** Answers in plain HTTP and closes. */
  refuse(why: Failure): void;
}

/** What runs beside the listener's own connections, and must end with it. Neither throws. */
export interface Drainable {
  /** No new work is taken: end what nobody waits for. */
  drain(): void;
  /** The grace time is over. */
  stop(): void;
}
