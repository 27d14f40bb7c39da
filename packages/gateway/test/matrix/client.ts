import type { JsonObject } from "../../src/kernel/json.ts";

export interface ToolOffer {
  readonly name: string;
  readonly description: string;
  readonly schema: JsonObject;
}

/** What a person wants, in no protocol's words. */
export interface Wish {
  readonly system?: string;
  readonly prompt: string;
  /** Base64 of a PNG. */
  readonly image?: string;
  readonly tools?: readonly ToolOffer[];
  readonly schema?: JsonObject;
  readonly reasoning?: boolean;
  readonly stream: boolean;
  readonly signal?: AbortSignal;
}

export interface HeardCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
}

/** What a client understood of an answer. */
export interface Heard {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly HeardCall[];
  readonly input?: number | undefined;
  readonly output?: number | undefined;
  /** Pieces of text that came one by one. */
  readonly pieces: number;
}

/** What a tool answers to a call. */
export type Run = (call: HeardCall) => string;

export interface Place {
  /** The gateway's origin. */
  readonly url: string;
  readonly model: string;
}

/** An SDK that people use. */
export interface Client {
  readonly name: string;
  /** Asks, and goes on as long as the model calls tools; the last answer and the ones before. Rejects with its own error. */
  converse(place: Place, wish: Wish, run: Run): Promise<readonly Heard[]>;
  /** The HTTP status that an error of this client's names. */
  statusOf(error: unknown): number | undefined;
  /** What it cannot do: cells that are left out, each with the reason. */
  readonly limits: { readonly [cell: string]: string };
}

/** The longest conversation of a test. */
export const mostTurns = 4;

export function statusField(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  for (const name of ["status", "statusCode", "status_code", "code"]) {
    const value: unknown = Reflect.get(error, name);
    if (typeof value === "number") return value;
  }
  return statusField(Reflect.get(error, "cause")) ?? statusField(Reflect.get(error, "lastError"));
}
