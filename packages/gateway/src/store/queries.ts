/** The query layer. Loading it takes tens of milliseconds, and serving does not need it: import it lazily. */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { Kysely, SqliteDialect } from "kysely";
import type { SqliteDatabase } from "kysely";
import type { LedgerTable } from "./ledger-fields.ts";

export interface KeyTable {
  readonly id: string;
  readonly name: string;
  readonly hash: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  /** A JSON array of strings. */
  readonly models: string | null;
  /** A JSON object of `KeyLimits`. */
  readonly limits: string | null;
}

export interface Tables {
  readonly keys: KeyTable;
  readonly ledger: LedgerTable;
}

/** kysely speaks better-sqlite3's dialect of the same three calls. */
function bridge(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as readonly SQLInputValue[])),
        run: (parameters) => statement.run(...(parameters as readonly SQLInputValue[])),
        iterate: (parameters) => statement.iterate(...(parameters as readonly SQLInputValue[])),
      };
    },
  };
}

/** The database stays its owner's to close. */
export function queriesOn(database: DatabaseSync): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database: bridge(database) }) });
}
