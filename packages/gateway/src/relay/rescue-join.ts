import { parseExactObject } from "../codecs/shared/exact.ts";
import type { AnswerEvent, PartHead } from "../kernel/event.ts";
import { failure } from "../kernel/failure.ts";
import type { Machine } from "../kernel/machine.ts";

/** Characters that two texts do not begin with alike by chance. */
const telling = 24;

type PartEnd = Extract<AnswerEvent, { type: "part-end" }>;
type CallHead = Extract<PartHead, { type: "tool-call" }>;

/** A part as the client was told it. */
interface ToldPart {
  readonly number: number;
  readonly head: PartHead;
  text: string;
  ended: boolean;
}

/** What the client was told of an answer so far, over all the attempts that told it. Memory: the answer's texts. */
export class Told {
  /** Texts, refusals and whole calls, in their order. */
  readonly content: ToldPart[] = [];
  readonly reasoning: ToldPart[] = [];
  started = false;
  /** Something was told that cannot be compared with another answer: a second candidate, an image, a vendor's block. */
  isBeyondJoining = false;
  readonly #limit: number;
  #next = 0;
  #size = 0;

  /** @param limit Most characters that are remembered; an answer beyond that cannot be joined. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The text so far, if all that was told is one text that is not finished: what a prefill can hold. */
  get openText(): string | undefined {
    const [only, ...more] = this.content;
    return only === undefined || more.length > 0 || only.ended || only.head.type !== "text" || only.text === ""
      ? undefined
      : only.text;
  }

  add(head: PartHead, list: ToldPart[] | undefined): ToldPart {
    const part: ToldPart = { number: this.#next++, head, text: "", ended: false };
    list?.push(part);
    return part;
  }

  grow(part: ToldPart, text: string): void {
    this.#size += text.length;
    if (this.#size > this.#limit) {
      this.isBeyondJoining = true;
      part.text = "";
    } else part.text += text;
  }
}

/** What becomes of one part of an attempt's answer. */
type Fate =
  /** The client is told. */
  | { readonly kind: "told"; readonly part: ToldPart }
  /** The client was told its beginning: it must be the same so far as `at`. */
  | { readonly kind: "compared"; readonly part: ToldPart; at: number }
  /** It goes on behind a prefill; what has come of it is held until that is sure. */
  | { readonly kind: "continued"; readonly part: ToldPart; held: string }
  /** A call is told when it is whole. */
  | { readonly kind: "call"; readonly head: CallHead; arguments: string }
  | { readonly kind: "unshown" };

/**
 * Joins an attempt's answer to what the client was told by the attempts before it: what it was told must come again,
 * letter for letter, and is left out; from there on it is told. An answer that deviates ends in a failure, so that no
 * client ever reads a text that no model wrote.
 *
 * With a `prefix` the attempt was given the told text to go on with, and goes on behind it.
 *
 * - Calls are told when they are whole, so that one that breaks off is simply made again.
 * - Reasoning is told once: that of later attempts only as long as no content was told.
 */
export class Join implements Machine<AnswerEvent, AnswerEvent> {
  readonly #told: Told;
  readonly #limit: number;
  /** How many of the told parts were told before this attempt. */
  readonly #before: number;
  /** How many thoughts were. */
  readonly #thoughts: number;
  readonly #tail: string | undefined;
  readonly #fates = new Map<number, Fate>();
  #slot = 0;
  #matched = 0;
  #calls = 0;
  #thought = 0;
  #isOver = false;

  /** @param prefix What the attempt was given to go on with: the told text, or that without the blanks at its end. */
  constructor(told: Told, { limit, prefix }: { readonly limit: number; readonly prefix?: string | undefined }) {
    this.#told = told;
    this.#limit = limit;
    this.#before = told.content.length;
    this.#thoughts = told.reasoning.length;
    const text = told.openText;
    this.#tail = prefix === undefined || text === undefined ? undefined : text.slice(prefix.length);
  }

  push(event: AnswerEvent): readonly AnswerEvent[] {
    if (this.#isOver) return [];
    if ("candidate" in event && event.candidate !== 0) return this.#other(event);
    switch (event.type) {
      case "start":
        if (this.#told.started) return [];
        this.#told.started = true;
        return [event];
      case "part-start":
        return this.#partStart(event.part, event.head);
      case "part-delta":
        return this.#delta(event);
      case "part-end":
        return this.#partEnd(event);
      case "finish":
        return this.#finish(event);
      case "extra":
        return this.#isCatchingUp ? [] : [event];
      default:
        return [event];
    }
  }

  end(): readonly AnswerEvent[] {
    return [];
  }

  get #isCatchingUp(): boolean {
    return this.#matched < this.#before;
  }

  /** A further candidate: passes in a first attempt, and cannot be joined. */
  #other(event: AnswerEvent): readonly AnswerEvent[] {
    if (this.#before + this.#thoughts > 0) return this.#deviates();
    this.#told.isBeyondJoining = true;
    return [event];
  }

  #partStart(number: number, head: PartHead): readonly AnswerEvent[] {
    switch (head.type) {
      case "tool-call":
        this.#fates.set(number, { kind: "call", head, arguments: "" });
        return [];
      case "reasoning":
        return this.#reasoning(number, head);
      case "text":
      case "refusal":
        return this.#text(number, head);
      default:
        if (this.#isCatchingUp) return this.#deviates();
        this.#told.isBeyondJoining = true;
        return this.#tell(number, head, undefined);
    }
  }

  #reasoning(number: number, head: PartHead): readonly AnswerEvent[] {
    if (this.#isCatchingUp) {
      this.#fates.set(number, { kind: "unshown" });
      return [];
    }
    const index = this.#thought++;
    const part = this.#before === 0 && index < this.#thoughts ? this.#told.reasoning[index] : undefined;
    if (part === undefined) return this.#tell(number, head, this.#told.reasoning);
    this.#fates.set(number, { kind: "compared", part, at: 0 });
    return [];
  }

  #text(number: number, head: PartHead): readonly AnswerEvent[] {
    const slot = this.#slot++;
    const part = slot < this.#before ? this.#told.content[slot] : undefined;
    if (part === undefined) return this.#tell(number, head, this.#told.content);
    if (part.head.type !== head.type) return this.#deviates();
    if (this.#tail !== undefined) this.#fates.set(number, { kind: "continued", part, held: "" });
    else {
      this.#fates.set(number, { kind: "compared", part, at: 0 });
      if (part.text === "") this.#matched++;
    }
    return [];
  }

  /** A part of which nothing was told before. */
  #tell(number: number, head: PartHead, list: ToldPart[] | undefined): readonly AnswerEvent[] {
    const closing = this.#closeReasoning();
    const part = this.#told.add(head, list);
    this.#fates.set(number, { kind: "told", part });
    return [...closing, { type: "part-start", candidate: 0, part: part.number, head }];
  }

  #delta(event: Extract<AnswerEvent, { type: "part-delta" }>): readonly AnswerEvent[] {
    const fate = this.#fates.get(event.part);
    switch (fate?.kind) {
      case "told":
        if (fate.part.head.type !== "opaque" && fate.part.head.type !== "image") this.#told.grow(fate.part, event.text);
        return [{ ...event, part: fate.part.number }];
      case "call":
        fate.arguments += event.text;
        this.#calls += event.text.length;
        return this.#calls > this.#limit
          ? this.#fails(`The calls of an answer are larger than ${this.#limit} bytes.`)
          : [];
      case "compared":
        return this.#compare(fate, event.part, event.text);
      case "continued":
        fate.held += event.text;
        return this.#goOn(fate, event.part, false);
      default:
        return [];
    }
  }

  #compare(fate: Extract<Fate, { kind: "compared" }>, number: number, text: string): readonly AnswerEvent[] {
    const { part } = fate;
    const known = part.text.slice(fate.at, fate.at + text.length);
    const isReasoning = part.head.type === "reasoning";
    if (!text.startsWith(known)) return isReasoning ? this.#otherReasoning(fate, number, text) : this.#deviates();
    fate.at += known.length;
    if (!isReasoning && known !== "" && fate.at === part.text.length) this.#matched++;
    const more = text.slice(known.length);
    if (more === "") return [];
    if (isReasoning && part.ended) return this.#otherReasoning(fate, number, text);
    // Text behind which something else was told cannot have grown.
    if (!isReasoning && (part.ended || part !== this.#told.content.at(-1))) return this.#deviates();
    return this.#grown(number, part, more);
  }

  /** Thoughts that take another course are other thoughts, and a part of their own. */
  #otherReasoning(
    { part, at }: Extract<Fate, { kind: "compared" }>,
    number: number,
    text: string,
  ): readonly AnswerEvent[] {
    const thought = part.text.slice(0, at) + text;
    this.#thought = this.#thoughts;
    const started = this.#tell(number, part.head, this.#told.reasoning);
    const own = this.#told.reasoning.at(-1);
    return own === undefined ? started : [...started, ...this.#grown(number, own, thought)];
  }

  #grown(number: number, part: ToldPart, text: string): readonly AnswerEvent[] {
    this.#fates.set(number, { kind: "told", part });
    this.#told.grow(part, text);
    return [{ type: "part-delta", candidate: 0, part: part.number, text }];
  }

  /** Whether what came behind a prefill goes on with it, or begins the answer anew all the same. */
  #goOn(fate: Extract<Fate, { kind: "continued" }>, number: number, isAll: boolean): readonly AnswerEvent[] {
    const { part, held } = fate;
    const told = part.text;
    const tail = this.#tail ?? "";
    if (held.startsWith(told)) {
      // So much is not repeated by chance; of less, nobody can tell.
      if (told.length < telling || isRepetitive(told)) return this.#deviates();
      return this.#joined(number, part, held.slice(told.length));
    }
    const alike = commonLength(held, told);
    if (alike === held.length && !isAll) return [];
    if (alike >= telling) return this.#deviates();
    if (held.startsWith(tail)) return this.#joined(number, part, held.slice(tail.length));
    return tail.startsWith(held) && !isAll ? [] : this.#deviates();
  }

  #joined(number: number, part: ToldPart, more: string): readonly AnswerEvent[] {
    this.#matched++;
    this.#fates.set(number, { kind: "told", part });
    return more === "" ? [] : this.#grown(number, part, more);
  }

  #partEnd(event: PartEnd): readonly AnswerEvent[] {
    const fate = this.#fates.get(event.part);
    switch (fate?.kind) {
      case "told":
        return ended(fate.part, event);
      case "compared":
        if (fate.part.head.type !== "reasoning" && fate.at < fate.part.text.length) return this.#deviates();
        return fate.part.ended ? [] : ended(fate.part, event);
      case "continued": {
        const rest = this.#goOn(fate, event.part, true);
        return this.#isOver ? rest : [...rest, ...ended(fate.part, event)];
      }
      case "call":
        return this.#call(fate, event);
      default:
        return [];
    }
  }

  #call({ head, arguments: text }: Extract<Fate, { kind: "call" }>, event: PartEnd): readonly AnswerEvent[] {
    const closing = this.#skipPrefilled();
    if (this.#isOver) return closing;
    const slot = this.#slot++;
    const before = slot < this.#before ? this.#told.content[slot] : undefined;
    if (before !== undefined) {
      if (before.head.type !== "tool-call" || !isSameCall(before, head, text)) return this.#deviates();
      this.#matched++;
      return [];
    }
    if (this.#isCatchingUp) return this.#deviates();
    const started = this.#tell(event.part, head, this.#told.content);
    const part = this.#told.content.at(-1);
    if (part === undefined) return [];
    return [...closing, ...started, ...(text === "" ? [] : this.#grown(event.part, part, text)), ...ended(part, event)];
  }

  #finish(event: Extract<AnswerEvent, { type: "finish" }>): readonly AnswerEvent[] {
    const closing = this.#skipPrefilled();
    if (this.#isOver) return closing;
    if (this.#isCatchingUp) return this.#deviates();
    return [...closing, ...this.#closeReasoning(), event];
  }

  /** Where nothing, or something else than text, follows a prefill: the text was complete. */
  #skipPrefilled(): readonly AnswerEvent[] {
    const [part] = this.#told.content;
    if (this.#tail === undefined || this.#slot > 0 || part === undefined) return [];
    if (this.#tail !== "") return this.#deviates();
    this.#slot++;
    this.#matched++;
    return ended(part, { type: "part-end", candidate: 0, part: part.number });
  }

  /** Ends the reasoning that a broken attempt left open. */
  #closeReasoning(): readonly AnswerEvent[] {
    if (this.#thoughts === 0) return [];
    const own = new Set([...this.#fates.values()].map((fate) => (fate.kind === "told" ? fate.part : undefined)));
    return this.#told.reasoning.flatMap((part) =>
      part.ended || own.has(part) ? [] : ended(part, { type: "part-end", candidate: 0, part: part.number }),
    );
  }

  #deviates(): readonly AnswerEvent[] {
    return this.#fails("The answer broke off, and another that was asked for does not go on where it ended.");
  }

  #fails(message: string): readonly AnswerEvent[] {
    this.#isOver = true;
    return [{ type: "failure", failure: failure("broken-stream", message) }];
  }
}

function ended(part: ToldPart, event: PartEnd): readonly AnswerEvent[] {
  part.ended = true;
  return [{ ...event, part: part.number }];
}

function isSameCall(told: ToldPart, head: CallHead, text: string): boolean {
  if (told.head.type !== "tool-call" || told.head.name !== head.name || told.head.tool !== head.tool) return false;
  return told.text === text || (head.tool === "function" && normal(told.text) === normal(text));
}

/** A call's arguments without regard to blanks; numbers keep their digits. */
function normal(text: string): string {
  const object = parseExactObject(text);
  return object === undefined ? text : JSON.stringify(object);
}

function commonLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/** Whether a text could go on with itself: its second half follows from its first. */
function isRepetitive(text: string): boolean {
  const half = Math.floor(text.length / 2);
  for (let at = text.indexOf(text.slice(0, text.length - half), 1); at !== -1 && at <= half;) {
    if (text.startsWith(text.slice(at))) return true;
    at = text.indexOf(text.slice(0, text.length - half), at + 1);
  }
  return false;
}
