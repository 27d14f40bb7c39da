import assert from "node:assert/strict";
import { test } from "node:test";
import type { FailureKind } from "../../kernel/failure.ts";
import { OutboundRefused } from "../door.ts";
import { transportFailure } from "./transport-error.ts";

const coded = (code: string, more: object = {}) =>
  Object.assign(new Error(`secret details of ${code}`), { code, ...more });

const cases: readonly (readonly [name: string, error: unknown, answered: boolean, kind: FailureKind, text: RegExp])[] =
  [
    ["a refused connection", coded("ECONNREFUSED"), false, "unreachable", /is the server running/u],
    ["an unknown name", coded("ENOTFOUND"), false, "unreachable", /does not resolve/u],
    ["a resolver in trouble", coded("EAI_AGAIN"), false, "unreachable", /could not be resolved/u],
    ["no route", coded("EHOSTUNREACH"), false, "unreachable", /cannot be reached/u],
    ["a late connection", coded("UND_ERR_CONNECT_TIMEOUT"), false, "timeout-connect", /in time/u],
    ["a refused address", new OutboundRefused("metadata"), false, "outbound-refused", /metadata/u],
    [
      "a reset of a fresh connection",
      coded("ECONNRESET", { reused: false }),
      false,
      "unreachable",
      /without answering/u,
    ],
    ["a reset of a used connection", coded("ECONNRESET", { reused: true }), false, "stale-connection", /kept-alive/u],
    ["a broken pipe of a used connection", coded("EPIPE", { reused: true }), false, "stale-connection", /kept-alive/u],
    [
      "a used connection that was closed",
      coded("UND_ERR_SOCKET", { socket: { bytesRead: 7 } }),
      false,
      "stale-connection",
      /kept-alive/u,
    ],
    [
      "a fresh connection that was closed",
      coded("UND_ERR_SOCKET", { socket: { bytesRead: 0 } }),
      false,
      "unreachable",
      /without answering/u,
    ],
    [
      "a reset within the answer",
      coded("ECONNRESET", { reused: true }),
      true,
      "broken-stream",
      /before its answer was complete/u,
    ],
    [
      "something else within the answer",
      coded("HPE_INVALID_CHUNK_SIZE"),
      true,
      "broken-stream",
      /HPE_INVALID_CHUNK_SIZE/u,
    ],
    ["what is not HTTP", coded("HPE_INVALID_CONSTANT"), false, "bad-response", /not HTTP/u],
    ["two lengths", coded("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"), false, "bad-response", /not HTTP/u],
    ["too large a head", coded("UND_ERR_HEADERS_OVERFLOW"), false, "bad-response", /not HTTP/u],
    ["a certificate of its own", coded("DEPTH_ZERO_SELF_SIGNED_CERT"), false, "unreachable", /TLS/u],
    ["a certificate of another", coded("ERR_TLS_CERT_ALTNAME_INVALID"), false, "unreachable", /TLS/u],
    ["a certificate that has expired", coded("CERT_HAS_EXPIRED"), false, "unreachable", /TLS/u],
    ["plain text where TLS was expected", coded("EPROTO"), false, "unreachable", /TLS/u],
    [
      "several addresses that all fail",
      Object.assign(new AggregateError([coded("ECONNREFUSED"), coded("EHOSTUNREACH")]), { code: "ECONNREFUSED" }),
      false,
      "unreachable",
      /is the server running/u,
    ],
    ["what nobody foresaw", coded("E_STRANGE"), false, "unreachable", /E_STRANGE/u],
    ["an error without a code", new TypeError("secret details"), false, "unreachable", /TypeError/u],
    ["what is no error", "secret details", false, "unreachable", /Error/u],
  ];
for (const [name, error, answered, kind, text] of cases) {
  test(`${name} is ${kind}, and its own words are kept back`, () => {
    const failure = transportFailure(error, "up", answered);
    assert.equal(failure.kind, kind);
    assert.match(failure.message, text);
    assert.match(failure.message, /\bup\b/u);
    assert.doesNotMatch(failure.message, /secret/u);
  });
}
