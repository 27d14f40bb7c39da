import type { EventBackend, Flow, WireBackend, WireReceiver } from "../backends/types.ts";
import type { Codec } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Machine } from "../kernel/machine.ts";
import type { CanonicalRequest } from "../kernel/request.ts";
import { sumOf } from "../kernel/usage.ts";
import type { Usage } from "../kernel/usage.ts";
import { DecodedStream, readWhole } from "./interpreter.ts";
import type { TranslationOptions } from "./interpreter.ts";
import { redactFailure } from "./redact.ts";
import { claimedShape, isLines, shapeOf } from "./shape.ts";
import type { Shape } from "./shape.ts";
import { errorBodyLimit, headWait, readUpstreamError } from "./upstream-error.ts";

/** Most answers that are asked for side by side. */
export const mostCalls = 16;

type EventReceiver = Parameters<EventBackend["run"]>[1];

/** One of the calls that together give several answers. */
export interface SideCall {
  readonly body: Buffer;
  readonly stages: readonly Machine<AnswerEvent, AnswerEvent>[];
}

export interface FanOutParts {
  readonly backend: WireBackend;
  readonly codec: Codec;
  readonly calls: readonly SideCall[];
  readonly model: string;
  readonly stream: boolean;
  readonly requestId: string;
  readonly headers: { readonly [name: string]: string };
  /** Index into the endpoint's credentials. */
  readonly credential: number;
  /** Largest unstreamed answer and largest event, in bytes. */
  readonly limit: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Whether connections that were used before are to be avoided. */
  readonly fresh?: boolean;
}

/**
 * Several answers from a backend that gives one at a time: one call for each, side by side, told as the candidates of
 * one answer. The first failure ends them all. Usage is the sum of what all of them report, since all are paid for.
 */
export class FanOut implements EventBackend {
  readonly kind = "events";
  readonly #parts: FanOutParts;

  constructor(parts: FanOutParts) {
    this.#parts = parts;
  }

  run(_request: CanonicalRequest, receiver: EventReceiver): Flow {
    const { backend, codec, calls, model, stream, requestId, headers, credential, fresh = false } = this.#parts;
    const merge = new Merge(calls.length, receiver, () => cancel());
    const flows = calls.map((call, index) =>
      backend.send(
        { protocol: codec.protocol, model, body: [call.body], stream, fresh, requestId, credential, headers },
        new Side(this.#parts, call, (event) => merge.event(index, event)),
      ),
    );
    const cancel = () => {
      for (const flow of flows) flow.cancel();
    };
    return {
      pause: () => flows.forEach((flow) => flow.pause()),
      resume: () => flows.forEach((flow) => flow.resume()),
      cancel,
    };
  }

  async models(): Promise<[]> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Reads one call's answer as events; `undefined` says that it is over. */
class Side implements WireReceiver {
  readonly #parts: FanOutParts;
  readonly #tell: (event: AnswerEvent | undefined) => void;
  readonly #options: TranslationOptions & { readonly limit: number };
  #body: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  /** Milliseconds that the head of an error asks to wait. */
  #wait: number | undefined;
  #claimed: Shape | undefined;
  #shape: Shape | undefined;
  #stream: DecodedStream | undefined;
  #finished = false;
  #over = false;

  constructor(parts: FanOutParts, call: SideCall, tell: (event: AnswerEvent | undefined) => void) {
    this.#parts = parts;
    this.#tell = tell;
    const id = `${parts.requestId}-${parts.calls.indexOf(call)}`;
    this.#options = { id, stages: call.stages, limit: parts.limit };
  }

  head(status: number, header: (name: string) => string | undefined): void {
    this.#status = status;
    if (!this.#isGood) this.#wait = headWait(status, header, this.#parts.now());
    this.#claimed = claimedShape(header("content-type"));
  }

  data(chunk: Buffer): void {
    const { codec, stream, limit } = this.#parts;
    const wanted = stream ? "stream" : "whole";
    this.#shape ??= this.#isGood ? shapeOf(chunk, { codec, wanted, claimed: this.#claimed }) : "whole";
    if (this.#shape === "stream" && stream) {
      this.#stream ??= new DecodedStream(codec, this.#options);
      return this.#events(this.#stream.push(chunk));
    }
    this.#bytes += chunk.length;
    if (this.#bytes <= (this.#isGood ? limit : errorBodyLimit)) this.#body.push(chunk);
    else if (this.#isGood) this.fail(failure("bad-response", `The answer is larger than ${limit} bytes.`));
  }

  end(): void {
    if (!this.#isGood) return this.fail(this.#error());
    this.#events(this.#stream?.end(this.#finished) ?? this.#whole());
    this.#last(undefined);
  }

  fail(why: Failure): void {
    this.#body = [];
    // After the terminal event a reset takes nothing away.
    if (this.#finished) return this.#last(undefined);
    this.#last({ type: "failure", failure: redactFailure(this.#parts.backend, why) });
  }

  #last(event: AnswerEvent | undefined): void {
    if (!this.#over) this.#tell(event);
    this.#over = true;
  }

  get #isGood(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  #whole(): readonly AnswerEvent[] {
    const { codec } = this.#parts;
    const body = Buffer.concat(this.#body);
    return readWhole(codec, body, { ...this.#options, streamed: this.#shape === "stream" || isLines(codec, body) });
  }

  #error(): Failure {
    const { backend, codec, now } = this.#parts;
    const text = backend.redact(Buffer.concat(this.#body).toString("utf8"));
    return readUpstreamError(codec, { status: this.#status, text, wait: this.#wait, now: now() });
  }

  #events(events: readonly AnswerEvent[]): void {
    for (const event of events) {
      if (event.type === "failure") return this.fail(event.failure);
      if (event.type === "finish") this.#finished = true;
      this.#tell(event);
    }
  }
}

/**
 * Tells the events of several answers as those of one. How each of them finished is told when all have: an answer of
 * which every part that has begun is finished counts as complete, and some clients read no further.
 */
class Merge {
  readonly #receiver: EventReceiver;
  readonly #stop: () => void;
  readonly #usages: (Usage | undefined)[];
  readonly #finishes: AnswerEvent[] = [];
  #left: number;
  #started = false;
  #over = false;

  constructor(count: number, receiver: EventReceiver, stop: () => void) {
    this.#receiver = receiver;
    this.#stop = stop;
    this.#left = count;
    this.#usages = Array.from({ length: count }, () => undefined);
  }

  event(candidate: number, event: AnswerEvent | undefined): void {
    if (this.#over) return;
    if (event === undefined) return this.#ended();
    switch (event.type) {
      case "start":
        if (!this.#started) this.#receiver.event(event);
        this.#started = true;
        return;
      case "usage":
        this.#usages[candidate] = { ...this.#usages[candidate], ...event.usage };
        return;
      case "failure":
        this.#over = true;
        this.#receiver.event(event);
        // Not from within: the calls may still be on their way out.
        return queueMicrotask(this.#stop);
      case "finish":
        this.#finishes.push({ ...event, candidate });
        return;
      case "embedding":
        return;
      default:
        return this.#receiver.event({ ...event, candidate });
    }
  }

  #ended(): void {
    this.#left--;
    if (this.#left > 0) return;
    this.#over = true;
    for (const finish of this.#finishes) this.#receiver.event(finish);
    const usage = sumOf(this.#usages);
    if (usage !== undefined) this.#receiver.event({ type: "usage", usage });
    this.#receiver.end();
  }
}
