import type { Codec } from "../kernel/codec.ts";
import type { Failure } from "../kernel/failure.ts";
import { readRetryAfter } from "../wire/headers.ts";
import { readBodyWait, readWait } from "../wire/reset.ts";
import { parseJson } from "./interpreter.ts";

/** Most bytes of an upstream's error body that are read. */
export const errorBodyLimit = 65_536;

/** An upstream's answer that is an error. */
export interface UpstreamError {
  readonly status: number;
  /** Its body, without the secrets of its endpoint. */
  readonly text: string;
  /** Milliseconds that its head asks to wait. */
  readonly wait: number | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** How long the head of an error asks to wait, in milliseconds. @param now Milliseconds since 1970. */
export function headWait(
  status: number,
  header: (name: string) => string | undefined,
  now: number,
): number | undefined {
  return readRetryAfter(header, now) ?? (status === 429 ? readWait(header, now) : undefined);
}

/** An upstream's error as a failure, with the time that its head or its body asks to wait. */
export function readUpstreamError({ egress }: Codec, { status, text, wait, now }: UpstreamError): Failure {
  const body = parseJson(text);
  const why = egress.readError(status, body);
  const retryAfter = wait ?? why.retryAfter ?? (status === 429 ? readBodyWait(body, now) : undefined);
  return retryAfter === undefined ? why : { ...why, retryAfter };
}
