import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { checkModel, idleModel, modelName } from "./bodies.ts";
import { type Child, gist, startChild } from "./child.ts";
import type { ClientName } from "./clients.ts";
import type { Place } from "./load.ts";

/** What the bench measures, side by side. */
export interface Target {
  readonly name: string;
  /** Starts a fresh process in front of the upstream. */
  start(upstream: string, extra?: StartExtra): Promise<RunningTarget>;
}

export interface StartExtra {
  /** Flags for Node before the script. */
  readonly nodeFlags?: readonly string[];
  readonly ipc?: boolean;
}

export interface RunningTarget extends AsyncDisposable {
  readonly place: Place;
  /** Absent for the direct call, which has no process of its own. */
  readonly child?: Child;
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const listening = /listening url=(\S+)/u;

export function startUpstream(): Promise<Child> {
  return startChild({ argv: [here("upstream-process.ts")], ready: listening });
}

export function startLoad(): Promise<Child> {
  return startChild({ argv: [here("load-process.ts")], ready: listening, ipc: true });
}

const direct: Target = {
  name: "direct",
  start: (upstream) =>
    Promise.resolve({
      place: { origin: upstream, headers: {}, client: "openai" },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};

const relay: Target = {
  name: "bare relay",
  async start(upstream, extra = {}) {
    const argv = [...(extra.nodeFlags ?? []), here("relay-process.ts"), upstream];
    const child = await startChild({ argv, ready: listening, ipc: extra.ipc ?? false });
    return {
      child,
      place: { origin: child.url, headers: {}, client: "openai" },
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  },
};

/** A key is required; ledger, metrics and log are as they are by default, that is, on. */
function document(upstream: string): string {
  const models = [modelName, checkModel, idleModel].map(
    (name) => `  - name: ${name}\n    targets: [{ endpoint: mock, model: ${name}-upstream }]`,
  );
  return `server:
  limits: { concurrent: 20000, connections: 20000 }
access: { open: never }
endpoints:
  - name: mock
    type: openai-compatible
    url: ${upstream}/v1
    credentials: [{ apiKey: "\${BENCH_UPSTREAM_KEY}" }]
models:
${models.join("\n")}
`;
}

const binary = here("../bin/patchbay.js");
const environment = { BENCH_UPSTREAM_KEY: "sk-bench" };

async function createKey(folder: string, config: string): Promise<string> {
  const argv = [binary, "keys", "create", "bench", "--json", "--config", config, "--data-dir", folder];
  const options = { env: { ...process.env, ...environment } };
  const printed = await promisify(execFile)(process.execPath, argv, options).catch(
    (error: Error & { stdout?: string; stderr?: string }) => {
      throw new Error(`"patchbay keys create" failed. ${gist(`${error.stderr ?? ""}\n${error.stdout ?? ""}`)}`);
    },
  );
  const key = /pbk_\w+/u.exec(printed.stdout)?.[0];
  if (key === undefined) throw new Error(`"patchbay keys create" gave no key, but: ${printed.stdout.slice(0, 500)}`);
  return key;
}

const folders = new Set<string>();

// Also when the bench is interrupted, after its processes were killed; see child.ts.
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function startGateway(upstream: string, client: ClientName, extra: StartExtra): Promise<RunningTarget> {
  const folder = await mkdtemp(join(tmpdir(), "patchbay-bench-"));
  folders.add(folder);
  const remove = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true });
    folders.delete(folder);
  };
  try {
    const config = join(folder, "patchbay.yaml");
    await writeFile(config, document(upstream));
    const key = await createKey(folder, config);
    const argv = [
      ...(extra.nodeFlags ?? []),
      binary,
      "start",
      "--config",
      config,
      "--port",
      "0",
      "--data-dir",
      folder,
      "--no-detect",
    ];
    const child = await startChild({
      argv,
      ready: listening,
      environment,
      ipc: extra.ipc ?? false,
    });
    const dispose = async (): Promise<void> => {
      await child[Symbol.asyncDispose]();
      await remove();
    };
    return {
      child,
      place: { origin: child.url, headers: { authorization: `Bearer ${key}` }, client },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

const gateway: Target = {
  name: "patchbay",
  start: (upstream, extra = {}) => startGateway(upstream, "openai", extra),
};

/** The same gateway, serving the same upstream to clients of another protocol. */
const translating: Target = {
  name: "translating",
  start: (upstream, extra = {}) => startGateway(upstream, "anthropic", extra),
};

/** The yardsticks and the gateway, in the order in which they take turns. */
export const targets = { direct, relay, gateway, translating } as const;
