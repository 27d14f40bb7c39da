import { STATUS_CODES } from "node:http";
import type { ErrorAnswer } from "../relay/error-answer.ts";

/** An answer as bytes, for a socket whose request never became one; the connection ends with it. */
export function rawAnswer({ status, headers, body }: ErrorAnswer, requestId: string): Buffer {
  const flat = ["x-request-id", requestId, ...headers, "connection", "close"];
  const head = flat.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join("");
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n`), body]);
}
