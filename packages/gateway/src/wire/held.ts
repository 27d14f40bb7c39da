const nothing = Buffer.alloc(0);
const smallest = 1024;
/** A larger buffer is not kept for the next block. */
const kept = 16_384;

/**
 * The block begun and not ended, in a buffer that doubles. Not a list of the pieces: an upstream that sends single bytes
 * would make each of them a buffer of a hundred bytes and more.
 */
export class Held {
  readonly #limit: number;
  #buffer: Buffer = nothing;
  #length = 0;
  #overflow = false;

  /** @param limit Most bytes of one block. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  /** A block grew beyond the limit; what was held is gone. */
  get overflow(): boolean {
    return this.#overflow;
  }

  /** Whether so many bytes more are too many, which ends everything. */
  tooLong(more: number): boolean {
    if (this.#length + more <= this.#limit) return false;
    this.#overflow = true;
    this.#buffer = nothing;
    this.#length = 0;
    return true;
  }

  add(piece: Buffer): void {
    const size = this.#length + piece.length;
    if (size > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, this.#buffer.length * 2, smallest));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    piece.copy(this.#buffer, this.#length);
    this.#length = size;
  }

  /** What is held with its tail, as bytes of their own, or the tail itself where nothing is held. Holds nothing then. */
  take(tail: Buffer): Buffer {
    if (this.#length === 0) return tail;
    const block = Buffer.allocUnsafe(this.#length + tail.length);
    this.#buffer.copy(block, 0, 0, this.#length);
    tail.copy(block, this.#length);
    if (this.#buffer.length > kept) this.#buffer = nothing;
    this.#length = 0;
    return block;
  }
}
