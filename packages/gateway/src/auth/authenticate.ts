import { randomBytes } from "node:crypto";
import type { Clock } from "../kernel/clock.ts";
import { type FailureKind, failure } from "../kernel/failure.ts";
import type { Result } from "../kernel/result.ts";
import type { KeyStore } from "../store/ports.ts";
import { type Credentials, extract } from "./credentials.ts";
import { type FixedKey, FixedKeys } from "./fixed-keys.ts";
import type { Identity } from "./identity.ts";
import { keyPrefix, parseKey } from "./key-format.ts";
import { KeySnapshot } from "./key-snapshot.ts";
import type { RandomBytes } from "./keys.ts";

/** When a request needs no key: `loopback` means that both the listener and the peer are on this machine. */
export interface AccessRules {
  readonly open: "loopback" | "never" | "always";
  readonly fixedKeys: readonly FixedKey[];
}

export interface AuthenticatorParts {
  readonly access: AccessRules;
  readonly keys: KeyStore;
  readonly clock: Clock;
  /** The listener is bound to a loopback address only. */
  readonly boundToLoopback: boolean;
  readonly random?: RandomBytes;
}

function refusal(kind: FailureKind, message: string): Result<Identity> {
  return { ok: false, failure: failure(kind, message) };
}

/** These are constants, so that an answer tells nothing about which keys exist, or what was sent. */
const refusals = {
  missing: refusal(
    "unauthorized",
    "A key is needed. Make one with `patchbay keys create` and send it as `Authorization: Bearer KEY`, or in `x-api-key`, `api-key` or `x-goog-api-key`.",
  ),
  unreadable: refusal("unauthorized", "The Authorization header must read `Bearer KEY`."),
  invalid: refusal("unauthorized", "This key is not valid. Make one with `patchbay keys create`."),
  ambiguous: refusal("bad-request", "The request carries two different keys. Send one, or the same one everywhere."),
  unavailable: refusal("internal", "Keys cannot be checked at the moment. `patchbay doctor` says why."),
};

const openAccess: Result<Identity> = { ok: true, value: { kind: "open" } };

/**
 * Decides who is asking, synchronously and in about 5 us with a key. A reload of the access rules makes a new one.
 * Stages: extract from all carriers, refuse ambiguity, refuse junk by its form, look up, compare in constant time.
 */
export class Authenticator {
  /** What is wrong with fixed keys, for the start-up log. */
  readonly problems: readonly string[];
  readonly #access: AccessRules;
  readonly #boundToLoopback: boolean;
  readonly #keys: KeySnapshot;
  readonly #fixed: FixedKeys;

  constructor({ access, keys, clock, boundToLoopback, random = randomBytes }: AuthenticatorParts) {
    this.#access = access;
    this.#boundToLoopback = boundToLoopback;
    this.#keys = new KeySnapshot(keys, clock);
    this.#fixed = new FixedKeys(access.fixedKeys, random(32));
    this.problems = this.#fixed.problems;
  }

  /** How often the store could not be asked, so that the keys known before were used. */
  get storeFailures(): number {
    return this.#keys.failures;
  }

  /** @returns the identity, or the failure `unauthorized`, `bad-request` or `internal`. */
  authenticate(credentials: Credentials, peer: { readonly loopback: boolean }): Result<Identity> {
    const { tokens, unreadable } = extract(credentials);
    if (this.#isOpenTo(peer)) {
      return unreadable?.startsWith(keyPrefix) === true ? refusals.unreadable : this.#welcome(tokens);
    }
    const [token, another] = tokens;
    if (another !== undefined) return refusals.ambiguous;
    if (token !== undefined) return this.#verify(token);
    return unreadable === undefined ? refusals.missing : refusals.unreadable;
  }

  #isOpenTo(peer: { readonly loopback: boolean }): boolean {
    const { open } = this.#access;
    return open === "always" || (open === "loopback" && this.#boundToLoopback && peer.loopback);
  }

  /** Clients that insist on a key send made-up ones, which mean nothing here. What claims to be ours must be. */
  #welcome(tokens: readonly string[]): Result<Identity> {
    let identity = openAccess;
    for (const token of tokens) {
      const ours = token.startsWith(keyPrefix);
      const result = ours ? this.#verify(token) : this.#fixed.find(token);
      if (result === undefined) continue;
      if (!result.ok) return result;
      if (identity !== openAccess && identity !== result) return refusals.ambiguous;
      identity = result;
    }
    return identity;
  }

  #verify(token: string): Result<Identity> {
    const known = this.#keys.recall(token);
    if (known !== undefined) return known;
    const parsed = parseKey(token);
    if (parsed === undefined) return this.#fixed.find(token) ?? refusals.invalid;
    const found = this.#keys.find(parsed, token) ?? this.#fixed.find(token);
    if (found !== undefined) return found;
    return this.#keys.loaded ? refusals.invalid : refusals.unavailable;
  }
}
