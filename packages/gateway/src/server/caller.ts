import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Credentials } from "../auth/credentials.ts";
import type { Identity } from "../auth/identity.ts";
import type { AccessSettings } from "../config/types.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Result } from "../kernel/result.ts";
import type { Caller } from "../relay/types.ts";
import { isAllowedHost, isAllowedOrigin } from "./guard.ts";
import type { Asker } from "./order.ts";
import type { Incoming } from "./router.ts";
import type { Runtime } from "./runtime.ts";

/** Somebody on this machine, where that is enough. */
export const openCaller: Result<Identity> = { ok: true, value: { kind: "open" } };

/** Who asks, as records name them. */
export function callerOf({ request, identity }: Incoming): Caller {
  const keyId = identity?.kind === "key" ? identity.id : identity?.kind === "fixed" ? identity.name : undefined;
  return { agent: request.headers["user-agent"], keyId, limited: limitedOf(identity) };
}

/** A key with limits of its own. */
export function limitedOf(identity: Identity | undefined): Caller["limited"] {
  if (identity?.kind !== "key" || identity.limits === undefined) return undefined;
  return { id: identity.id, limits: identity.limits };
}

export function askerOf(incoming: Incoming): Asker {
  const strict = incoming.request.headers["x-patchbay-strict"] === "true";
  return { id: incoming.id, startedAt: incoming.startedAt, caller: callerOf(incoming), strict };
}

/** @param query Of a route that may take a key from there; it is never kept or logged. */
export function credentialsOf({ headers }: IncomingMessage, query = ""): Credentials {
  const queryKey = query === "" ? undefined : (new URLSearchParams(query).get("key") ?? undefined);
  return {
    authorization: headers.authorization,
    xApiKey: single(headers["x-api-key"]),
    apiKey: single(headers["api-key"]),
    xGoogApiKey: single(headers["x-goog-api-key"]),
    queryKey,
  };
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

export function newId(): string {
  return `req_${randomUUID()}`;
}

/** Whether somebody on this machine is taken for the operator. Behind a proxy everybody seems to be on this machine. */
export function trustsPeer({ config }: Runtime, peer: { readonly loopback: boolean }): boolean {
  return peer.loopback && config.access.open !== "never";
}

/** By these headers proxies tell for whom they ask: somebody who is not on this machine. */
const forwarding = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"] as const;

/**
 * Why somebody may not look into the control plane; undefined for who may. Keys of clients open nothing there. Host
 * names are looked at however the gateway is bound, and no other origin's page may call, whatever `server.cors` allows.
 */
export function refuseAdmin(
  headers: IncomingHttpHeaders,
  { open, hosts }: { readonly open: AccessSettings["open"]; readonly hosts: readonly string[] },
  peer: { readonly loopback: boolean },
): Failure | undefined {
  if (!isAllowedHost(headers.host, hosts)) {
    return failure("misdirected", "The control plane is served under this machine's own names, and server.hosts.");
  }
  if (!peer.loopback || open === "never" || forwarding.some((name) => headers[name] !== undefined)) {
    const why =
      "The control plane is for programs on the gateway's own machine, not behind a proxy, and not with `access: { open: never }`. Keys of clients do not open it.";
    return failure("unauthorized", why);
  }
  const isForeign = headers["sec-fetch-site"] === "cross-site" || headers["sec-fetch-site"] === "same-site";
  if (isForeign || !isAllowedOrigin(headers.origin, headers.host, [])) {
    return failure("forbidden", "The control plane does not answer pages of other origins.");
  }
  return undefined;
}
