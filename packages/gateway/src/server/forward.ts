import type { Flow, ForwardCall, WireBackend, WireReceiver } from "../backends/types.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import { headerText } from "../wire/headers.ts";
import type { Gateway } from "./gateway.ts";
import type { Incoming } from "./router.ts";
import type { Errors } from "./shapes.ts";

/** Headers of an upstream's answer that the client gets too. */
const passedBack = ["content-type", "content-length", "etag", "last-modified"];

/** Most bytes of an upstream's error that are passed on. */
const errorLimit = 65_536;

/** The upstream that a call is passed on to. */
export interface Upstream {
  readonly name: string;
  readonly backend: WireBackend;
}

export type PassedCall = Omit<ForwardCall, "requestId" | "credential">;

/** Passes a call on, and its answer back as it comes, no faster than the client reads it. */
export function passOn(
  incoming: Incoming,
  call: PassedCall,
  to: { readonly gateway: Gateway; readonly errors: Errors; readonly upstream: Upstream },
): void {
  const passing = new Passing(incoming, to);
  passing.start({ ...call, requestId: incoming.id, credential: 0 });
}

class Passing implements WireReceiver {
  readonly #incoming: Incoming;
  readonly #gateway: Gateway;
  readonly #errors: Errors;
  readonly #upstream: Upstream;
  #flow: Flow | undefined;
  /** An upstream's error is read whole, so that no secret passes in it. */
  #error: { readonly status: number; readonly type: string; readonly chunks: Buffer[] } | undefined;
  #errorBytes = 0;

  constructor(
    incoming: Incoming,
    to: { readonly gateway: Gateway; readonly errors: Errors; readonly upstream: Upstream },
  ) {
    this.#incoming = incoming;
    this.#gateway = to.gateway;
    this.#errors = to.errors;
    this.#upstream = to.upstream;
  }

  start(call: ForwardCall): void {
    const { response } = this.#incoming;
    response.on("error", nothing);
    response.on("drain", () => this.#flow?.resume());
    response.on("close", () => this.#flow?.cancel());
    this.#flow = this.#upstream.backend.forward(call, this);
  }

  head(status: number, header: (name: string) => string | undefined): void {
    if (status >= 400 && this.#incoming.request.method !== "HEAD") {
      this.#error = { status, type: header("content-type") ?? "application/json; charset=utf-8", chunks: [] };
      return;
    }
    if (status >= 300 && status < 400) {
      this.#flow?.cancel();
      return this.fail(
        failure(
          "bad-response",
          `${this.#upstream.name} answered with a redirect (${status}), which is never followed.`,
        ),
      );
    }
    const coded = header("content-encoding") ?? "identity";
    const headers = ["x-patchbay-endpoint", headerText(this.#upstream.name)];
    for (const name of passedBack) {
      // What was inflated on its way is longer.
      const value = name === "content-length" && coded !== "identity" ? undefined : header(name);
      if (value !== undefined) headers.push(name, headerText(value));
    }
    // Otherwise nothing would go out until the first bytes of the body come, which may take minutes.
    this.#gateway.open(this.#incoming, status, headers).flushHeaders();
  }

  data(chunk: Buffer): void {
    if (this.#error === undefined) {
      if (!this.#incoming.response.write(chunk)) this.#flow?.pause();
      return;
    }
    this.#errorBytes += chunk.length;
    if (this.#errorBytes <= errorLimit) this.#error.chunks.push(chunk);
  }

  end(): void {
    if (this.#error === undefined) return void this.#incoming.response.end();
    const { status, type, chunks } = this.#error;
    const body = this.#upstream.backend.redact(Buffer.concat(chunks).toString("utf8"));
    const headers = ["content-type", headerText(type), "x-patchbay-endpoint", headerText(this.#upstream.name)];
    this.#gateway.send(this.#incoming, { status, headers, body });
  }

  fail(why: Failure): void {
    const { response } = this.#incoming;
    if (response.headersSent) response.destroy();
    else if (!response.destroyed) this.#gateway.refuse(this.#incoming, this.#errors, why);
  }
}

function nothing(): void {}
