import { createBrotliDecompress, createGunzip } from "node:zlib";
import type { BrotliDecompress, Gunzip } from "node:zlib";

/** The codings that an upstream may use although it was asked for none. */
export function newInflater(coding: string): Inflater | undefined {
  if (coding === "gzip" || coding === "x-gzip") return new Inflater(createGunzip());
  if (coding === "br") return new Inflater(createBrotliDecompress());
  return undefined;
}

/**
 * Inflates a compressed answer piece by piece. Whoever receives the pieces bounds them, so a bomb is stopped at its
 * first megabytes; a body that was cut is an error, never a short answer.
 */
export class Inflater {
  readonly #stream: Gunzip | BrotliDecompress;

  constructor(stream: Gunzip | BrotliDecompress) {
    this.#stream = stream;
  }

  /** Called once, before the first `write`. */
  listen(receiver: { data(chunk: Buffer): void; end(): void; fail(): void; drained(): void }): void {
    this.#stream.on("data", (chunk: Buffer) => receiver.data(chunk));
    this.#stream.on("end", () => receiver.end());
    this.#stream.on("error", () => receiver.fail());
    this.#stream.on("drain", () => receiver.drained());
  }

  /** False when no more should be written until `drained`. */
  write(chunk: Buffer): boolean {
    return this.#stream.write(chunk);
  }

  end(): void {
    this.#stream.end();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}
