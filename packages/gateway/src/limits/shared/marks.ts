import { isSliding, windows } from "../memory.ts";
import type { Period } from "../rules.ts";
import { beginOf } from "../window.ts";

/** How Redis counts a period: a window's step and length, or begin and end of a time of the calendar. */
export interface Shape {
  /** Milliseconds; 0 for the calendar. */
  readonly step: number;
  /** Steps that a window keeps: one more than it has. */
  readonly length: number;
  readonly begin: number;
  readonly end: number;
}

function windowShape({ length, steps }: { readonly length: number; readonly steps: number }): Shape {
  return { step: length / steps, length: steps + 1, begin: 0, end: 0 };
}

const shapes = { minute: windowShape(windows.minute), day: windowShape(windows.day) };

/** @param time Of the server, in milliseconds since 1970. */
export function shapeOf(period: Period, time: number): Shape {
  if (isSliding(period)) return shapes[period];
  const isMonth = period === "calendar-month";
  return { step: 0, length: 0, begin: beginOf(time, isMonth, 0), end: beginOf(time, isMonth, 1) };
}

/** Where something is counted that was used at a time: a window's step, or when the day or month began. */
export function placeOf(period: Period, time: number): number {
  const { step, begin } = shapeOf(period, time);
  return step === 0 ? begin : Math.floor(time / step);
}

/** An amount that Redis is to add to one place of one count; less than 0 takes away. */
export interface Mark {
  /** Of the limit. */
  readonly name: string;
  readonly period: Period;
  readonly place: number;
  readonly amount: number;
}

/** Most marks that are kept; whoever has more of them forgets the oldest, and counts too little. */
const mostMarks = 100_000;

/** Most marks in one command, so that Redis is not held up for others. */
const mostTold = 500;

/** What Redis was not told. Marks of one place are one mark. */
export class Backlog {
  readonly #marks = new Map<string, Mark>();

  add({ name, period, place, amount }: Mark): void {
    const key = `${name} ${place}`;
    const sum = (this.#marks.get(key)?.amount ?? 0) + amount;
    this.#marks.delete(key);
    if (sum === 0) return;
    this.#marks.set(key, { name, period, place, amount: sum });
    if (this.#marks.size <= mostMarks) return;
    for (const oldest of this.#marks.keys()) {
      this.#marks.delete(oldest);
      break;
    }
  }

  clear(): void {
    this.#marks.clear();
  }

  /** Takes out what goes into one command. */
  take(): readonly Mark[] {
    const taken: Mark[] = [];
    for (const [key, mark] of this.#marks) {
      if (taken.length >= mostTold) break;
      taken.push(mark);
      this.#marks.delete(key);
    }
    return taken;
  }
}

/** The arguments of a count in the scripts: its shape, and two figures. */
export function argumentsOf(period: Period, time: number, first: number, second: number): readonly string[] {
  const { step, length, begin, end } = shapeOf(period, time);
  return [step, length, begin, end, first, second].map(String);
}
