import type { Backend, WireReceiver } from "../backends/types.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import { operations } from "../kernel/protocol.ts";
import type { Protocol } from "../kernel/protocol.ts";
import { readQuotes } from "../wire/quota.ts";
import { Attempt, tooLarge } from "./attempt.ts";
import type { AttemptParts } from "./attempt.ts";
import { readWhole, TappedStream, tapWhole, TranslatedStream, UnreadStream, writeWhole } from "./interpreter.ts";
import type { Interpreter, TranslationOptions } from "./interpreter.ts";
import { newObservation } from "./observer.ts";
import { redactFailure } from "./redact.ts";
import { claimedShape, isLines, shapeOf } from "./shape.ts";
import type { Shape } from "./shape.ts";
import type { PreparedCall } from "./prepare.ts";
import { errorBodyLimit, headWait, readUpstreamError } from "./upstream-error.ts";

/** An attempt at a backend that carries bytes. */
export class WireAttempt extends Attempt implements WireReceiver {
  readonly #call: Extract<PreparedCall, { kind: "wire" }>;
  readonly #backend: Extract<Backend, { kind: "wire" }>;
  readonly #fresh: boolean;
  /** How the answer comes; unknown until its head and its first bytes tell. */
  #shape: "error" | Shape | undefined;
  /** What the content type says of it. */
  #claimed: Shape | undefined;
  #status = 0;
  /** Milliseconds that the head of an error asks to wait. */
  #wait: number | undefined;
  #interpreter: Interpreter | undefined;
  #body: Buffer[] = [];
  #bodyBytes = 0;

  /** The protocol that is spoken with the backend. */
  override get protocol(): Protocol {
    return this.#call.codec.protocol;
  }

  constructor(parts: AttemptParts, call: Extract<PreparedCall, { kind: "wire" }>) {
    super(parts, call);
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
        credential: this.turn?.credential ?? 0,
        headers: this.#call.headers,
        model: this.planned.model,
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
    if (this.entry !== undefined || status === 429) this.#noteQuota(header);
    if (status >= 200 && status < 300) {
      this.#claimed = claimedShape(header("content-type"));
      return;
    }
    if (status >= 400) {
      this.#shape = "error";
      // What is said of an error is not worth more patience than a pause in an answer.
      this.lastAt = this.context.clock.monotonic();
      this.#wait = headWait(status, header, this.context.clock.now());
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
    try {
      this.#read(chunk);
    } catch (error) {
      this.caught(error);
    }
  }

  #read(chunk: Buffer): void {
    const wanted = this.input.body.stream ? "stream" : "whole";
    this.#shape ??= shapeOf(chunk, { codec: this.#call.codec, wanted, claimed: this.#claimed });
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
    this.finish();
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
    super.giveUp(redactFailure(this.#backend, why));
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
    const { codec, sight, tap, answer, echoModel } = this.#call;
    const streamed = this.#shape === "stream" || isLines(codec, body);
    if (sight !== "translate" && !streamed && !this.input.body.stream) {
      if (sight === "relay")
        return this.passWhole({ bytes: body, seen: { ...newObservation(), started: true, finished: true } });
      return this.passWhole(tapWhole(codec, body, { ...tap, echoModel }));
    }
    const events = readWhole(codec, body, { ...this.#translation(), streamed });
    if (!this.input.body.stream) return this.passWhole(writeWhole(client, events, answer()));
    const encoder = this.encoder(this.#call);
    this.seen = encoder.seen;
    const text = encoder.push(events);
    this.passLast(Buffer.from(text + encoder.end()));
  }

  #translation(): TranslationOptions {
    return { id: `${this.input.id}-${this.planned.endpoint}`, stages: this.#call.stages };
  }

  #newInterpreter(): Interpreter {
    const { codec, sight, tap, echoModel } = this.#call;
    const limit = this.input.settings.answer;
    const interpreter =
      sight === "relay"
        ? new UnreadStream(codec)
        : sight === "tap"
          ? new TappedStream(codec, { ...tap, limit, echoModel })
          : new TranslatedStream(codec, this.encoder(this.#call), {
              ...this.#translation(),
              limit,
            });
    this.seen = interpreter.seen;
    return interpreter;
  }

  /** What the provider says that is left. */
  #noteQuota(header: (name: string) => string | undefined): void {
    this.entry?.answered();
    const { limits, clock } = this.context;
    const quotes = limits === undefined ? [] : readQuotes(header, clock.now());
    if (quotes.length === 0) return;
    const { endpoint, model } = this.planned;
    limits?.quote({ endpoint, model, credential: this.turn?.credential ?? 0 }, quotes, this.sentAt);
  }

  #readError(): Failure {
    // Before it is read: a message that is cut to size could end in the middle of a secret.
    const text = this.#backend.redact(Buffer.concat(this.#body).toString("utf8"));
    const { protocol } = this.#call.codec;
    const others = this.#backend.serves.some(
      (other) => other !== protocol && operations[other] === operations[protocol],
    );
    if (others && isRouteMissing(this.#status, text, this.planned.model)) {
      const message = `${this.endpoint.name} has no route for ${protocol} (it answered ${this.#status}); check its URL.`;
      return failure("unserved", message, { upstreamStatus: this.#status });
    }
    const now = this.context.clock.now();
    return readUpstreamError(this.#call.codec, { status: this.#status, text, wait: this.#wait, now });
  }
}

/** Whether an error answer says that there is no such route, rather than no such model. */
function isRouteMissing(status: number, text: string, model: string): boolean {
  return status === 405 || (status === 404 && !/model|deployment/i.test(text) && !text.includes(model));
}
