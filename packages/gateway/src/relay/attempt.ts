import type { Backend, Flow, WireReceiver } from "../backends/types.ts";
import type { AnswerContext, Observation } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Loss } from "../kernel/loss.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { readRetryAfter } from "../wire/headers.ts";
import type { PreparedCall } from "./prepare.ts";
import {
  EncodedStream,
  parseJson,
  readWhole,
  TappedStream,
  tapWhole,
  TranslatedStream,
  UnreadStream,
  writeWhole,
} from "./interpreter.ts";
import type { Interpreter, WholeAnswer } from "./interpreter.ts";
import { newObservation } from "./observer.ts";
import type { Ticking } from "./ticker.ts";
import type { ExchangeInput, RelayContext, RelayEndpoint } from "./types.ts";

/** Most bytes of an upstream's error body that are read. */
const errorBodyLimit = 65_536;

/** Most bytes that may come before the first meaningful event. */
const pendingLimit = 1_048_576;

/** How long an upstream may take to close after its terminal event, in milliseconds. */
const closingTime = 1000;

/** What an event counts for beside its text, in bytes, when a whole answer is gathered from events. */
const eventSize = 64;

/** Whom an attempt reports to. After `finished` or `failed` it is silent. */
export interface AttemptOwner {
  /** Bytes of a stream, from the first meaningful event on. */
  deliver(bytes: Buffer): void;
  /** The answer is complete; these are its last bytes (or, unstreamed, all). */
  finished(bytes: Buffer): void;
  failed(failure: Failure): void;
}

/** One try at one target. */
export abstract class Attempt implements Ticking {
  readonly planned: PlannedAttempt;
  readonly endpoint: RelayEndpoint;
  readonly losses: readonly Loss[];
  readonly sentAt: number;
  /** Monotonic time of the first meaningful event. */
  firstAt: number | undefined;
  seen: Observation = newObservation();

  protected readonly input: ExchangeInput;
  protected readonly context: RelayContext;
  protected readonly owner: AttemptOwner;
  protected flow: Flow | undefined;
  /** The owner has been told the outcome, or wants to hear none. */
  over = false;
  /** The call has ended by itself. */
  protected callOver = false;
  /** When the upstream was last heard of; undefined until it is. */
  protected lastAt: number | undefined;
  #paused = false;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #finishedAt: number | undefined;
  #completedAt: number | undefined;

  constructor(parts: AttemptParts, losses: readonly Loss[]) {
    this.planned = parts.planned;
    this.endpoint = parts.endpoint;
    this.input = parts.input;
    this.context = parts.context;
    this.owner = parts.owner;
    this.losses = losses;
    this.sentAt = parts.context.clock.monotonic();
  }

  abstract start(): void;

  /** Tells a client whose stream has begun that it failed. */
  abstract failureEvent(why: Failure): Buffer;

  /** Stops the attempt; its owner hears nothing more. */
  cancel(): void {
    this.over = true;
    this.flow?.cancel();
  }

  /** Takes the reins of a call, which may have said a good deal before it handed them out. */
  protected hold(flow: Flow): void {
    this.flow = flow;
    if (this.over) flow.cancel();
    else if (this.#paused) flow.pause();
  }

  pause(): void {
    this.#paused = true;
    this.flow?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.lastAt !== undefined) this.lastAt = this.context.clock.monotonic();
    this.flow?.resume();
  }

  /** Checks the deadlines. */
  tick(now: number): void {
    this.guard(() => this.#check(now));
  }

  #check(now: number): void {
    if (this.over) {
      if (this.#completedAt !== undefined && now - this.#completedAt > closingTime) {
        this.flow?.cancel();
        this.released();
      }
      return;
    }
    if (this.#paused) return;
    const { timeouts } = this.endpoint;
    if (this.#finishedAt !== undefined) {
      if (now - this.#finishedAt > closingTime) {
        this.ended();
        this.flow?.cancel();
        this.released();
      }
    } else if (this.firstAt === undefined) {
      const [limit, what] = this.input.body.stream
        ? [timeouts.firstToken, "begin its answer"]
        : [this.lastAt === undefined ? timeouts.firstByte : Infinity, "answer"];
      if (now - this.sentAt > limit) {
        this.giveUp(failure("timeout-first-token", `${this.endpoint.name} did not ${what} within ${limit} ms.`));
      } else this.#checkIdle(now);
    } else this.#checkIdle(now);
  }

  /** The upstream's bytes or events are over. */
  protected abstract ended(): void;

  /**
   * Codecs do not throw. That the stack ends in deeply nested JSON cannot be foreseen, though, and no answer may end
   * the process or leave its client waiting.
   */
  protected guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof RangeError) {
        return this.giveUp(failure("bad-response", "The upstream's answer is nested too deeply."));
      }
      this.context.observer.threw(error);
      this.giveUp(failure("internal", "The gateway failed to read the upstream's answer."));
    }
  }

  /** Ends the attempt with a failure of ours, and the call with it. */
  protected giveUp(why: Failure): void {
    if (this.over) return;
    this.cancel();
    this.owner.failed(why);
  }

  /** Ends the attempt well. The call is let run out for a moment, so that its connection can be used again. */
  protected complete(bytes: Buffer): void {
    this.over = true;
    if (!this.callOver) {
      this.#completedAt = this.context.clock.monotonic();
      this.context.ticker.watch(this);
    }
    this.owner.finished(bytes);
  }

  /** The call of a completed attempt is over too. */
  protected released(): void {
    this.context.ticker.unwatch(this);
  }

  /** Holds bytes back until the first meaningful event; from then on they go to the owner. */
  protected pass(bytes: Buffer): void {
    const { seen } = this;
    if (this.firstAt === undefined) {
      if (seen.failure !== undefined) return this.giveUp(seen.failure);
      this.#pending.push(bytes);
      this.#pendingBytes += bytes.length;
      if (!seen.started) {
        if (this.#pendingBytes > pendingLimit) this.giveUp(tooLarge(pendingLimit));
        return;
      }
      this.firstAt = this.context.clock.monotonic();
      bytes = this.#pending.length === 1 ? bytes : Buffer.concat(this.#pending);
      this.#pending = [];
    }
    if (seen.failure !== undefined) {
      if (bytes.length > 0) this.owner.deliver(bytes);
      return this.giveUp(seen.failure);
    }
    if (seen.done) return this.complete(bytes);
    // A further candidate may begin after the one before it was finished.
    if (!seen.finished) this.#finishedAt = undefined;
    else this.#finishedAt ??= this.context.clock.monotonic();
    if (bytes.length > 0) this.owner.deliver(bytes);
  }

  /** The stream is over: `bytes` are its last. */
  protected passLast(bytes: Buffer): void {
    const { seen } = this;
    if (seen.failure === undefined && (seen.started || seen.finished)) {
      if (this.firstAt === undefined) {
        this.firstAt = this.context.clock.monotonic();
        bytes = Buffer.concat([...this.#pending, bytes]);
      }
      return this.complete(bytes);
    }
    if (this.firstAt !== undefined && bytes.length > 0) this.owner.deliver(bytes);
    this.giveUp(
      seen.failure ?? failure("broken-stream", `${this.endpoint.name} ended its answer before it was complete.`),
    );
  }

  protected passWhole(answer: WholeAnswer): void {
    this.seen = answer.seen;
    if (answer.seen.failure !== undefined) return this.giveUp(answer.seen.failure);
    this.firstAt ??= this.context.clock.monotonic();
    this.complete(answer.bytes);
  }

  #checkIdle(now: number): void {
    const { idle } = this.endpoint.timeouts;
    if (this.lastAt !== undefined && now - this.lastAt > idle) {
      this.giveUp(
        failure("timeout-idle", `${this.endpoint.name} sent nothing for ${idle} ms in the middle of its answer.`),
      );
    }
  }
}

export interface AttemptParts {
  readonly planned: PlannedAttempt;
  readonly endpoint: RelayEndpoint;
  readonly input: ExchangeInput;
  readonly context: RelayContext;
  readonly owner: AttemptOwner;
  /** The try before this one was lost with a connection that had gone stale. */
  readonly again: boolean;
}

/** An attempt at a backend that carries bytes. */
export class WireAttempt extends Attempt implements WireReceiver {
  readonly #call: Extract<PreparedCall, { kind: "wire" }>;
  readonly #backend: Extract<Backend, { kind: "wire" }>;
  readonly #fresh: boolean;
  /** How the answer comes; unknown until its head and its first bytes tell. */
  #shape: "error" | "stream" | "whole" | undefined;
  /** What the content type says of it. */
  #claimed: "stream" | "whole" | undefined;
  #status = 0;
  #retryAfter: number | undefined;
  #interpreter: Interpreter | undefined;
  #body: Buffer[] = [];
  #bodyBytes = 0;

  constructor(parts: AttemptParts, call: Extract<PreparedCall, { kind: "wire" }>) {
    super(parts, call.losses);
    this.#call = call;
    this.#backend = call.backend;
    this.#fresh = parts.again;
  }

  start(): void {
    const flow = this.#backend.send(
      {
        protocol: this.#call.codec.protocol,
        body: this.#call.body,
        stream: this.input.body.stream,
        fresh: this.#fresh,
        requestId: this.input.id,
        credential: 0,
        headers: this.input.headers,
        connectTimeout: this.endpoint.timeouts.connect,
      },
      this,
    );
    this.hold(flow);
  }

  failureEvent(why: Failure): Buffer {
    return this.#interpreter?.fail(why) ?? Buffer.from(this.input.codec.ingress.writeStreamError(why));
  }

  head(status: number, header: (name: string) => string | undefined): void {
    if (this.over) return;
    this.#status = status;
    if (status >= 200 && status < 300) {
      const type = header("content-type")?.toLowerCase() ?? "";
      if (type.startsWith("text/event-stream")) this.#claimed = "stream";
      else if (/^application\/(?:[a-z.+-]+\+)?json/.test(type)) this.#claimed = "whole";
      return;
    }
    if (status >= 400) {
      this.#shape = "error";
      // What is said of an error is not worth more patience than a pause in an answer.
      this.lastAt = this.context.clock.monotonic();
      this.#retryAfter = readRetryAfter(header, this.context.clock.now());
      return;
    }
    this.giveUp(
      failure(
        "bad-response",
        `${this.endpoint.name} answered with an unexpected redirect (${status}), which is never followed.`,
      ),
    );
  }

  data(chunk: Buffer): void {
    if (this.over) return;
    this.lastAt = this.context.clock.monotonic();
    this.guard(() => this.#read(chunk));
  }

  #read(chunk: Buffer): void {
    this.#shape ??= sniff(chunk) ?? this.#claimed;
    if (this.#shape === undefined) {
      return this.giveUp(failure("bad-response", `${this.endpoint.name} answered neither JSON nor an event stream.`));
    }
    if (this.#shape === "stream" && this.input.body.stream) {
      this.#interpreter ??= this.#newInterpreter();
      return this.pass(this.#interpreter.push(chunk));
    }
    this.#body.push(chunk);
    this.#bodyBytes += chunk.length;
    if (this.#shape === "error") {
      if (this.#bodyBytes > errorBodyLimit) this.giveUp(this.#readError());
    } else if (this.#bodyBytes > this.input.settings.answer) this.giveUp(tooLarge(this.input.settings.answer));
  }

  end(): void {
    if (this.over) return this.released();
    this.callOver = true;
    this.guard(() => this.ended());
  }

  fail(why: Failure): void {
    if (this.over) return this.released();
    this.callOver = true;
    // After the terminal event a reset takes nothing away; a status is an answer even if its body was cut.
    if (this.seen.finished || this.#shape === "error") return this.end();
    this.giveUp(why);
  }

  /** An upstream's own words may hold the credential that it was sent. */
  protected override giveUp(why: Failure): void {
    const clean = Object.entries(why).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === "string" ? this.#backend.redact(value) : value,
    ]);
    super.giveUp(Object.fromEntries(clean) as Failure);
  }

  protected ended(): void {
    if (this.#shape === "error") return this.giveUp(this.#readError());
    if (this.#interpreter !== undefined) return this.passLast(this.#interpreter.end());
    if (this.#bodyBytes === 0) {
      return this.giveUp(failure("bad-response", `${this.endpoint.name} answered ${this.#status} with an empty body.`));
    }
    this.#answerWhole(
      this.#body.length === 1 && this.#body[0] !== undefined ? this.#body[0] : Buffer.concat(this.#body),
    );
  }

  /** A body that came whole, or was collected because the client wants it whole. */
  #answerWhole(body: Buffer): void {
    const { codec: client } = this.input;
    const { codec, sight, tap, answer } = this.#call;
    const streamed = this.#shape === "stream";
    if (sight !== "translate" && !streamed && !this.input.body.stream) {
      if (sight === "relay")
        return this.passWhole({ bytes: body, seen: { ...newObservation(), started: true, finished: true } });
      return this.passWhole(tapWhole(codec, body, { ...tap, ...echo(answer()) }));
    }
    const events = readWhole(codec, body, streamed);
    if (!this.input.body.stream) return this.passWhole(writeWhole(client, events, answer()));
    const encoder = new EncodedStream(client, answer());
    this.seen = encoder.seen;
    const text = encoder.push(events);
    this.passLast(Buffer.from(text + encoder.end()));
  }

  #newInterpreter(): Interpreter {
    const { codec, sight, tap, answer } = this.#call;
    const limit = this.input.settings.answer;
    const interpreter =
      sight === "relay"
        ? new UnreadStream(codec)
        : sight === "tap"
          ? new TappedStream(codec, { ...tap, limit, ...echo(answer()) })
          : new TranslatedStream(codec, this.input.codec, { ...answer(), limit });
    this.seen = interpreter.seen;
    return interpreter;
  }

  #readError(): Failure {
    // Before it is read: a message that is cut to size could end in the middle of a secret.
    const text = this.#backend.redact(Buffer.concat(this.#body).toString("utf8"));
    const why = this.#call.codec.egress.readError(this.#status, parseJson(text));
    return this.#retryAfter === undefined ? why : { ...why, retryAfter: this.#retryAfter };
  }
}

/** An attempt at a backend that yields events itself. */
export class EventAttempt extends Attempt {
  readonly #call: Extract<PreparedCall, { kind: "events" }>;
  readonly #encoder: EncodedStream | undefined;
  #events: AnswerEvent[] = [];
  #size = 0;

  constructor(parts: AttemptParts, call: Extract<PreparedCall, { kind: "events" }>) {
    super(parts, call.losses);
    this.#call = call;
    if (this.input.body.stream) {
      this.#encoder = new EncodedStream(this.input.codec, call.answer());
      this.seen = this.#encoder.seen;
    }
  }

  start(): void {
    const flow = this.#call.backend.run(this.#call.request, {
      event: (event) => this.guard(() => this.#event(event)),
      end: () => {
        this.callOver = true;
        if (!this.over) this.guard(() => this.ended());
      },
    });
    this.hold(flow);
  }

  failureEvent(why: Failure): Buffer {
    return this.#encoder?.fail(why) ?? Buffer.from(this.input.codec.ingress.writeStreamError(why));
  }

  protected ended(): void {
    if (this.#encoder === undefined)
      return this.passWhole(writeWhole(this.input.codec, this.#events, this.#call.answer()));
    this.passLast(Buffer.from(this.#encoder.end()));
  }

  #event(event: AnswerEvent): void {
    if (this.over) return;
    this.lastAt = this.context.clock.monotonic();
    if (this.#encoder !== undefined) return this.pass(Buffer.from(this.#encoder.push([event])));
    this.#events.push(event);
    this.#size += eventSize + (event.type === "part-delta" ? event.text.length : 0);
    if (event.type === "failure") this.giveUp(event.failure);
    else if (this.#size > this.input.settings.answer) this.giveUp(tooLarge(this.input.settings.answer));
  }
}

function echo(context: AnswerContext): { echoModel?: string } {
  return context.echoModel === undefined ? {} : { echoModel: context.echoModel };
}

function tooLarge(limit: number): Failure {
  return failure("bad-response", `The upstream's answer is larger than ${limit} bytes.`);
}

/** What an answer is by its first bytes, which tell more than its content type; undefined if they tell nothing. */
function sniff(chunk: Buffer): "stream" | "whole" | undefined {
  const text = chunk
    .toString("latin1", 0, 64)
    .replace(/^\xef\xbb\xbf/, "")
    .trimStart();
  if (text.startsWith("{") || text.startsWith("[")) return "whole";
  if (/^(?:data|event|id|retry)?:/.test(text)) return "stream";
  return undefined;
}
