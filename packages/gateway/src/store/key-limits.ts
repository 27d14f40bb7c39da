import { isJsonObject } from "../kernel/json.ts";
import type { KeyLimits } from "../kernel/limit.ts";

/** Those that must be at least 1, and priority, which may be any number. */
const names = [
  "requestsPerMinute",
  "tokensPerMinute",
  "tokensPerDay",
  "concurrent",
  "microDollarsPerDay",
  "microDollarsPerMonth",
] as const satisfies readonly (keyof KeyLimits)[];

/** Limits that cannot be read let next to nothing through, rather than everything. */
const closed: KeyLimits = { requestsPerMinute: 1, tokensPerDay: 1, microDollarsPerMonth: 1, concurrent: 1 };

/** The limits that the table holds as JSON. */
export function limitsOf(text: string): KeyLimits {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return closed;
  }
  if (!isJsonObject(value)) return closed;
  const limits: { -readonly [Name in keyof KeyLimits]?: number } = {};
  for (const name of names) {
    const figure = value[name];
    if (figure === undefined) continue;
    if (typeof figure !== "number" || !Number.isSafeInteger(figure) || figure < 1) return closed;
    limits[name] = figure;
  }
  const priority = value["priority"];
  if (typeof priority === "number" && Number.isSafeInteger(priority)) limits.priority = priority;
  return limits;
}
