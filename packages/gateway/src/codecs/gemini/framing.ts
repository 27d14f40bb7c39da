import type { Failure } from "../../kernel/failure.ts";
import type { Json } from "../../kernel/json.ts";
import { writeError } from "./errors.ts";

/** Google ends its lines so; `data:` without the space breaks the Gemini CLI and the Python SDK. */
export function dataEvent(value: Json): string {
  return `data: ${JSON.stringify(value)}\r\n\r\n`;
}

/** The event that ends a stream in failure. The SDKs throw on any event that has an `error`. */
export function writeStreamError(failure: Failure): string {
  return dataEvent(writeError(failure));
}

/** Puts what a stream says into its form. */
export interface Framing {
  value(value: Json): string;
  /** What stands behind the last value. */
  readonly end: string;
}

export const eventFraming: Framing = { value: dataEvent, end: "" };

/** One JSON list, which grows, for clients that did not ask for events (`alt=sse`). Errors are its last entry. */
export class ArrayFraming implements Framing {
  #begun = false;

  value(value: Json): string {
    const before = this.#begun ? "\n,\r\n" : "[";
    this.#begun = true;
    return before + JSON.stringify(value);
  }

  get end(): string {
    return this.#begun ? "\n]" : "[]";
  }
}
