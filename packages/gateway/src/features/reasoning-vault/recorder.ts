import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Extra } from "../../kernel/request.ts";
import { printOf } from "./memory.ts";
import type { KeptReasoning, Memory } from "./memory.ts";

/** Who hears of the calls of an answer. */
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
  ended: boolean;
}

/** One candidate's parts that nothing was told of yet, and the reasoning since its last call. */
interface Stretch {
  readonly parts: Map<number, Noted>;
  reasoning: KeptReasoning[];
  leads: boolean;
}

/**
 * Lets an answer pass, tells each part with vendor state where it comes from, and tells of each call once it is whole:
 * its client may be told of it even where the answer breaks off behind it, and another one goes on.
 */
export class Recorder implements Machine<AnswerEvent, AnswerEvent> {
  readonly #origin: string;
  readonly #listener: Listener;
  /** Characters that may still be noted before the answer is too large to remember. */
  #room: number;
  /** By candidate, then by part. */
  readonly #noted = new Map<number, Stretch>();

  constructor(origin: string, listener: Listener, room: number) {
    this.#origin = origin;
    this.#listener = listener;
    this.#room = room;
  }

  push(event: AnswerEvent): readonly AnswerEvent[] {
    switch (event.type) {
      case "part-start":
        this.#stretchOf(event.candidate).parts.set(event.part, {
          head: event.head,
          pieces: [],
          keep: undefined,
          ended: false,
        });
        return [event];
      case "part-delta":
        this.#note(event.candidate, event.part, event.text);
        return [event];
      case "part-end": {
        const stretch = this.#noted.get(event.candidate);
        const part = stretch?.parts.get(event.part);
        if (stretch !== undefined && part !== undefined) {
          part.ended = true;
          if (isKept(part.head)) part.keep = event.keep;
          this.#tell(stretch, false);
        }
        return [event.keep === undefined ? event : { ...event, origin: this.#origin }];
      }
      case "finish":
        this.#tell(this.#stretchOf(event.candidate), true);
        this.#noted.delete(event.candidate);
        return [event];
      default:
        return [event];
    }
  }

  end(): readonly AnswerEvent[] {
    return [];
  }

  #stretchOf(candidate: number): Stretch {
    let stretch = this.#noted.get(candidate);
    if (stretch === undefined) {
      stretch = { parts: new Map<number, Noted>(), reasoning: [], leads: true };
      this.#noted.set(candidate, stretch);
    }
    return stretch;
  }

  #note(candidate: number, number: number, text: string): void {
    const part = this.#noted.get(candidate)?.parts.get(number);
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

  /** Tells of the calls that are whole, as far as all that matters before them is. @param isAll All parts are over. */
  #tell(stretch: Stretch, isAll: boolean): void {
    if (this.#room < 0) return;
    let texts: number[] = [];
    for (const [number, { head, pieces, keep, ended }] of stretch.parts) {
      if (!isKept(head)) {
        // Whether anything is said in it may be known only later.
        texts.push(number);
        continue;
      }
      if (!ended && !isAll) return;
      for (const each of texts) this.#pass(stretch, each);
      texts = [];
      stretch.parts.delete(number);
      const text = pieces.join("");
      if (head.type === "tool-call") {
        this.#call(head, text, { reasoning: stretch.reasoning, ...(keep && { keep }) });
        stretch.reasoning = [];
        stretch.leads = true;
      } else if (text !== "" || keep !== undefined) {
        stretch.reasoning.push({ text, leads: stretch.leads, ...(keep && { keep }) });
      }
    }
  }

  #pass(stretch: Stretch, text: number): void {
    if (stretch.parts.get(text)?.pieces.length !== 0) stretch.leads = false;
    stretch.parts.delete(text);
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
