import { timingSafeEqual } from "node:crypto";
import type { Clock } from "../kernel/clock.ts";
import type { Result } from "../kernel/result.ts";
import type { KeyStore, StoredKey } from "../store/ports.ts";
import { Hmac } from "./hmac.ts";
import type { Identity } from "./identity.ts";
import { idOf, keyLength } from "./key-format.ts";
import type { ParsedKey } from "./key-format.ts";

interface Entry {
  readonly digest: Buffer;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly result: Result<Identity>;
  /** The whole key, once it was proved. */
  proved: Buffer | undefined;
}

/** The key that is looked at now. */
const shown = Buffer.alloc(keyLength);

function entryOf(key: StoredKey): Entry {
  return {
    digest: Buffer.from(key.hash, "hex"),
    expiresAt: key.expiresAt ?? Number.POSITIVE_INFINITY,
    result: {
      ok: true,
      value: {
        kind: "key",
        id: key.id,
        name: key.name,
        ...(key.models !== undefined && { models: key.models }),
        ...(key.limits !== undefined && { limits: key.limits }),
      },
    },
    proved: undefined,
  };
}

/**
 * How long the store is taken not to have changed, in milliseconds: asking it costs as much as all the rest of
 * authentication, and nobody can tell a revocation after 10 ms from one at once.
 */
const trustTime = 10;

/** The keys in memory, read again as soon as anybody has changed them. */
export class KeySnapshot {
  readonly #store: KeyStore;
  readonly #clock: Clock;
  #entries: ReadonlyMap<string, Entry> | undefined;
  #version: number | undefined;
  #askedAt = -Infinity;
  #hmac: Hmac | undefined;
  #failures = 0;

  constructor(store: KeyStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** How often the store could not be asked, so that the keys known before were used. */
  get failures(): number {
    return this.#failures;
  }

  /** False until the keys have been read once. */
  get loaded(): boolean {
    return this.#entries !== undefined;
  }

  /**
   * Who a key belongs to that was proved before, which costs a tenth of proving it: most requests come with one. Undefined
   * when it was not, or is revoked or expired.
   */
  recall(token: string): Result<Identity> | undefined {
    if (token.length !== keyLength) return undefined;
    const id = idOf(token);
    const entry = this.#entries?.get(id);
    // A letter of several bytes at the end may not fit, and would leave what stood there before.
    if (entry?.proved === undefined || shown.write(token) !== keyLength) return undefined;
    if (!timingSafeEqual(entry.proved, shown)) return undefined;
    // Only now: junk must not ask the store. What was read again must be proved again.
    this.#refresh();
    return this.#entries?.get(id) === entry ? this.#unlessExpired(entry) : undefined;
  }

  /** Who the key belongs to; undefined when it is unknown, wrong, revoked or expired. @param token The same key, whole. */
  find({ id, secret }: ParsedKey, token: string): Result<Identity> | undefined {
    this.#refresh();
    const entry = this.#entries?.get(id);
    if (entry === undefined || this.#hmac === undefined) return undefined;
    const digest = this.#hmac.digest(secret);
    // A damaged hash has another length, at which the comparison would throw.
    if (entry.digest.length !== digest.length || !timingSafeEqual(entry.digest, digest)) return undefined;
    entry.proved = Buffer.from(token);
    return this.#unlessExpired(entry);
  }

  #unlessExpired({ expiresAt, result }: Entry): Result<Identity> | undefined {
    return this.#clock.now() < expiresAt ? result : undefined;
  }

  /** A store that fails must not lock everybody out, so the keys known before go on. */
  #refresh(): void {
    const now = this.#clock.monotonic();
    if (now - this.#askedAt < trustTime) return;
    try {
      this.#hmac ??= new Hmac(this.#store.pepper());
      const version = this.#store.version();
      this.#askedAt = now;
      if (version === this.#version) return;
      const entries = new Map<string, Entry>();
      for (const key of this.#store.snapshot()) if (key.revokedAt === undefined) entries.set(key.id, entryOf(key));
      this.#entries = entries;
      this.#version = version;
    } catch {
      this.#failures += 1;
    }
  }
}
