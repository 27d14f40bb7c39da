import type { Splitter, StreamBlock } from "./splitter.ts";

const lineFeed = 10;
const nothing = Buffer.alloc(0);
const smallestHold = 1024;
/** A larger buffer is not kept for the next line. */
const keptHold = 16_384;

/** Cuts a byte stream into lines of JSON, whether they end in LF or CRLF, and keeps their raw bytes. */
export class NdjsonSplitter implements Splitter {
  readonly #limit: number;
  /** The line begun and not ended, in a buffer that doubles: an upstream may send single bytes. */
  #held: Buffer = nothing;
  #heldBytes = 0;
  #overflow = false;

  /** @param limit Most bytes of one line. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get overflow(): boolean {
    return this.#overflow;
  }

  push(chunk: Buffer): readonly StreamBlock[] {
    const blocks: StreamBlock[] = [];
    if (this.#overflow) return blocks;
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      if (this.#tooLong(end + 1 - start)) return blocks;
      blocks.push(this.#block(chunk.subarray(start, end + 1)));
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    if (rest.length > 0 && !this.#tooLong(rest.length)) this.#hold(rest);
    return blocks;
  }

  end(): readonly StreamBlock[] {
    return this.#heldBytes === 0 ? [] : [this.#block(Buffer.from("\n"))];
  }

  #tooLong(more: number): boolean {
    if (this.#heldBytes + more <= this.#limit) return false;
    this.#overflow = true;
    this.#held = nothing;
    this.#heldBytes = 0;
    return true;
  }

  #hold(piece: Buffer): void {
    const size = this.#heldBytes + piece.length;
    if (size > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, this.#held.length * 2, smallestHold));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    piece.copy(this.#held, this.#heldBytes);
    this.#heldBytes = size;
  }

  #block(tail: Buffer): StreamBlock {
    let raw = tail;
    if (this.#heldBytes > 0) {
      raw = Buffer.concat([this.#held.subarray(0, this.#heldBytes), tail]);
      if (this.#held.length > keptHold) this.#held = nothing;
      this.#heldBytes = 0;
    }
    const data = raw.toString("utf8").trim();
    return data === "" ? { raw } : { raw, message: { event: "", data } };
  }
}
