import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Headers } from "./behaviour.ts";

/** A call that the test upstream got, as its test sees it. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The parsed body; undefined where it was no JSON. */
  readonly json: unknown;
  /** `performance.now()` when the whole request was there. */
  readonly at: number;
  /** Which connection it came on, from 1, and which request of that connection it was, from 1. */
  readonly connection: number;
  readonly turn: number;
  /** The caller closed the connection before we were done. */
  readonly aborted: boolean;
  /** `performance.now()` when the call was over, however it ended. */
  readonly endedAt: number | undefined;
  /** Bytes of body handed to the socket so far. */
  readonly sent: number;
  /** Resolves when the call is over. */
  readonly ended: Promise<void>;
}

/** A call under way, as a behaviour sees it. */
export interface Exchange {
  readonly call: { -readonly [K in keyof Call]: Call[K] };
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborted when the answer's connection is gone. */
  readonly gone: AbortSignal;
  /** From now on the end of the connection is our doing, not the caller's. */
  ours(): void;
}

/** Waits so many milliseconds; rejects as soon as the caller is gone. */
export async function wait(exchange: Exchange, delay: number): Promise<void> {
  await sleep(delay, undefined, { signal: exchange.gone });
}

/** Rejects when the caller is gone, and not before. */
export async function forever(exchange: Exchange): Promise<never> {
  for (;;) await sleep(60_000, undefined, { signal: exchange.gone });
}

/** Writes a piece of the body and waits until the connection takes more; rejects when the caller is gone. */
export async function write(exchange: Exchange, bytes: Uint8Array | string): Promise<void> {
  exchange.gone.throwIfAborted();
  const took = exchange.response.write(bytes);
  exchange.call.sent += Buffer.byteLength(bytes);
  if (took) return;
  await new Promise<void>((resolve, reject) => {
    const done = (): void => {
      exchange.response.off("drain", done);
      exchange.gone.removeEventListener("abort", done);
      if (exchange.gone.aborted) reject(new DOMException("The caller is gone.", "AbortError"));
      else resolve();
    };
    exchange.response.once("drain", done);
    exchange.gone.addEventListener("abort", done, { once: true });
  });
}

/** Sends a whole answer with its length. */
export function reply(
  exchange: Exchange,
  answer: { status?: number; type?: string; headers?: Headers; body: string | Buffer },
): void {
  const body = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
  head(exchange, answer.status ?? 200, {
    "content-type": answer.type ?? "application/json",
    "content-length": String(body.length),
    ...answer.headers,
  });
  exchange.response.end(body);
  exchange.call.sent += body.length;
}

/** Sends the head of an answer at once. */
export function head(exchange: Exchange, status: number, headers: Headers): void {
  const { response } = exchange;
  for (const [name, value] of Object.entries(headers))
    response.setHeader(name, typeof value === "string" ? value : [...value]);
  response.writeHead(status);
  response.flushHeaders();
}

/** Closes the connection with a TCP reset. */
export function reset(exchange: Exchange): void {
  exchange.ours();
  exchange.request.socket.resetAndDestroy();
}

/** Closes the connection with a FIN, after what was written. */
export function finish(exchange: Exchange): void {
  exchange.ours();
  exchange.request.socket.destroySoon();
}
