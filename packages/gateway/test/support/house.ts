import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, readConfig } from "../../src/app/app.ts";
import type { AppOptions } from "../../src/app/app.ts";
import { systemClock } from "../../src/app/system-clock.ts";
import { createKey } from "../../src/auth/keys.ts";
import { environmentOf } from "../../src/config/environment.ts";
import type { KeyLimits } from "../../src/kernel/limit.ts";
import { formatProblem } from "../../src/config/problems.ts";
import type { Config } from "../../src/config/types.ts";
import { openStore } from "../../src/store/sqlite.ts";
import type { LedgerRow, Store } from "../../src/store/ports.ts";

export interface HouseOptions {
  /** The document, as text or as a value that becomes JSON, which is YAML too. Absent: nothing is configured. */
  readonly document?: string | object;
  readonly environment?: { readonly [name: string]: string };
}

/** Waits for as long as a gateway may go on with the keys that it has read. */
export async function keysAreRead(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 15));
}

export interface IssuedKey {
  readonly id: string;
  readonly key: string;
}

/** A whole gateway in this process, with a directory, a document and a store of its own. */
export interface House extends AsyncDisposable {
  readonly app: App;
  readonly port: number;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly directory: string;
  /** The document's file, there or not. */
  readonly file: string;
  /** The same store by a connection of its own, as another process would have it. */
  readonly store: Store;
  /** Makes a client key; `life` is in milliseconds. */
  issue(wish?: {
    readonly models?: readonly string[];
    readonly life?: number;
    readonly limits?: KeyLimits;
  }): Promise<IssuedKey>;
  /** The ledger's rows, newest first, as soon as there are so many; rejects after three seconds. */
  rows(count: number): Promise<readonly LedgerRow[]>;
  /** The ledger's row of a request, as soon as it is there; rejects after three seconds. */
  row(id: string): Promise<LedgerRow>;
  post(path: string, body: unknown, headers?: { readonly [name: string]: string }): Promise<Response>;
}

/** The configuration that these options give, for tests that need no running gateway. Throws what is wrong with it. */
export function configure(options: HouseOptions, directory = tmpdir()): { options: AppOptions; config: Config } {
  const file = join(directory, "patchbay.yaml");
  const { document, environment = {} } = options;
  const text = typeof document === "object" ? JSON.stringify(document) : document;
  const appOptions: AppOptions = {
    file: text === undefined ? undefined : file,
    directory,
    environment: environmentOf({ PATCHBAY_LOG_LEVEL: "silent", ...environment }),
    overrides: { port: 0, dataDir: directory },
  };
  const loaded = readConfig(appOptions, text);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  // The machine that runs the tests may have a model server; `detect: false` would keep keys of the environment out too.
  return { options: appOptions, config: { ...loaded.config, detect: false } };
}

/** Starts a gateway on a free port of the loopback interface; `await using` ends it and removes its directory. */
export async function startHouse(options: HouseOptions = {}): Promise<House> {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-test-"));
  const file = join(directory, "patchbay.yaml");
  const { document } = options;
  if (document !== undefined) {
    writeFileSync(file, typeof document === "object" ? JSON.stringify(document) : document);
  }
  const { options: appOptions, config } = configure(options, directory);
  const app = await App.start(appOptions, config);
  await app.refresh();
  const store = openStore({ file: config.store, clock: systemClock });
  const { url } = app;
  return {
    app,
    url,
    port: Number(new URL(url).port),
    directory,
    file,
    store,
    issue: async ({ models, life, limits } = {}) => {
      const now = Date.now();
      const { key, stored } = createKey({
        name: "test",
        now,
        pepper: store.keys.pepper(),
        ...(models === undefined ? {} : { models }),
        ...(limits === undefined ? {} : { limits }),
        ...(life === undefined ? {} : { expiresAt: now + life }),
      });
      await store.keys.insert(stored);
      await keysAreRead();
      return { id: stored.id, key };
    },
    rows: (count) =>
      until(async () => {
        const rows = await store.ledger.recent(count + 100);
        return rows.length >= count ? rows : undefined;
      }),
    row: (id) => until(async () => (await store.ledger.recent(1000)).find((row) => row.id === id)),
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Asks until there is an answer. */
async function until<Value>(ask: () => Promise<Value | undefined>): Promise<Value> {
  for (const deadline = performance.now() + 3000; ;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error("It did not come within three seconds.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A document's endpoint that speaks OpenAI's protocol where somebody listens. */
export function endpointAt(name: string, { url }: { readonly url: string }, more: object = {}) {
  return { name, type: "openai-compatible", url, ...more };
}

/** The head of a request with this key. */
export function bearer(key: string): { readonly authorization: string } {
  return { authorization: `Bearer ${key}` };
}

/** A document with endpoints that speak OpenAI's protocol at these URLs, each with the key `key-NAME`. */
export function documentFor(endpoints: { readonly [name: string]: string }, more: object = {}): object {
  return {
    endpoints: Object.entries(endpoints).map(([name, url]) =>
      endpointAt(name, { url }, { credentials: [{ apiKey: `key-${name}` }] }),
    ),
    ...more,
  };
}
