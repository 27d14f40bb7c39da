import type { KeyLimits } from "../kernel/limit.ts";

/** A client key as the store keeps it: never the key itself. */
export interface StoredKey {
  /** Eight characters, the part of the key by which it is looked up and shown. */
  readonly id: string;
  readonly name: string;
  /** HMAC-SHA-256 of the secret part, 32 bytes as hex. */
  readonly hash: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly revokedAt?: number;
  /** Names or patterns of models it may use; absent means all. */
  readonly models?: readonly string[];
  /** Absent: as much as it wants. */
  readonly limits?: KeyLimits;
}

export interface KeyStore {
  /** All keys, revoked ones too, oldest first. */
  list(): Promise<readonly StoredKey[]>;
  insert(key: StoredKey): Promise<void>;
  /** False when no unrevoked key has this id. */
  revoke(id: string, at: number): Promise<boolean>;
  /**
   * A number that changes when keys were changed, by this process or another; cheap enough to be asked on every request.
   */
  version(): number;
  /** All keys, read synchronously, for the snapshot that authentication uses. */
  snapshot(): readonly StoredKey[];
  /** The secret that hashes are made with, created on first use. 32 bytes. */
  pepper(): Buffer;
}

/** One row per exchange. Fields that are not known are absent, and NULL in the table. */
export interface LedgerRow {
  readonly id: string;
  /** Milliseconds since 1970, when the request came. */
  readonly at: number;
  readonly keyId?: string | undefined;
  readonly surface: string;
  readonly requestedModel: string;
  readonly virtualModel?: string | undefined;
  readonly endpoint?: string | undefined;
  /** What the upstream said it was; else what it was asked for. */
  readonly actualModel?: string | undefined;
  readonly attempts: number;
  /** HTTP status that the client saw; 499 when it left. */
  readonly status: number;
  readonly stream: boolean;
  readonly sight?: string | undefined;
  readonly failureKind?: string | undefined;
  readonly finishReason?: string | undefined;
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly cacheReadTokens?: number | undefined;
  readonly cacheWriteTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
  readonly costMicroDollars?: number | undefined;
  /** Milliseconds. */
  readonly timeToFirstToken?: number | undefined;
  /** Milliseconds. */
  readonly duration: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly clientAgent?: string | undefined;
  /** Where it was to go and went, as JSON; absent for a request that was refused before it went anywhere. */
  readonly route?: string | undefined;
}

/** What was used in an hour by a key of a model at an endpoint. Sums of what is known. */
export interface UsedRow {
  /** When the hour began, in milliseconds since 1970. */
  readonly hour: number;
  readonly keyId?: string | undefined;
  readonly endpoint?: string | undefined;
  /** The virtual model. */
  readonly model?: string | undefined;
  /** Input and output. */
  readonly tokens: number;
  readonly microDollars: number;
}

export interface Ledger {
  /**
   * Takes a row without waiting. It is on disk within 200 ms while the store can be written to; what cannot be kept
   * until then is counted as dropped. Never throws.
   */
  append(row: LedgerRow): void;
  /** Writes what is pending, now. */
  flush(): void;
  /** Newest first. */
  recent(limit: number): Promise<readonly LedgerRow[]>;
  /** What was used since a time, by hours; read synchronously, at the start. @param since Milliseconds since 1970. */
  used(since: number): readonly UsedRow[];
  readonly state: {
    readonly pending: number;
    readonly written: number;
    readonly dropped: number;
    readonly failing: boolean;
  };
}

export interface Store extends AsyncDisposable {
  readonly keys: KeyStore;
  readonly ledger: Ledger;
  /** Throws when the store cannot be written to. */
  check(): void;
}
