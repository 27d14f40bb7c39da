import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Config } from "../config/types.ts";
import { redisDial } from "../limits/shared/redis.ts";
import { Wire } from "../limits/shared/wire.ts";
import { listenProblem } from "../server/port.ts";
import { openStore } from "../store/sqlite.ts";
import { StoreError } from "../store/store-error.ts";
import { exposure } from "./exposure.ts";
import { findRunning, localUrl } from "./running.ts";
import type { RunningGateway } from "./running.ts";
import { systemClock } from "./system-clock.ts";

/** Milliseconds that whoever holds the port has to say who it is. */
const introduction = 1000;

/** What is where the gateway is to listen. */
export type PortFinding =
  | { readonly state: "free" }
  | { readonly state: "patchbay"; readonly gateway: RunningGateway }
  /** `code` is Node's, such as EADDRINUSE. */
  | { readonly state: "unusable"; readonly code: string };

/** Looks whether the gateway could listen, and if not, whether one does already. */
export async function inspectPort({ server: { host, port } }: Config): Promise<PortFinding> {
  const code = await listenProblem(host, port);
  if (code === undefined) return { state: "free" };
  const gateway = code === "EADDRINUSE" ? await findRunning(localUrl(host, port), introduction) : undefined;
  return gateway === undefined ? { state: "unusable", code } : { state: "patchbay", gateway };
}

/** Milliseconds that a Redis has to answer once. */
const patience = 1000;

/** Why the Redis that replicas are to share cannot be used, in a word; empty when it can, undefined when there is none. */
export async function inspectState({ state }: Config): Promise<string | undefined> {
  if (state === undefined) return undefined;
  const dial = await redisDial(state);
  const line = await dial(() => {});
  if (typeof line === "string") return line;
  using wire = new Wire(line, patience, systemClock);
  const answer = await wire.send(["PING"]);
  return answer.state === "answered" ? "" : answer.state;
}

/** What is known of the store. */
export interface StoreFinding {
  readonly file: string;
  readonly state: "works" | "memory" | "new" | "failed";
  /** What is wrong, with the remedy. */
  readonly problem?: string;
  /** Why a gateway with this configuration would not start, for the sake of who could reach it. */
  readonly exposed?: string;
  /** The latest moment that the store has recorded; milliseconds since 1970. */
  readonly latest?: number;
}

/** Opens the store as a start would, if it is there, and writes to it. A store that is not there is not made. */
export async function inspectStore(config: Config): Promise<StoreFinding> {
  const file = config.store;
  const withoutKeys = exposure(config, undefined, systemClock);
  const exposed = withoutKeys === undefined ? {} : { exposed: withoutKeys };
  if (file === ":memory:") return { file, state: "memory", ...exposed };
  if (!existsSync(file)) {
    const directory = nearestDirectory(file);
    if (isWritable(directory)) return { file, state: "new", ...exposed };
    const problem = `The directory ${directory} cannot be written to; name another with --data-dir DIR.`;
    return { file, state: "failed", problem, ...exposed };
  }
  try {
    await using store = openStore({ file, clock: systemClock });
    store.check();
    const stillExposed = exposure(config, store.keys, systemClock);
    const moments = [
      ...store.keys.snapshot().map(({ createdAt }) => createdAt),
      ...(await store.ledger.recent(1)).map(({ at }) => at),
    ];
    return {
      file,
      state: "works",
      ...(stillExposed === undefined ? {} : { exposed: stillExposed }),
      ...(moments.length === 0 ? {} : { latest: Math.max(...moments) }),
    };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { file, state: "failed", problem: error.message, ...exposed };
  }
}

/** The permission bits that give others a file, or 0; Windows keeps them elsewhere. */
export function foreignMode(file: string): number {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined || process.platform === "win32" ? 0 : stats.mode & 0o077;
}

function nearestDirectory(file: string): string {
  let directory = dirname(file);
  while (!existsSync(directory) && dirname(directory) !== directory) directory = dirname(directory);
  return directory;
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
