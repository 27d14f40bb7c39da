import type { IncomingMessage } from "node:http";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import { Rope } from "../wire/rope.ts";

type Outcome = { readonly ok: true; readonly rope: Rope } | { readonly ok: false; readonly failure: Failure };

/**
 * Reads a request body, counting as it comes: what is too large is refused as soon as that is known, not after.
 * `done` is called once, or never when the client leaves before its body is whole.
 *
 * @param limit Bytes.
 */
export function readBody(request: IncomingMessage, limit: number, done: (outcome: Outcome) => void): void {
  const length = request.headers["content-length"];
  const announced = length === undefined ? undefined : Number(length);
  if (announced !== undefined && announced > limit) return done({ ok: false, failure: tooLarge(limit) });
  const chunks: Buffer[] = [];
  let size = 0;
  const data = (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) {
      request.off("data", data);
      request.off("end", end);
      chunks.length = 0;
      return done({ ok: false, failure: tooLarge(limit) });
    }
    chunks.push(chunk);
  };
  const end = () => done({ ok: true, rope: new Rope(chunks) });
  request.on("data", data);
  request.on("end", end);
  request.on("error", ignore);
}

function tooLarge(limit: number): Failure {
  return failure("too-large", `The request body is larger than ${limit} bytes (server.limits.body).`);
}

/** The response's close tells of a client that leaves; an error here would only say it again. */
function ignore(): void {}
