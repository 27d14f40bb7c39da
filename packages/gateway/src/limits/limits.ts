import type { Clock } from "../kernel/clock.ts";
import type { KeyLimits, Quote, SharedLimits } from "../kernel/limit.ts";
import type { Price } from "../kernel/usage.ts";
import { wantsOf } from "./demand.ts";
import type { Demand } from "./demand.ts";
import { Entry, fullOf } from "./entry.ts";
import type { EntryParts } from "./entry.ts";
import { Gate } from "./gate.ts";
import { Leases } from "./leases.ts";
import type { Stake } from "./leases.ts";
import { credentialId, scopeName, scopeOf } from "./rules.ts";
import type { LimitName, Scope, ScopeKind } from "./rules.ts";
import type { LimitStore, Refusal } from "./types.ts";

/** The limits of an endpoint, and of each of its credentials in their order. */
export interface EndpointLimits {
  readonly name: string;
  readonly limits?: SharedLimits | undefined;
  readonly credentials: readonly { readonly limits?: SharedLimits | undefined }[];
}

interface EndpointScopes {
  readonly own: Scope | undefined;
  /** One for each credential, and at least one. */
  readonly credentials: readonly (Scope | undefined)[];
  readonly isLimited: boolean;
}

/** What is shown of one limit. */
export interface LimitReading {
  readonly scope: ScopeKind;
  readonly id: string;
  readonly limit: LimitName;
  readonly used: number;
  readonly most: number;
}

/** Most keys whose scopes are kept at hand. */
const mostKeys = 10_000;

/**
 * Keeps everybody within their limits: keys and virtual models once per exchange, endpoints and credentials once per
 * attempt. What is to be used is counted before, and put right after.
 */
export class Limits {
  readonly store: LimitStore;
  readonly leases: Leases;
  /** How often a limit kept a request from going on, by `scope` and limit. */
  readonly refusals = new Map<string, { scope: ScopeKind; limit: LimitName; count: number }>();
  readonly #gates = new Map<string, Gate>();
  #endpoints: ReadonlyMap<string, EndpointScopes> = new Map();
  /** Any endpoint or credential is limited by the configuration. */
  #isConfigured = false;
  #models: readonly Scope[] = [];
  readonly #modelScopes = new WeakMap<SharedLimits, Scope | undefined>();
  readonly #keyScopes = new Map<string, { readonly limits: KeyLimits; readonly scope: Scope | undefined }>();

  /** What a model of an endpoint costs, where that is known. */
  readonly price: (endpoint: string, model: string) => Price | undefined;

  constructor(
    clock: Clock,
    store: LimitStore,
    price: (endpoint: string, model: string) => Price | undefined = () => undefined,
  ) {
    this.store = store;
    this.price = price;
    this.leases = new Leases(clock);
  }

  /** Takes over the limits of a new configuration. What was counted stays. */
  configure(
    endpoints: readonly EndpointLimits[],
    models: readonly { readonly name: string; readonly limits?: SharedLimits | undefined }[],
  ): void {
    const scopes = new Map<string, EndpointScopes>();
    for (const { name, limits, credentials } of endpoints) {
      const own = scopeOf("endpoint", name, limits);
      const each = credentials.map((credential, index) =>
        scopeOf("credential", credentialId(name, index), credential.limits),
      );
      const isLimited = own !== undefined || each.some((scope) => scope !== undefined);
      scopes.set(name, { own, credentials: each.length === 0 ? [undefined] : each, isLimited });
    }
    this.#endpoints = scopes;
    this.#isConfigured = [...scopes.values()].some(({ isLimited }) => isLimited);
    this.#models = models.flatMap(({ name, limits }) => scopeOf("model", name, limits) ?? []);
    this.#reopen();
  }

  /** Who waits for a place hears of a new number of them at once. A key's number comes with its next request. */
  #reopen(): void {
    const places = new Map(this.#shared().map((scope) => [scopeName(scope), scope.concurrent]));
    for (const [name, gate] of this.#gates) {
      if (gate.held + gate.waiting === 0) this.#gates.delete(name);
      else if (!name.startsWith("key:")) gate.allow(places.get(name) ?? Infinity);
    }
  }

  /** The scopes of endpoints, credentials and models. */
  #shared(): readonly Scope[] {
    const all = [...this.#endpoints.values()].flatMap(({ own, credentials }) => [own, ...credentials]);
    return [...all.filter((scope) => scope !== undefined), ...this.#models];
  }

  /** What an exchange of this caller for this model is limited by; undefined: by nothing. */
  exchangeScopes(
    key: { readonly id: string; readonly limits: KeyLimits } | undefined,
    model: { readonly name: string; readonly limits?: SharedLimits | undefined },
  ): readonly Scope[] | undefined {
    if (key === undefined && model.limits === undefined) return undefined;
    const scopes: Scope[] = [];
    const ofKey = key === undefined ? undefined : this.keyScope(key.id, key.limits);
    if (ofKey !== undefined) scopes.push(ofKey);
    const ofModel = model.limits === undefined ? undefined : this.#modelScope(model.name, model.limits);
    if (ofModel !== undefined) scopes.push(ofModel);
    return scopes.length === 0 ? undefined : scopes;
  }

  keyScope(id: string, limits: KeyLimits): Scope | undefined {
    const known = this.#keyScopes.get(id);
    if (known?.limits === limits) return known.scope;
    if (this.#keyScopes.size >= mostKeys) this.#keyScopes.clear();
    const scope = scopeOf("key", id, limits);
    this.#keyScopes.set(id, { limits, scope });
    return scope;
  }

  /** What an attempt at an endpoint is limited by; undefined: by nothing. */
  attemptScopes(endpoint: string, credential: number): readonly Scope[] | undefined {
    const known = this.#endpoints.get(endpoint);
    if (known?.isLimited !== true) return undefined;
    const scopes = [known.own, known.credentials[credential]].filter((scope) => scope !== undefined);
    return scopes.length === 0 ? undefined : scopes;
  }

  /** Whether any endpoint is limited, by the configuration or by what its provider said. */
  get isLimiting(): boolean {
    return this.#isConfigured || !this.leases.isEmpty;
  }

  /**
   * Milliseconds until a target may take a request of so many tokens; 0 when it may now. Where places are taken nobody
   * knows how long: it then says 1. Any credential that has room will do.
   */
  limited(endpoint: string, model: string, tokens: number): number {
    return this.isLimiting ? (this.refusalOf(endpoint, model, tokens)?.wait ?? 0) : 0;
  }

  /** What `limited` waits for. */
  refusalOf(endpoint: string, model: string, tokens: number): Refusal | undefined {
    const { own, credentials = [undefined] } = this.#endpoints.get(endpoint) ?? {};
    const each = credentials.map((_scope, credential) => this.#refusalWith({ endpoint, model, credential }, tokens));
    const soonest = each.reduce((a, b) => ((b?.wait ?? 0) < (a?.wait ?? 0) ? b : a), each[0]);
    return longer(this.#refusal(own, tokens), soonest);
  }

  /** Milliseconds until a credential may be used for a model and so many tokens; 0 when it may be now. */
  credentialWait(endpoint: string, model: string, credential: number, demand: Pick<Demand, "tokens">): number {
    if (!this.isLimiting) return 0;
    return this.#refusalWith({ endpoint, model, credential }, demand.tokens())?.wait ?? 0;
  }

  /** The way into these scopes. */
  entry(parts: EntryParts): Entry {
    return new Entry(this, parts);
  }

  /** What a provider said in an answer. @param sentAt When its request was sent, in monotonic milliseconds. */
  quote(use: CredentialUse, quotes: readonly Quote[], sentAt: number): void {
    this.leases.quote(nameOf(use), quotes, sentAt);
  }

  /** Forgets what providers said that is left: of an endpoint, of one of its models, or of all. */
  forget(endpoint?: string, model?: string): void {
    this.leases.forget((target) => {
      const [name, , ...rest] = target.split("/");
      return (endpoint === undefined || name === endpoint) && (model === undefined || rest.join("/") === model);
    });
  }

  gate(scope: Scope): Gate {
    const name = scopeName(scope);
    let gate = this.#gates.get(name);
    if (gate === undefined) this.#gates.set(name, (gate = new Gate()));
    return gate;
  }

  /** Lets go of a gate that nobody needs, so that keys that come once are not remembered. */
  tidy(scope: Scope, gate: Gate): void {
    if (gate.held + gate.waiting === 0) this.#gates.delete(scopeName(scope));
  }

  refused({ kind, limit }: Refusal): void {
    const name = `${kind}.${limit}`;
    const known = this.refusals.get(name);
    if (known === undefined) this.refusals.set(name, { scope: kind, limit, count: 1 });
    else known.count++;
  }

  /** What is used of the configured limits of endpoints, credentials and models. */
  *readings(): Iterable<LimitReading> {
    for (const scope of this.#shared()) {
      const { kind, id } = scope;
      for (const rule of scope.rules) {
        yield { scope: kind, id, limit: rule.name, used: this.store.state(scope, rule).used, most: rule.limit };
      }
      if (scope.concurrent === undefined) continue;
      const used = this.#gates.get(scopeName(scope))?.held ?? 0;
      yield { scope: kind, id, limit: "concurrent", used, most: scope.concurrent };
    }
  }

  /** Requests that wait for a place. */
  get waiting(): number {
    let sum = 0;
    for (const gate of this.#gates.values()) sum += gate.waiting;
    return sum;
  }

  /** Requests that hold one. */
  get held(): number {
    let sum = 0;
    for (const gate of this.#gates.values()) sum += gate.held;
    return sum;
  }

  #modelScope(name: string, limits: SharedLimits): Scope | undefined {
    if (!this.#modelScopes.has(limits)) this.#modelScopes.set(limits, scopeOf("model", name, limits));
    return this.#modelScopes.get(limits);
  }

  /** What keeps a request from this credential: our limits, or what the provider said. */
  #refusalWith(use: CredentialUse, tokens: number): Refusal | undefined {
    const { endpoint, credential } = use;
    const left = this.leases.wait(stakeOf(use, { requests: 1, tokens }));
    const own = this.#refusal(this.#endpoints.get(endpoint)?.credentials[credential], tokens);
    return longer(own, left === 0 ? undefined : quotaOf(endpoint, left));
  }

  #refusal(scope: Scope | undefined, tokens: number): Refusal | undefined {
    if (scope === undefined) return undefined;
    const refusal = this.store.refusal(wantsOf(scope, { requests: 1, tokens: () => tokens, money: () => 0 }));
    if (refusal !== undefined || scope.concurrent === undefined) return refusal;
    const gate = this.#gates.get(scopeName(scope));
    return gate !== undefined && gate.held >= scope.concurrent ? { ...fullOf(scope), wait: 1 } : undefined;
  }
}

/** A refusal by what a provider said that is left. */
export function quotaOf(endpoint: string, wait: number): Refusal {
  return { kind: "endpoint", id: endpoint, limit: "quota", words: "the provider's own", wait };
}

/** One credential's use of one model of an endpoint: what providers count by. */
export interface CredentialUse {
  readonly endpoint: string;
  readonly model: string;
  /** Index into the endpoint's credentials. */
  readonly credential: number;
}

export function stakeOf(use: CredentialUse, amounts: { readonly requests: number; readonly tokens: number }): Stake {
  return { target: nameOf(use), ...amounts };
}

/** No endpoint's name holds a slash. */
function nameOf({ endpoint, model, credential }: CredentialUse): string {
  return `${endpoint}/${credential}/${model}`;
}

function longer(a: Refusal | undefined, b: Refusal | undefined): Refusal | undefined {
  return (b?.wait ?? 0) > (a?.wait ?? 0) ? b : a;
}
