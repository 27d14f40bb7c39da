import type { Secret } from "../kernel/secret.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { OpenaiApi } from "../kernel/vendor.ts";
import { HttpBackend } from "./http/driver.ts";
import { resolveBase, vendorOf, vendors, withApi } from "./http/vendors.ts";
import { SimulatorBackend } from "./simulator/simulator.ts";
import type { Backend } from "./types.ts";

/** What a backend is made from. */
export interface BackendSettings {
  readonly name: string;
  readonly type: string;
  readonly url?: string;
  readonly api?: OpenaiApi;
  readonly credentials: readonly { readonly apiKey?: Secret }[];
  readonly headers: { readonly [name: string]: Secret };
  readonly options: JsonObject;
}

type Factory = (settings: BackendSettings, connectTimeout: number) => Backend;

const wire: Factory = (settings, connectTimeout) => {
  const known = vendorOf(settings.type);
  const vendor = known === undefined || settings.api === undefined ? known : withApi(known, settings.api);
  const baseUrl =
    vendor === undefined ? undefined : settings.url === undefined ? vendor.baseUrl : resolveBase(vendor, settings.url);
  if (vendor === undefined || baseUrl === undefined) {
    throw new Error(`endpoint ${settings.name}: type '${settings.type}' has no address`);
  }
  const { name, credentials, headers } = settings;
  return new HttpBackend({ name, baseUrl, vendor, credentials, headers, connectTimeout });
};

/** Every type of endpoint: one line for each driver. */
const factories: ReadonlyMap<string, Factory> = new Map<string, Factory>([
  ...vendors.map(({ type }): [string, Factory] => [type, wire]),
  ["simulator", (settings) => new SimulatorBackend(settings.options)],
]);

/** The words that `type:` may hold. */
export const endpointTypes: readonly string[] = [...factories.keys()];

/**
 * The driver for an endpoint. The configuration has been validated, so an unknown type or a missing address throws.
 *
 * @param connectTimeout Milliseconds.
 */
export function createBackend(settings: BackendSettings, connectTimeout: number): Backend {
  const factory = factories.get(settings.type);
  if (factory === undefined) throw new Error(`endpoint ${settings.name}: unknown type '${settings.type}'`);
  return factory(settings, connectTimeout);
}
