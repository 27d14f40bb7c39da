import type { SQLInputValue } from "node:sqlite";
import type { LedgerRow } from "./ports.ts";

type FieldKind = "text" | "json" | "integer" | "real" | "flag";

/** Each field of a row with its column. The type sees to it that none is forgotten. */
const columns = {
  id: ["id", "text"],
  at: ["at", "integer"],
  keyId: ["key_id", "text"],
  surface: ["surface", "text"],
  requestedModel: ["requested_model", "text"],
  virtualModel: ["virtual_model", "text"],
  endpoint: ["endpoint", "text"],
  actualModel: ["actual_model", "text"],
  attempts: ["attempts", "integer"],
  status: ["status", "integer"],
  stream: ["stream", "flag"],
  sight: ["sight", "text"],
  failureKind: ["failure_kind", "text"],
  finishReason: ["finish_reason", "text"],
  inputTokens: ["input_tokens", "integer"],
  outputTokens: ["output_tokens", "integer"],
  cacheReadTokens: ["cache_read_tokens", "integer"],
  cacheWriteTokens: ["cache_write_tokens", "integer"],
  reasoningTokens: ["reasoning_tokens", "integer"],
  costMicroDollars: ["cost_micro_dollars", "integer"],
  timeToFirstToken: ["time_to_first_token", "real"],
  duration: ["duration", "real"],
  bytesIn: ["bytes_in", "integer"],
  bytesOut: ["bytes_out", "integer"],
  clientAgent: ["client_agent", "text"],
  route: ["route", "json"],
} as const satisfies {
  readonly [Name in keyof Required<LedgerRow>]: readonly [string, FieldKind];
};

type Field = keyof typeof columns;

/** The table as the query layer sees it. */
export type LedgerTable = { readonly number: number } & {
  readonly [F in Field as (typeof columns)[F][0]]: string | number | null;
};

const fields: readonly {
  readonly field: Field;
  readonly column: string;
  readonly kind: FieldKind;
}[] = Object.entries(columns).map(([field, [column, kind]]) => ({
  field: field as Field,
  column,
  kind,
}));

/** Clients choose model names, ids and agents: characters beyond this are cut. */
const longestText = 256;

/** JSON cannot be cut: what is longer is left out. */
const longestJson = 8_192;

/** The statement that `parametersOf` fills. Its parts are our own constants. */
export const insertSql =
  `INSERT INTO ledger (${fields.map(({ column }) => column).join(", ")}) ` +
  `VALUES (${fields.map(() => "?").join(", ")})`;

function text(value: string): string {
  return (value.length > longestText ? value.slice(0, longestText) : value).toWellFormed();
}

/** What is no sensible number is unknown, which is NULL. */
function number(value: number, kind: "integer" | "real"): number | null {
  if (!(value >= 0)) return null;
  if (kind === "real") return Number.isFinite(value) ? value : null;
  const whole = Math.round(value);
  return Number.isSafeInteger(whole) ? whole : null;
}

function parameter(value: LedgerRow[Field], kind: FieldKind): SQLInputValue {
  switch (typeof value) {
    case "string":
      if (kind === "json") return value.length > longestJson ? null : value.toWellFormed();
      return text(value);
    case "number":
      return number(value, kind === "real" ? "real" : "integer");
    case "boolean":
      return value ? 1 : 0;
    default:
      return null;
  }
}

/** The row as the values of `insertSql`. Absent is NULL. */
export function parametersOf(row: LedgerRow): SQLInputValue[] {
  return fields.map(({ field, kind }) => parameter(row[field], kind));
}

/** The row that a record of the table holds. NULL is absent. */
export function rowOf(record: { readonly [column: string]: unknown }): LedgerRow {
  const row: { [field: string]: unknown } = {};
  for (const { field, column, kind } of fields) {
    const value = record[column];
    if (value !== null && value !== undefined) row[field] = kind === "flag" ? value === 1 : value;
  }
  // The schema is strict, so each column has the type that `columns` says.
  return row as unknown as LedgerRow;
}
