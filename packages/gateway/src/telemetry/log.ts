import pino from "pino";
import type { Clock } from "../kernel/clock.ts";
import type { Secret } from "../kernel/secret.ts";
import { cleanField, cleanMessage, lineOf, type LogFields } from "./fields.ts";
import type { Level } from "./level.ts";
import { Redactor } from "./redact.ts";
import { GatheringSink } from "./sink.ts";

export type { LogFields } from "./fields.ts";

/** What is logged of an exchange. Durations are milliseconds; what is not known is absent. */
export interface ExchangeLogFacts {
  readonly requestId: string;
  readonly keyId?: string | undefined;
  readonly surface: string;
  /** The name that the client asked for. */
  readonly model: string;
  readonly virtualModel?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly actualModel?: string | undefined;
  /** What the client saw; 499 when it left. */
  readonly status: number;
  readonly kind?: string | undefined;
  readonly finish?: string | undefined;
  readonly sight?: string | undefined;
  readonly stream: boolean;
  readonly attempts: number;
  readonly duration: number;
  readonly timeToFirstToken?: number | undefined;
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly cacheReadTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
  readonly costMicroDollars?: number | undefined;
  readonly bytesIn?: number | undefined;
  readonly bytesOut?: number | undefined;
  readonly clientAgent?: string | undefined;
}

/**
 * The fields of an exchange's line, cleaned. Durations are rounded to a tenth of a millisecond.
 * Written out field by field, because an object of one shape is built and printed in half the time.
 */
export function exchangeLine(facts: ExchangeLogFacts, redactor: Redactor): LogFields {
  const text = (value: string | undefined): string | undefined =>
    value === undefined ? undefined : cleanField(value, redactor);
  return {
    requestId: text(facts.requestId),
    keyId: text(facts.keyId),
    surface: facts.surface,
    model: text(facts.model),
    virtualModel: text(facts.virtualModel),
    endpoint: text(facts.endpoint),
    actualModel: text(facts.actualModel),
    status: facts.status,
    kind: facts.kind,
    finish: text(facts.finish),
    sight: facts.sight,
    stream: facts.stream,
    attempts: facts.attempts,
    duration: tenth(facts.duration),
    timeToFirstToken: facts.timeToFirstToken === undefined ? undefined : tenth(facts.timeToFirstToken),
    inputTokens: facts.inputTokens,
    outputTokens: facts.outputTokens,
    cacheReadTokens: facts.cacheReadTokens,
    reasoningTokens: facts.reasoningTokens,
    costMicroDollars: facts.costMicroDollars,
    bytesIn: facts.bytesIn,
    bytesOut: facts.bytesOut,
    clientAgent: text(facts.clientAgent),
  };
}

function tenth(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

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
  /** One line for a finished exchange: `info`, or `warn` where the gateway or an upstream is to blame (5xx). */
  exchange(facts: ExchangeLogFacts): void;
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

  exchange(facts: ExchangeLogFacts): void {
    const level = facts.status >= 500 ? "warn" : "info";
    if (!this.#logger.isLevelEnabled(level)) return;
    // The same line as the library's, without its 2 us.
    const fields = JSON.stringify(exchangeLine(facts, this.#redactor)).slice(1);
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
