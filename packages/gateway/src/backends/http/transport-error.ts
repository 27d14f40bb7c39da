import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";

/** What undici and Node's sockets tell of a failure. */
interface TransportError extends Error {
  readonly code?: string;
  /** Set by the door. */
  readonly reused?: boolean;
  /** Set by undici when the other side closed. */
  readonly socket?: { readonly bytesRead?: number };
  readonly errors?: readonly TransportError[];
}

const unreachable: { readonly [code: string]: string } = {
  ECONNREFUSED: "refused the connection; is the server running?",
  ENOTFOUND: "has a host name that does not resolve",
  EAI_AGAIN: "has a host name that could not be resolved just now",
  EHOSTUNREACH: "cannot be reached from here",
  ENETUNREACH: "cannot be reached from here",
  EADDRNOTAVAIL: "cannot be reached from here",
  ETIMEDOUT: "did not accept the connection in time",
};

const tls = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/;
const notHttp = /^(?:HPE_|UND_ERR_HEADERS|UND_ERR_RES|HTTPParserError$)/;
const closed = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "UND_ERR_CLOSED", "UND_ERR_DESTROYED"]);

/**
 * A transport error by meaning. The text of the error itself is not passed on, since it may hold anything; its code is.
 *
 * @param name The endpoint, for the message.
 * @param answered Whether the head of an answer had come.
 */
export function transportFailure(error: unknown, name: string, answered: boolean): Failure {
  const cause = firstCause(error);
  const code = cause.code ?? cause.name;
  if (code === "PATCHBAY_OUTBOUND_REFUSED") return failure("outbound-refused", `${name}: ${cause.message}.`);
  if (code === "UND_ERR_CONNECT_TIMEOUT") {
    return failure("timeout-connect", `${name} did not accept the connection in time.`, { upstreamCode: code });
  }
  if (answered) {
    return failure("broken-stream", `The connection to ${name} broke before its answer was complete (${code}).`, {
      upstreamCode: code,
    });
  }
  if (closed.has(code)) {
    // Bytes that were read on this connection belong to an earlier answer, so it was a kept-alive one.
    const reused = cause.reused ?? (cause.socket?.bytesRead ?? 0) > 0;
    return reused
      ? failure("stale-connection", `${name} closed a kept-alive connection as it was used (${code}).`, {
          upstreamCode: code,
        })
      : failure("unreachable", `${name} closed the connection without answering (${code}).`, { upstreamCode: code });
  }
  if (tls.test(code)) {
    return failure("unreachable", `${name}: the TLS connection failed (${code}).`, { upstreamCode: code });
  }
  const words = unreachable[code];
  if (words !== undefined) {
    return failure("unreachable", `${name} ${words} (${code}).`, { upstreamCode: code, unsent: true });
  }
  if (notHttp.test(code)) {
    return failure("bad-response", `${name} answered with something that is not HTTP (${code}).`, {
      upstreamCode: code,
    });
  }
  return failure("unreachable", `The request to ${name} failed (${code}).`, { upstreamCode: code });
}

/** With several addresses to try, the errors come wrapped; the first one speaks for all. */
function firstCause(error: unknown): TransportError {
  if (!(error instanceof Error)) return new Error("unknown");
  const wrapped: TransportError = error;
  return wrapped.errors?.[0] ?? wrapped;
}
