import { Authenticator } from "../auth/authenticate.ts";
import type { ModelDirectory } from "../backends/directory.ts";
import { knownFacts, textOnly } from "../backends/http/known-models.ts";
import { vendorOf } from "../backends/http/vendors.ts";
import { createBackend } from "../backends/registry.ts";
import type { Backend } from "../backends/types.ts";
import type { Config, EndpointSettings } from "../config/types.ts";
import type { Clock } from "../kernel/clock.ts";
import { compact } from "../kernel/json.ts";
import { everyProtocol } from "../kernel/protocol.ts";
import { Secret } from "../kernel/secret.ts";
import type { Price } from "../kernel/usage.ts";
import type { RelayEndpoint } from "../relay/types.ts";
import { factsOf } from "../routing/candidates.ts";
import { buildCatalog } from "../routing/catalog.ts";
import type { Catalog } from "../routing/catalog.ts";
import type { CatalogModel, EndpointView, ModelFacts } from "../routing/types.ts";
import { isLoopback } from "../server/guard.ts";
import type { Runtime } from "../server/runtime.ts";
import type { KeyStore } from "../store/ports.ts";

/** The endpoint that answers when nothing is configured or found, so that the first request works. */
export const builtInSimulator: EndpointSettings = {
  name: "simulator",
  type: "simulator",
  enabled: true,
  priority: 0,
  credentials: [{}],
  headers: {},
  timeouts: {},
  models: [],
  options: {},
  detected: true,
};

/** What outlives a configuration. */
export interface Lasting {
  readonly clock: Clock;
  readonly keys: KeyStore;
  readonly directory: ModelDirectory;
}

/** One version of everything that is made from the configuration. */
export interface Assembly {
  readonly runtime: Runtime;
  readonly backends: ReadonlyMap<string, Backend>;
  /** By endpoint name, what its backend was made from. */
  readonly prints: ReadonlyMap<string, string>;
}

/** Builds a version; backends whose settings did not change are taken over, with their connections. */
export function assemble(config: Config, lasting: Lasting, before?: Assembly): Assembly {
  const backends = new Map<string, Backend>();
  const prints = new Map<string, string>();
  const endpoints = new Map<string, RelayEndpoint>();
  for (const settings of config.endpoints) {
    const timeouts = { ...config.server.timeouts, ...settings.timeouts };
    const print = fingerprint(settings, timeouts.connect);
    const kept = before?.prints.get(settings.name) === print ? before.backends.get(settings.name) : undefined;
    const backend = kept ?? createBackend(settings, timeouts.connect);
    backends.set(settings.name, backend);
    prints.set(settings.name, print);
    const { name, type, credentials } = settings;
    endpoints.set(name, { name, type, backend, timeouts, credentials: credentials.length });
  }
  const { host } = config.server;
  const authenticator = new Authenticator({
    access: config.access,
    keys: lasting.keys,
    clock: lasting.clock,
    boundToLoopback: isLoopbackHost(host),
  });
  const since = Math.floor(lasting.clock.now() / 1000);
  const { limits, timeouts, keepalive } = config.server;
  const runtime: Runtime = {
    config,
    endpoints,
    authenticator,
    settings: { total: timeouts.total, stall: timeouts.stall, answer: limits.answer, keepalive },
    since,
    catalog: catalogOf(config, backends, lasting.directory),
  };
  return { runtime, backends, prints };
}

/** The same version with what the endpoints' model lists say now. */
export function withFreshCatalog(assembly: Assembly, directory: ModelDirectory): Assembly {
  const catalog = catalogOf(assembly.runtime.config, assembly.backends, directory);
  return { ...assembly, runtime: { ...assembly.runtime, catalog } };
}

/** Price of a target: the virtual model's own word, then what is known of the endpoint's model. */
export function priceOf(
  catalog: Catalog,
  target: { endpoint: string; model: string; own: Price | undefined },
): Price | undefined {
  return target.own ?? factsOf(catalog, target)?.price;
}

export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || isLoopback(host);
}

/** Where endpoints' model lists are looked up. */
type ModelLists = Pick<ModelDirectory, "models">;

/** What routing decides from: the configuration, and what the endpoints' lists say. */
export function catalogOf(config: Config, backends: ReadonlyMap<string, Backend>, directory: ModelLists): Catalog {
  const views = config.endpoints.map((settings): [string, EndpointView] => {
    const backend = backends.get(settings.name);
    return [
      settings.name,
      {
        name: settings.name,
        type: settings.type,
        enabled: settings.enabled,
        priority: settings.priority,
        serves: backend?.kind === "wire" ? backend.serves : everyProtocol,
        catalog: modelsOf(settings, directory),
        modelPatterns: vendorOf(settings.type)?.modelPatterns ?? [],
        known: (model) => withinApi(settings, knownFacts(settings.type, model)),
        credentials: settings.credentials.length,
      },
    ];
  });
  const { models, families, fallback } = config;
  return buildCatalog({ endpoints: new Map(views), models, ...compact({ families, fallback }) });
}

/** What the document states goes before what the list says, and that before our own table. */
function modelsOf(settings: EndpointSettings, directory: ModelLists): readonly CatalogModel[] {
  const stated = new Map(settings.models.map((model) => [model.id, model.facts]));
  const listed = directory.models(settings.name);
  const ids = new Set([...stated.keys(), ...listed.map(({ id }) => id)]);
  const listedFacts = new Map(listed.map(({ id, facts }) => [id, facts]));
  return [...ids].map((id) => ({
    id,
    facts: withinApi(settings, { ...knownFacts(settings.type, id), ...listedFacts.get(id), ...stated.get(id) }),
  }));
}

/** Whatever a model can do: over legacy completions nobody can ask it for more than text. */
function withinApi<Facts extends ModelFacts | undefined>({ api }: EndpointSettings, facts: Facts): Facts | ModelFacts {
  return api === "completions" ? { ...facts, ...textOnly } : facts;
}

/** Equal texts mean that a backend made from the one serves for the other. Stays in memory, since it holds secrets. */
function fingerprint(settings: EndpointSettings, connectTimeout: number): string {
  const { type, url, api, credentials, headers, options } = settings;
  const parts = { type, url, api, credentials, headers, options, connectTimeout };
  // Secrets print themselves as a mark; here their value counts. The replacer sees them before `toJSON` through its holder.
  return JSON.stringify(parts, function (this: Record<string, unknown>, name, value: unknown) {
    const original = this[name];
    return original instanceof Secret ? original.reveal() : value;
  });
}
