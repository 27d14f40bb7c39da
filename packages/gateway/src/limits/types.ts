import type { LimitName, Rule, ScopeKind, Scope } from "./rules.ts";

/** An amount that is to count in one limit of one scope. */
export interface Want {
  readonly scope: Scope;
  readonly rule: Rule;
  readonly amount: number;
}

/** What was counted ahead of its use; to be settled exactly once. */
export interface Reservation {
  readonly wants: readonly Want[];
  /** Where each want was counted; what that means is the store's affair. */
  readonly places: readonly number[];
}

/** What keeps a request from going on. */
export interface Refusal {
  readonly kind: ScopeKind;
  /** Whose limit it is; told to nobody but who configured it. */
  readonly id: string;
  readonly limit: LimitName;
  /** The limit as people say it, such as `60 requests per minute`. */
  readonly words: string;
  /** Milliseconds until there is room; Infinity when there will never be. */
  readonly wait: number;
}

export type Outcome =
  | { readonly ok: true; readonly reservation: Reservation }
  | { readonly ok: false; readonly refusal: Refusal };

/** What was used in the end; absent where nobody knows, so that what was reserved stays counted. */
export interface Actual {
  /** 0 for what was never sent; else absent. */
  readonly requests?: number | undefined;
  readonly tokens?: number | undefined;
  /** Micro-dollars. */
  readonly money?: number | undefined;
}

/**
 * Counts what is used, for one process or for several. Memory answers at once; a store that others share answers by
 * promise, and only then anybody waits.
 */
export interface LimitStore {
  /**
   * Counts all wants or none. @param scopes All of whom the wants come, for a store that keeps to `concurrent` with
   * others; this process's own places are taken already.
   */
  reserve(wants: readonly Want[], scopes: readonly Scope[]): Outcome | Promise<Outcome>;
  /** Puts right what was counted; nobody waits for it. */
  settle(reservation: Reservation, actual: Actual): void;
  /** What this process knows: the want that must wait for longest; undefined when all have room. */
  refusal(wants: readonly Want[]): Refusal | undefined;
  /** What this process knows of one limit: what is used, and milliseconds until nothing is. */
  state(scope: Scope, rule: Rule): { readonly used: number; readonly rest: number };
  /** Counts what was used before this process began. @param age Milliseconds ago. */
  restore(scope: Scope, rule: Rule, past: { readonly amount: number; readonly age: number }): void;
}
