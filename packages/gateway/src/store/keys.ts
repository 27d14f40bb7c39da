import { randomBytes } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { limitsOf } from "./key-limits.ts";
import type { KeyStore, StoredKey } from "./ports.ts";
import type { KeyTable, queriesOn } from "./queries.ts";
import { StoreError, toStoreError } from "./store-error.ts";

/** How long a change of the keys waits for another process's lock, in milliseconds, without blocking others. */
const patience = 2_000;
const retryDelay = 20;
const pepperName = "pepper";
const pepperSize = 32;

export interface KeyStoreParts {
  readonly database: DatabaseSync;
  readonly file: string;
  readonly queries: () => Promise<ReturnType<typeof queriesOn>>;
}

/** A list that cannot be read allows nothing, rather than everything. */
function modelsOf(text: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value;
  } catch {
    // Falls through to the list that allows nothing.
  }
  return [];
}

function keyOf(record: KeyTable): StoredKey {
  return {
    id: record.id,
    name: record.name,
    hash: record.hash,
    createdAt: record.created_at,
    ...(record.expires_at !== null && { expiresAt: record.expires_at }),
    ...(record.revoked_at !== null && { revokedAt: record.revoked_at }),
    ...(record.models !== null && { models: modelsOf(record.models) }),
    ...(record.limits !== null && { limits: limitsOf(record.limits) }),
  };
}

/** The keys in SQLite. Every write is on disk when its promise settles, power cut or not. */
export class SqliteKeyStore implements KeyStore {
  readonly #parts: KeyStoreParts;
  readonly #dataVersion: StatementSync;
  readonly #counter: StatementSync;
  readonly #all: StatementSync;
  #seenDataVersion: unknown;
  #version = 0;
  #pepper: Buffer | undefined;

  constructor(parts: KeyStoreParts) {
    this.#parts = parts;
    // Changes when another connection commits, and costs no I/O: https://www.sqlite.org/pragma.html#pragma_data_version
    this.#dataVersion = parts.database.prepare("PRAGMA data_version");
    this.#dataVersion.setReturnArrays(true);
    this.#counter = parts.database.prepare("SELECT value FROM counters WHERE name = 'keys'");
    this.#all = parts.database.prepare("SELECT * FROM keys ORDER BY created_at, id");
  }

  async list(): Promise<readonly StoredKey[]> {
    const queries = await this.#parts.queries();
    const records = await this.#patiently(() =>
      queries.selectFrom("keys").selectAll().orderBy("created_at").orderBy("id").execute(),
    );
    return records.map(keyOf);
  }

  async insert(key: StoredKey): Promise<void> {
    const queries = await this.#parts.queries();
    const record: KeyTable = {
      id: key.id,
      name: key.name,
      hash: key.hash,
      created_at: key.createdAt,
      expires_at: key.expiresAt ?? null,
      revoked_at: key.revokedAt ?? null,
      models: key.models === undefined ? null : JSON.stringify(key.models),
      limits: key.limits === undefined ? null : JSON.stringify(key.limits),
    };
    await this.#patiently(() => queries.insertInto("keys").values(record).execute());
    this.#seenDataVersion = undefined;
  }

  async revoke(id: string, at: number): Promise<boolean> {
    const queries = await this.#parts.queries();
    const result = await this.#patiently(() =>
      queries
        .updateTable("keys")
        .set({ revoked_at: at })
        .where("id", "=", id)
        .where("revoked_at", "is", null)
        .executeTakeFirst(),
    );
    this.#seenDataVersion = undefined;
    return result.numUpdatedRows > 0n;
  }

  version(): number {
    try {
      const seen = this.#dataVersion.get()?.[0];
      // Other processes also write ledger rows, so a new data version alone does not mean new keys.
      if (seen !== this.#seenDataVersion) {
        this.#version = Number(this.#counter.get()?.["value"]);
        this.#seenDataVersion = seen;
      }
      return this.#version;
    } catch (error) {
      throw toStoreError(this.#parts.file, error);
    }
  }

  snapshot(): readonly StoredKey[] {
    try {
      return this.#all.all().map((record) => keyOf(record as unknown as KeyTable));
    } catch (error) {
      throw toStoreError(this.#parts.file, error);
    }
  }

  pepper(): Buffer {
    this.#pepper ??= this.#readPepper();
    return this.#pepper;
  }

  #readPepper(): Buffer {
    const { database, file } = this.#parts;
    try {
      const read = database.prepare("SELECT value FROM settings WHERE name = ?");
      if (read.get(pepperName) === undefined) {
        // Another process may be doing the same: whoever is first decides.
        database
          .prepare("INSERT OR IGNORE INTO settings (name, value) VALUES (?, ?)")
          .run(pepperName, randomBytes(pepperSize));
      }
      const value = read.get(pepperName)?.["value"];
      if (value instanceof Uint8Array && value.length === pepperSize) return Buffer.from(value);
      throw new StoreError("corrupt", `The store ${file} holds no usable pepper, so no key can be checked.`);
    } catch (error) {
      throw toStoreError(file, error);
    }
  }

  /** @throws StoreError */
  async #patiently<Value>(action: () => Promise<Value>): Promise<Value> {
    for (let waited = 0; ; waited += retryDelay) {
      try {
        return await action();
      } catch (error) {
        const storeError = toStoreError(this.#parts.file, error);
        if (storeError.trouble !== "locked" || waited >= patience) throw storeError;
      }
      await sleep(retryDelay);
    }
  }
}
