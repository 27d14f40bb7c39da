import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Extra } from "../../kernel/request.ts";
import { printOf } from "./memory.ts";
import type { KeptReasoning, Memory } from "./memory.ts";

/** Who hears of the calls of a finished answer. */
export interface Listener {
  remember(id: string, memory: Memory): void;
  /** A call of which there is nothing to remember. */
  pass(id: string, print: string): void;
}

/** A part of a kind that matters here. */
interface Noted {
  readonly head: PartHead;
  /** Its text; of a part that is neither reasoning nor a call only whether there is any. */
  readonly pieces: string[];
  keep: Extra | undefined;
}

/**
 * Lets an answer pass, tells each part with vendor state where it comes from, and tells of its calls once it has
 * finished: what breaks off is not remembered, for the client has nothing of it to ask about.
 */
export class Recorder implements Machine<AnswerEvent, AnswerEvent> {
  readonly #origin: string;
  readonly #listener: Listener;
  /** Characters that may still be noted before the answer is too large to remember. */
  #room: number;
  /** By candidate, then by part. */
  readonly #noted = new Map<number, Map<number, Noted>>();

  constructor(origin: string, listener: Listener, room: number) {
    this.#origin = origin;
    this.#listener = listener;
    this.#room = room;
  }

  push(event: AnswerEvent): readonly AnswerEvent[] {
    switch (event.type) {
      case "part-start":
        this.#partsOf(event.candidate).set(event.part, { head: event.head, pieces: [], keep: undefined });
        return [event];
      case "part-delta":
        this.#note(event.candidate, event.part, event.text);
        return [event];
      case "part-end": {
        if (event.keep === undefined) return [event];
        const part = this.#noted.get(event.candidate)?.get(event.part);
        if (part !== undefined && isKept(part.head)) part.keep = event.keep;
        return [{ ...event, origin: this.#origin }];
      }
      case "finish":
        if (this.#room >= 0) this.#tell(this.#partsOf(event.candidate).values());
        this.#noted.delete(event.candidate);
        return [event];
      default:
        return [event];
    }
  }

  end(): readonly AnswerEvent[] {
    return [];
  }

  #partsOf(candidate: number): Map<number, Noted> {
    let parts = this.#noted.get(candidate);
    if (parts === undefined) this.#noted.set(candidate, (parts = new Map<number, Noted>()));
    return parts;
  }

  #note(candidate: number, number: number, text: string): void {
    const part = this.#noted.get(candidate)?.get(number);
    if (part === undefined || text === "") return;
    if (!isKept(part.head)) {
      if (part.pieces.length === 0) part.pieces.push("");
      return;
    }
    if (this.#room < 0) return;
    this.#room -= text.length;
    if (this.#room >= 0) part.pieces.push(text);
    else this.#noted.clear();
  }

  #tell(parts: Iterable<Noted>): void {
    let reasoning: KeptReasoning[] = [];
    let leads = true;
    for (const { head, pieces, keep } of parts) {
      const text = pieces.join("");
      if (head.type === "reasoning") {
        if (text !== "" || keep !== undefined) reasoning.push({ text, leads, ...(keep && { keep }) });
      } else if (head.type !== "tool-call") {
        if (pieces.length > 0) leads = false;
      } else {
        this.#call(head, text, { reasoning, ...(keep && { keep }) });
        reasoning = [];
        leads = true;
      }
    }
  }

  #call(
    { id, name }: Extract<PartHead, { readonly type: "tool-call" }>,
    text: string,
    state: Pick<Memory, "reasoning" | "keep">,
  ): void {
    const print = printOf(name, text);
    if (state.reasoning.length === 0 && state.keep === undefined) this.#listener.pass(id, print);
    else this.#listener.remember(id, { origin: this.#origin, name, print, ...state });
  }
}

function isKept({ type }: PartHead): boolean {
  return type === "reasoning" || type === "tool-call";
}
