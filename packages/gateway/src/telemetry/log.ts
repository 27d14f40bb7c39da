import pino from "pino";
import type { Clock } from "../kernel/clock.ts";
import type { Secret } from "../kernel/secret.ts";
import { exchangeLine, type ExchangeFacts } from "./exchange-line.ts";
import { cleanMessage, lineOf, type LogFields } from "./fields.ts";
import type { Level } from "./level.ts";
import { Redactor } from "./redact.ts";
import { GatheringSink } from "./sink.ts";

export type { ExchangeFacts } from "./exchange-line.ts";
export type { LogFields } from "./fields.ts";

export interface LogOptions {
  readonly level: Level;
  readonly clock: Pick<Clock, "now">;
  /** For people instead of machines; `process.stderr.isTTY` unless given. */
  readonly pretty?: boolean;
  /** Colours in pretty lines; callers pass false when NO_COLOR is set. */
  readonly color?: boolean;
  /** File descriptor or file name; 2 (stderr) unless given. */
  readonly destination?: number | string;
}

/** What the rest of the house needs of a log. */
export interface Log extends Disposable {
  level: Level;
  fatal(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /**
   * One line for a finished exchange: `info`, or `warn` where the gateway or an upstream is to blame (5xx).
   * @param losses Paths of the fields that a translation lost.
   */
  exchange(facts: ExchangeFacts, losses?: readonly string[]): void;
  /** Secrets that must not appear in any line from now on. */
  hide(secrets: Iterable<Secret>): void;
  /** Writes what is buffered, now. */
  flush(): void;
}

class PinoLog implements Log {
  readonly #logger: pino.Logger;
  /** Where lines go: the sink itself, or a formatter before it. */
  readonly #stream: pino.DestinationStream;
  readonly #sink: GatheringSink;
  readonly #clock: Pick<Clock, "now">;
  readonly #redactor = new Redactor();

  constructor(parts: {
    logger: pino.Logger;
    stream: pino.DestinationStream;
    sink: GatheringSink;
    clock: Pick<Clock, "now">;
  }) {
    this.#logger = parts.logger;
    this.#stream = parts.stream;
    this.#sink = parts.sink;
    this.#clock = parts.clock;
  }

  get level(): Level {
    return this.#logger.level as Level;
  }

  set level(level: Level) {
    this.#logger.level = level;
  }

  fatal(message: string, fields?: LogFields): void {
    this.#write("fatal", message, fields);
    this.flush();
  }

  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write("warn", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    this.#write("debug", message, fields);
  }

  exchange(facts: ExchangeFacts, losses: readonly string[] = []): void {
    const level = facts.status >= 500 ? "warn" : "info";
    if (!this.#logger.isLevelEnabled(level)) return;
    // The same line as the library's, without its 2 us.
    const fields = JSON.stringify(exchangeLine(facts, losses, this.#redactor)).slice(1);
    this.#stream.write(`{"level":"${level}","time":${this.#clock.now()},"message":"exchange",${fields}\n`);
  }

  hide(secrets: Iterable<Secret>): void {
    this.#redactor.add(secrets);
  }

  flush(): void {
    this.#sink.flush();
  }

  [Symbol.dispose](): void {
    this.#sink.close();
  }

  #write(level: Exclude<Level, "silent">, message: string, fields: LogFields | undefined): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    const text = cleanMessage(message, this.#redactor);
    if (fields === undefined) this.#logger[level](text);
    else this.#logger[level](lineOf(fields, this.#redactor), text);
  }
}

/**
 * Opens the log: JSON lines with `time` in milliseconds since 1970, or lines for people. Lines are gathered and
 * written a little later; nothing is lost on a normal exit, on `process.exit` and on an uncaught exception.
 */
export async function openLog(options: LogOptions): Promise<Log> {
  const pretty = options.pretty ?? process.stderr.isTTY;
  const sink = new GatheringSink(options.destination ?? 2);
  const stream = pretty ? await prettyStream(sink, options.color ?? true) : sink;
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":${options.clock.now()}`,
      messageKey: "message",
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return new PinoLog({ logger, stream, sink, clock: options.clock });
}

/** Lines for people. The library costs 15 ms to load, so machines never load it. */
async function prettyStream(sink: GatheringSink, colorize: boolean): Promise<pino.DestinationStream> {
  const { prettyFactory } = await import("pino-pretty");
  const format = prettyFactory({
    colorize,
    messageKey: "message",
    errorLikeObjectKeys: ["error"],
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  return { write: (line: string) => sink.write(format(line)) };
}
