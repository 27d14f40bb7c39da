import assert from "node:assert/strict";
import { test } from "node:test";
import type { Failure } from "../kernel/failure.ts";
import { refuseAdmin } from "./caller.ts";

interface Given {
  readonly headers?: Parameters<typeof refuseAdmin>[0];
  readonly elsewhere?: true;
  readonly open?: "never";
}

/** Who is let into the control plane, however the gateway is bound. */
const rows: readonly (readonly [who: string, given: Given, kind: Failure["kind"] | undefined])[] = [
  ["a program on this machine", {}, undefined],
  ["the same under another name of ours", { headers: { host: "gateway.example:4141" } }, undefined],
  ["a program that adds a key", { headers: { authorization: "Bearer pbk_x" } }, undefined],
  [
    "the gateway's own page",
    { headers: { origin: "http://localhost:4141", "sec-fetch-site": "same-origin" } },
    undefined,
  ],
  ["somebody else", { elsewhere: true }, "unauthorized"],
  ["somebody else with a key", { elsewhere: true, headers: { authorization: "Bearer pbk_x" } }, "unauthorized"],
  ["anybody where open access is shut", { open: "never" }, "unauthorized"],
  ["a name that is not ours", { headers: { host: "rebind.example" } }, "misdirected"],
  ["no name", { headers: { host: "" } }, "misdirected"],
  ["a proxy, by X-Forwarded-For", { headers: { "x-forwarded-for": "203.0.113.1" } }, "unauthorized"],
  ["a proxy, by an empty header", { headers: { "x-real-ip": "" } }, "unauthorized"],
  ["a proxy, by Forwarded", { headers: { forwarded: "for=_hidden" } }, "unauthorized"],
  ["a proxy, by Via", { headers: { via: "1.1 proxy" } }, "unauthorized"],
  ["a page of an origin that may call models", { headers: { origin: "https://app.example" } }, "forbidden"],
  ["a page without an origin", { headers: { origin: "null" } }, "forbidden"],
  ["an image on another site's page", { headers: { "sec-fetch-site": "cross-site" } }, "forbidden"],
  ["a page of the same site", { headers: { "sec-fetch-site": "same-site" } }, "forbidden"],
];
for (const [who, { elsewhere, open = "loopback", headers }, kind] of rows) {
  test(`the control plane ${kind === undefined ? "lets in" : "refuses"} ${who}`, () => {
    const head = { host: "localhost:4141", ...headers };
    const peer = { loopback: elsewhere !== true };
    const refused = refuseAdmin(head, { open, hosts: ["gateway.example"] }, peer);
    assert.equal(refused?.kind, kind);
  });
}
