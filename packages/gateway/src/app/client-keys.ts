import { existsSync } from "node:fs";
import { createKey, keyProblem, parseKey } from "../auth/keys.ts";
import type { Config } from "../config/types.ts";
import type { KeyLimits } from "../kernel/limit.ts";
import { openStore } from "../store/sqlite.ts";
import type { Store, StoredKey } from "../store/ports.ts";
import { StartError } from "./start-error.ts";
import { systemClock } from "./system-clock.ts";

/** What may be shown of a client key. Times are milliseconds since 1970. */
export interface ClientKey {
  readonly id: string;
  readonly name: string;
  readonly state: "active" | "expired" | "revoked";
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly revokedAt?: number;
  /** Absent: all. */
  readonly models?: readonly string[];
  /** Absent: as much as it wants. */
  readonly limits?: KeyLimits;
}

export interface KeyRequest {
  readonly name: string;
  readonly expiresAt?: number;
  readonly models?: readonly string[];
  readonly limits?: KeyLimits;
}

export type KeyCreation =
  /** `key` is shown once and kept nowhere. */
  | { readonly ok: true; readonly key: string; readonly made: ClientKey }
  | { readonly ok: false; readonly problem: string };

/** Makes a key, which a running gateway of the same store knows at once. @throws StartError when the store fails. */
export async function createClientKey(config: Config, wish: KeyRequest): Promise<KeyCreation> {
  const now = systemClock.now();
  const problem = keyProblem({ ...wish, now });
  if (problem !== undefined) return { ok: false, problem };
  return withStore(config, async ({ keys }) => {
    const { key, stored } = createKey({ ...wish, now, pepper: keys.pepper() });
    await keys.insert(stored);
    return { ok: true, key, made: shown(stored, now) };
  });
}

/** All keys, oldest first. @throws StartError when the store fails. */
export async function listClientKeys(config: Config): Promise<readonly ClientKey[]> {
  if (!existsSync(config.store)) return [];
  const stored = await withStore(config, ({ keys }) => keys.list());
  const now = systemClock.now();
  return stored.map((key) => shown(key, now));
}

/**
 * Revokes a key, at once, for running gateways too. One that was revoked before stays so.
 *
 * @param given The key's id, or the whole key.
 * @returns the key, or undefined when there is none of this id.
 * @throws StartError when the store fails.
 */
export async function revokeClientKey(config: Config, given: string): Promise<ClientKey | undefined> {
  if (!existsSync(config.store)) return undefined;
  const id = parseKey(given)?.id ?? given;
  const now = systemClock.now();
  return withStore(config, async ({ keys }) => {
    await keys.revoke(id, now);
    const stored = (await keys.list()).find((key) => key.id === id);
    return stored === undefined ? undefined : shown(stored, now);
  });
}

/** Opens the store for one piece of work. @throws StartError */
async function withStore<Value>(config: Config, work: (store: Store) => Promise<Value>): Promise<Value> {
  try {
    await using store = openStore({ file: config.store, clock: systemClock });
    return await work(store);
  } catch (error) {
    throw StartError.fromStore(error);
  }
}

function shown({ id, name, createdAt, expiresAt, revokedAt, models, limits }: StoredKey, now: number): ClientKey {
  const state = revokedAt !== undefined ? "revoked" : (expiresAt ?? Infinity) <= now ? "expired" : "active";
  return {
    id,
    name,
    state,
    createdAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    ...(models === undefined ? {} : { models }),
    ...(limits === undefined ? {} : { limits }),
  };
}
