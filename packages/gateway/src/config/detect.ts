import { isIP } from "node:net";
import { Secret } from "../kernel/secret.ts";
import type { Vendor } from "../kernel/vendor.ts";
import type { Environment } from "./environment.ts";
import { readBaseUrl } from "./fields-network.ts";
import type { EndpointSettings } from "./types.ts";

export interface DetectionInput {
  readonly environment: Environment;
  readonly vendors: readonly Vendor[];
  /** Names and types of the document's endpoints, which go first. */
  readonly names: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
  /** Our own port. */
  readonly port: number;
}

export interface Detection {
  readonly endpoints: readonly EndpointSettings[];
  readonly notes: readonly string[];
  /** Variables whose value makes no sense. */
  readonly problems: readonly { readonly name: string; readonly message: string }[];
}

/** Endpoints for the keys and addresses that the environment holds. */
export function detectEndpoints(input: DetectionInput): Detection {
  const endpoints: EndpointSettings[] = [];
  const notes: string[] = [];
  const problems: { name: string; message: string }[] = [];
  for (const vendor of input.vendors) {
    const key = firstSet(vendor.environment, input.environment);
    const address = firstSet(vendor.urlEnvironment ?? [], input.environment);
    if ((key === undefined && address === undefined) || input.types.has(vendor.type)) continue;
    const variables = [key, address].filter((variable) => variable !== undefined);
    if (input.names.has(vendor.type)) {
      notes.push(`${names(variables)}: not used, the document's endpoint ${vendor.type} is of another type`);
      continue;
    }
    const secret = key?.value.trim();
    if (key !== undefined && !/^[\x21-\x7e]{1,8192}$/.test(secret ?? "")) {
      problems.push({ name: key.name, message: "must be printable ASCII without blanks" });
      continue;
    }
    let url: string | undefined;
    if (address !== undefined) {
      url = readBaseUrl(address.value.trim(), (message) => {
        problems.push({ name: address.name, message });
        return undefined;
      });
      if (url === undefined) continue;
      // Set for this machine's clients, such a variable points at ourselves: an endless loop.
      if (pointsAt(url, input.port)) {
        notes.push(`${address.name}: not used, it points at this gateway`);
        url = undefined;
        if (key === undefined) continue;
      }
    }
    if (url === undefined && vendor.baseUrl === undefined) {
      const [missing] = vendor.urlEnvironment ?? [];
      notes.push(`${names(variables)}: not used, ${missing ?? "an address"} is missing`);
      continue;
    }
    endpoints.push({
      name: vendor.type,
      type: vendor.type,
      ...(url === undefined ? {} : { url }),
      enabled: true,
      priority: 0,
      credentials: [
        key === undefined || secret === undefined ? {} : { apiKey: new Secret(secret), reference: `\${${key.name}}` },
      ],
      headers: {},
      timeouts: {},
      models: [],
      options: {},
      detected: true,
    });
    notes.push(`${names(variables)}: endpoint ${vendor.type}`);
  }
  return { endpoints, notes, problems };
}

interface Variable {
  readonly name: string;
  readonly value: string;
}

function firstSet(candidates: readonly string[], environment: Environment): Variable | undefined {
  for (const name of candidates) {
    const value = environment.get(name);
    if (value !== undefined) return { name, value };
  }
  return undefined;
}

const names = (variables: readonly Variable[]): string => variables.map(({ name }) => name).join(" and ");

function pointsAt(url: string, port: number): boolean {
  const { hostname, port: given, protocol } = new URL(url);
  const actual = given === "" ? (protocol === "https:" ? 443 : 80) : Number(given);
  const host = hostname.replace(/^\[|\]$/g, "");
  const local =
    host === "localhost" || host === "::1" || host === "0.0.0.0" || (isIP(host) === 4 && host.startsWith("127."));
  return local && actual === port;
}
