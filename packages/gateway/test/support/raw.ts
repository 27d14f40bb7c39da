import { connect } from "node:net";

/** Requests that no HTTP client would send. */

export interface RawAnswer {
  /** Absent where no status line came. */
  readonly status?: number;
  /** Status line and header lines, without the blank line. */
  readonly head: string;
  /** With the chunks of a chunked body put together. */
  readonly body: string;
  /** How it ended: the answer was complete and the connection stays open, the server closed or reset it, or time ran out. */
  readonly closed: "open" | "end" | "reset" | "timeout";
  /** All bytes that came. */
  readonly bytes: Buffer;
  /** Bytes that the connection took before it ended. */
  readonly sent: number;
}

interface Parsed {
  readonly status?: number;
  readonly head: string;
  readonly body: Buffer;
  readonly complete: boolean;
}

function dechunk(bytes: Buffer): { readonly body: Buffer; readonly complete: boolean } {
  const parts: Buffer[] = [];
  for (let place = 0; ;) {
    const end = bytes.indexOf("\r\n", place);
    const size = end < 0 ? Number.NaN : Number.parseInt(bytes.toString("latin1", place, end), 16);
    if (Number.isNaN(size) || end + 2 + size > bytes.length) return { body: Buffer.concat(parts), complete: false };
    if (size === 0) return { body: Buffer.concat(parts), complete: true };
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    place = end + 2 + size + 2;
  }
}

/** The first final answer among the bytes; informational ones are skipped. */
function parse(bytes: Buffer): Parsed {
  const split = bytes.indexOf("\r\n\r\n");
  if (split < 0) return { head: bytes.toString("latin1"), body: Buffer.alloc(0), complete: false };
  const head = bytes.toString("latin1", 0, split);
  const code = /^HTTP\/1\.[01] (\d{3})/u.exec(head)?.[1];
  const rest = bytes.subarray(split + 4);
  if (code === undefined) return { head, body: rest, complete: false };
  const status = Number(code);
  if (status < 200 && status !== 101) return parse(rest);
  if (/^transfer-encoding:.*chunked/imu.test(head)) return { status, head, ...dechunk(rest) };
  const length = /^content-length: *(\d+)/imu.exec(head)?.[1];
  const bodiless = status === 204 || status === 304 || status === 101;
  const complete = bodiless || (length !== undefined && rest.length >= Number(length));
  return { status, head, body: rest, complete };
}

/**
 * Sends bytes and waits for the answer. Several pieces are written one after the other, `pause` milliseconds apart.
 * Returns when the answer is complete (and, where it says `connection: close`, the connection is closed), when the
 * connection ends, or after `timeout` milliseconds (2000 unless told). `end` half-closes after the last piece.
 */
export async function rawRequest(
  port: number,
  pieces: string | Uint8Array | readonly (string | Uint8Array)[],
  options: { readonly timeout?: number; readonly pause?: number; readonly end?: boolean } = {},
): Promise<RawAnswer> {
  const list = typeof pieces === "string" || pieces instanceof Uint8Array ? [pieces] : pieces;
  const { promise, resolve } = Promise.withResolvers<RawAnswer>();
  const chunks: Buffer[] = [];
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const settle = (closed: RawAnswer["closed"]): void => {
    clearTimeout(timer);
    const bytes = Buffer.concat(chunks);
    const { status, head, body } = parse(bytes);
    resolve({
      ...(status === undefined ? {} : { status }),
      head,
      body: body.toString(),
      closed,
      bytes,
      sent: socket.bytesWritten,
    });
    socket.destroy();
  };
  const timer = setTimeout(() => settle("timeout"), options.timeout ?? 2000);
  socket.on("data", (chunk) => {
    chunks.push(chunk);
    const { complete, head } = parse(Buffer.concat(chunks));
    if (complete && !/^connection:.*close/imu.test(head)) settle("open");
  });
  socket.on("end", () => settle("end"));
  socket.on("error", () => settle("reset"));
  for (const [index, piece] of list.entries()) {
    if (index > 0) await new Promise((done) => setTimeout(done, options.pause ?? 0));
    if (socket.destroyed) break;
    if (!socket.write(piece)) await Promise.race([new Promise((done) => socket.once("drain", done)), promise]);
  }
  if (options.end === true && !socket.destroyed) socket.end();
  return promise;
}

/** A well-formed POST with a JSON body, to be spoilt by the caller. */
export function rawPost(path: string, body: string, headers: readonly string[] = []): string {
  const lines = [
    "Host: 127.0.0.1",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ];
  return `POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}
