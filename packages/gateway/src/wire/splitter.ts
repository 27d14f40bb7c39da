import type { WireEvent } from "../kernel/codec.ts";

/** A stretch of a stream up to and with what ends it: SSE's blank line, or NDJSON's line feed. */
export interface StreamBlock {
  /** The bytes as they came; the blocks of a stream, put together, are the stream. */
  readonly raw: Buffer;
  /** Absent for a block without data, such as one of comments only, or a blank line. */
  readonly message?: WireEvent;
}

/** Cuts a byte stream into blocks, however the bytes were cut on their way. */
export interface Splitter {
  /** A block grew beyond the limit; nothing more is read. */
  readonly overflow: boolean;
  /** The blocks that the chunk ends. No reference to the chunk is kept; the blocks' raw bytes may be part of it. */
  push(chunk: Buffer): readonly StreamBlock[];
  /** What was begun and not ended, with the end that it lacks. */
  end(): readonly StreamBlock[];
}
