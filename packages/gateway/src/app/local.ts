import { findLocalServers } from "../backends/http/fingerprint.ts";
import { fetchLocalText } from "../backends/http/probe.ts";
import { vendors } from "../backends/http/vendors.ts";
import type { Config, EndpointSettings } from "../config/types.ts";
import { builtInSimulator } from "./assemble.ts";

/** Servers that are found running on this machine, as endpoints. */
export async function localEndpoints(config: Config): Promise<readonly EndpointSettings[]> {
  const candidates = vendors.filter(({ local }) => local !== undefined && local.port !== config.server.port);
  const found = await findLocalServers(candidates, fetchLocalText);
  return found.map(({ vendor, url }) => ({ ...builtInSimulator, name: vendor.type, type: vendor.type, url }));
}

/** The configuration with what was found on this machine and, where there is nothing at all, the simulator. */
export function complete(config: Config, local: readonly EndpointSettings[]): Config {
  const added = local.filter(
    ({ name, type }) => !config.endpoints.some((endpoint) => endpoint.name === name || endpoint.type === type),
  );
  const endpoints = [...config.endpoints, ...added];
  const notes = [...config.notes, ...added.map(({ name, url }) => `found on this machine: ${name} at ${url ?? ""}`)];
  return { ...config, notes, endpoints: endpoints.length === 0 ? [builtInSimulator] : endpoints };
}
