import { fitting, isSliding, MemoryLimitStore, nameOf, refusalOf } from "../memory.ts";
import type { Rule, Scope } from "../rules.ts";
import type { Actual, LimitStore, Outcome, Refusal, Reservation, Want } from "../types.ts";
import type { Counting, Link } from "./link.ts";
import { argumentsOf, Backlog, placeOf, shapeOf } from "./marks.ts";
import type { Mark } from "./marks.ts";
import { isOutcome, Seats, seatsKey } from "./seats.ts";
import type { Request, Result } from "./seats.ts";
import type { Answer } from "./wire.ts";

/** Milliseconds for which it is believed that there is still no room; others may give some back. */
const trust = 1000;

/** Nobody knows when a part of a limit, or Redis, is back. */
const soon = 1000;

/** Most limits of which the last reply is kept. */
const mostViews = 20_000;

/** What Redis said of a limit last. */
interface View {
  used: number;
  /** Monotonic milliseconds when nothing of it counts any more. */
  restAt: number;
  /** An amount for which there was no room, and until when. */
  refused: { readonly amount: number; readonly until: number; readonly trusted: number } | undefined;
}

/** How a reservation was counted. */
interface Counted {
  /** In this process's memory. */
  readonly local: Reservation;
  readonly seats: readonly Scope[];
}

export interface SharedParts {
  readonly link: Link;
  readonly clock: { now(): number; monotonic(): number };
}

/**
 * Counts in Redis, for all replicas together. What this process itself uses it counts in its memory too: while Redis is
 * away, each replica keeps to its part of every limit by that, and when Redis is back it is told what it missed.
 */
export class SharedLimitStore implements LimitStore, Counting {
  readonly #link: Link;
  readonly #clock: { now(): number; monotonic(): number };
  readonly #local: MemoryLimitStore;
  readonly #seats: Seats;
  readonly #views = new Map<string, View>();
  readonly #backlog = new Backlog();
  readonly #counted = new WeakMap<Reservation, Counted>();
  #telling: readonly Mark[] = [];

  constructor({ link, clock }: SharedParts) {
    this.#link = link;
    this.#clock = clock;
    this.#local = new MemoryLimitStore(clock);
    this.#seats = new Seats(clock, (request) => this.#ask(request));
  }

  reserve(wants: readonly Want[], scopes: readonly Scope[]): Outcome | Promise<Outcome> {
    const seats = scopes.filter(({ concurrent }) => concurrent !== undefined);
    const request: Request = { wants, seats };
    if (wants.length === 0 && seats.length === 0) return { ok: true, reservation: { wants, places: [] } };
    const result = this.#ask(request);
    const finish = (found: Result) => (isOutcome(found) ? found : this.#seats.wait(request, found));
    return result instanceof Promise ? result.then(finish) : finish(result);
  }

  settle(reservation: Reservation, actual: Actual): void {
    const counted = this.#counted.get(reservation);
    if (counted === undefined) return;
    this.#counted.delete(reservation);
    const { local, seats } = counted;
    this.#local.settle(local, actual);
    this.#seats.giveBack(seats);
    const marks = reservation.wants.flatMap(({ scope, rule, amount }, index): readonly Mark[] => {
      const used = actual[rule.unit];
      const change = used === undefined ? 0 : whole(used) - whole(fitting(rule, amount));
      if (change === 0) return [];
      const { name, period } = markOf(scope, rule);
      const place = reservation.places[index] ?? 0;
      // More than was foreseen counts from now on, but for what was begun yesterday.
      const isLater = change > 0 && isSliding(period);
      return [{ name, period, place: isLater ? placeOf(period, this.#link.time) : place, amount: change }];
    });
    if (marks.length > 0 || seats.length > 0) this.#give(marks, seats);
    for (const scope of seats) this.#seats.wake(seatsKey(scope));
  }

  refusal(wants: readonly Want[]): Refusal | undefined {
    if (!this.#link.isUp) return this.#refusalHere(wants);
    const now = this.#clock.monotonic();
    let longest: Refusal | undefined;
    for (const { scope, rule, amount } of wants) {
      const refused = this.#views.get(nameOf(scope, rule))?.refused;
      if (refused === undefined || refused.trusted <= now || fitting(rule, amount) < refused.amount) continue;
      const wait = refused.until - now;
      if (wait > (longest?.wait ?? 0)) longest = refusalOf(scope, rule, wait);
    }
    return longest;
  }

  state(scope: Scope, rule: Rule): { readonly used: number; readonly rest: number } {
    const own = this.#local.state(scope, rule);
    if (!this.#link.isUp) {
      // What is left is what is left of this replica's part.
      return { used: Math.min(rule.limit, rule.limit - this.#part(rule).limit + own.used), rest: own.rest };
    }
    const view = this.#views.get(nameOf(scope, rule));
    if (view === undefined) return own;
    const rest = Math.max(0, view.restAt - this.#clock.monotonic());
    return { used: rest === 0 ? 0 : view.used, rest };
  }

  /** Counts in memory only: Redis remembers what was used before this process began. */
  restore(scope: Scope, rule: Rule, past: { readonly amount: number; readonly age: number }): void {
    this.#local.restore(scope, rule, past);
  }

  seats(): readonly (readonly [key: string, held: number])[] {
    return this.#seats.all();
  }

  seatsTold(seats: readonly (readonly [key: string, held: number])[]): void {
    this.#seats.told(seats);
  }

  untold(all: boolean): { readonly keys: readonly string[]; readonly values: readonly string[] } | undefined {
    if (all) {
      this.#backlog.clear();
      const { time } = this.#link;
      for (const { name, period, amount, age } of this.#local.used()) {
        this.#backlog.add({ name, period, place: placeOf(period, time - age), amount: whole(amount) });
      }
    }
    this.#telling = this.#backlog.take();
    return this.#telling.length === 0 ? undefined : this.#command(this.#telling, []);
  }

  told(isTaken: boolean): void {
    if (!isTaken) this.#keep(this.#telling);
    this.#telling = [];
  }

  stirred(): void {
    this.#seats.stir();
    if (!this.#link.isUp) return;
    const marks = this.#backlog.take();
    if (marks.length > 0) this.#give(marks, []);
  }

  #ask(request: Request): Result | Promise<Result> {
    const { wants, seats } = request;
    if (!this.#link.isUp) return this.#decide(request);
    const { time } = this.#link;
    const answer = this.#link.run(
      "reserve",
      [
        this.#link.key("epoch"),
        this.#link.key("replicas"),
        ...wants.map(({ scope, rule }) => this.#link.key(`limit:${nameOf(scope, rule)}`)),
        ...seats.map((scope) => this.#link.key(seatsKey(scope))),
      ],
      [
        this.#link.epoch,
        this.#link.given,
        this.#link.id,
        String(wants.length),
        String(seats.length),
        ...wants.flatMap(({ rule, amount }) =>
          argumentsOf(rule.period, time, rule.limit, whole(fitting(rule, amount))),
        ),
        ...seats.map(({ concurrent = 0 }) => String(concurrent)),
      ],
    );
    if (answer === undefined) return this.#decide(request);
    this.#seats.asks(seats);
    return answer.then((found) => this.#take(request, found));
  }

  #take(request: Request, answer: Answer): Result {
    const { wants, seats } = request;
    const reply = answer.state === "answered" ? readReply(answer.reply) : undefined;
    if (answer.state !== "late") this.#seats.asked(seats);
    if (reply?.[0] === 1) {
      this.#seats.take(seats);
      this.#link.tell(reply[1] ?? 0);
      const places = wants.map((_, index) => reply[2 + index * 2] ?? 0);
      for (const [index, want] of wants.entries()) this.#seen(want, reply[3 + index * 2] ?? 0);
      return this.#grant(wants, places, { local: this.#local.count(wants), seats });
    }
    if (reply?.[0] === 0) return this.#refused(request, reply);
    if (answer.state === "answered") this.#link.forgotten();
    const result = this.#decide(request);
    if (answer.state === "late") void this.#takeBackLater(request, answer.reply);
    return result;
  }

  /** It was decided here. If Redis has counted it too, it must not be counted twice. */
  async #takeBackLater({ wants, seats }: Request, later: Promise<unknown>): Promise<void> {
    let reply: readonly number[];
    try {
      reply = readReply(await later);
    } catch {
      return;
    } finally {
      // Of seats the next beat tells.
      this.#seats.asked(seats);
    }
    if (reply[0] !== 1) return;
    const marks = wants.map(({ scope, rule, amount }, index): Mark => {
      return { ...markOf(scope, rule), place: reply[2 + index * 2] ?? 0, amount: -whole(fitting(rule, amount)) };
    });
    this.#give(marks, []);
  }

  #refused({ wants, seats }: Request, reply: readonly number[]): Result {
    const [, , index = 1, wait = 0] = reply;
    const scope = seats[index - 1 - wants.length];
    if (scope !== undefined) return scope;
    const want = wants[index - 1];
    if (want === undefined) throw new Error("Redis refused what nobody asked for");
    const now = this.#clock.monotonic();
    const real = wait < 0 ? Infinity : wait;
    this.#seen(want, reply[3 + index] ?? 0);
    const view = this.#views.get(nameOf(want.scope, want.rule));
    if (view !== undefined) {
      const amount = fitting(want.rule, want.amount);
      view.refused = { amount, until: now + real, trusted: now + Math.min(real, trust) };
    }
    return { ok: false, refusal: refusalOf(want.scope, want.rule, real) };
  }

  /** Decides without Redis, by this replica's part of the limits. */
  #decide({ wants, seats }: Request): Result {
    const replicas = this.#link.replicas;
    const full = seats.find(
      (scope) => this.#seats.held(scope) >= Math.max(1, Math.floor((scope.concurrent ?? 0) / replicas)),
    );
    if (full !== undefined) return full;
    const refusal = this.#refusalHere(wants);
    if (refusal !== undefined) return { ok: false, refusal };
    this.#seats.take(seats);
    const { time } = this.#link;
    const places = wants.map(({ rule }) => placeOf(rule.period, time));
    const marks = wants.map(({ scope, rule, amount }, index): Mark => {
      return { ...markOf(scope, rule), place: places[index] ?? 0, amount: whole(fitting(rule, amount)) };
    });
    this.#give(marks, []);
    return this.#grant(wants, places, { local: this.#local.count(this.#parts(wants)), seats });
  }

  #grant(wants: readonly Want[], places: readonly number[], counted: Counted): Outcome {
    const reservation: Reservation = { wants, places };
    this.#counted.set(reservation, counted);
    return { ok: true, reservation };
  }

  /** Tells Redis of marks and of seats that are held no more; keeps for later what it does not take. */
  #give(marks: readonly Mark[], seats: readonly Scope[]): void {
    for (const { name, amount } of marks) this.#change(name, amount);
    const { keys, values } = this.#command(marks, seats);
    const answer = this.#link.run(
      "add",
      [this.#link.key("epoch"), this.#link.key("replicas"), ...keys.map((key) => this.#link.key(key))],
      [this.#link.epoch, this.#link.given, this.#link.id, ...values],
    );
    if (answer === undefined) {
      for (const mark of marks) this.#backlog.add(mark);
      return;
    }
    void this.#taken(marks, answer);
  }

  async #taken(marks: readonly Mark[], answer: Promise<Answer>): Promise<void> {
    const found = await answer;
    if (found.state === "failed") return this.#keep(marks);
    try {
      const reply = readReply(found.state === "late" ? await found.reply : found.reply);
      // All that is counted here is told anew then, these too.
      if (reply[0] === -1) this.#link.forgotten();
    } catch {
      this.#keep(marks);
    }
  }

  /**
   * Redis has perhaps taken these marks, and perhaps not. What was used may count twice then; what was given back is
   * forgotten, for twice would be too much room.
   */
  #keep(marks: readonly Mark[]): void {
    for (const mark of marks) if (mark.amount > 0) this.#backlog.add(mark);
  }

  #command(marks: readonly Mark[], seats: readonly Scope[]) {
    const { time } = this.#link;
    return {
      keys: [...marks.map(({ name }) => `limit:${name}`), ...seats.map(seatsKey)],
      values: [
        String(marks.length),
        String(seats.length),
        ...marks.flatMap(({ period, place, amount }) => argumentsOf(period, time, place, amount)),
      ],
    };
  }

  #seen({ scope, rule, amount }: Want, used: number): void {
    const name = nameOf(scope, rule);
    if (this.#views.size >= mostViews && !this.#views.has(name)) this.#views.clear();
    const { step, length, end } = shapeOf(rule.period, this.#link.time);
    const now = this.#clock.monotonic();
    const restAt = step === 0 ? now + Math.max(1, end - this.#link.time) : now + step * length;
    const before = this.#views.get(name);
    const refused = before?.refused !== undefined && amount >= before.refused.amount ? undefined : before?.refused;
    this.#views.set(name, { used, restAt: amount > 0 ? restAt : (before?.restAt ?? restAt), refused });
  }

  #change(name: string, amount: number): void {
    const view = this.#views.get(name);
    if (view === undefined) return;
    view.used = Math.max(0, view.used + amount);
    if (amount < 0) view.refused = undefined;
  }

  #refusalHere(wants: readonly Want[]): Refusal | undefined {
    const refusal = this.#local.refusal(this.#parts(wants));
    const want = wants.find(({ scope, rule }) => {
      return scope.kind === refusal?.kind && scope.id === refusal.id && rule.name === refusal.limit;
    });
    if (refusal === undefined || want === undefined) return undefined;
    // Too much for the part is not too much for ever.
    const isOver = refusal.wait === Infinity && want.amount <= want.rule.limit;
    return refusalOf(want.scope, want.rule, isOver ? soon : refusal.wait);
  }

  #parts(wants: readonly Want[]): readonly Want[] {
    return wants.map((want) => ({ ...want, rule: this.#part(want.rule) }));
  }

  /** What each replica may use of a limit; never nothing. */
  #part(rule: Rule): Rule {
    const { replicas } = this.#link;
    return replicas === 1 ? rule : { ...rule, limit: Math.max(1, Math.floor(rule.limit / replicas)) };
  }
}

/** Redis counts in whole numbers. */
const whole = Math.ceil;

const markOf = (scope: Scope, rule: Rule) => ({ name: nameOf(scope, rule), period: rule.period });

const readReply = (reply: unknown): readonly number[] => reply as readonly number[];
