import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";

/** Characters that are gathered before they are written: a line costs 0.3 us so, and 3 us one at a time. */
const enough = 16_384;
/** Milliseconds until lines are written though there are few. */
const flushEvery = 200;
/** Milliseconds until a reader that took nothing is tried again. */
const retryEvery = 50;
/** Characters that wait for a reader that takes nothing; what comes then is dropped. */
const mostWaiting = 8_000_000;
/** Milliseconds that an exit waits for a slow reader. */
const longestFarewell = 1_000;

/**
 * Gathers lines and writes them a little later, off the hot path. Nothing is lost on exit, by `process.exit` or by an
 * uncaught exception: writes are synchronous, so that none is ever half under way. A reader who does not read (a
 * full pipe) holds nothing up, and costs lines only after 8 MB.
 */
export class GatheringSink {
  readonly #descriptor: number;
  readonly #owned: boolean;
  #gathered = "";
  /** What a full pipe has not taken yet. */
  #rest: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #dropped = 0;

  /** `target` is a file descriptor or the name of a file to append to. */
  constructor(target: number | string) {
    const opened = typeof target === "string" ? openSync(target, "a", 0o600) : withoutWaiting(target);
    this.#descriptor = opened ?? (target as number);
    this.#owned = opened !== undefined;
    process.on("exit", this.flush);
  }

  /** Lines that were lost, to a full pipe or a full disk. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#closed || this.#gathered.length >= mostWaiting) {
      this.#dropped += 1;
      return;
    }
    this.#gathered += line;
    if (this.#rest === undefined && this.#gathered.length >= enough) this.#writeOut();
    else this.#schedule(flushEvery);
  }

  /** Writes all that is gathered, now; waits at most a second for a reader. Never throws. */
  readonly flush = (): void => {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; !this.#closed && waited < longestFarewell; waited += 10) {
      this.#writeOut();
      if (this.#rest === undefined) return;
      Atomics.wait(pause, 0, 0, 10);
    }
  };

  /** Flushes, and lets go of the file and the process. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    clearTimeout(this.#timer);
    process.off("exit", this.flush);
    if (this.#owned) closeSync(this.#descriptor);
  }

  #schedule(milliseconds: number): void {
    this.#timer ??= setTimeout(this.#writeOut, milliseconds).unref();
  }

  readonly #writeOut = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#rest !== undefined || this.#gathered !== "") {
      const chunk = this.#rest ?? Buffer.from(this.#gathered);
      if (this.#rest === undefined) this.#gathered = "";
      this.#rest = this.#writeSome(chunk);
      if (this.#rest !== undefined && this.#rest.length === chunk.length) {
        this.#schedule(retryEvery);
        return;
      }
    }
  };

  /** What is left of a chunk. A target that is gone (EPIPE) or full (ENOSPC) loses the chunk: lines must not pile up. */
  #writeSome(chunk: Buffer): Buffer | undefined {
    try {
      const written = writeSync(this.#descriptor, chunk);
      return written < chunk.length ? chunk.subarray(written) : undefined;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EAGAIN") return chunk;
      this.#dropped += chunk.toString("latin1").split("\n").length - 1;
      return undefined;
    }
  }
}

/**
 * A second opening of a pipe, which answers EAGAIN instead of waiting for a reader. Making the first one so would
 * change it for every process that shares it. Undefined for what is no pipe, and where the system cannot do it.
 */
function withoutWaiting(descriptor: number): number | undefined {
  try {
    if (!fstatSync(descriptor).isFIFO()) return undefined;
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}
