import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";

/** What the guard must know of a request. `rawHeaders` alternates names and values, as Node gives them. */
export interface RequestHead {
  readonly url: string;
  readonly rawHeaders: readonly string[];
}

/**
 * Refuses what Node's parser lets through and what two servers in a row could read differently: a second Host, any
 * Transfer-Encoding but exactly `chunked`, a second Authorization, a target that is not one plain path.
 */
export function guard(head: RequestHead): Failure | undefined {
  const { url, rawHeaders } = head;
  if (!url.startsWith("/") || url.startsWith("//") || url.includes("\\") || url.includes("#")) {
    return failure("bad-request", "The request target must be a path that begins with one slash.");
  }
  let hosts = 0;
  let lengths = 0;
  let authorizations = 0;
  let chunked = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    // Only these four lengths concern us; most headers are told apart by that alone.
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
    else if (name.length === 14 && name.toLowerCase() === "content-length") lengths++;
    else if (name.length === 13 && name.toLowerCase() === "authorization") authorizations++;
    else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      if (chunked || rawHeaders[index + 1]?.toLowerCase() !== "chunked") {
        return failure("bad-request", "The only Transfer-Encoding that is accepted is 'chunked'.");
      }
      chunked = true;
    }
  }
  if (hosts !== 1) return failure("bad-request", "The request must have exactly one Host header.");
  if (lengths > 1 || (lengths === 1 && chunked)) {
    return failure("bad-request", "The request states its length in two ways.");
  }
  if (authorizations > 1) return failure("bad-request", "The request has two Authorization headers.");
  return undefined;
}

const loopbackNames = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether a socket's address is this machine's own. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === "::1" || address.startsWith("127.") || address.startsWith("::ffff:127.");
}

/**
 * Whether a Host header may be answered while bound to loopback: a web page can point a name of its own at 127.0.0.1
 * (DNS rebinding), but cannot make the browser say `localhost`.
 */
export function isAllowedHost(host: string | undefined, allowed: readonly string[]): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  return (
    loopbackNames.has(name) ||
    name.endsWith(".localhost") ||
    allowed.includes(name) ||
    /^127(?:\.\d{1,3}){3}$/.test(name)
  );
}

/**
 * Whether a browser's page may call: pages of the gateway's own origin and of configured origins. Requests without an
 * Origin header do not come from another site's page.
 */
export function isAllowedOrigin(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined) return true;
  if (allowed.includes(origin) || allowed.includes("*")) return true;
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}
