import type { AnswerEvent } from "../../kernel/event.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Machine } from "../../kernel/machine.ts";

type PartEvent = Extract<AnswerEvent, { readonly part: number }>;

/**
 * Puts the parts of one candidate, the first that says anything, one after the other, in the order of their starts, for
 * protocols whose parts must not overlap. What belongs to a later part waits until the earlier ones have ended. Other
 * candidates are left out, and reported.
 */
export class SerialParts implements Machine<AnswerEvent, AnswerEvent> {
  readonly #lost: (loss: Loss) => void;
  /** Parts that were begun and are not over, the one that may speak first. */
  readonly #order: number[] = [];
  readonly #waiting = new Map<number, PartEvent[]>();
  /** The candidate that is told, whatever number its backend gave it. */
  #only: number | undefined;
  #toldOfOthers = false;

  constructor(lost: (loss: Loss) => void) {
    this.#lost = lost;
  }

  push(event: AnswerEvent): readonly AnswerEvent[] {
    if (!("candidate" in event)) return this.#pass(event);
    if (event.type !== "extra") this.#only ??= event.candidate;
    if (event.candidate === (this.#only ?? 0))
      return this.#pass(event.candidate === 0 ? event : { ...event, candidate: 0 });
    if (!this.#toldOfOthers) this.#lost({ field: "candidates", reason: "unsupported" });
    this.#toldOfOthers = true;
    return [];
  }

  #pass(event: AnswerEvent): readonly AnswerEvent[] {
    switch (event.type) {
      case "part-start":
        this.#order.push(event.part);
        return this.#part(event);
      case "part-delta":
      case "part-end":
        return this.#part(event);
      case "finish":
        return [...this.#rest(), event];
      default:
        return [event];
    }
  }

  end(): readonly AnswerEvent[] {
    return this.#rest();
  }

  #part(event: PartEvent): readonly AnswerEvent[] {
    if (this.#order[0] !== event.part) {
      const held = this.#waiting.get(event.part) ?? [];
      held.push(event);
      this.#waiting.set(event.part, held);
      return [];
    }
    if (event.type !== "part-end") return [event];
    return [event, ...this.#next()];
  }

  /** The first part is over: those behind it speak, as far as they have come. */
  #next(): AnswerEvent[] {
    const out: AnswerEvent[] = [];
    for (;;) {
      this.#order.shift();
      const [first] = this.#order;
      if (first === undefined) return out;
      const held = this.#waiting.get(first) ?? [];
      this.#waiting.delete(first);
      out.push(...held);
      if (held.at(-1)?.type !== "part-end") return out;
    }
  }

  /** What still waits, with the ends that never came. */
  #rest(): AnswerEvent[] {
    const out: AnswerEvent[] = [];
    let first = this.#order[0];
    while (first !== undefined) {
      out.push({ type: "part-end", candidate: 0, part: first }, ...this.#next());
      first = this.#order[0];
    }
    return out;
  }
}
