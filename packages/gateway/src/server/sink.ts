import type { ServerResponse } from "node:http";
import type { ClientSink } from "../relay/types.ts";

/** A response as the relay sees it. */
export class ResponseSink implements ClientSink {
  onGone: () => void = nothing;
  onDrained: () => void = nothing;
  readonly #response: ServerResponse;
  readonly #common: readonly string[];

  /**
   * @param common Headers that every answer bears, as a flat list.
   * @param onClosed Called once when the connection is done with this response, however it ended.
   */
  constructor(response: ServerResponse, common: readonly string[], onClosed: () => void) {
    this.#response = response;
    this.#common = common;
    // The request's own `close` fires as soon as its body was read; only the response's tells of a client that left.
    response.on("close", () => {
      if (!response.writableFinished) this.onGone();
      onClosed();
    });
    response.on("drain", () => this.onDrained());
    response.on("error", nothing);
  }

  open(status: number, headers: readonly string[]): void {
    if (this.#response.headersSent || this.#response.destroyed) return;
    this.#response.writeHead(status, [...this.#common, ...headers]);
  }

  write(bytes: Buffer): boolean {
    return this.#response.destroyed || this.#response.write(bytes);
  }

  end(bytes: Buffer, stall: number, trailers?: readonly string[]): void {
    const response = this.#response;
    // Node leaves them out where the body is not chunked.
    if (trailers !== undefined) response.addTrailers(pairsOf(trailers));
    response.end(bytes);
    // What the kernel took at once needs no timer. This one runs only while nothing is read.
    if (response.writableLength > response.writableHighWaterMark) response.setTimeout(stall);
  }

  destroy(): void {
    this.#response.destroy();
  }
}

function pairsOf(headers: readonly string[]): [string, string][] {
  return headers.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name, headers[index + 1] ?? ""]] : [],
  );
}

function nothing(): void {}
