import { headerText } from "../wire/headers.ts";
import type { Attempt } from "./attempt.ts";
import type { ExchangeInput } from "./types.ts";

/** What the head of an answer says of its body; names and values in turn. @param length Bytes of an unstreamed answer. */
export function contentHeaders({ codec, body }: ExchangeInput, length: number | undefined): string[] {
  const headers = body.stream
    ? // The last keeps reverse proxies of the nginx family from holding events back.
      ["content-type", codec.ingress.streamContentType, "cache-control", "no-store", "x-accel-buffering", "no"]
    : ["content-type", "application/json; charset=utf-8"];
  if (length !== undefined) headers.push("content-length", String(length));
  return headers;
}

/** Who answered, as far as it is known. @param attempts How many there were. @param rescued One of them broke off. */
export function traceHeaders(attempts: number, attempt: Attempt | undefined, rescued: boolean): string[] {
  const headers = ["x-patchbay-attempts", String(attempts)];
  if (attempt?.firstAt === undefined) return headers;
  if (rescued) headers.push("x-patchbay-rescued", "true");
  headers.push("x-patchbay-endpoint", headerText(attempt.planned.endpoint));
  headers.push("x-patchbay-model", headerText(attempt.planned.model));
  if (attempt.losses.length === 0) return headers;
  const losses = [...new Set(attempt.losses.map(({ field }) => field))].join(",");
  headers.push("x-patchbay-loss", headerText(losses));
  return headers;
}
