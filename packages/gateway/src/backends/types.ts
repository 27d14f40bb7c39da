import type { Readable } from "node:stream";
import type { Dialect } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { CanonicalRequest } from "../kernel/request.ts";
import type { CatalogModel } from "../routing/types.ts";

/** The reins of a call under way. All three are idempotent and never throw. */
export interface Flow {
  pause(): void;
  resume(): void;
  /** Stops the call and frees what it holds; the receiver hears nothing more. */
  cancel(): void;
}

/** Hears what becomes of a wire call. After `end` or `fail` it hears nothing more. */
export interface WireReceiver {
  /** Informational answers are left out. `header` gives a header's value by lower-case name. */
  head(status: number, header: (name: string) => string | undefined): void;
  data(chunk: Buffer): void;
  end(): void;
  fail(failure: Failure): void;
}

export interface WireCall {
  readonly protocol: Protocol;
  /** The actual model, for protocols that name it in the path. */
  readonly model: string;
  /** One after the other they are the body. */
  readonly body: readonly Buffer[];
  readonly stream: boolean;
  /** On a connection of its own, because a kept-alive one had gone stale. */
  readonly fresh: boolean;
  readonly requestId: string;
  /** Index into the endpoint's credentials. */
  readonly credential: number;
  /** Headers of the client's that may be passed on, already chosen by the caller. */
  readonly headers: { readonly [name: string]: string };
}

/** A call of anything an upstream serves besides its protocols, such as the management of its models. */
export interface ForwardCall {
  readonly method: "GET" | "HEAD" | "POST" | "DELETE";
  /** Below the endpoint's base URL, with a slash first; may hold a query. */
  readonly path: string;
  /** Bytes, or a stream that is read as fast as the upstream takes it; absent for none. */
  readonly body?: Buffer | Readable;
  /** Bytes of a streamed body, where they are known. */
  readonly bodyLength?: number;
  readonly requestId: string;
  /** Index into the endpoint's credentials. */
  readonly credential: number;
  /** In lower case; they go before those that the endpoint always sends. */
  readonly headers: { readonly [name: string]: string };
}

/** Carries bytes of some protocol. */
export interface WireBackend extends AsyncDisposable {
  readonly kind: "wire";
  readonly serves: readonly Protocol[];
  readonly dialect: Dialect;
  send(call: WireCall, receiver: WireReceiver): Flow;
  /** Carries a call of no protocol. Waits for as long as it takes: the caller cancels. */
  forward(call: ForwardCall, receiver: WireReceiver): Flow;
  /** Where it counts the tokens of a request of this protocol, for `forward`; undefined if it does not. */
  countPath(protocol: Protocol, model: string): string | undefined;
  /** The upstream's model list. */
  models(): Promise<readonly CatalogModel[]>;
  /** Takes the endpoint's secrets out of a text that came from the upstream. */
  redact(text: string): string;
}

/** Yields events itself: the simulator, and later agents. */
export interface EventBackend extends AsyncDisposable {
  readonly kind: "events";
  /** `event` is called for each; a `failure` event or a call of `end` is the last. */
  run(request: CanonicalRequest, receiver: { event(event: AnswerEvent): void; end(): void }): Flow;
  models(): Promise<readonly CatalogModel[]>;
}

export type Backend = WireBackend | EventBackend;
