import { roomWith } from "./json-scan-room.ts";

/**
 * Bytes in the chunks they came in. They are put together only where somebody must have them in one: for a body of
 * hundreds of kilobytes that is passed on, allocating and filling another such block costs more than all the rest.
 */
export class Rope {
  readonly length: number;
  #chunks: readonly Buffer[];
  /** By which it knows itself where a scan wants it. */
  #stamp: number | undefined;

  constructor(chunks: readonly Buffer[]) {
    this.#chunks = chunks;
    this.length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** All bytes in one, put together at the first call. */
  get bytes(): Buffer {
    const [only] = this.#chunks;
    if (this.#chunks.length === 1 && only !== undefined) return only;
    const joined = Buffer.concat(this.#chunks, this.length);
    this.#chunks = [joined];
    return joined;
  }

  /**
   * Shows all bytes in one to `look`, which must not keep them, and not use them any more when it has scanned others: they
   * may stand in memory that is used again.
   */
  withBytes<Value>(look: (bytes: Buffer) => Value): Value {
    if (this.#chunks.length <= 1) return look(this.bytes);
    // Where a scan wants them, which then need not copy them.
    const { text, stamp } = roomWith(this.#chunks, this.length, this.#stamp);
    this.#stamp = stamp;
    return look(text);
  }

  /** Whether the text stands anywhere between `start` and `end`. A text that begins with a rare character is found fastest. */
  includes(text: string, start = 0, end = this.length): boolean {
    const pieces = this.pieces(start, end);
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) return only.includes(text);
    return this.withBytes((bytes) => bytes.subarray(start, end).includes(text));
  }

  /** The bytes from `start` up to `end`, in pieces that share this rope's memory. */
  pieces(start: number, end: number): readonly Buffer[] {
    const found: Buffer[] = [];
    let offset = 0;
    for (const chunk of this.#chunks) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, chunk.length);
      if (from < to) found.push(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
      offset += chunk.length;
    }
    return found;
  }

  /** The bytes from `start` up to `end` as text. */
  text(start: number, end: number): string {
    const pieces = this.pieces(start, end);
    const [only] = pieces;
    return pieces.length === 1 && only !== undefined ? only.toString("utf8") : Buffer.concat(pieces).toString("utf8");
  }
}
