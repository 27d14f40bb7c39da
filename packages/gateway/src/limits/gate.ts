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
}

/** Lets so many in at a time. The rest waits, in a queue of bounded length. */
export class Gate {
  #held = 0;
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

  /** A place, or one in the queue; undefined when the queue is full. */
  enter(comer: Comer): Seat | undefined {
    this.#admit(comer.concurrent);
    const isFree = this.#held < comer.concurrent && this.#waiting.length === 0;
    if (!isFree && this.#waiting.length >= comer.queue) return undefined;
    const seat = new Waiting(comer, this.#roundFor(comer.who), (left) => this.#left(left));
    if (isFree) {
      this.#held++;
      seat.state = "held";
    } else {
      this.#waiting.push(seat);
    }
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
      this.#admit(seat.comer.concurrent);
    } else if (state === "waiting") {
      this.#waiting = this.#waiting.filter((other) => other !== seat);
    }
  }

  #admit(concurrent: number): void {
    while (this.#held < concurrent && this.#waiting.length > 0) {
      let next = this.#waiting[0];
      for (const seat of this.#waiting) if (next !== undefined && seat.isBefore(next)) next = seat;
      if (next === undefined) return;
      this.#waiting = this.#waiting.filter((other) => other !== next);
      this.#held++;
      this.#round = next.round;
      next.grant();
    }
  }
}

class Waiting implements Seat {
  readonly comer: Comer;
  readonly round: number;
  readonly #leave: (seat: Waiting) => void;
  state: "waiting" | "held" | "left" = "waiting";

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
