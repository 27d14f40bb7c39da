/** `rescue: hold`: an answer that is kept back until it is complete, so that another one can still take its place. */
export class Holding {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @param limit Most bytes; an answer that is larger is sent on as it comes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False when there is no room for these bytes: then what is held is to be released. */
  keep(bytes: Buffer): boolean {
    if (this.#bytes + bytes.length > this.#limit) return false;
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    return true;
  }

  /** All that is held, and these bytes behind it. */
  release(last: Buffer): Buffer {
    const all = this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last]);
    this.drop();
    return all;
  }

  /** Whether there was anything. */
  drop(): boolean {
    const had = this.#bytes > 0;
    this.#pieces = [];
    this.#bytes = 0;
    return had;
  }
}
