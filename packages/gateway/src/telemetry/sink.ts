import pino from "pino";

/** Characters that are gathered before they are handed over; a line costs 0.3 us so, and 3 us one at a time. */
const enough = 16_384;
/** Milliseconds until a line is written though there are few. */
const flushEvery = 200;

/** Gathers lines and writes them a little later, off the hot path. Nothing is lost on exit, nor by `process.exit`. */
export class GatheringSink {
  readonly #destination: ReturnType<typeof pino.destination>;
  #gathered = "";
  #timer: NodeJS.Timeout | undefined;

  /** `target` is a file descriptor or a file name. */
  constructor(target: number | string) {
    this.#destination = pino.destination({ dest: target, sync: false });
    // Without a listener an error of the destination, such as EPIPE, would be thrown.
    this.#destination.on("error", () => {});
    process.on("exit", this.flush);
  }

  write(line: string): void {
    this.#gathered += line;
    if (this.#gathered.length >= enough) this.#handOver();
    else this.#timer ??= setTimeout(this.#handOver, flushEvery).unref();
  }

  /** Writes all that is gathered, now. Never throws: a closed pipe or a full disk must not take the gateway down. */
  readonly flush = (): void => {
    try {
      this.#handOver();
      this.#destination.flushSync();
    } catch {
      // The lines are lost; there is no other place to say so.
    }
  };

  /** Flushes, and lets go of the process. */
  close(): void {
    this.flush();
    process.off("exit", this.flush);
  }

  readonly #handOver = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const gathered = this.#gathered;
    this.#gathered = "";
    if (gathered !== "") this.#destination.write(gathered);
  };
}
