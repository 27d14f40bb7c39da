import { ModelDirectory } from "../backends/directory.ts";
import { HealthPoller } from "../backends/health-poller.ts";
import { fetchLocalText } from "../backends/http/probe.ts";
import { HttpMediaFetcher } from "../backends/media.ts";
import type { Backend } from "../backends/types.ts";
import { geminiArray } from "../codecs/gemini/index.ts";
import { isLoadRequest, loadAnswer } from "../codecs/ollama/index.ts";
import { openaiChat } from "../codecs/openai-chat/index.ts";
import { readRegularFile } from "../config/files.ts";
import { formatProblem } from "../config/problems.ts";
import type { Config, EndpointSettings } from "../config/types.ts";
import { watchDocument } from "../config/watch.ts";
import { compact } from "../kernel/json.ts";
import type { Limits } from "../limits/limits.ts";
import { Unserved } from "../relay/unserved.ts";
import { Ticker } from "../relay/ticker.ts";
import { offeredNames, replaceable } from "../routing/catalog.ts";
import { Health } from "../routing/health.ts";
import { Rota } from "../routing/rota.ts";
import { Gateway } from "../server/gateway.ts";
import type { Service } from "../server/runtime.ts";
import { openStore } from "../store/sqlite.ts";
import type { Store } from "../store/ports.ts";
import { parseLevel } from "../telemetry/level.ts";
import { openLog } from "../telemetry/log.ts";
import type { Log } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { codecs } from "./codecs.ts";
import { features } from "./features.ts";
import { assemble, withFreshCatalog } from "./assemble.ts";
import type { Assembly } from "./assemble.ts";
import { readConfig } from "./configuration.ts";
import type { AppOptions } from "./configuration.ts";
import { exposure } from "./exposure.ts";
import { complete, localEndpoints } from "./local.ts";
import { configureLimits, newLimits, restoreLimits } from "./limits.ts";
import { Records } from "./records.ts";
import { SharedState } from "./shared-state.ts";
import { StartError } from "./start-error.ts";
import { systemClock, systemRandom } from "./system-clock.ts";
import { version } from "./version.ts";

/** How often deadlines are looked at, in milliseconds. */
const tickInterval = 50;

/** How often endpoints are asked for their models, in milliseconds. */
const directoryInterval = 600_000;

interface AppParts {
  readonly options: AppOptions;
  readonly config: Config;
  readonly log: Log;
  readonly local: readonly EndpointSettings[];
  readonly shared: SharedState | undefined;
}

export { codecs } from "./codecs.ts";
export { readConfig } from "./configuration.ts";
export type { AppOptions } from "./configuration.ts";

/** The running gateway: everything that was newed up, and how it ends. */
export class App implements AsyncDisposable {
  readonly #options: AppOptions;
  readonly #store: Store;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #directory = new ModelDirectory();
  readonly #local: readonly EndpointSettings[];
  readonly #ticker: Ticker;
  readonly #media: HttpMediaFetcher;
  readonly #gateway: Gateway;
  readonly #health = new Health(systemClock, systemRandom);
  readonly #limits: Limits;
  /** Undefined where nothing is shared. */
  readonly #shared: SharedState | undefined;
  readonly #poller = new HealthPoller({
    ask: fetchLocalText,
    random: systemRandom,
    tell: (endpoint, healthy) => this.#noteHealth(endpoint, healthy),
  });
  /** Backends that the document no longer has, and that exchanges may still use. */
  readonly #retired = new Set<Backend>();
  #assembly: Assembly;
  #documentProblem: string | undefined;
  #storeTrouble: string | undefined;
  #watcher: Disposable | undefined;
  #refresher: NodeJS.Timeout | undefined;
  #port = 0;

  private constructor(parts: AppParts) {
    const { options, config, log, local, shared } = parts;
    this.#options = options;
    this.#log = log;
    this.#local = local;
    this.#shared = shared;
    shared?.share(this.#health.cooldowns);
    this.#limits = newLimits(systemClock, () => this.#assembly.runtime.catalog, shared?.store);
    this.#metrics = new Metrics({ clock: systemClock, version });
    this.#store = openStore({
      file: config.store,
      clock: systemClock,
      onTrouble: (error) => this.#noteStore(error?.message),
    });
    this.#ticker = new Ticker(systemClock, tickInterval);
    this.#media = new HttpMediaFetcher(config.server.media);
    this.#assembly = assemble(config, this.#lasting);
    const records = new Records({
      clock: systemClock,
      ledger: this.#store.ledger,
      metrics: this.#metrics,
      log,
      catalog: () => this.#assembly.runtime.catalog,
    });
    const service: Service = {
      clock: systemClock,
      codecs,
      geminiArray,
      loads: { isLoadRequest, loadAnswer },
      version,
      relay: {
        clock: systemClock,
        ticker: this.#ticker,
        health: this.#health,
        codecs,
        features: features(systemClock),
        media: this.#media,
        unserved: new Unserved(systemClock),
        limits: this.#limits,
        observer: records,
      },
      routing: { health: this.#health, rota: new Rota(), random: systemRandom },
      current: () => this.#assembly.runtime,
      troubles: () => (this.#storeTrouble === undefined ? [] : [this.#storeTrouble]),
      notes: () => [this.#documentProblem, this.#shared?.trouble].filter((note) => note !== undefined),
      metrics: () => this.#metrics.text(),
      refused: (refusal) => records.refused(refusal),
      report: (level, message, error) => log[level](message, error === undefined ? {} : { error }),
    };
    this.#health.limits = this.#limits;
    this.#health.credentialRefused = (endpoint, credential) =>
      log.warn(`the upstream refuses credentials[${credential}] (401 or 403); replace it in the document`, {
        endpoint,
      });
    restoreLimits(this.#limits, config, { store: this.#store, clock: systemClock });
    this.#gateway = new Gateway(service, openaiChat.ingress);
    this.#metrics.watch({
      ledgerPending: () => this.#store.ledger.state.pending,
      ledgerDropped: () => this.#store.ledger.state.dropped,
      exchangesActive: () => this.#gateway.active,
      endpoints: () => this.#health.figures(),
      limits: () => this.#limits,
      ...(shared === undefined ? {} : { shared: shared.link }),
    });
  }

  /**
   * Opens everything and listens.
   *
   * @param config What `readConfig` gave for the same options.
   * @param text The document's text that it was made of, so that a change since then is seen.
   * @throws StartError with the exit code, when something that must be there is not.
   */
  static async start(options: AppOptions, config: Config, text?: string): Promise<App> {
    const [log, local] = await Promise.all([
      openLog({
        level: parseLevel(config.log.level) ?? "info",
        clock: systemClock,
        color: !options.environment.has("NO_COLOR"),
      }),
      config.detect ? localEndpoints(config) : [],
    ]);
    const shared =
      config.state === undefined ? undefined : await SharedState.load({ url: config.state, clock: systemClock, log });
    let app: App;
    try {
      app = new App({ options, config: complete(config, local), log, local, shared });
    } catch (error) {
      throw StartError.fromStore(error);
    }
    try {
      await app.#open(text);
    } catch (error) {
      await app[Symbol.asyncDispose]();
      throw StartError.fromStore(error);
    }
    return app;
  }

  get url(): string {
    const { host } = this.config.server;
    return `http://${host.includes(":") ? `[${host}]` : host}:${this.#port}`;
  }

  get config(): Config {
    return this.#assembly.runtime.config;
  }

  get log(): Log {
    return this.#log;
  }

  /** Reads the document again. What is invalid changes nothing and is reported. */
  reload(text?: string): void {
    const loaded = readConfig(this.#options, text, readRegularFile);
    if (!loaded.ok) {
      const lines = loaded.problems.map(formatProblem);
      this.#documentProblem = `the document was not taken over: ${lines[0] ?? "it is invalid"}`;
      for (const line of lines) this.#log.error(`document not taken over: ${line}`);
      return;
    }
    // What a full disk leaves of a saved file is nothing, and nothing is a valid document.
    const hasDocument = text !== undefined || this.#options.file !== undefined;
    if (hasDocument && loaded.text.trim() === "") {
      this.#documentProblem = "the document was not taken over: it is empty";
      this.#log.error(this.#documentProblem);
      return;
    }
    this.#documentProblem = undefined;
    const config = complete(loaded.config, this.#local);
    const needsRestart = restartReasons(this.config, config);
    const before = this.#assembly;
    // What only a restart can change stays as it is, so that the snapshot tells the truth.
    const { state: _, ...rest } = config;
    const kept = {
      ...rest,
      store: this.config.store,
      ...compact({ state: this.config.state }),
      server: {
        ...config.server,
        host: this.config.server.host,
        port: this.config.server.port,
        media: this.config.server.media,
      },
    };
    this.#assembly = assemble(kept, this.#lasting, before);
    // A credential may be another now.
    this.#health.forgive();
    this.#known();
    for (const [name, backend] of before.backends) {
      if (this.#assembly.backends.get(name) === backend) continue;
      this.#retire(backend);
      // Another address or credential: what went wrong before says nothing of it.
      this.#health.reset(name);
    }
    this.#log.level = parseLevel(config.log.level) ?? this.#log.level;
    this.#log.info("document taken over", { count: config.models.length });
    for (const reason of needsRestart) this.#log.warn(`${reason} takes effect after a restart`);
    void this.refresh();
  }

  /** Asks every endpoint for its models, and takes over what they say. */
  async refresh(): Promise<void> {
    const changed = await this.#directory.refresh(this.#assembly.backends);
    for (const name of this.#assembly.backends.keys()) {
      const problem = this.#directory.problem(name);
      if (problem !== undefined) this.#log.debug(`no model list: ${problem}`, { endpoint: name });
    }
    if (!changed) return;
    this.#assembly = withFreshCatalog(this.#assembly, this.#directory);
    this.#known();
  }

  /** Lets what is under way finish, for as long as the configuration allows, and ends. */
  async stop(): Promise<void> {
    this.#log.info("stopping", { count: this.#gateway.active });
    await this.#gateway.drain(this.config.server.timeouts.drain);
    await this[Symbol.asyncDispose]();
  }

  /** Writes what is gathered but not yet written, now: for an end at once. */
  flush(): void {
    this.#store.ledger.flush();
    this.#log.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher?.[Symbol.dispose]();
    clearInterval(this.#refresher);
    this.#poller[Symbol.dispose]();
    await this.#gateway.drain(0);
    await this.#shared?.[Symbol.asyncDispose]();
    this.#ticker[Symbol.dispose]();
    this.#metrics[Symbol.dispose]();
    const backends = [...this.#assembly.backends.values(), ...this.#retired];
    await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
    await this.#media[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
    this.#log[Symbol.dispose]();
  }

  /** An exchange sees one version of the configuration to its end, and may still try any of its endpoints. */
  #retire(backend: Backend): void {
    this.#retired.add(backend);
    void this.#gateway.settled().then(() => {
      this.#retired.delete(backend);
      return backend[Symbol.asyncDispose]();
    });
  }

  get #lasting() {
    return { clock: systemClock, keys: this.#store.keys, directory: this.#directory };
  }

  async #open(text: string | undefined): Promise<void> {
    const { config } = this;
    const { host, port } = config.server;
    this.#known();
    const exposed = exposure(config, this.#store.keys, systemClock);
    if (exposed !== undefined) throw new StartError(exposed, 78);
    for (const problem of this.#assembly.runtime.authenticator.problems) this.#log.warn(problem);
    // So that the first requests are counted with everybody's; without an answer it goes on alone.
    await this.#shared?.begin();
    try {
      this.#port = await this.#gateway.listen(host, port);
    } catch (error) {
      throw StartError.fromListening(error, host, port);
    }
    const { file } = this.#options;
    if (file !== undefined) {
      try {
        this.#watcher = watchDocument(file, (changed) => this.reload(changed), text === undefined ? {} : { text });
      } catch (error) {
        this.#log.warn("the document is not watched; send SIGHUP after a change", { file, error });
      }
    }
    // Not awaited: the gateway answers from what it knows, and learns the rest in a moment.
    void this.refresh();
    this.#refresher = setInterval(() => void this.refresh(), directoryInterval).unref();
  }

  /** Tells metrics, log and health what the configuration now says: names for labels, secrets, endpoints. */
  #known(): void {
    const { config, catalog } = this.#assembly.runtime;
    const direct = config.models.flatMap(({ targets }) => targets.map(({ model }) => model));
    this.#metrics.know({
      models: [...offeredNames(catalog), ...direct],
      endpoints: config.endpoints.map(({ name }) => name),
      types: config.endpoints.map(({ type }) => type),
    });
    const secrets = config.endpoints.flatMap((endpoint) => [
      ...endpoint.credentials.flatMap(({ apiKey }) => (apiKey === undefined ? [] : [apiKey])),
      ...Object.values(endpoint.headers),
    ]);
    this.#health.know(
      config.endpoints.map(({ name, credentials, cooldown }) => ({ name, credentials: credentials.length, cooldown })),
      config.circuit,
    );
    configureLimits(this.#limits, config);
    // Where nobody else can be asked it makes no difference how an endpoint is.
    const polled = replaceable(catalog);
    this.#poller.watch(
      config.endpoints.flatMap(({ name, enabled, health }) =>
        enabled && health !== undefined && polled.has(name) ? [{ name, ...health }] : [],
      ),
    );
    this.#log.hide([...secrets, ...config.access.fixedKeys.map(({ key }) => key)]);
  }

  #noteHealth(endpoint: string, healthy: boolean): void {
    const state = this.#health.endpoint(endpoint);
    if (state.healthy === healthy) return;
    state.healthy = healthy;
    if (healthy) this.#log.info("the endpoint is well again", { endpoint });
    else this.#log.warn("the endpoint's health check says that it cannot serve", { endpoint });
  }

  #noteStore(trouble: string | undefined): void {
    this.#storeTrouble = trouble;
    if (trouble === undefined) this.#log.info("the ledger is written again");
    else this.#log.error(`the ledger cannot be written: ${trouble}`);
  }
}

function restartReasons(before: Config, after: Config): readonly string[] {
  const rows: readonly (readonly [string, unknown, unknown])[] = [
    ["server.host", before.server.host, after.server.host],
    ["server.port", before.server.port, after.server.port],
    ["server.media", before.server.media, after.server.media],
    ["server.limits.connections", before.server.limits.connections, after.server.limits.connections],
    ["server.timeouts.header", before.server.timeouts.header, after.server.timeouts.header],
    ["server.timeouts.request", before.server.timeouts.request, after.server.timeouts.request],
    ["store", before.store, after.store],
    ["state", before.state?.reveal(), after.state?.reveal()],
  ];
  return rows.filter(([, old, now]) => old !== now).map(([name]) => name);
}
