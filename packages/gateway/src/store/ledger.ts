import type { Ledger, LedgerRow, UsedRow } from "./ports.ts";
import type { StoreError } from "./store-error.ts";

/** What became of one slice. Refused rows break a rule of the schema and would never be taken. */
export type WriteOutcome =
  | { readonly ok: true; readonly written: number; readonly refused: number }
  | { readonly ok: false; readonly error: StoreError };

export interface LedgerParts {
  /** Writes the rows in one transaction, or none of them. */
  readonly write: (rows: readonly LedgerRow[]) => WriteOutcome;
  /** Newest first. */
  readonly read: (limit: number) => Promise<readonly LedgerRow[]>;
  readonly used: (since: number) => readonly UsedRow[];
  /** Told once when writing begins to fail, with the reason, and once when it works again, without. */
  readonly onTrouble?: (error: StoreError | undefined) => void;
}

/** Milliseconds from a row to its batch's write: half of what is promised, so that a busy process keeps the promise. */
const batchDelay = 100;
/** Milliseconds between two slices of one batch, so that requests come in between. */
const sliceDelay = 1;
const firstRetryDelay = 50;
const longestRetryDelay = 1_000;
/** Rows of one transaction; about 4 ms. */
const sliceSize = 1_000;
/** Rows that wait for a disk that is full or locked; about 500 bytes each. */
const mostPending = 100_000;

/** Gathers rows and writes them in batches, away from the requests. A store in trouble costs rows, never answers. */
export class BatchLedger implements Ledger {
  readonly #parts: LedgerParts;
  #pending: LedgerRow[] = [];
  #timer: NodeJS.Timeout | undefined;
  #retryDelay = firstRetryDelay;
  #written = 0;
  #dropped = 0;
  #failing = false;
  #closed = false;

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  get state(): Ledger["state"] {
    return {
      pending: this.#pending.length,
      written: this.#written,
      dropped: this.#dropped,
      failing: this.#failing,
    };
  }

  append(row: LedgerRow): void {
    if (this.#closed || this.#pending.length >= mostPending) {
      this.#dropped += 1;
      return;
    }
    this.#pending.push(row);
    if (this.#timer === undefined) this.#schedule(batchDelay);
  }

  flush(): void {
    this.#unschedule();
    let going = true;
    while (going && this.#pending.length > 0) going = this.#writeSlice();
    if (this.#pending.length > 0 && !this.#closed) this.#scheduleRetry();
  }

  async recent(limit: number): Promise<readonly LedgerRow[]> {
    this.#unschedule();
    this.#onTimer();
    return this.#parts.read(limit);
  }

  used(since: number): readonly UsedRow[] {
    return this.#parts.used(since);
  }

  /** No row is taken after this, and what could not be written counts as dropped. */
  close(): void {
    this.#closed = true;
    this.flush();
    this.#dropped += this.#pending.length;
    this.#pending = [];
  }

  #schedule(delay: number): void {
    this.#timer = setTimeout(this.#onTimer, delay);
    this.#timer.unref();
  }

  #unschedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #scheduleRetry(): void {
    this.#schedule(this.#retryDelay);
    this.#retryDelay = Math.min(this.#retryDelay * 2, longestRetryDelay);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    const working = this.#pending.length === 0 || this.#writeSlice();
    if (this.#pending.length === 0) return;
    if (working) this.#schedule(sliceDelay);
    else this.#scheduleRetry();
  };

  /** False when the store is in trouble; the rows stay. */
  #writeSlice(): boolean {
    const rows = this.#pending.slice(0, sliceSize);
    const outcome = this.#parts.write(rows);
    if (!outcome.ok) {
      this.#changeTo(outcome.error);
      return false;
    }
    this.#pending.splice(0, rows.length);
    this.#written += outcome.written;
    this.#dropped += outcome.refused;
    this.#retryDelay = firstRetryDelay;
    this.#changeTo(undefined);
    return true;
  }

  #changeTo(error: StoreError | undefined): void {
    const failing = error !== undefined;
    if (failing === this.#failing) return;
    this.#failing = failing;
    this.#parts.onTrouble?.(error);
  }
}
