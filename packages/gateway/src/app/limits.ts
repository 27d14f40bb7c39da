import { listedKeyId } from "../auth/fixed-keys.ts";
import type { Config } from "../config/types.ts";
import type { Clock } from "../kernel/clock.ts";
import { Limits } from "../limits/limits.ts";
import { MemoryLimitStore } from "../limits/memory.ts";
import { credentialId, scopeName, scopeOf } from "../limits/rules.ts";
import type { Rule, Scope, ScopeKind } from "../limits/rules.ts";
import type { LimitStore } from "../limits/types.ts";
import { beginOf } from "../limits/window.ts";
import type { Catalog } from "../routing/catalog.ts";
import type { Store, UsedRow } from "../store/ports.ts";
import { priceOf } from "./assemble.ts";

const hour = 3_600_000;
const day = 24 * hour;

/** @param store Where they count, if not in this process's memory. */
export function newLimits(clock: Clock, catalog: () => Catalog, store?: LimitStore): Limits {
  const price = (endpoint: string, model: string) => priceOf(catalog(), { endpoint, model, own: undefined });
  return new Limits(clock, store ?? new MemoryLimitStore(clock), price);
}

/** Tells the limits what the configuration now says. */
export function configureLimits(limits: Limits, { endpoints, models }: Config): void {
  limits.configure(endpoints, models);
}

/**
 * Counts what the ledger says was used before this start, for limits of a day and longer. The ledger is read only where
 * there are such limits.
 */
export function restoreLimits(limits: Limits, config: Config, { store, clock }: { store: Store; clock: Clock }): void {
  const scopes = new Map<string, { readonly scope: Scope; readonly rules: readonly Rule[] }>();
  const add = (scope: Scope | undefined) => {
    const rules = scope?.rules.filter(({ period }) => period !== "minute") ?? [];
    if (scope !== undefined && rules.length > 0) scopes.set(scopeName(scope), { scope, rules });
  };
  for (const key of store.keys.snapshot()) if (key.revokedAt === undefined) add(scopeOf("key", key.id, key.limits));
  for (const { name, listed } of config.access.fixedKeys) add(scopeOf("key", listedKeyId(name), listed?.limits));
  const credentials = new Map<string, readonly string[]>();
  for (const { name, limits: own, credentials: each } of config.endpoints) {
    add(scopeOf("endpoint", name, own));
    credentials.set(
      name,
      each.map((credential, index) => {
        const id = credentialId(name, index);
        add(scopeOf("credential", id, credential.limits));
        return id;
      }),
    );
  }
  for (const model of config.models) add(scopeOf("model", model.name, model.limits));
  if (scopes.size === 0) return;
  const now = clock.now();
  const count = (kind: ScopeKind, id: string | undefined, row: UsedRow) => {
    const found = id === undefined ? undefined : scopes.get(scopeName({ kind, id }));
    if (found === undefined) return;
    for (const rule of found.rules) restore(limits.store, { scope: found.scope, rule, row, now });
  };
  for (const row of store.ledger.used(Math.min(now - day, beginOf(now, true, 0)))) {
    count("key", row.keyId, row);
    count("endpoint", row.endpoint, row);
    count("model", row.model, row);
    // The ledger does not say with which of them; they are used in turn.
    const used = credentials.get(row.endpoint ?? "") ?? [];
    const share = { ...row, tokens: Math.ceil(row.tokens / used.length) };
    for (const id of used) count("credential", id, share);
  }
}

/** What is restored of one limit. */
interface Past {
  readonly scope: Scope;
  readonly rule: Rule;
  readonly row: UsedRow;
  /** Milliseconds since 1970. */
  readonly now: number;
}

function restore(store: LimitStore, { scope, rule, row, now }: Past): void {
  if (rule.period === "day") {
    // As if all of it had been used at the end of its hour: rather too long than too short.
    const age = Math.max(0, now - row.hour - hour);
    if (age < day) store.restore(scope, rule, { amount: row.tokens, age });
    return;
  }
  const begin = beginOf(now, rule.period === "calendar-month", 0);
  if (row.hour >= begin) store.restore(scope, rule, { amount: row.microDollars, age: 0 });
}
