import assert from "node:assert/strict";
import { test } from "node:test";
import { guard, isAllowedHost, isAllowedOrigin, isLoopback } from "./guard.ts";

/** URL, headers as Node gives them, and whether they pass. */
const heads: readonly (readonly [name: string, url: string, rawHeaders: readonly string[], passes: boolean])[] = [
  ["a plain request", "/v1/models", ["Host", "a"], true],
  ["the root", "/", ["host", "a"], true],
  ["a query", "/v1?x=//y", ["Host", "a"], true],
  ["a doubled slash further on", "/v1//models", ["Host", "a"], true],
  ["chunked", "/", ["Host", "a", "Transfer-Encoding", "chunked"], true],
  ["chunked in capitals", "/", ["Host", "a", "TRANSFER-ENCODING", "Chunked"], true],
  ["a length", "/", ["Host", "a", "Content-Length", "5"], true],
  ["one Authorization", "/", ["Host", "a", "Authorization", "Bearer x"], true],
  [
    "other headers of the same lengths",
    "/",
    ["Host", "a", "from", "b", "x-header-name", "1", "x-header-names", "2"],
    true,
  ],
  ["no Host", "/", [], false],
  ["two Hosts", "/", ["Host", "a", "host", "a"], false],
  ["two lengths", "/", ["Host", "a", "Content-Length", "5", "content-length", "5"], false],
  ["both lengths", "/", ["Host", "a", "Content-Length", "5", "Transfer-Encoding", "chunked"], false],
  [
    "both lengths the other way round",
    "/",
    ["Host", "a", "Transfer-Encoding", "chunked", "Content-Length", "5"],
    false,
  ],
  ["gzip", "/", ["Host", "a", "Transfer-Encoding", "gzip"], false],
  ["gzip and chunked", "/", ["Host", "a", "Transfer-Encoding", "gzip, chunked"], false],
  ["chunked with a blank", "/", ["Host", "a", "Transfer-Encoding", "chunked "], false],
  ["an empty coding", "/", ["Host", "a", "Transfer-Encoding", ""], false],
  ["chunked twice", "/", ["Host", "a", "Transfer-Encoding", "chunked", "transfer-encoding", "chunked"], false],
  ["two Authorizations", "/", ["Host", "a", "Authorization", "Bearer x", "AUTHORIZATION", "Bearer x"], false],
  ["two slashes", "//evil/..;/admin", ["Host", "a"], false],
  ["an absolute target", "http://evil/", ["Host", "a"], false],
  ["a star", "*", ["Host", "a"], false],
  ["nothing", "", ["Host", "a"], false],
  ["a backslash", "/\\evil", ["Host", "a"], false],
  ["a fragment", "/v1#x", ["Host", "a"], false],
];

for (const [name, url, rawHeaders, passes] of heads) {
  test(`the guard ${passes ? "lets through" : "refuses"} ${name}`, () => {
    assert.equal(guard({ url, rawHeaders })?.kind, passes ? undefined : "bad-request");
  });
}

test("an address is this machine's own, in any notation that sockets use", () => {
  for (const address of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) assert.ok(isLoopback(address), address);
  for (const address of ["10.0.0.1", "::", "0.0.0.0", "::ffff:10.0.0.1", "1.127.0.0", "", undefined]) {
    assert.equal(isLoopback(address), false, address);
  }
});

test("a Host is ours when it is a name of this machine or configured, with any port", () => {
  const allowed = ["gate.example"];
  const ours = ["localhost", "LocalHost:1", "127.0.0.1:65535", "127.3.2.1", "[::1]", "[::1]:4141", "a.localhost"];
  for (const host of [...ours, "gate.example", "GATE.example:443"]) assert.ok(isAllowedHost(host, allowed), host);
  const foreign = ["evil", "localhost.evil", "127.0.0.1.evil", "xlocalhost", "localhost:", "localhost:123456", "::1"];
  const odd = [
    "",
    "localhost/",
    "localhost#",
    "localhost?",
    "a@localhost",
    "127.0.0.1 ",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
  ];
  for (const host of [...foreign, ...odd, "sub.gate.example", undefined]) {
    assert.equal(isAllowedHost(host, allowed), false, host);
  }
});

test("an origin is ours when it is the Host's own or configured", () => {
  const host = "localhost:4141";
  for (const origin of [undefined, "http://localhost:4141", "https://localhost:4141", "https://app.example"]) {
    assert.ok(isAllowedOrigin(origin, host, ["https://app.example"]), origin);
  }
  for (const origin of ["null", "http://localhost", "http://localhost:41411", "https://app.example.evil", "", "*"]) {
    assert.equal(isAllowedOrigin(origin, host, ["https://app.example"]), false, origin);
  }
  assert.ok(isAllowedOrigin("https://anything", host, ["*"]));
  assert.equal(isAllowedOrigin("http://undefined", undefined, []), false);
});
