import type { ClientSink } from "../../../relay/types.ts";
import { ResponseReader, readWhole } from "./reader.ts";
import type { Envelope, FinalResponse } from "./reader.ts";

/** A final response with who answered, as the answer's head says. */
export interface Answered {
  readonly final: FinalResponse;
  readonly endpoint: string | undefined;
}

export interface RecorderOptions {
  readonly stream: boolean;
  readonly envelope: Envelope;
  /** Most bytes of one event. */
  readonly limit: number;
  /** Hears of the final response, before the client does. */
  readonly done: (answered: Answered) => void;
}

/**
 * Stands before the client's side of an exchange: reads the answer as it goes out, and has it written down as soon as
 * it is complete. An answer that breaks off is not.
 */
export class Recorder implements ClientSink {
  readonly #inner: ClientSink;
  readonly #options: RecorderOptions;
  readonly #reader: ResponseReader;
  readonly #whole: Buffer[] = [];
  #head: { readonly status: number; readonly headers: readonly string[] } | undefined;
  #recording = false;

  constructor(inner: ClientSink, options: RecorderOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#reader = new ResponseReader(options.envelope, options.limit);
  }

  get onGone(): () => void {
    return this.#inner.onGone;
  }
  set onGone(listener: () => void) {
    this.#inner.onGone = listener;
  }
  get onDrained(): () => void {
    return this.#inner.onDrained;
  }
  set onDrained(listener: () => void) {
    this.#inner.onDrained = listener;
  }

  open(status: number, headers: readonly string[]): void {
    this.#head = { status, headers };
    this.#recording = status === 200;
    // A whole answer may change its length.
    if (!this.#recording || this.#options.stream) this.#inner.open(status, headers);
  }

  write(bytes: Buffer): boolean {
    if (!this.#recording) return this.#inner.write(bytes);
    if (!this.#options.stream) {
      this.#whole.push(bytes);
      return true;
    }
    const out = this.#read(bytes);
    return out.length === 0 || this.#inner.write(out);
  }

  end(bytes: Buffer, stall: number, trailers?: readonly string[]): void {
    if (!this.#recording) return this.#inner.end(bytes, stall, trailers);
    if (this.#options.stream) {
      const read = this.#read(bytes);
      const rest = this.#blocks(this.#reader.end());
      return this.#inner.end(Buffer.concat([read, rest]), stall, trailers);
    }
    const body = Buffer.concat([...this.#whole, bytes]);
    const final = readWhole(body, this.#options.envelope);
    if (final !== undefined) this.#done(final);
    const out = final?.object ?? body;
    this.#inner.open(200, withLength(this.#head?.headers ?? [], out.length));
    this.#inner.end(out, stall);
  }

  destroy(): void {
    this.#inner.destroy();
  }

  #read(bytes: Buffer): Buffer {
    const out = this.#blocks(this.#reader.push(bytes));
    // Without a change the bytes need not wait for the end of their event.
    return this.#options.envelope.size === 0 ? bytes : out;
  }

  #blocks(blocks: ReturnType<ResponseReader["push"]>): Buffer {
    for (const { final } of blocks) if (final !== undefined) this.#done(final);
    return this.#options.envelope.size === 0 ? Buffer.alloc(0) : Buffer.concat(blocks.map(({ raw }) => raw));
  }

  #done(final: FinalResponse): void {
    this.#options.done({ final, endpoint: headerIn(this.#head?.headers ?? [], "x-patchbay-endpoint") });
  }
}

export function headerIn(headers: readonly string[], wanted: string): string | undefined {
  const place = headers.findIndex((name, index) => index % 2 === 0 && name === wanted);
  return place === -1 ? undefined : headers[place + 1];
}

function withLength(headers: readonly string[], length: number): readonly string[] {
  const place = headers.findIndex((name, index) => index % 2 === 0 && name === "content-length");
  return place === -1 ? headers : headers.with(place + 1, String(length));
}
