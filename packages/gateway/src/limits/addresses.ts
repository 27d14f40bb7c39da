import { Window } from "./window.ts";

/** What a request is counted as. `auth` counts those whose key was wrong. */
export type AddressClass = "requests" | "chat" | "auth" | "health";

export interface AddressRule {
  /** Milliseconds. */
  readonly window: number;
  readonly requests?: number;
  readonly chat?: number;
  readonly auth?: number;
  readonly health?: number;
}

/** Most addresses that are counted each by itself. */
const mostAddresses = 10_000;

/** When there are more, the rest shares so many counts. */
const sharedCounts = 256;

/** Steps of a window: what was counted counts too long by at most a twelfth of it. */
const steps = 12;

/**
 * Counts requests by address, whoever they claim to be. Memory is bounded: when very many addresses come, those that
 * come last share counts, and are then refused too often rather than too rarely.
 */
export class AddressLimits {
  readonly #clock: { monotonic(): number };
  readonly #counts = new Map<string, Window>();
  readonly #shared = new Map<string, Window>();
  #window = 0;
  #sweptAt = -Infinity;
  /** How often a request was refused. */
  refusals = 0;

  constructor(clock: { monotonic(): number }) {
    this.#clock = clock;
  }

  /** Counts a request; undefined if it may go on, or milliseconds until another one may. */
  take(address: string | undefined, rule: AddressRule, kind: AddressClass): number | undefined {
    const most = rule[kind];
    if (most === undefined) return undefined;
    const count = this.#count(address, rule, kind);
    const at = this.#clock.monotonic();
    const wait = count.wait(most, 1, at);
    if (wait === 0) count.take(1, at);
    else this.refusals++;
    return wait === 0 ? undefined : wait;
  }

  /** Milliseconds until a request may go on; undefined if it may now. Counts nothing. */
  look(address: string | undefined, rule: AddressRule, kind: AddressClass): number | undefined {
    const most = rule[kind];
    if (most === undefined) return undefined;
    const wait = this.#count(address, rule, kind).wait(most, 1, this.#clock.monotonic());
    if (wait > 0) this.refusals++;
    return wait === 0 ? undefined : wait;
  }

  /** Addresses that are counted. */
  get size(): number {
    return this.#counts.size;
  }

  #count(address: string | undefined, { window }: AddressRule, kind: AddressClass): Window {
    if (window !== this.#window) {
      // A window of another length counts anew.
      this.#counts.clear();
      this.#shared.clear();
      this.#window = window;
    }
    const name = `${kind} ${placeOf(address)}`;
    const known = this.#counts.get(name);
    if (known !== undefined) return known;
    if (this.#counts.size >= mostAddresses) this.#sweep();
    const isFull = this.#counts.size >= mostAddresses;
    const [counts, place] = isFull ? [this.#shared, `${kind} ${hash(name) % sharedCounts}`] : [this.#counts, name];
    const found = counts.get(place) ?? new Window(window, steps);
    counts.set(place, found);
    return found;
  }

  /** Forgets addresses that have not come for a window; looks for them at most once in a step. */
  #sweep(): void {
    const at = this.#clock.monotonic();
    if (at - this.#sweptAt < this.#window / steps) return;
    this.#sweptAt = at;
    for (const [name, count] of this.#counts) if (count.used(at) === 0) this.#counts.delete(name);
  }
}

/** What stands for an address: an IPv6 host has a whole /64 to choose from, and an IPv4 one may come as IPv6. */
export function placeOf(address: string | undefined): string {
  if (address === undefined) return "";
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [plain = ""] = address.split("%", 1);
  const [head = "", tail] = plain.split("::", 2);
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: missing }, () => "0"), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}
