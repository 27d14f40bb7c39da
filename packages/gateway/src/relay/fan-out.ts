import type { EventBackend, Flow, WireBackend, WireReceiver } from "../backends/types.ts";
import type { Codec } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Machine } from "../kernel/machine.ts";
import type { CanonicalRequest } from "../kernel/request.ts";
import type { Usage } from "../kernel/usage.ts";
import { readRetryAfter } from "../wire/headers.ts";
import { DecodedStream, parseJson, readWhole } from "./interpreter.ts";
import { redactFailure } from "./redact.ts";

/** Most answers that are asked for side by side. */
export const mostCalls = 16;

/** Most bytes of an upstream's error body that are read. */
const errorBodyLimit = 65_536;

type EventReceiver = Parameters<EventBackend["run"]>[1];

/** One of the calls that together give several answers. */
export interface SideCall {
  readonly body: Buffer;
  readonly stages: readonly Machine<AnswerEvent, AnswerEvent>[];
}

export interface FanOutParts {
  readonly endpoint: string;
  readonly backend: WireBackend;
  readonly codec: Codec;
  readonly calls: readonly SideCall[];
  readonly model: string;
  readonly stream: boolean;
  readonly requestId: string;
  readonly headers: { readonly [name: string]: string };
  /** Largest unstreamed answer and largest event, in bytes. */
  readonly limit: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
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
    const { backend, codec, calls, model, stream, requestId, headers } = this.#parts;
    const merge = new Merge(calls.length, receiver, () => cancel());
    const flows = calls.map((call, index) =>
      backend.send(
        { protocol: codec.protocol, model, body: [call.body], stream, fresh: false, requestId, credential: 0, headers },
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
  readonly #call: SideCall;
  readonly #tell: (event: AnswerEvent | undefined) => void;
  readonly #id: string;
  readonly #body: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #retryAfter: number | undefined;
  #stream: DecodedStream | undefined;
  #finished = false;

  constructor(parts: FanOutParts, call: SideCall, tell: (event: AnswerEvent | undefined) => void) {
    this.#parts = parts;
    this.#call = call;
    this.#tell = tell;
    this.#id = `${parts.requestId}-${parts.calls.indexOf(call)}`;
  }

  head(status: number, header: (name: string) => string | undefined): void {
    this.#status = status;
    this.#retryAfter = readRetryAfter(header, this.#parts.now());
    const { stream, codec, limit } = this.#parts;
    const type = header("content-type") ?? "";
    if (status === 200 && stream && !type.startsWith("application/json")) {
      this.#stream = new DecodedStream(codec, { id: this.#id, stages: this.#call.stages, limit });
    }
  }

  data(chunk: Buffer): void {
    if (this.#stream !== undefined) return this.#events(this.#stream.push(chunk));
    this.#bytes += chunk.length;
    const limit = this.#status === 200 ? this.#parts.limit : errorBodyLimit;
    if (this.#bytes <= limit) this.#body.push(chunk);
    else if (this.#status === 200) this.fail(failure("bad-response", `The answer is larger than ${limit} bytes.`));
  }

  end(): void {
    if (this.#stream !== undefined) this.#events(this.#stream.end(this.#finished));
    else if (this.#status === 200) this.#events(this.#whole());
    else return this.fail(this.#error());
    this.#tell(undefined);
  }

  fail(why: Failure): void {
    this.#tell({ type: "failure", failure: redactFailure(this.#parts.backend, why) });
  }

  #whole(): readonly AnswerEvent[] {
    const options = { id: this.#id, stages: this.#call.stages, streamed: false };
    return readWhole(this.#parts.codec, Buffer.concat(this.#body), options);
  }

  #error(): Failure {
    const text = this.#parts.backend.redact(Buffer.concat(this.#body).toString("utf8"));
    const why = this.#parts.codec.egress.readError(this.#status, parseJson(text));
    return this.#retryAfter === undefined ? why : { ...why, retryAfter: this.#retryAfter };
  }

  #events(events: readonly AnswerEvent[]): void {
    for (const event of events) {
      if (event.type === "finish") this.#finished = true;
      this.#tell(event);
    }
  }
}

/** Tells the events of several answers as those of one. */
class Merge {
  readonly #receiver: EventReceiver;
  readonly #stop: () => void;
  readonly #usages: (Usage | undefined)[];
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
    const usage = sumOf(this.#usages);
    if (usage !== undefined) this.#receiver.event({ type: "usage", usage });
    this.#receiver.end();
  }
}

const counts = ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens"] as const;

/** The sums of the counts that every answer reports; undefined when there are none. */
function sumOf(usages: readonly (Usage | undefined)[]): Usage | undefined {
  const entries = counts.flatMap((name) => {
    const values = usages.map((usage) => usage?.[name]);
    if (values.includes(undefined)) return [];
    return [[name, values.reduce<number>((sum, value) => sum + (value ?? 0), 0)] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
