import { Held } from "./held.ts";
import type { Splitter, StreamBlock } from "./splitter.ts";

const lineFeed = 10;

/** Cuts a byte stream into lines of JSON, whether they end in LF or CRLF, and keeps their raw bytes. */
export class NdjsonSplitter implements Splitter {
  readonly #held: Held;

  /** @param limit Most bytes of one line. */
  constructor(limit: number) {
    this.#held = new Held(limit);
  }

  get overflow(): boolean {
    return this.#held.overflow;
  }

  push(chunk: Buffer): readonly StreamBlock[] {
    const blocks: StreamBlock[] = [];
    if (this.overflow) return blocks;
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      if (this.#held.tooLong(end + 1 - start)) return blocks;
      blocks.push(this.#block(chunk.subarray(start, end + 1)));
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    if (rest.length > 0 && !this.#held.tooLong(rest.length)) this.#held.add(rest);
    return blocks;
  }

  end(): readonly StreamBlock[] {
    return this.#held.length === 0 ? [] : [this.#block(Buffer.from("\n"))];
  }

  #block(tail: Buffer): StreamBlock {
    const raw = this.#held.take(tail);
    const data = raw.toString("utf8").trim();
    return data === "" ? { raw } : { raw, message: { event: "", data } };
  }
}
