import type { Clock } from "../../kernel/clock.ts";
import { printOf, sizeOf } from "./memory.ts";
import type { Memory } from "./memory.ts";

export interface Bounds {
  /** Most calls that are remembered. */
  readonly calls: number;
  /** Most bytes of all that is remembered, roughly. */
  readonly bytes: number;
  /** Most bytes of one call's memory; a larger one is not kept. */
  readonly callBytes: number;
  /** Milliseconds after which what nobody asked for is forgotten. */
  readonly idle: number;
}

/** Most calls of one caller's that bear the same id; then the oldest is forgotten. */
const mostOfOneId = 16;

interface Kept {
  readonly memory: Memory;
  readonly bytes: number;
}

/** The calls of one caller's that bear the same id: vendors without ids worth the name count them from 0. */
interface Shelf {
  readonly kept: Kept[];
  /** Another call with this id went by and is not here: only the very same call may be taken for a memory. */
  contested: boolean;
  /** When it was last used, on the monotonic clock. */
  usedAt: number;
}

/** Memories by caller and call id, the longest unused ones forgotten first. */
export class Shelves {
  readonly #bounds: Bounds;
  readonly #clock: Clock;
  /** The longest unused first. */
  readonly #shelves = new Map<string, Shelf>();
  #calls = 0;
  #bytes = 0;

  constructor(bounds: Bounds, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  /** How much is remembered. */
  get size(): { readonly calls: number; readonly bytes: number } {
    return { calls: this.#calls, bytes: this.#bytes };
  }

  put(caller: string | undefined, id: string, memory: Memory): void {
    const bytes = sizeOf(memory) + 2 * id.length;
    if (bytes > Math.min(this.#bounds.callBytes, this.#bounds.bytes) || this.#bounds.calls < 1) return;
    const key = keyOf(caller, id);
    const shelf = this.#take(key) ?? { kept: [], contested: false, usedAt: 0 };
    const same = shelf.kept.findIndex((kept) => kept.memory.print === memory.print);
    if (same !== -1) this.#drop(shelf, same);
    else if (shelf.kept.length >= mostOfOneId) this.#drop(shelf, 0);
    shelf.kept.push({ memory, bytes });
    this.#calls += 1;
    this.#bytes += bytes;
    this.#shelves.set(key, shelf);
    shelf.usedAt = this.#clock.monotonic();
    this.#shrink();
  }

  /** Another call with this id went by, of which there is nothing to remember. */
  pass(caller: string | undefined, id: string, print: string): void {
    const shelf = this.#shelves.get(keyOf(caller, id));
    if (shelf !== undefined && !shelf.kept.some(({ memory }) => memory.print === print)) shelf.contested = true;
  }

  /**
   * What is remembered of a call in a caller's history: of the very same one or, where the client has changed its
   * arguments, of the only one that bears its id and name.
   */
  find(
    caller: string | undefined,
    call: { readonly id: string; readonly name: string; readonly arguments: string },
  ): Memory | undefined {
    if (this.#shelves.size === 0) return undefined;
    const key = keyOf(caller, call.id);
    const shelf = this.#take(key);
    if (shelf === undefined) return undefined;
    shelf.usedAt = this.#clock.monotonic();
    this.#shelves.set(key, shelf);
    const print = printOf(call.name, call.arguments);
    const exact = shelf.kept.find(({ memory }) => memory.print === print);
    if (exact !== undefined) return exact.memory;
    const [first, ...others] = shelf.kept;
    if (first === undefined || others.length > 0 || shelf.contested) return undefined;
    return first.memory.name === call.name ? first.memory : undefined;
  }

  /** Takes a shelf out to put it last; one that was unused for too long is gone. */
  #take(key: string): Shelf | undefined {
    const shelf = this.#shelves.get(key);
    if (shelf === undefined) return undefined;
    this.#shelves.delete(key);
    if (!this.#isStale(shelf)) return shelf;
    this.#forget(shelf);
    return undefined;
  }

  #shrink(): void {
    for (const [key, shelf] of this.#shelves) {
      if (!this.#isOver() && !this.#isStale(shelf)) return;
      if (this.#shelves.size === 1) break;
      this.#shelves.delete(key);
      this.#forget(shelf);
    }
    // The last one holds what was just put there, which has room by itself.
    const [last] = this.#shelves.values();
    if (last === undefined) return;
    while (this.#isOver()) if (!this.#drop(last, 0)) return;
  }

  #isOver(): boolean {
    return this.#calls > this.#bounds.calls || this.#bytes > this.#bounds.bytes;
  }

  #isStale(shelf: Shelf): boolean {
    return this.#clock.monotonic() - shelf.usedAt >= this.#bounds.idle;
  }

  #forget(shelf: Shelf): void {
    while (this.#drop(shelf, -1)) continue;
  }

  /** False if there is nothing to drop. */
  #drop(shelf: Shelf, index: number): boolean {
    const [dropped] = shelf.kept.splice(index, 1);
    if (dropped === undefined) return false;
    this.#calls -= 1;
    this.#bytes -= dropped.bytes;
    return true;
  }
}

/** The caller's length first, so that no id reaches into another caller's names. */
function keyOf(caller: string | undefined, id: string): string {
  return caller === undefined ? `- ${id}` : `${caller.length} ${caller} ${id}`;
}
