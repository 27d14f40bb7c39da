import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP } from "node:net";
import type { LookupFunction, Socket } from "node:net";
import { buildConnector } from "undici";
import { Names } from "./names.ts";
import type { Lookup } from "./names.ts";

/**
 * The one door through which the gateway calls out. Every connection is checked when it is made, against the address
 * that is really connected to, so that neither a name that changes its address nor a redirect gets around it.
 *
 * Addresses on private networks are allowed, since operators run models there and only they can configure endpoints.
 * Never allowed are the addresses at which clouds hand out credentials, and what no model server can have.
 */
const refused = new BlockList();
// Link-local, with the metadata service of AWS, Azure, GCP, Oracle and DigitalOcean (169.254.169.254).
refused.addSubnet("169.254.0.0", 16, "ipv4");
refused.addSubnet("fe80::", 10, "ipv6");
// Metadata services elsewhere: Alibaba Cloud, Azure's wire server, AWS, Google Cloud and Scaleway over IPv6.
refused.addAddress("100.100.100.200", "ipv4");
refused.addAddress("168.63.129.16", "ipv4");
refused.addAddress("fd00:ec2::254", "ipv6");
refused.addAddress("fd20:ce::254", "ipv6");
refused.addAddress("fd00:42::42", "ipv6");
// "This network" (RFC 791), multicast and reserved, broadcast.
refused.addSubnet("0.0.0.0", 8, "ipv4");
refused.addSubnet("224.0.0.0", 3, "ipv4");
refused.addAddress("::", "ipv6");
refused.addSubnet("ff00::", 8, "ipv6");

/** What only machines on the operator's own networks have: closed to addresses that a client names. */
const inner = new BlockList();
for (const [net, prefix] of [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
] as const) {
  inner.addSubnet(net, prefix, "ipv4");
}
// Teredo, which wraps an IPv4 address.
inner.addSubnet("2001::", 32, "ipv6");

/** Of IPv6 the public part is small and known: unicast, and forms of IPv4 addresses, which are judged as such. */
const outer = new BlockList();
outer.addSubnet("2000::", 3, "ipv6");
outer.addSubnet("64:ff9b::", 96, "ipv6");
outer.addSubnet("::ffff:0:0", 96, "ipv6");

/** How far a call may reach: `anywhere` for what the operator configured, `public` for what a client named. */
export type Reach = "anywhere" | "public";

/** Thrown into the connection attempt; its code tells it from the network's own errors. */
export class OutboundRefused extends Error {
  readonly code = "PATCHBAY_OUTBOUND_REFUSED";
  constructor(host: string) {
    super(`connections to ${host} are refused: it is a cloud metadata, link-local, reserved or inner address`);
  }
}

/** Whether an IP address may be connected to. IPv4 addresses inside IPv6 ones (mapped, 6to4, NAT64) are judged too. */
export function isAllowedAddress(address: string, reach: Reach = "anywhere"): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const closed = (text: string, kind: "ipv4" | "ipv6") =>
    refused.check(text, kind) || (reach === "public" && inner.check(text, kind));
  if (closed(address, family === 4 ? "ipv4" : "ipv6")) return false;
  if (reach === "public" && family === 6 && !outer.check(address, "ipv6")) return false;
  const embedded = family === 6 ? embeddedIpv4(address) : undefined;
  return embedded === undefined || !closed(embedded, "ipv4");
}

/** The IPv4 address within ::ffff:0:0/96, ::/96 (but for ::1), 2002::/16 or 64:ff9b::/96, if it is one of those. */
function embeddedIpv4(address: string): string | undefined {
  const groups = expand(address);
  if (groups === undefined) return undefined;
  const [first, second] = groups;
  const zeros = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0);
  if (zeros(0, 5) && (groups[5] === 0xffff || (groups[5] === 0 && groups[6] !== 0)))
    return dotted(groups[6], groups[7]);
  if (first === 0x2002) return dotted(second, groups[2]);
  if (first === 0x64 && second === 0xff9b) return dotted(groups[6], groups[7]);
  return undefined;
}

function dotted(high = 0, low = 0): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function groupsOf(part: string): number[] {
  return part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
}

/** The eight groups of an IPv6 address. */
function expand(address: string): number[] | undefined {
  let text = address.split("%")[0] ?? "";
  const tail = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (tail !== null) {
    const [a = 0, b = 0, c = 0, d = 0] = tail.slice(1).map(Number);
    text = `${text.slice(0, tail.index)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [left = "", right] = text.split("::");
  const head = groupsOf(left);
  if (right === undefined) return head.length === 8 ? head : undefined;
  const end = groupsOf(right);
  return [...head, ...Array.from({ length: Math.max(0, 8 - head.length - end.length) }, () => 0), ...end];
}

/** Resolves names by `lookup`, and lets through only those of which every address may be connected to. */
export function guardLookup(lookup: Lookup, reach: Reach = "anywhere"): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, "");
      const [first] = found;
      if (first === undefined || !found.every(({ address }) => isAllowedAddress(address, reach))) {
        return callback(new OutboundRefused(hostname), "");
      }
      if (options.all === true) return callback(null, found);
      callback(null, first.address, first.family);
    });
  };
}

/**
 * Tells a request that was lost because its connection had been kept alive too long from every other: it was not the
 * connection's first, and not a byte had come since it began. undici lets go of an idle socket by `unref`, and takes it
 * up again by `ref` when the next request begins.
 */
function markReuse(socket: Socket): void {
  let uses = 0;
  let before = 0;
  const ref = socket.ref.bind(socket);
  const counted = () => {
    uses++;
    before = socket.bytesRead;
    return ref();
  };
  socket.ref = counted;
  socket.prependListener("error", (problem: Error & { reused?: boolean }) => {
    problem.reused = uses > 0 && socket.bytesRead === before;
  });
}

/** Of all endpoints. Names that clients name are not remembered, so that they crowd out nobody. */
const names = new Names(systemLookup);

/**
 * A connector for undici that only goes through the door.
 *
 * @param timeout Milliseconds until the connection must stand, name resolution and TLS included.
 */
export function guardedConnector(timeout: number, reach: Reach = "anywhere"): buildConnector.connector {
  const lookup = guardLookup(reach === "anywhere" ? names.lookup : systemLookup, reach);
  const connect = buildConnector({ timeout, allowH2: false, lookup });
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, "");
    // A literal address is connected to without a lookup.
    if (isIP(host) !== 0 && !isAllowedAddress(host, reach)) {
      process.nextTick(() => callback(new OutboundRefused(host), null));
      return;
    }
    connect(options, (error, socket) => {
      // The types promise null; what comes with an error is undefined.
      if (!socket) return callback(error ?? new Error("no connection"), null);
      markReuse(socket);
      callback(null, socket);
    });
  };
}
