import type { WireEvent } from "../kernel/codec.ts";
import { Held } from "./held.ts";
import type { Splitter, StreamBlock } from "./splitter.ts";

const lineFeed = 10;
const carriageReturn = 13;
const fastPrefix = "data: ";

/**
 * Cuts a byte stream into the blocks of the event-stream format (WHATWG HTML, "server-sent events"), whatever the line
 * ends and however the bytes were cut. It keeps the raw bytes beside the meaning, so that what is only watched can be
 * passed on untouched.
 *
 * One deliberate difference from the specification: a last event without its blank line counts, since servers that
 * forget it mean it; whether it is whole is judged by its content.
 */
export class SseSplitter implements Splitter {
  readonly #held: Held;
  /** Nothing but a line end came since the last line end. */
  #atLineStart = true;
  #afterReturn = false;
  #first = true;

  /** @param limit Most bytes of one block. */
  constructor(limit: number) {
    this.#held = new Held(limit);
  }

  /** A block grew beyond the limit; nothing more is read. */
  get overflow(): boolean {
    return this.#held.overflow;
  }

  /** The blocks that the chunk ends. The splitter keeps no reference to the chunk; the blocks' raw bytes may. */
  push(chunk: Buffer): readonly StreamBlock[] {
    const blocks: StreamBlock[] = [];
    if (this.overflow || chunk.length === 0) return blocks;
    let start = 0;
    let at = 0;
    if (this.#afterReturn && chunk[0] === lineFeed) {
      at = 1;
      if (this.#held.length === 0) {
        // The other half of the line end of a blank line whose block has gone out.
        blocks.push({ raw: chunk.subarray(0, 1) });
        start = 1;
      }
    }
    this.#afterReturn = false;
    let nextFeed = chunk.indexOf(lineFeed, at);
    let nextReturn = chunk.indexOf(carriageReturn, at);
    while (at < chunk.length) {
      // What was searched for and is not there is not searched for again at each line.
      if (nextFeed !== -1 && nextFeed < at) nextFeed = chunk.indexOf(lineFeed, at);
      if (nextReturn !== -1 && nextReturn < at) nextReturn = chunk.indexOf(carriageReturn, at);
      const end = nextFeed === -1 || (nextReturn !== -1 && nextReturn < nextFeed) ? nextReturn : nextFeed;
      if (end === -1) {
        this.#atLineStart = false;
        break;
      }
      const blank = this.#atLineStart && end === at;
      this.#atLineStart = true;
      at = end + 1;
      if (end === nextReturn) {
        if (at === chunk.length) this.#afterReturn = true;
        else if (chunk[at] === lineFeed) at++;
      }
      if (blank) {
        if (this.#held.tooLong(at - start)) return blocks;
        blocks.push(this.#block(chunk.subarray(start, at)));
        start = at;
      }
    }
    const rest = chunk.subarray(start);
    if (rest.length > 0 && !this.#held.tooLong(rest.length)) this.#held.add(rest);
    return blocks;
  }

  /** What was begun and not ended by a blank line, with the line ends that it lacks. */
  end(): readonly StreamBlock[] {
    if (this.#held.length === 0) return [];
    // A line feed right behind a carriage return would still belong to it.
    return [this.#block(Buffer.from(this.#atLineStart && !this.#afterReturn ? "\n" : "\n\n"))];
  }

  #block(tail: Buffer): StreamBlock {
    const raw = this.#held.take(tail);
    const message = parseBlock(raw, this.#first);
    this.#first = false;
    return message === undefined ? { raw } : { raw, message };
  }
}

function parseBlock(raw: Buffer, first: boolean): WireEvent | undefined {
  // A blank line, however it ends.
  if (raw.length <= 2) return undefined;
  let text = raw.toString("utf8");
  if (first && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  // Nearly every event is one data line with line feeds.
  if (text.startsWith(fastPrefix) && text.indexOf("\n") === text.length - 2 && !text.includes("\r")) {
    return { event: "", data: text.slice(fastPrefix.length, -2) };
  }
  let event = "";
  let data: string | undefined;
  for (const line of text.includes("\r") ? text.split(/\r\n|\n|\r/) : text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const name = colon === -1 ? line : line.slice(0, colon);
    let value = colon === -1 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") data = data === undefined ? value : `${data}\n${value}`;
    else if (name === "event") event = value;
  }
  return data === undefined ? undefined : { event, data };
}
