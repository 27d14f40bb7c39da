import type { KeyLimits } from "../kernel/limit.ts";

/** The options of `patchbay keys create` that limit a key, as commander names them. */
export interface LimitFlags {
  readonly requestsPerMinute?: string;
  readonly tokensPerMinute?: string;
  readonly tokensPerDay?: string;
  readonly concurrent?: string;
  readonly usdPerDay?: string;
  readonly usdPerMonth?: string;
  readonly priority?: string;
}

interface Row {
  readonly flag: keyof LimitFlags;
  readonly option: string;
  readonly limit: keyof KeyLimits;
  readonly kind: "count" | "usd" | "priority";
  /** How a list shows the figure. */
  readonly short: string;
}

const rows: readonly Row[] = [
  {
    flag: "requestsPerMinute",
    option: "--requests-per-minute",
    limit: "requestsPerMinute",
    kind: "count",
    short: "requests/min",
  },
  {
    flag: "tokensPerMinute",
    option: "--tokens-per-minute",
    limit: "tokensPerMinute",
    kind: "count",
    short: "tokens/min",
  },
  { flag: "tokensPerDay", option: "--tokens-per-day", limit: "tokensPerDay", kind: "count", short: "tokens/day" },
  { flag: "concurrent", option: "--concurrent", limit: "concurrent", kind: "count", short: "at a time" },
  { flag: "usdPerDay", option: "--usd-per-day", limit: "microDollarsPerDay", kind: "usd", short: "USD/day" },
  { flag: "usdPerMonth", option: "--usd-per-month", limit: "microDollarsPerMonth", kind: "usd", short: "USD/month" },
  { flag: "priority", option: "--priority", limit: "priority", kind: "priority", short: "priority" },
];

/** The limits that flags ask for; undefined for none, or a sentence about the one that makes no sense. */
export function readLimits(flags: LimitFlags): KeyLimits | undefined | string {
  const limits: { -readonly [Name in keyof KeyLimits]?: number } = {};
  for (const { flag, option, limit, kind } of rows) {
    const given = flags[flag];
    if (given === undefined) continue;
    const figure = readFigure(given, kind);
    if (figure === undefined) return `${option} ${expected[kind]}.`;
    limits[limit] = figure;
  }
  return Object.keys(limits).length === 0 ? undefined : limits;
}

const expected: { readonly [K in Row["kind"]]: string } = {
  count: "takes a whole number from 1 to 1000000000000",
  usd: "takes an amount of US dollars such as 5 or 0.50, at most a million",
  priority: "takes a whole number from -100 to 100",
};

function readFigure(text: string, kind: Row["kind"]): number | undefined {
  if (kind === "usd") {
    const figure = /^\d{1,7}(\.\d{1,6})?$/.test(text) ? Math.round(Number(text) * 1_000_000) : 0;
    return figure >= 1 && figure <= 1e12 ? figure : undefined;
  }
  if (kind === "priority") {
    const figure = /^-?\d{1,3}$/.test(text) ? Number(text) : NaN;
    return Math.abs(figure) <= 100 ? figure : undefined;
  }
  const figure = /^\d{1,13}$/.test(text) ? Number(text) : 0;
  return figure >= 1 && figure <= 1e12 ? figure : undefined;
}

/** Limits for a list, such as `60 requests/min, 5 USD/day`; `none` where there are none. */
export function shownLimits(limits: KeyLimits | undefined): string {
  const parts = rows.flatMap(({ limit, kind, short }) => {
    const figure = limits?.[limit];
    if (figure === undefined) return [];
    return kind === "priority" ? `${short} ${figure}` : `${kind === "usd" ? figure / 1_000_000 : figure} ${short}`;
  });
  return parts.length === 0 ? "none" : parts.join(", ");
}

/** Limits for programs, by the flags' names; money in dollars. */
export function describedLimits(limits: KeyLimits): { readonly [name: string]: number } {
  return Object.fromEntries(
    rows.flatMap(({ flag, limit, kind }) => {
      const figure = limits[limit];
      return figure === undefined ? [] : [[flag, kind === "usd" ? figure / 1_000_000 : figure] as const];
    }),
  );
}
