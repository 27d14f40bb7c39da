/** A place among those who may go on at a time, or the wait for one. */
export interface Seat {
  /** False while it waits. */
  readonly isHeld: boolean;
  /** Gives the place up, or the wait for it. Once is enough; more does nothing. */
  leave(): void;
}

export interface Comer {
  /** Most at a time. */
  readonly concurrent: number;
  /** Most that wait. */
  readonly queue: number;
  /** Greater goes first. */
  readonly priority: number;
  /** Who comes: among those of one priority, places go round. */
  readonly who: string;
  /** Told when a wait is over, not from within another call. */
  readonly ready: () => void;
  /** Told, in the same way, when the place in the queue went to somebody who comes before. */
  readonly ousted: () => void;
}

/** One in so many places is given without regard to priority, so that nobody waits in vain behind a greater one. */
const turnOfAll = 4;

/** Lets so many in at a time. The rest waits, in a queue of bounded length. */
export class Gate {
  #held = 0;
  /** Most at a time, as last told. */
  #most = 0;
  /** How many were let in out of the queue. */
  #granted = 0;
  /** In the order in which they came. */
  #waiting: Waiting[] = [];
  /** The round of who was let in last. */
  #round = 0;

  get held(): number {
    return this.#held;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** So many may be in from now on: a greater number lets those in who wait. */
  allow(concurrent: number): void {
    this.#most = concurrent;
    this.#admit();
  }

  /**
   * A place, or one in the queue; undefined when the queue is full. Who would be the last of a full queue to be let in
   * makes room for whoever comes before him, so that nobody fills the queue of all.
   */
  enter(comer: Comer): Seat | undefined {
    this.allow(comer.concurrent);
    const isFree = this.#held < this.#most && this.#waiting.length === 0;
    const seat = new Waiting(comer, this.#roundFor(comer.who), (left) => this.#left(left));
    if (isFree) {
      this.#held++;
      seat.state = "held";
      return seat;
    }
    if (comer.queue < 1) return undefined;
    if (this.#waiting.length >= comer.queue) {
      const last = this.#waiting.reduce((a, b) => (a.isBefore(b) || !b.isBefore(a) ? b : a));
      if (!seat.isBefore(last)) return undefined;
      this.#waiting = this.#waiting.filter((other) => other !== last);
      last.oust();
    }
    this.#waiting.push(seat);
    return seat;
  }

  /** Whoever comes again while one of his waits, waits for a later round. */
  #roundFor(who: string): number {
    let round = this.#round;
    for (const other of this.#waiting) {
      if (other.comer.who === who && other.round >= round) round = other.round + 1;
    }
    return round;
  }

  #left(seat: Waiting): void {
    const { state } = seat;
    seat.state = "left";
    if (state === "held") {
      this.#held--;
      this.#admit();
    } else if (state === "waiting") {
      this.#waiting = this.#waiting.filter((other) => other !== seat);
    }
  }

  #admit(): void {
    while (this.#held < this.#most) {
      const next = this.#next();
      if (next === undefined) return;
      this.#waiting = this.#waiting.filter((other) => other !== next);
      this.#held++;
      this.#granted++;
      this.#round = Math.max(this.#round, next.round);
      next.grant();
    }
  }

  #next(): Waiting | undefined {
    const ignoresPriority = this.#granted % turnOfAll === turnOfAll - 1;
    let [next] = this.#waiting;
    for (const seat of this.#waiting) {
      if (next !== undefined && (ignoresPriority ? seat.round < next.round : seat.isBefore(next))) next = seat;
    }
    return next;
  }
}

class Waiting implements Seat {
  readonly comer: Comer;
  readonly round: number;
  readonly #leave: (seat: Waiting) => void;
  state: "waiting" | "held" | "left" | "ousted" = "waiting";

  constructor(comer: Comer, round: number, leave: (seat: Waiting) => void) {
    this.comer = comer;
    this.round = round;
    this.#leave = leave;
  }

  get isHeld(): boolean {
    return this.state === "held";
  }

  isBefore(other: Waiting): boolean {
    const { priority } = this.comer;
    return priority > other.comer.priority || (priority === other.comer.priority && this.round < other.round);
  }

  /** The state is read after the queue has moved on: whoever has left meanwhile is told nothing. */
  oust(): void {
    this.state = "ousted";
    queueMicrotask(() => {
      if (this.state === "ousted") this.comer.ousted();
    });
  }

  grant(): void {
    this.state = "held";
    // Not from within the call that gave the place up, which may be deep in the end of another exchange.
    queueMicrotask(() => {
      if (this.state === "held") this.comer.ready();
    });
  }

  leave(): void {
    if (this.state !== "left") this.#leave(this);
  }
}
