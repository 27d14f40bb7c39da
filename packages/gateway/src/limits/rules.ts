import type { KeyLimits, SharedLimits } from "../kernel/limit.ts";

/** What is counted. Money is micro-dollars. */
export type Unit = "requests" | "tokens" | "money";

/**
 * Over which time. `minute` and `day` are sliding windows; `calendar-day` and `calendar-month` begin anew at midnight
 * UTC.
 */
export type Period = "minute" | "day" | "calendar-day" | "calendar-month";

/** Every limit per time, by the name that the document and the refusals use. */
const kinds = {
  requestsPerMinute: { unit: "requests", period: "minute", words: "requests per minute" },
  tokensPerMinute: { unit: "tokens", period: "minute", words: "tokens per minute" },
  tokensPerDay: { unit: "tokens", period: "day", words: "tokens per day" },
  usdPerDay: { unit: "money", period: "calendar-day", words: "US dollars per day" },
  usdPerMonth: { unit: "money", period: "calendar-month", words: "US dollars per month" },
} as const satisfies { readonly [name: string]: { unit: Unit; period: Period; words: string } };

export type RuleName = keyof typeof kinds;

/** A limit's name; `quota` is what the provider says is left. */
export type LimitName = RuleName | "concurrent" | "quota";

export interface Rule {
  readonly name: RuleName;
  readonly unit: Unit;
  readonly period: Period;
  /** Most of the unit in the period. */
  readonly limit: number;
}

/** What a limit belongs to. */
export type ScopeKind = "key" | "model" | "endpoint" | "credential";

/** Everything that one key, model, endpoint or credential is limited to. */
export interface Scope {
  readonly kind: ScopeKind;
  readonly id: string;
  readonly rules: readonly Rule[];
  /** Most at a time; absent: any number. */
  readonly concurrent: number | undefined;
  readonly queue: number;
  /** Milliseconds. */
  readonly patience: number;
}

const usualQueue = 100;
const usualPatience = 10_000;

/** A scope of these limits; undefined when they limit nothing. */
export function scopeOf(kind: ScopeKind, id: string, limits: SharedLimits | KeyLimits | undefined): Scope | undefined {
  if (limits === undefined) return undefined;
  const { headroom = 1, queue = usualQueue, patience = usualPatience } = limits as SharedLimits;
  const { microDollarsPerDay, microDollarsPerMonth } = limits as KeyLimits;
  const figures: { readonly [Name in RuleName]: number | undefined } = {
    requestsPerMinute: part(limits.requestsPerMinute, headroom),
    tokensPerMinute: part(limits.tokensPerMinute, headroom),
    tokensPerDay: part(limits.tokensPerDay, headroom),
    usdPerDay: microDollarsPerDay,
    usdPerMonth: microDollarsPerMonth,
  };
  const rules = (Object.keys(kinds) as RuleName[]).flatMap((name): Rule[] => {
    const limit = figures[name];
    return limit === undefined ? [] : [{ name, unit: kinds[name].unit, period: kinds[name].period, limit }];
  });
  const { concurrent } = limits;
  if (rules.length === 0 && concurrent === undefined) return undefined;
  return { kind, id, rules, concurrent, queue, patience };
}

/** A name of its own for each scope, such as `endpoint:groq`. */
export function scopeName({ kind, id }: Pick<Scope, "kind" | "id">): string {
  return `${kind}:${id}`;
}

/** What the credentials of an endpoint are called, by their index: `name#1` is the first. */
export function credentialId(endpoint: string, index: number): string {
  return `${endpoint}#${index + 1}`;
}

/** A limit in words, such as `60 requests per minute`. */
export function inWords({ name, limit, unit }: Rule): string {
  return `${unit === "money" ? limit / 1_000_000 : limit} ${kinds[name].words}`;
}

/** Never less than one, which would let nothing through for ever. */
function part(figure: number | undefined, headroom: number): number | undefined {
  return figure === undefined ? undefined : Math.max(1, Math.floor(figure * headroom + 1e-9));
}
