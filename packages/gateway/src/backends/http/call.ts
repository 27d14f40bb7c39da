import type { Dispatcher } from "undici";
import { failure } from "../../kernel/failure.ts";
import type { Flow, WireReceiver } from "../types.ts";
import { newInflater } from "./inflate.ts";
import type { Inflater } from "./inflate.ts";
import { transportFailure } from "./transport-error.ts";

type Headers = Record<string, string | string[] | undefined>;

/** One request on its way: undici's callbacks on one side, the relay's on the other. */
export class HttpCall implements Dispatcher.DispatchHandler, Flow {
  readonly #name: string;
  #receiver: WireReceiver | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #inflater: Inflater | undefined;
  #answered = false;
  #cancelled = false;
  #paused = false;
  #inflaterFull = false;

  /** @param name The endpoint's, for messages. */
  constructor(name: string, receiver: WireReceiver) {
    this.#name = name;
    this.#receiver = receiver;
  }

  pause(): void {
    this.#paused = true;
    this.#inflater?.pause();
    this.#controller?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#inflater?.resume();
    if (!this.#inflaterFull) this.#controller?.resume();
  }

  cancel(): void {
    if (this.#cancelled || this.#receiver === undefined) return;
    this.#cancelled = true;
    this.#receiver = undefined;
    this.#inflater?.destroy();
    // While the connection is still being made there is no controller; `onRequestStart` makes up for it.
    this.#controller?.abort(new Error("cancelled"));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#cancelled) controller.abort(new Error("cancelled"));
    else if (this.#paused) controller.pause();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return;
    this.#answered = true;
    const coding = single(headers["content-encoding"])?.trim().toLowerCase() ?? "identity";
    if (coding !== "identity" && coding !== "") {
      this.#inflater = newInflater(coding);
      if (this.#inflater === undefined) {
        return this.#fail(`${this.#name} answered with the unknown content coding '${coding.slice(0, 40)}'.`);
      }
      this.#inflater.listen({
        data: (chunk) => this.#receiver?.data(chunk),
        end: () => this.#end(),
        fail: () => this.#fail(`${this.#name} answered with a body that is not valid ${coding}, or was cut.`),
        drained: () => {
          this.#inflaterFull = false;
          if (!this.#paused) this.#controller?.resume();
        },
      });
    }
    this.#receiver?.head(status, (name) => single(headers[name]));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#inflater === undefined) {
      this.#receiver?.data(chunk);
    } else if (!this.#inflater.write(chunk)) {
      this.#inflaterFull = true;
      controller.pause();
    }
  }

  onResponseEnd(): void {
    if (this.#inflater === undefined) this.#end();
    else this.#inflater.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.#inflater?.destroy();
    receiver?.fail(transportFailure(error, this.#name, this.#answered));
  }

  #end(): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.end();
  }

  #fail(message: string): void {
    const receiver = this.#receiver;
    this.cancel();
    receiver?.fail(failure("bad-response", message));
  }
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
