import type { WebSocket } from "ws";
import type { JsonObject } from "../../../kernel/json.ts";
import type { ClientSink } from "../../../relay/types.ts";
import { textOf } from "./items.ts";
import { errorIn, ResponseReader } from "./reader.ts";
import type { Envelope, FinalResponse } from "./reader.ts";
import { headerIn } from "./recorder.ts";

/** Unsent bytes above which the upstream is asked to wait, and below which it may go on. */
const highWater = 1_048_576;
const lowWater = 65_536;

export interface SocketSinkOptions {
  readonly envelope: Envelope;
  /** Most bytes of one event. */
  readonly limit: number;
  /** Hears of the final response, before the client does. */
  readonly done: (answered: { readonly final: FinalResponse; readonly endpoint: string | undefined }) => void;
  /** Called once: the exchange is done with us. @param good A response that can be continued came. */
  readonly closed: (good: boolean) => void;
}

/** The client's side of an exchange over a WebSocket: each event is a message of its own. */
export class SocketSink implements ClientSink {
  onGone: () => void = nothing;
  onDrained: () => void = nothing;
  readonly #socket: WebSocket;
  readonly #options: SocketSinkOptions;
  readonly #reader: ResponseReader;
  readonly #refusal: Buffer[] = [];
  #status = 0;
  #endpoint: string | undefined;
  #blocked = false;
  #final = false;
  #good = false;
  #told = false;
  #over = false;

  constructor(socket: WebSocket, options: SocketSinkOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new ResponseReader(options.envelope, options.limit);
  }

  open(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#endpoint = headerIn(headers, "x-patchbay-endpoint");
  }

  write(bytes: Buffer): boolean {
    if (this.#status === 200) this.#take(this.#reader.push(bytes));
    else this.#refusal.push(bytes);
    this.#blocked ||= this.#socket.bufferedAmount > highWater;
    return !this.#blocked;
  }

  end(bytes: Buffer): void {
    this.write(bytes);
    if (this.#status === 200) this.#take(this.#reader.end());
    // Nobody is to wait for an end that will not come.
    if (this.#status !== 200) this.#send(errorMessage(this.#status, errorIn(Buffer.concat(this.#refusal)).whole));
    else if (!this.#final && !this.#told)
      this.#send(errorMessage(502, { message: "The response broke off.", code: "server_error" }));
    this.#close();
  }

  destroy(): void {
    this.#socket.terminate();
    this.#close();
  }

  /** The client has left. */
  gone(): void {
    if (this.#over) return;
    this.onGone();
    this.#close();
  }

  #take(blocks: ReturnType<ResponseReader["push"]>): void {
    for (const { type, data, final } of blocks) {
      if (type === undefined || data === undefined) continue;
      if (type === "error") {
        this.#told = true;
        this.#send(errorMessage(502, errorIn(data).whole));
        continue;
      }
      if (final !== undefined) {
        this.#final = true;
        this.#good = final.status === "completed" || final.status === "incomplete";
        this.#options.done({ final, endpoint: this.#endpoint });
      }
      this.#send(data);
    }
  }

  #send(data: Buffer): void {
    this.#socket.send(data, { binary: false }, () => {
      if (!this.#blocked || this.#socket.bufferedAmount > lowWater) return;
      this.#blocked = false;
      this.onDrained();
    });
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.closed(this.#good);
  }
}

/** How failures look on a socket: as over HTTP, with the status beside them. */
export function errorMessage(status: number, error: JsonObject): Buffer {
  const { type = "server_error", code = null, message = "The response failed.", param = null } = error;
  return textOf({ type: "error", status, error: { type, code, message, param } });
}

function nothing(): void {}
