import { wantsOf } from "./demand.ts";
import type { Demand } from "./demand.ts";
import type { Gate, Seat } from "./gate.ts";
import type { Stake } from "./leases.ts";
import type { Limits } from "./limits.ts";
import type { Scope } from "./rules.ts";
import type { Actual, Outcome, Refusal, Reservation } from "./types.ts";

export interface EntryParts {
  /** In the order in which places are taken, which must be the same for all. */
  readonly scopes: readonly Scope[];
  readonly demand: Demand;
  /** Who comes, for fairness among those who wait. */
  readonly who: string;
  readonly priority: number;
  /** What is pending at the provider until it answers. */
  readonly stake?: Stake | undefined;
  /** Told, once, when an entry that had to wait is in or was refused. */
  readonly decided: () => void;
}

/**
 * One request's way through some limits: a place in each scope that has few, then room in all windows at once, then
 * what was used in the end. Whatever happens, `settle` or `leave` ends it, and the first of them counts.
 */
export class Entry {
  readonly #limits: Limits;
  readonly #parts: EntryParts;
  readonly #seats: { readonly seat: Seat; readonly scope: Scope; readonly gate?: Gate }[] = [];
  #reservation: Reservation | undefined;
  #stake: Stake | undefined;
  #isDeciding = false;
  state: "new" | "waiting" | "in" | "refused" | "over" = "new";
  /** Why it was refused. */
  refusal: Refusal | undefined;
  /** The scope whose places are all taken, while it waits for one. */
  awaited: Scope | undefined;

  constructor(limits: Limits, parts: EntryParts) {
    this.#limits = limits;
    this.#parts = parts;
  }

  /** Goes as far as it can at once. Where it must wait, `decided` tells how it went on. */
  begin(): this {
    this.#isDeciding = true;
    this.state = "waiting";
    this.#takeSeats();
    this.#isDeciding = false;
    return this;
  }

  /** How long it may wait at most, in milliseconds. */
  get patience(): number {
    return this.awaited?.patience ?? Infinity;
  }

  /** It waited for too long, or its place in the queue went to somebody who comes before. */
  giveUp(): void {
    // Who is in stays in, and a store that is being asked answers in its own time.
    if (this.state === "waiting" && this.awaited !== undefined) this.#refuse(fullOf(this.awaited));
  }

  /** The provider answered, so that what it says that is left counts this request in. */
  answered(): void {
    if (this.#stake === undefined) return;
    this.#limits.leases.answered(this.#stake);
    this.#stake = undefined;
  }

  /** It is over. @param actual What was used. */
  settle(actual: Actual): void {
    if (this.state === "over") return;
    this.state = "over";
    this.answered();
    this.#leaveSeats();
    if (this.#reservation !== undefined) this.#limits.store.settle(this.#reservation, actual);
    this.#reservation = undefined;
  }

  /** It never began. */
  leave(): void {
    this.settle(unused);
  }

  #takeSeats(): void {
    const { scopes, who, priority } = this.#parts;
    for (const scope of scopes.slice(this.#seats.length)) {
      if (scope.concurrent === undefined) {
        this.#seats.push({ seat: noSeat, scope });
        continue;
      }
      const gate = this.#limits.gate(scope);
      const { concurrent, queue } = scope;
      const ousted = () => this.giveUp();
      const seat = gate.enter({ concurrent, queue, who, priority, ready: () => this.#continue(), ousted });
      if (seat === undefined) return this.#refuse(fullOf(scope));
      this.#seats.push({ seat, scope, gate });
      if (!seat.isHeld) {
        this.awaited = scope;
        return;
      }
    }
    this.#reserve();
  }

  #continue(): void {
    if (this.state !== "waiting") return;
    this.awaited = undefined;
    this.#takeSeats();
  }

  #reserve(): void {
    const { scopes, demand } = this.#parts;
    const wants = scopes.flatMap((scope) => wantsOf(scope, demand));
    const outcome = this.#limits.store.reserve(wants, scopes);
    if (outcome instanceof Promise) {
      // A store that fails must not keep everybody out: whoever implements one decides, and does not reject.
      void outcome.then((later) => this.#decide(later));
    } else this.#decide(outcome);
  }

  #decide(outcome: Outcome): void {
    if (this.state !== "waiting") {
      // It left while a store that others share was asked.
      if (outcome.ok) this.#limits.store.settle(outcome.reservation, unused);
      return;
    }
    if (!outcome.ok) return this.#refuse(outcome.refusal);
    this.#reservation = outcome.reservation;
    this.#stake = this.#parts.stake;
    if (this.#stake !== undefined) this.#limits.leases.stake(this.#stake);
    this.state = "in";
    this.#tell();
  }

  #refuse(refusal: Refusal): void {
    this.#leaveSeats();
    this.state = "refused";
    this.refusal = refusal;
    this.#limits.refused(refusal);
    this.#tell();
  }

  #tell(): void {
    if (!this.#isDeciding) this.#parts.decided();
  }

  #leaveSeats(): void {
    for (const { seat, scope, gate } of this.#seats) {
      seat.leave();
      if (gate !== undefined) this.#limits.tidy(scope, gate);
    }
    this.#seats.length = 0;
  }
}

const unused: Actual = { requests: 0, tokens: 0, money: 0 };

/** Nobody knows when a place becomes free. */
const soon = 1000;

/** No place is free, nor in the queue. */
export function fullOf(scope: Scope): Refusal {
  const words = `${scope.concurrent ?? 0} requests at a time`;
  return { kind: scope.kind, id: scope.id, limit: "concurrent", words, wait: soon };
}

const noSeat: Seat = { isHeld: true, leave: () => {} };
