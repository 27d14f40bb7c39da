import type { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../kernel/clock.ts";
import { SqliteKeyStore } from "./keys.ts";
import { rowOf } from "./ledger-fields.ts";
import { BatchLedger } from "./ledger.ts";
import { ledgerWriter } from "./ledger-writer.ts";
import { usedSince } from "./ledger-used.ts";
import { openDatabase, withQuickCommits } from "./open-database.ts";
import type { LedgerRow, Store } from "./ports.ts";
import type { queriesOn } from "./queries.ts";
import { type StoreError, toStoreError } from "./store-error.ts";

export { StoreError } from "./store-error.ts";

export interface StoreOptions {
  /** A file name, made when missing with all its directories, or `:memory:`. */
  readonly file: string;
  readonly clock: Clock;
  /** Told when ledger rows can no longer be written, and, with undefined, when they can again. */
  readonly onTrouble?: (error: StoreError | undefined) => void;
}

/** How long closing waits for another process's lock before it gives up pending rows, in milliseconds. */
const closingPatience = 2_000;
const closingStep = 50;
const mostRecent = 10_000;

class SqliteStore implements Store {
  readonly keys: SqliteKeyStore;
  readonly ledger: BatchLedger;
  readonly #database: DatabaseSync;
  readonly #options: StoreOptions;
  #queries: Promise<ReturnType<typeof queriesOn>> | undefined;

  constructor(database: DatabaseSync, options: StoreOptions) {
    const { file, onTrouble } = options;
    this.#database = database;
    this.#options = options;
    this.keys = new SqliteKeyStore({ database, file, queries: this.#loadQueries });
    this.ledger = new BatchLedger({
      write: ledgerWriter(database, file),
      read: this.#recent,
      used: (since) => usedSince(database, file, since),
      ...(onTrouble !== undefined && { onTrouble }),
    });
  }

  check(): void {
    const { file, clock } = this.#options;
    try {
      const write = this.#database.prepare(
        "INSERT INTO settings (name, value) VALUES ('checked-at', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
      );
      withQuickCommits(this.#database, () => write.run(clock.now()));
    } catch (error) {
      throw toStoreError(file, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#database.isOpen) return;
    for (let waited = 0; waited < closingPatience; waited += closingStep) {
      this.ledger.flush();
      if (this.ledger.state.pending === 0) break;
      await sleep(closingStep);
    }
    this.ledger.close();
    this.#database.close();
  }

  readonly #loadQueries = (): Promise<ReturnType<typeof queriesOn>> => {
    this.#queries ??= import("./queries.ts").then((module) => module.queriesOn(this.#database));
    return this.#queries;
  };

  readonly #recent = async (limit: number): Promise<readonly LedgerRow[]> => {
    const most = Number.isFinite(limit) ? Math.min(Math.max(Math.trunc(limit), 0), mostRecent) : mostRecent;
    const queries = await this.#loadQueries();
    try {
      const records = await queries.selectFrom("ledger").selectAll().orderBy("number", "desc").limit(most).execute();
      return records.map(rowOf);
    } catch (error) {
      throw toStoreError(this.#options.file, error);
    }
  };
}

/**
 * Opens the store, makes it when it is missing, and brings its schema up to date.
 * @throws StoreError with one sentence that says what is wrong and what to do.
 */
export function openStore(options: StoreOptions): Store {
  const database = openDatabase(options.file);
  try {
    return new SqliteStore(database, options);
  } catch (error) {
    database.close();
    throw toStoreError(options.file, error);
  }
}
