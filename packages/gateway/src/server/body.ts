import type { IncomingMessage } from "node:http";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import { Rope } from "../wire/rope.ts";

type Outcome = { readonly ok: true; readonly rope: Rope } | { readonly ok: false; readonly failure: Failure };

/** How many bytes of bodies may be held at a time, by all requests together. */
export class BodyBudget {
  readonly limit: number;
  #held = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  take(bytes: number): boolean {
    if (this.#held + bytes > this.limit) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

export interface BodyLimits {
  /** Bytes of this body. */
  readonly limit: number;
  readonly budget: BodyBudget;
}

/**
 * Reads a request body, counting as it comes: what is too large is refused as soon as that is known, not after.
 * `done` is called once, or never when the client leaves before its body is whole.
 *
 * @returns how many bytes have been taken from the budget so far; to be given back when the request is over.
 */
export function readBody(
  request: IncomingMessage,
  { limit, budget }: BodyLimits,
  done: (outcome: Outcome) => void,
): () => number {
  let taken = 0;
  const length = request.headers["content-length"];
  const announced = length === undefined ? undefined : Number(length);
  if (announced !== undefined && announced > limit) {
    done({ ok: false, failure: tooLarge(limit) });
    return () => 0;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  const data = (chunk: Buffer) => {
    size += chunk.length;
    const allowed = size <= limit && budget.take(chunk.length);
    if (!allowed) {
      request.off("data", data);
      request.off("end", end);
      chunks.length = 0;
      return done({ ok: false, failure: size > limit ? tooLarge(limit) : tooMany(budget.limit) });
    }
    taken += chunk.length;
    chunks.push(chunk);
  };
  const end = () => done({ ok: true, rope: new Rope(chunks) });
  request.on("data", data);
  request.on("end", end);
  request.on("error", ignore);
  return () => taken;
}

function tooMany(limit: number): Failure {
  return failure("overwhelmed", `The request bodies under way hold ${limit} bytes already. Try again in a moment.`);
}

function tooLarge(limit: number): Failure {
  return failure("too-large", `The request body is larger than ${limit} bytes (server.limits.body).`);
}

/** The response's close tells of a client that leaves; an error here would only say it again. */
function ignore(): void {}
