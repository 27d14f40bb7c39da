import type { Dial } from "./redis.ts";
import { add, beat, leave, replicaLife, reserve, isReply } from "./scripts.ts";
import { Wire, wordOf } from "./wire.ts";
import type { Answer } from "./wire.ts";

/** Milliseconds that a command may take. */
const patience = 50;

/** So many failures in a row, and Redis is left alone until it answers again. */
const mostFailures = 3;

/** Milliseconds between two beats, and between two tries to come back. */
const interval = 250;

/** Who has come back only just now is tried less often, so that the log stays quiet; milliseconds. */
const settling = 10_000;
const slowInterval = 500;

/** Most pauses that wait for being told. */
const mostPauses = 1000;

/** Why it is done without, where it is not Redis or the system that says so. */
const isLate = "it does not answer in time";

/** What all keys begin with. The number is the version of what they hold; the braces keep all in one hash slot. */
const prefix = "{patchbay:1}:";

const scripts = { reserve, add, beat, leave };
type ScriptName = keyof typeof scripts;

/** A pause that somebody found to be needed, as its text, and the milliseconds that it has left. */
export interface Pause {
  readonly text: string;
  readonly left: number;
}

/** What the link asks of who counts with its help. */
export interface Counting {
  /** What this process holds of seats, by key, as far as Redis may not know it. */
  seats(): readonly (readonly [key: string, held: number])[];
  seatsTold(seats: readonly (readonly [key: string, held: number])[]): void;
  /** What Redis is to add; `all` when it knows nothing. Undefined when there is nothing. `told` must follow. */
  untold(all: boolean): { readonly keys: readonly string[]; readonly values: readonly string[] } | undefined;
  /** @param isTaken Whether Redis took it; it may have done so and not said it. */
  told(isTaken: boolean): void;
  /** Some time has passed, or Redis has come or gone. */
  stirred(): void;
}

export interface LinkParts {
  readonly dial: Dial;
  readonly clock: { now(): number; monotonic(): number };
  /** Names this process among all; of letters and digits. */
  readonly id: string;
  /** Instead of the server's time, for tests; milliseconds. */
  readonly time?: () => number;
  /** Told when Redis comes and goes. */
  readonly changed: (isUp: boolean, why: string) => void;
  /** Told of pauses that other replicas found. */
  readonly paused: (pause: Pause) => void;
}

/**
 * The way to Redis. While it is up, commands take at most `patience`; after three failures in a row it is down, and
 * nobody waits for it any more until it has answered a beat in time. A beat goes out every quarter of a second, so that
 * what happens to Redis is seen without requests too.
 */
export class Link implements AsyncDisposable {
  readonly #parts: LinkParts;
  #counting: Counting | undefined;
  #wire: Wire | undefined;
  readonly #shas = new Map<ScriptName, string>();
  #failures = 0;
  /** What went wrong last. */
  #failure = isLate;
  #epoch: string | undefined;
  /** Redis knows nothing of what was counted here. */
  #owesAll = false;
  #version = "";
  /** The server's time at zero of the monotonic clock. */
  #offset: number | undefined;
  #isBeating = false;
  #isRaising = false;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #upAt = -Infinity;
  #triedAt = -Infinity;
  /** Why it is down. */
  #why = "";
  #isReported = false;
  /** Pauses that Redis has not been told of, and until when by the monotonic clock. */
  readonly #outbox = new Map<string, number>();
  /** Pauses that are known, and until when. */
  readonly #pauses = new Map<string, number>();
  /** How many replicas there were when Redis last told. */
  replicas = 1;
  /** How often Redis did not answer in time or in order. */
  failures = 0;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  get isUp(): boolean {
    return this.#wire !== undefined;
  }

  get id(): string {
    return this.#parts.id;
  }

  /** What was agreed on when Redis began to count; it changes when Redis has forgotten. */
  get epoch(): string {
    return this.#epoch ?? "";
  }

  /** The time that scripts are to take for now; empty for the server's own, as ever but in tests. */
  get given(): string {
    return this.#parts.time === undefined ? "" : String(this.#parts.time());
  }

  /** The server's time as far as it is known, in milliseconds since 1970. */
  get time(): number {
    const { clock } = this.#parts;
    if (this.#parts.time !== undefined) return this.#parts.time();
    return this.#offset === undefined ? clock.now() : clock.monotonic() + this.#offset;
  }

  /** Tries once to reach Redis, and goes on trying. Resolves after half a second or so at the latest. */
  async begin(counting: Counting): Promise<void> {
    this.#counting = counting;
    this.#timer = setInterval(() => this.#tick(), interval).unref();
    await this.#raise();
  }

  /** The key of something. */
  key(name: string): string {
    return prefix + name;
  }

  /** Runs a script; undefined when nobody should wait for it. */
  run(name: ScriptName, keys: readonly string[], values: readonly string[]): Promise<Answer> | undefined {
    const wire = this.#wire;
    if (wire === undefined) return undefined;
    if (wire.isStalled) {
      this.#failed(wire, isLate);
      return undefined;
    }
    return this.#watched(wire, name, keys, values);
  }

  /** Redis no longer knows what this process knows. */
  forgotten(): void {
    if (this.#wire === undefined) return;
    this.#drop(this.#wire, "it has forgotten what was counted");
    void this.#raise();
  }

  /** Takes the server's time from a reply. */
  tell(time: number): void {
    this.#offset = time - this.#parts.clock.monotonic();
  }

  /** Tells the other replicas of a pause. */
  announce({ text, left }: Pause): void {
    const until = this.#parts.clock.monotonic() + left;
    if (until <= (this.#pauses.get(text) ?? 0) || this.#outbox.size >= mostPauses) return;
    this.#pauses.set(text, until);
    this.#outbox.set(text, until);
    this.#beat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#timer);
    const wire = this.#wire;
    if (wire === undefined) return;
    await this.#watched(wire, "leave", [this.key("replicas")], [this.id]);
    this.#wire = undefined;
    wire[Symbol.dispose]();
  }

  async #watched(wire: Wire, name: ScriptName, keys: readonly string[], values: readonly string[]): Promise<Answer> {
    const command = ["EVALSHA", this.#shas.get(name) ?? "", String(keys.length), ...keys, ...values];
    const answer = await wire.send(command, (reply) => isReply(name, values, reply));
    if (answer.state === "answered") this.#failures = 0;
    else this.#failed(wire, answer.state === "failed" ? answer.why : isLate);
    return answer;
  }

  #failed(wire: Wire, why: string): void {
    this.failures++;
    this.#failures++;
    this.#failure = why;
    if (this.#failures >= mostFailures) this.#drop(wire, why);
  }

  #drop(wire: Wire, why: string): void {
    if (this.#wire !== wire) return;
    this.#wire = undefined;
    wire[Symbol.dispose]();
    if (this.#isOver) return;
    this.#report(false, why);
    this.#triedAt = this.#parts.clock.monotonic();
    this.#counting?.stirred();
  }

  #report(isUp: boolean, why: string): void {
    if (this.#isOver || (this.#isReported && !isUp && this.#why !== "")) return;
    this.#isReported = true;
    this.#why = isUp ? "" : why;
    this.#parts.changed(isUp, why);
  }

  #tick(): void {
    // Beats go first: of what is just asked for nobody knows whether it is held.
    if (this.#wire !== undefined) this.#beat();
    this.#counting?.stirred();
    if (this.#wire !== undefined) return;
    const now = this.#parts.clock.monotonic();
    forgetOver(this.#outbox, now);
    const pause = now - this.#upAt < settling ? slowInterval : interval;
    if (now - this.#triedAt >= pause - interval / 2) void this.#raise();
  }

  #beat(): void {
    const wire = this.#wire;
    if (wire === undefined || this.#isBeating) return;
    if (wire.isStalled) return this.#failed(wire, isLate);
    this.#isBeating = true;
    void this.#sendBeat(wire, "").finally(() => (this.#isBeating = false));
  }

  /** @param candidate The epoch to begin if there is none. @returns The epoch; undefined when there was no answer. */
  async #sendBeat(wire: Wire, candidate: string): Promise<string | undefined> {
    const now = this.#parts.clock.monotonic();
    const seats = this.#counting?.seats() ?? [];
    forgetOver(this.#outbox, now);
    const pauses = [...this.#outbox];
    const answer = await this.#watched(
      wire,
      "beat",
      ["epoch", "replicas", "pauses", "version", ...seats.map(([key]) => key)].map((name) => this.key(name)),
      [
        this.given,
        this.id,
        candidate,
        this.#version,
        String(seats.length),
        ...seats.map(([, held]) => String(held)),
        ...pauses.flatMap(([text, until]) => [text, String(Math.ceil(until - now))]),
      ],
    );
    if (answer.state !== "answered") return undefined;
    const [epoch = "", time, replicas, version, ...found] = answer.reply as readonly (string | number | undefined)[];
    for (const [text, until] of pauses) if (this.#outbox.get(text) === until) this.#outbox.delete(text);
    this.#counting?.seatsTold(seats);
    this.tell(Number(time));
    // Of a Redis that has just come the others may not have made themselves known.
    const isSettled = now - this.#upAt > replicaLife && wire === this.#wire;
    this.replicas = Math.max(1, Number(replicas), isSettled ? 1 : this.replicas);
    this.#version = String(version);
    this.#hear(found);
    if (candidate === "" && epoch !== this.#epoch) this.forgotten();
    return String(epoch);
  }

  /** @param found Texts and what they have left, in turn. */
  #hear(found: readonly (string | number | undefined)[]): void {
    const now = this.#parts.clock.monotonic();
    if (found.length > 0) forgetOver(this.#pauses, now);
    for (let index = 0; index < found.length; index += 2) {
      const text = String(found[index]);
      const left = Number(found[index + 1]);
      // A known one that was reset here stays so. The clocks differ by as much as an answer takes.
      if (!(left > 0) || now + left <= (this.#pauses.get(text) ?? 0) + patience * 2) continue;
      this.#pauses.set(text, now + left);
      this.#parts.paused({ text, left });
    }
  }

  /** Tries to come back. */
  async #raise(): Promise<void> {
    if (this.#isRaising || this.#isOver) return;
    this.#isRaising = true;
    this.#triedAt = this.#parts.clock.monotonic();
    try {
      await this.#tryToRaise();
    } catch (error) {
      // Nothing below throws. If something does, it is tried again.
      this.#report(false, wordOf(error));
    }
    this.#isRaising = false;
  }

  async #tryToRaise(): Promise<void> {
    let wire: Wire | undefined;
    let isLost = false;
    const line = await this.#parts.dial((why) => {
      isLost = true;
      if (wire !== undefined) this.#drop(wire, why);
    });
    if (typeof line === "string") return this.#report(false, line);
    wire = new Wire(line, patience, this.#parts.clock);
    const isReady = !this.#isOver && (await this.#prepare(wire));
    // Nothing else runs between the last answer and here, so that nothing is left untold.
    if (!isReady || isLost || this.#isOver) {
      wire[Symbol.dispose]();
      if (!this.#isOver) this.#report(false, this.#failure);
      return;
    }
    this.#wire = wire;
    this.#failures = 0;
    this.#upAt = this.#parts.clock.monotonic();
    this.#report(true, "");
    this.#counting?.stirred();
  }

  /** Loads the scripts and tells what Redis does not know. @returns False when Redis does not answer in time. */
  async #prepare(wire: Wire): Promise<boolean> {
    for (const [name, text] of Object.entries(scripts) as [ScriptName, string][]) {
      const answer = await wire.send(["SCRIPT", "LOAD", text]);
      if (answer.state !== "answered") {
        this.#failed(wire, answer.state === "failed" ? answer.why : isLate);
        return false;
      }
      this.#shas.set(name, String(answer.reply));
    }
    const candidate = `${this.id}-${Math.floor(this.#parts.clock.now())}-${Math.floor(this.#parts.clock.monotonic())}`;
    this.#version = "";
    const epoch = await this.#sendBeat(wire, candidate);
    if (epoch === undefined || this.#counting === undefined) return false;
    // Whoever begins an epoch, and whoever knew another one, tells everything.
    if (epoch === candidate || (this.#epoch !== undefined && this.#epoch !== epoch)) this.#owesAll = true;
    for (let all = this.#owesAll; ; all = false) {
      const untold = this.#counting.untold(all);
      if (untold === undefined) break;
      const keys = [this.key("epoch"), this.key("replicas"), ...untold.keys.map((key) => this.key(key))];
      const answer = await this.#watched(wire, "add", keys, [epoch, this.given, this.id, ...untold.values]);
      const isTaken = answer.state === "answered" && (answer.reply as readonly number[])[0] === 1;
      this.#counting.told(isTaken);
      if (!isTaken) return false;
    }
    this.#owesAll = false;
    this.#epoch = epoch;
    return true;
  }
}

function forgetOver(pauses: Map<string, number>, now: number): void {
  for (const [text, until] of pauses) if (until <= now) pauses.delete(text);
}
