import type { Vendor } from "../../kernel/vendor.ts";

/** What a probe brought back. Header names are lower-case. */
export interface ProbeAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: { readonly [name: string]: string | undefined };
}

/** Fetches a small text; undefined when nobody answers in time. `timeout` is milliseconds. */
export type FetchText = (url: string, timeout: number) => Promise<ProbeAnswer | undefined>;

export interface LocalServer {
  readonly vendor: Vendor;
  /** Base URL, as in an endpoint's `url`. */
  readonly url: string;
}

/** Milliseconds that the whole search may take. */
export const probeTimeout = 300;

/** Characters of an answer that are looked at. */
const longestBody = 1_000_000;

/** What a server says of itself in its `Server` header; decides where a list is empty and names nobody. */
const serverHeaders: ReadonlyMap<string, string> = new Map([["llama.cpp", "llamacpp"]]);

function squeezed(text: string): string {
  return text.replace(/\s+/g, "");
}

/**
 * Who answered at `path`: servers share ports, so that everyone who would answer there is considered, not only
 * the one whose default the port is. White space is ignored. Undefined for strangers.
 */
export function recognise(vendors: readonly Vendor[], path: string, answer: ProbeAnswer): Vendor | undefined {
  if (answer.status !== 200) return undefined;
  const candidates = vendors.filter((vendor) => vendor.local?.path === path);
  const body = squeezed(answer.body.slice(0, longestBody));
  const named = serverHeaders.get(answer.headers["server"]?.trim().toLowerCase() ?? "");
  return (
    candidates.find((vendor) => vendor.local !== undefined && body.includes(squeezed(vendor.local.contains))) ??
    candidates.find((vendor) => vendor.type === named)
  );
}

/** The base URL of a vendor's server at another port than its own. */
function urlAt(vendor: Vendor, port: number): string {
  const path = vendor.baseUrl === undefined ? "" : new URL(vendor.baseUrl).pathname;
  return `http://127.0.0.1:${port}${path === "/" ? "" : path}`;
}

async function within<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } catch {
    // A probe that fails is a probe without an answer.
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Looks for servers of these vendors at their default ports on this machine: one request per port and path, all at
 * once, none longer than `probeTimeout`. At most one server is found per port. Never rejects.
 */
export async function findLocalServers(
  vendors: readonly Vendor[],
  fetchText: FetchText,
): Promise<readonly LocalServer[]> {
  const probes = new Map<string, { readonly port: number; readonly path: string }>();
  for (const { local } of vendors) {
    if (local !== undefined) probes.set(`${local.port}${local.path}`, { port: local.port, path: local.path });
  }
  const answers = await Promise.all(
    Array.from(probes.values(), async ({ port, path }) => {
      const url = `http://127.0.0.1:${port}${path}`;
      // Called within an async function, so that a function that throws is a promise that rejects.
      const answer = await within((async () => await fetchText(url, probeTimeout))(), probeTimeout);
      const vendor = answer === undefined ? undefined : recognise(vendors, path, answer);
      return vendor === undefined ? undefined : { port, vendor };
    }),
  );
  const found = new Map<number, LocalServer>();
  for (const answer of answers) {
    if (answer !== undefined && !found.has(answer.port)) {
      found.set(answer.port, { vendor: answer.vendor, url: urlAt(answer.vendor, answer.port) });
    }
  }
  return [...found.values()];
}
