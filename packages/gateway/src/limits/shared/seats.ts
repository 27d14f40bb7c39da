import { fullOf } from "../entry.ts";
import { scopeName } from "../rules.ts";
import type { Scope } from "../rules.ts";
import type { Outcome, Want } from "../types.ts";

/** What is asked for at once. */
export interface Request {
  readonly wants: readonly Want[];
  /** Of which one at a time is wanted. */
  readonly seats: readonly Scope[];
}

/** An outcome, or the scope of which others hold all that there is. */
export type Result = Outcome | Scope;

export const isOutcome = (result: Result): result is Outcome => "ok" in result;

interface Waiter {
  readonly request: Request;
  readonly scope: Scope;
  readonly until: number;
  readonly resolve: (outcome: Outcome) => void;
}

interface Line {
  readonly waiters: Waiter[];
  isAsking: boolean;
}

export const seatsKey = (scope: Scope): string => `seats:${scopeName(scope)}`;

/** What this process holds of places that it shares with others, and who waits for one. */
export class Seats {
  readonly #held = new Map<string, number>();
  /** How many are being asked for. */
  readonly #asked = new Map<string, number>();
  readonly #lines = new Map<string, Line>();
  readonly #clock: { monotonic(): number };
  readonly #ask: (request: Request) => Result | Promise<Result>;

  constructor(clock: { monotonic(): number }, ask: (request: Request) => Result | Promise<Result>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  held(scope: Scope): number {
    return this.#held.get(seatsKey(scope)) ?? 0;
  }

  take(scopes: readonly Scope[]): void {
    for (const scope of scopes) this.#held.set(seatsKey(scope), this.held(scope) + 1);
  }

  giveBack(scopes: readonly Scope[]): void {
    for (const scope of scopes) this.#held.set(seatsKey(scope), Math.max(0, this.held(scope) - 1));
  }

  /** Redis is being asked for one of each. */
  asks(scopes: readonly Scope[]): void {
    for (const scope of scopes) this.#asked.set(seatsKey(scope), (this.#asked.get(seatsKey(scope)) ?? 0) + 1);
  }

  /** It has answered, or never will. */
  asked(scopes: readonly Scope[]): void {
    for (const key of scopes.map(seatsKey)) {
      const left = (this.#asked.get(key) ?? 0) - 1;
      if (left > 0) this.#asked.set(key, left);
      else this.#asked.delete(key);
    }
  }

  /** What is held for certain: nothing is said of what is being asked for. */
  all(): readonly (readonly [key: string, held: number])[] {
    return [...this.#held].filter(([key]) => !this.#asked.has(key));
  }

  /** Redis knows; what is not held need not be remembered. */
  told(seats: readonly (readonly [key: string, held: number])[]): void {
    for (const [key, held] of seats) if (held === 0 && this.#held.get(key) === 0) this.#held.delete(key);
  }

  /** Waits for a place, for as long as the scope's patience is. */
  wait(request: Request, scope: Scope): Promise<Outcome> {
    return new Promise((resolve) => {
      const key = seatsKey(scope);
      let line = this.#lines.get(key);
      if (line === undefined) this.#lines.set(key, (line = { waiters: [], isAsking: false }));
      line.waiters.push({ request, scope, until: this.#clock.monotonic() + scope.patience, resolve });
    });
  }

  /** A place of this scope may be free. */
  wake(key: string): void {
    const line = this.#lines.get(key);
    const first = line?.waiters[0];
    if (line === undefined || first === undefined || line.isAsking) return;
    line.isAsking = true;
    void this.#askFor(first, key, line);
  }

  async #askFor(first: Waiter, key: string, line: Line): Promise<void> {
    const result = await this.#ask(first.request);
    line.isAsking = false;
    if (!isOutcome(result)) return;
    line.waiters.shift();
    if (line.waiters.length === 0) this.#lines.delete(key);
    first.resolve(result);
    this.wake(key);
  }

  /** Asks again for all that wait, and ends waits that have lasted too long. */
  stir(): void {
    const now = this.#clock.monotonic();
    for (const [key, line] of this.#lines) {
      // The first is being asked for, and ends with that.
      for (let index = line.waiters.length - 1; index >= (line.isAsking ? 1 : 0); index--) {
        const waiter = line.waiters[index];
        if (waiter === undefined || waiter.until > now) continue;
        line.waiters.splice(index, 1);
        waiter.resolve({ ok: false, refusal: fullOf(waiter.scope) });
      }
      if (line.waiters.length === 0) this.#lines.delete(key);
      else this.wake(key);
    }
  }
}
