import { failure } from "../../../kernel/failure.ts";
import type { Failure } from "../../../kernel/failure.ts";
import type { JsonObject } from "../../../kernel/json.ts";
import { own } from "../../../kernel/json.ts";
import type { ClientSink } from "../../../relay/types.ts";
import { parseItem, textOf } from "./items.ts";
import { draft, errorIn, repeatedOf, ResponseReader } from "./reader.ts";
import type { Draft, Envelope, FinalResponse } from "./reader.ts";
import { headerIn } from "./recorder.ts";

/** Most bytes of events that a run keeps for being streamed again; the oldest go first. */
export const replayLimit = 4_194_304;

/** What an event costs beside its text, in bytes: there may be many that say next to nothing. */
const eventCost = 200;

/** Hears of a run under way. */
export interface Follower {
  /** There is more to be read, or the run is over. */
  more(): void;
  /** Something that only shows that we live. */
  beat(bytes: Buffer): void;
}

export interface RunEvent {
  readonly sequence: number;
  readonly raw: Buffer;
}

export interface RunOptions {
  readonly request: JsonObject;
  readonly about: Omit<Draft, "status" | "error">;
  readonly envelope: Envelope;
  /** Most bytes of one event. */
  readonly limit: number;
  /** Hears how it ended, once. */
  readonly done: (outcome: RunOutcome) => void;
}

export interface RunOutcome {
  /** Absent when the answer never became complete. */
  readonly final: FinalResponse | undefined;
  readonly endpoint: string | undefined;
}

/**
 * The client's side of an exchange whose client does not wait: gathers the events, for whoever asks later, and knows at
 * any time what the response looks like.
 */
export class Run implements ClientSink {
  onGone: () => void = nothing;
  onDrained: () => void = nothing;
  /** Ends the exchange; set by who began it. */
  abort: (why: Failure) => void = nothing;
  /** The exchange is done with us; set by who began it. */
  closed: () => void = nothing;
  readonly followers = new Set<Follower>();
  /** Gone when it is over, for a run is kept as long as its response. */
  #options: RunOptions | undefined;
  #reader: ResponseReader | undefined;
  readonly #events: RunEvent[] = [];
  readonly #refusal: Buffer[] = [];
  #object: Buffer;
  #status = 0;
  #endpoint: string | undefined;
  #bytes = 0;
  #sequence = -1;
  /** How many events were let go of. */
  #dropped = 0;
  #error: { readonly code: string; readonly message: string } | undefined;
  #over = false;

  constructor(options: RunOptions) {
    // Not all of the request: what it reads may be large, and is kept elsewhere.
    this.#options = { ...options, request: repeatedOf(options.request) };
    this.#reader = new ResponseReader(options.envelope, options.limit);
    this.#object = draft(options.request, { ...options.about, status: "queued" }, options.envelope);
  }

  get over(): boolean {
    return this.#over;
  }

  /** The response object as it is now, as JSON text. */
  get object(): Buffer {
    return this.#object;
  }

  /** Bytes that its events hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of the first event that is kept, and of the one to come. */
  get kept(): { readonly from: number; readonly to: number } {
    return { from: this.#dropped, to: this.#dropped + this.#events.length };
  }

  /** The event of this number, counted from 0. */
  event(index: number): RunEvent | undefined {
    return this.#events[index - this.#dropped];
  }

  cancel(): void {
    if (this.#over) return;
    this.#close("cancelled");
    this.abort(failure("cancelled", "The response was cancelled."));
  }

  open(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#endpoint = headerIn(headers, "x-patchbay-endpoint");
    if (status === 200 && this.#options !== undefined) {
      const { request, about, envelope } = this.#options;
      this.#object = draft(request, { ...about, status: "in_progress" }, envelope);
    }
  }

  /** Nobody reads, so that nobody reads slowly. */
  write(bytes: Buffer): boolean {
    if (this.#over) return true;
    if (this.#status === 200) this.#take(this.#reader?.push(bytes) ?? []);
    else this.#refusal.push(bytes);
    return true;
  }

  end(bytes: Buffer): void {
    this.write(bytes);
    if (!this.#over && this.#status === 200) this.#take(this.#reader?.end() ?? []);
    if (!this.#over && this.#status !== 200) this.#error = errorIn(Buffer.concat(this.#refusal));
    this.destroy();
  }

  destroy(): void {
    if (!this.#over) this.#close("failed");
    const { closed } = this;
    // These hold the exchange, with the whole of its request.
    this.onGone = this.onDrained = this.closed = nothing;
    this.abort = nothing;
    closed();
  }

  #take(blocks: ReturnType<ResponseReader["push"]>): void {
    for (const { raw, type, data, object, final } of blocks) {
      if (this.#over) return;
      if (type === undefined || data === undefined) {
        if (raw[0] === colon) for (const follower of this.followers) follower.beat(raw);
        continue;
      }
      if (type === "error") this.#error = errorIn(data);
      if (object !== undefined) this.#object = Buffer.from(object);
      this.#keep(data, raw);
      if (final !== undefined) this.#finish(final);
    }
    for (const follower of this.followers) follower.more();
  }

  #keep(data: Buffer, raw: Buffer): void {
    const event = parseItem(data);
    const given = event === undefined ? undefined : own(event, "sequence_number");
    this.#sequence = typeof given === "number" ? given : this.#sequence + 1;
    this.#events.push({ sequence: this.#sequence, raw: Buffer.from(raw) });
    this.#bytes += raw.length + eventCost;
    if (this.#bytes <= replayLimit) return;
    // Who follows closely has read the older half. Half at a time, since taking from the front moves all the rest.
    for (const follower of this.followers) follower.more();
    let gone = 0;
    while (this.#bytes > replayLimit / 2 && gone < this.#events.length)
      this.#bytes -= (this.#events[gone++]?.raw.length ?? 0) + eventCost;
    this.#events.splice(0, gone);
    this.#dropped += gone;
  }

  /** Ends without an answer of the backend's. */
  #close(status: "failed" | "cancelled"): void {
    if (this.#options === undefined) return;
    const { request, about, envelope } = this.#options;
    const error = this.#error ?? { code: "server_error", message: "The response broke off." };
    const ended: Draft = {
      ...about,
      status,
      ...(status === "failed" && { error: { code: error.code, message: error.message } }),
    };
    this.#object = draft(request, ended, envelope);
    const type = status === "failed" ? "response.failed" : "response.cancelled";
    const response = parseItem(this.#object) ?? {};
    const data = textOf({ type, sequence_number: this.#sequence + 1, response });
    this.#keep(data, Buffer.from(`event: ${type}\ndata: ${data.toString("utf8")}\n\n`));
    this.#finish(undefined);
    for (const follower of this.followers) follower.more();
  }

  #finish(final: FinalResponse | undefined): void {
    this.#over = true;
    const done = this.#options?.done;
    this.#options = this.#reader = undefined;
    this.#refusal.length = 0;
    done?.({ final, endpoint: this.#endpoint });
  }
}

const colon = 58;

function nothing(): void {}
