import type { DatabaseSync } from "node:sqlite";
import type { UsedRow } from "./ports.ts";
import { toStoreError } from "./store-error.ts";

const hour = 3_600_000;

/**
 * Sums by hour, key, endpoint and virtual model. Rows that used nothing are left out. They are sums of reals: upstreams
 * may claim so much that a sum of integers would overflow, or could not be read.
 */
const sql = `
SELECT at / ${hour} AS hour, key_id, endpoint, virtual_model,
  total(ifnull(input_tokens, 0) + ifnull(output_tokens, 0)) AS tokens,
  total(ifnull(cost_micro_dollars, 0)) AS micro_dollars
FROM ledger WHERE at >= ? AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)
GROUP BY 1, 2, 3, 4
`;

/** @throws StoreError */
export function usedSince(database: DatabaseSync, file: string, since: number): readonly UsedRow[] {
  try {
    return database
      .prepare(sql)
      .all(since)
      .map((row) => ({
        hour: Number(row["hour"]) * hour,
        keyId: textOf(row["key_id"]),
        endpoint: textOf(row["endpoint"]),
        model: textOf(row["virtual_model"]),
        tokens: Number(row["tokens"]),
        microDollars: Number(row["micro_dollars"]),
      }));
  } catch (error) {
    throw toStoreError(file, error);
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
