import type { SharedLimits } from "../kernel/limit.ts";
import type { Environment } from "./environment.ts";

export interface VariableProblem {
  readonly name: string;
  readonly message: string;
}

/** Limits that variables set for a detected endpoint, by its type. */
interface LimitRow {
  readonly type: string;
  readonly prefix: string;
  /** What counts where nothing is set, if the virtual model of the keys stands: four fifths of the vendor's own limits. */
  readonly usual: SharedLimits;
}

const limitRows: readonly LimitRow[] = [
  {
    type: "cerebras",
    prefix: "CEREBRAS",
    usual: { requestsPerMinute: 12, tokensPerMinute: 132_000, tokensPerDay: 19_200_000 },
  },
  { type: "chutes", prefix: "CHUTES", usual: {} },
];

const figures = {
  requestsPerMinute: "REQUESTS_PER_MINUTE",
  tokensPerMinute: "TOKENS_PER_MINUTE",
  tokensPerDay: "TOKENS_PER_DAY",
} as const;

export interface SeedLimits {
  /** By the type of a detected endpoint. */
  readonly limits: ReadonlyMap<string, SharedLimits>;
  readonly notes: readonly string[];
  readonly problems: readonly VariableProblem[];
}

/** @param types Types of detected endpoints. @param hasModel The virtual model of the keys stands. */
export function seedLimits(environment: Environment, types: ReadonlySet<string>, hasModel: boolean): SeedLimits {
  const limits = new Map<string, SharedLimits>();
  const notes: string[] = [];
  const problems: VariableProblem[] = [];
  for (const { type, prefix, usual } of limitRows) {
    const given: { -readonly [Name in keyof typeof figures]?: number } = {};
    for (const [name, suffix] of Object.entries(figures) as [keyof typeof figures, string][]) {
      const read = readWhole(environment, `${prefix}_${suffix}`, 1e12);
      if (read === "invalid") problems.push({ name: `${prefix}_${suffix}`, message: wholeMessage(1e12) });
      else if (read !== undefined) given[name] = read;
    }
    const all = hasModel ? { ...usual, ...given } : given;
    if (!types.has(type) || Object.keys(all).length === 0) continue;
    limits.set(type, all);
    const shown = Object.entries(all).map(([name, figure]) => `${name} ${figure}`);
    notes.push(`endpoint ${type}: limits ${shown.join(", ")}`);
  }
  return { limits, notes, problems };
}

/** What one address may ask for in a minute: by class of route, the variable and what counts where it is not set. */
const addressRows = {
  requests: ["RATE_LIMIT_PER_MINUTE", 30],
  chat: ["RATE_LIMIT_CHAT_PER_MINUTE", 10],
  auth: ["RATE_LIMIT_AUTH_PER_MINUTE", 10],
  health: ["RATE_LIMIT_HEALTH_PER_MINUTE", 30],
} as const;

export interface SeedAddressLimits {
  /** As the document would say it under `server.limits.perAddress`. */
  readonly value?: { readonly [name: string]: string | number };
  /** The variables that were read. */
  readonly names: readonly string[];
  readonly problems: readonly VariableProblem[];
}

/** Any of the variables turns all of them on, unless `RATE_LIMIT_ENABLED` is false. */
export function seedAddressLimits(environment: Environment): SeedAddressLimits {
  const enabled = environment.get("RATE_LIMIT_ENABLED")?.trim().toLowerCase();
  const set = Object.values(addressRows).flatMap(([name]) => (environment.has(name) ? [name as string] : []));
  const names = enabled === undefined ? set : ["RATE_LIMIT_ENABLED", ...set];
  if (names.length === 0 || /^(false|no|off|0)$/.test(enabled ?? "")) return { names: [], problems: [] };
  const value: { [name: string]: string | number } = { window: "1m" };
  const problems: VariableProblem[] = [];
  if (enabled !== undefined && !/^(true|yes|on|1)$/.test(enabled)) {
    problems.push({ name: "RATE_LIMIT_ENABLED", message: "must be true or false" });
  }
  for (const [place, [name, usual]] of Object.entries(addressRows)) {
    const read = readWhole(environment, name, 1_000_000);
    if (read === "invalid") problems.push({ name, message: wholeMessage(1_000_000) });
    value[place] = typeof read === "number" ? read : usual;
  }
  return { value, names, problems };
}

function readWhole(environment: Environment, name: string, most: number): number | "invalid" | undefined {
  const text = environment.get(name)?.trim();
  if (text === undefined) return undefined;
  const figure = /^\d{1,13}$/.test(text) ? Number(text) : 0;
  return figure >= 1 && figure <= most ? figure : "invalid";
}

const wholeMessage = (most: number): string => `must be a whole number from 1 to ${most}`;
