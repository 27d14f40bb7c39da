import type { Clock } from "../kernel/clock.ts";
import { contentHeaders } from "./head.ts";
import { Holding } from "./holding.ts";
import type { ExchangeInput } from "./types.ts";

/** Whose answer it is. */
export interface ReplyOwner {
  /** What the head says of who answered; names and values in turn. */
  trace(): string[];
  /** The client reads more slowly than is written. */
  pause(): void;
  resume(): void;
}

/** The client's side of an exchange: its head, what was sent, what is kept back, and how slowly it is read. */
export class Reply {
  readonly #input: ExchangeInput;
  readonly #owner: ReplyOwner;
  readonly #clock: Clock;
  /** The answer that is kept back until it is complete (`rescue: hold`). */
  #holding: Holding | undefined;
  #lastWriteAt: number;
  #stalledAt: number | undefined;
  /** The head has been sent. */
  isOpen = false;
  /** Content has been sent: from here on nobody else can begin an answer. */
  isCommitted = false;
  /** Bytes sent, but for the last ones. */
  bytes = 0;

  constructor(input: ExchangeInput, owner: ReplyOwner, clock: Clock) {
    this.#input = input;
    this.#owner = owner;
    this.#clock = clock;
    this.#lastWriteAt = input.startedAt;
    if (input.body.stream && input.plan.model.rescue === "hold") this.#holding = new Holding(input.settings.answer);
    // Not assigned as it stands: decision 0021.
    const drained = () => this.#drained();
    input.client.onDrained = drained;
  }

  /** The client has not read what was sent. */
  get isStalled(): boolean {
    return this.#stalledAt !== undefined;
  }

  /** Whether it has not for too long. @param now Monotonic milliseconds. */
  isAbandoned(now: number): boolean {
    return this.#stalledAt !== undefined && now - this.#stalledAt > this.#input.settings.stall;
  }

  /** Sends content, or keeps it back. */
  send(content: Buffer): void {
    if (this.#holding?.keep(content) === true) return;
    const bytes = this.withHeld(content);
    this.open();
    this.isCommitted = true;
    this.#write(bytes);
  }

  /** These bytes with what was kept back before them; nothing is from here on. */
  withHeld(bytes: Buffer): Buffer {
    const held = this.#holding;
    this.#holding = undefined;
    return held === undefined ? bytes : held.release(bytes);
  }

  /** Forgets what was kept back. Returns whether there was anything. */
  forget(): boolean {
    return this.#holding?.drop() === true;
  }

  /** Sends the head of an answer if none has been sent. @param length Bytes of an unstreamed answer. */
  open(length?: number): void {
    if (this.isOpen) return;
    this.isOpen = true;
    this.#input.client.open(200, contentHeaders(this.#input, length).concat(this.#owner.trace()));
  }

  /** Ends an answer. @param trailers Names and values in turn. */
  end(last: Buffer, trailers?: readonly string[]): void {
    this.open(this.#input.body.stream ? undefined : last.length);
    this.#input.client.end(last, this.#input.settings.stall, trailers);
  }

  /** Answers with a failure, as long as no head was sent. */
  refuse(answer: { readonly status: number; readonly headers: readonly string[]; readonly body: Buffer }): void {
    this.isOpen = true;
    this.#input.client.open(answer.status, [...answer.headers, ...this.#owner.trace()]);
    this.#input.client.end(answer.body, this.#input.settings.stall);
  }

  /** Shows a client that waits for its stream that we live. @param isWhole What was sent last was a whole event. */
  keepAlive(now: number, isWhole: boolean): void {
    const { settings, body, codec } = this.#input;
    const { keepalive } = codec.ingress;
    if (!body.stream || settings.keepalive <= 0 || keepalive === "" || this.isStalled) return;
    if (now - this.#lastWriteAt < settings.keepalive || (this.isCommitted && !isWhole)) return;
    this.open();
    this.#write(Buffer.from(keepalive));
  }

  #write(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.#lastWriteAt = this.#clock.monotonic();
    if (this.#input.client.write(bytes)) return;
    this.#stalledAt ??= this.#lastWriteAt;
    // Each time: another attempt than the one that was paused may be writing.
    this.#owner.pause();
  }

  #drained(): void {
    if (!this.isStalled) return;
    this.#stalledAt = undefined;
    this.#owner.resume();
  }
}
