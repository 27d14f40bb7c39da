import type { AnswerContext, Codec, Observation, RequestView, Tap, TapOptions, WireEvent } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import { parseExactObject } from "../codecs/shared/exact.ts";
import { isJsonObject } from "../kernel/json.ts";
import type { Json, JsonObject } from "../kernel/json.ts";
import type { Machine } from "../kernel/machine.ts";
import { readField, scanObject } from "../wire/json-scan.ts";
import type { ScannedObject } from "../wire/json-scan.ts";
import { splice } from "../wire/json-splice.ts";
import type { Rope } from "../wire/rope.ts";
import { NdjsonSplitter } from "../wire/ndjson.ts";
import { SseSplitter } from "../wire/sse.ts";
import type { Splitter, StreamBlock } from "../wire/splitter.ts";
import { chain } from "./translation.ts";
import { newObservation, Observer } from "./observer.ts";

/** Turns the bytes of an upstream's stream into those of the client's, and tells what they meant. */
export interface Interpreter {
  readonly seen: Observation;
  /** Bytes for the client; empty when nothing is ready. Nothing behind a failure comes out. */
  push(chunk: Buffer): Buffer;
  /** The upstream's bytes are over: what is still to be sent. Sets `seen.failure` when the answer is not whole. */
  end(): Buffer;
  /** The event that tells the client, in mid-stream, that the answer failed. */
  fail(failure: Failure): Buffer;
}

/** The way from a backend's answer to the client's encoder. */
export interface TranslationOptions {
  /** Unique per attempt. */
  readonly id: string;
  readonly stages: readonly Machine<AnswerEvent, AnswerEvent>[];
}

function newSplitter(codec: Codec, limit: number): Splitter {
  return codec.framing === "sse" ? new SseSplitter(limit) : new NdjsonSplitter(limit);
}

const nothing = Buffer.alloc(0);
const carriageReturn = 13;
const lineFeed = Buffer.from("\n");

/** `relay`: bytes pass unread. */
export class UnreadStream implements Interpreter {
  readonly seen = newObservation();
  readonly #codec: Codec;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  push(chunk: Buffer): Buffer {
    this.seen.started = true;
    return chunk;
  }

  end(): Buffer {
    this.seen.finished = true;
    return nothing;
  }

  fail(why: Failure): Buffer {
    // The upstream may have stopped in the middle of an event, or of a line.
    const end = this.#codec.framing === "sse" ? "\n\n" : "\n";
    return Buffer.from(end + this.#codec.ingress.writeStreamError(why));
  }
}

/** `tap`: whole events pass with their bytes kept, and are watched. */
export class TappedStream implements Interpreter {
  readonly seen: Observation;
  readonly #codec: Codec;
  readonly #tap: Tap;
  readonly #splitter: Splitter;
  readonly #limit: number;
  readonly #echoModel: string | undefined;
  /** Bytes of the shortest piece so far: what the framing of a piece has at most. */
  #shortest = Infinity;

  constructor(codec: Codec, options: TapOptions & { readonly limit: number; readonly echoModel: string | undefined }) {
    this.#codec = codec;
    this.#tap = codec.egress.tap(options);
    this.seen = this.#tap.seen;
    this.#splitter = newSplitter(codec, options.limit);
    this.#limit = options.limit;
    this.#echoModel = options.echoModel;
  }

  push(chunk: Buffer): Buffer {
    const out = this.#pass(this.#splitter.push(chunk));
    if (this.#splitter.overflow) this.seen.failure ??= tooLong(this.#limit);
    return out;
  }

  end(): Buffer {
    const out = this.#pass(leftOver(this.#splitter, this.seen.finished));
    if (this.seen.failure !== undefined) return out;
    const rest = this.#tap.end();
    return rest === "" ? out : Buffer.concat([out, Buffer.from(rest)]);
  }

  fail(why: Failure): Buffer {
    return Buffer.from(this.#codec.ingress.writeStreamError(why));
  }

  #pass(blocks: readonly StreamBlock[]): Buffer {
    const out: Buffer[] = [];
    for (const block of blocks) {
      if (this.seen.failure !== undefined || this.seen.done) break;
      if (block.message === undefined) {
        out.push(block.raw);
        continue;
      }
      this.#weigh(block.message.event, block.raw.length);
      const verdict = this.#tap.event(block.message);
      if (this.seen.failure !== undefined || verdict === "drop") continue;
      out.push(this.#renamed(block.raw, block.message));
      // Nothing is waited for behind the end, and the other half of its line end may be just what comes next.
      if (this.seen.done && block.raw.at(-1) === carriageReturn && block.raw.includes("\r\n")) out.push(lineFeed);
    }
    return out.length === 1 ? (out[0] ?? nothing) : out.length === 0 ? nothing : Buffer.concat(out);
  }

  /** Counts a piece of text. Events that have a name are pieces where it says so. */
  #weigh(event: string, size: number): void {
    if (event !== "" && !event.includes("delta")) return;
    const { pieces = 0, letters = 0 } = this.seen;
    const shorter = size < this.#shortest && pieces > 0 ? (this.#shortest - size) * pieces : 0;
    this.#shortest = Math.min(this.#shortest, size);
    this.seen.pieces = pieces + 1;
    this.seen.letters = letters + shorter + size - this.#shortest;
  }

  #renamed(raw: Buffer, message: WireEvent): Buffer {
    if (this.#echoModel === undefined) return raw;
    const renamed = renameModel(this.#codec, Buffer.from(message.data), this.#echoModel);
    if (renamed === undefined) return raw;
    if (this.#codec.framing === "ndjson") return Buffer.concat([renamed, lineFeed]);
    const event = message.event === "" ? "" : `event: ${message.event}\n`;
    // Data of several lines: between the tokens of JSON a space means the same.
    return Buffer.from(`${event}data: ${renamed.toString().replaceAll(/[\r\n]+/g, " ")}\n\n`);
  }
}

/** A backend's stream as canonical events, past the features' stages. */
export class DecodedStream {
  readonly #splitter: Splitter;
  readonly #limit: number;
  readonly #decoder: Machine<WireEvent, AnswerEvent>;
  readonly #stages: Machine<AnswerEvent, AnswerEvent>;

  constructor(backend: Codec, options: TranslationOptions & { readonly limit: number }) {
    this.#splitter = newSplitter(backend, options.limit);
    this.#limit = options.limit;
    this.#decoder = backend.egress.streamDecoder({ id: options.id });
    this.#stages = chain(options.stages);
  }

  push(chunk: Buffer): AnswerEvent[] {
    const events = this.#decode(this.#splitter.push(chunk));
    if (this.#splitter.overflow) events.push({ type: "failure", failure: tooLong(this.#limit) });
    return events;
  }

  /** What is still to come. @param finished The answer was complete before: half an event behind it is nothing. */
  end(finished: boolean): AnswerEvent[] {
    const events = this.#decode(leftOver(this.#splitter, finished));
    return [...events, ...this.#pass(this.#decoder.end()), ...this.#stages.end()];
  }

  #decode(blocks: readonly StreamBlock[]): AnswerEvent[] {
    const out: AnswerEvent[] = [];
    for (const { message } of blocks) {
      if (message === undefined) continue;
      for (const event of this.#decoder.push(message)) {
        for (const passed of this.#stages.push(event)) out.push(passed);
      }
    }
    return out;
  }

  #pass(events: readonly AnswerEvent[]): readonly AnswerEvent[] {
    return events.flatMap((event) => this.#stages.push(event));
  }
}

/** `translate`: the backend's events are decoded and encoded again for the client. */
export class TranslatedStream implements Interpreter {
  readonly seen: Observation;
  readonly #decoded: DecodedStream;
  readonly #encoder: ClientEncoder;

  constructor(backend: Codec, encoder: ClientEncoder, options: TranslationOptions & { readonly limit: number }) {
    this.#decoded = new DecodedStream(backend, options);
    this.#encoder = encoder;
    this.seen = encoder.seen;
  }

  push(chunk: Buffer): Buffer {
    return Buffer.from(this.#encoder.push(this.#decoded.push(chunk)));
  }

  end(): Buffer {
    return Buffer.from(this.#encoder.push(this.#decoded.end(this.seen.finished)) + this.#encoder.end());
  }

  fail(why: Failure): Buffer {
    return this.#encoder.fail(why);
  }
}

/** The event that the stream's end left without its blank line. Half an event behind the terminal one is nothing. */
function leftOver(splitter: Splitter, finished: boolean): readonly StreamBlock[] {
  return splitter.end().filter(({ message }) => {
    if (message === undefined || message.data === "") return false;
    return !finished || parseJson(message.data) !== undefined;
  });
}

/** Canonical events as a client's stream, or as the piece of it that one attempt tells. */
export interface ClientEncoder {
  readonly seen: Observation;
  push(events: readonly AnswerEvent[]): string;
  /** What follows the last event; empty unless the answer was whole. */
  end(): string;
  /** The event that tells the client, in mid-stream, that the answer failed. */
  fail(failure: Failure): Buffer;
}

/** What writes events as a client's stream notes what they say, and how they end. */
export abstract class ObservedEncoder implements ClientEncoder {
  protected readonly observer = new Observer();
  readonly seen: Observation = this.observer.seen;
  /** Writes the stream. */
  protected abstract readonly machine: Machine<AnswerEvent, string>;

  abstract push(events: readonly AnswerEvent[]): string;

  end(): string {
    if (this.seen.failure !== undefined) return "";
    if (!this.seen.finished) {
      this.seen.failure = failure("broken-stream", "The upstream ended its answer before it was complete.");
      return "";
    }
    return this.machine.end().join("");
  }

  fail(why: Failure): Buffer {
    return Buffer.from(this.machine.push({ type: "failure", failure: why }).join(""));
  }
}

/** Canonical events as a client's stream. */
export class EncodedStream extends ObservedEncoder {
  protected readonly machine: Machine<AnswerEvent, string>;

  constructor(client: Codec, context: AnswerContext) {
    super();
    this.machine = client.ingress.streamEncoder(context);
  }

  push(events: readonly AnswerEvent[]): string {
    let text = "";
    for (const event of events) {
      this.observer.note(event);
      if (this.seen.failure !== undefined) break;
      for (const piece of this.machine.push(event)) text += piece;
    }
    return text;
  }
}

/** A whole answer made ready for the client. */
export interface WholeAnswer {
  readonly bytes: Buffer;
  readonly seen: Observation;
}

/** `tap` on a whole answer: the same bytes, but for the model's name where the client is to see its own. */
export function tapWhole(
  codec: Codec,
  bytes: Buffer,
  options: TapOptions & { readonly echoModel: string | undefined },
): WholeAnswer {
  const tap = codec.egress.tap(options);
  // Nothing of it is written again, so that the digits of large numbers do not matter.
  const body = parseJson(bytes.toString("utf8"));
  if (!isJsonObject(body)) tap.seen.failure = notJson();
  else tap.whole(body);
  const renamed = options.echoModel === undefined ? undefined : renameModel(codec, bytes, options.echoModel);
  return { bytes: renamed ?? bytes, seen: tap.seen };
}

/** A whole answer's events, whatever shape the backend chose to send it in. */
export function readWhole(
  codec: Codec,
  bytes: Buffer,
  options: TranslationOptions & { readonly streamed: boolean },
): readonly AnswerEvent[] {
  if (options.streamed) {
    const decoded = new DecodedStream(codec, { ...options, limit: bytes.length + 1 });
    return [...decoded.push(bytes), ...decoded.end(false)];
  }
  const stages = chain(options.stages);
  return [...readBody(codec, bytes, options.id).flatMap((event) => stages.push(event)), ...stages.end()];
}

function readBody(codec: Codec, bytes: Buffer, id: string): readonly AnswerEvent[] {
  const body = parseObject(bytes);
  return body === undefined ? [{ type: "failure", failure: notJson() }] : codec.egress.readAnswer(body, { id });
}

/** Events as a whole answer for the client. */
export function writeWhole(client: Codec, events: readonly AnswerEvent[], context: AnswerContext): WholeAnswer {
  const observer = new Observer();
  const seen = observer.seen;
  for (const event of events) {
    observer.note(event);
    if (seen.failure !== undefined) return { bytes: nothing, seen };
  }
  if (!seen.finished) {
    seen.failure = failure("bad-response", "The upstream's answer is not complete.");
    return { bytes: nothing, seen };
  }
  return { bytes: Buffer.from(client.ingress.writeAnswer(events, context)), seen };
}

/** A request body as codecs may look at it, parsed only where they ask. */
export function viewOf(rope: Rope, object: ScannedObject): RequestView {
  return {
    field: (name) => readField(rope, object, name),
    roles: object.roles,
    contains(text, name) {
      if (name === undefined) return rope.includes(text);
      const field = object.fields.find((candidate) => candidate.name === name);
      return field !== undefined && rope.includes(text, field.valueStart, field.valueEnd);
    },
  };
}

export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

export function parseObject(bytes: Buffer): JsonObject | undefined {
  return parseExactObject(bytes.toString("utf8"));
}

function renameModel({ egress }: Codec, json: Buffer, model: string): Buffer | undefined {
  const field = egress.modelField;
  const scan = scanObject(json, 64);
  if (field === undefined || !scan.ok || !scan.object.fields.some(({ name }) => name === field)) return undefined;
  return splice(json, scan.object, [{ kind: "set", field, value: model }]);
}

function tooLong(limit: number): Failure {
  return failure("broken-stream", `The upstream sent an event of more than ${limit} bytes.`);
}

function notJson(): Failure {
  return failure("bad-response", "The upstream's answer is not a JSON object.");
}
