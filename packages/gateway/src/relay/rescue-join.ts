import { parseExactObject } from "../codecs/shared/exact.ts";
import type { Json } from "../kernel/json.ts";
import type { AnswerEvent, PartHead } from "../kernel/event.ts";
import { failure } from "../kernel/failure.ts";
import type { Machine } from "../kernel/machine.ts";
import type { Usage } from "../kernel/usage.ts";

/** Characters that two texts do not begin with alike by chance. */
const telling = 24;

/** Most events that may come before there is something to tell. */
export const mostEarly = 10_000;

type PartDelta = Extract<AnswerEvent, { type: "part-delta" }>;
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
  /** Vendors' fields beside the texts, as JSON. */
  readonly extras: string[] = [];
  /** The counts of which the client may have been told something. */
  readonly counts = new Set<keyof Usage>();
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

  /** The text so far, if all that was told is one text: what a prefill can hold. */
  get onlyText(): string | undefined {
    const [only, ...more] = this.content;
    return only === undefined || more.length > 0 || only.head.type !== "text" || only.text === ""
      ? undefined
      : only.text;
  }

  /** Whether a call of this id was told. */
  hasCall(id: string): boolean {
    return this.content.some(({ head }) => head.type === "tool-call" && head.id === id);
  }

  add(head: PartHead, list: ToldPart[] | undefined): ToldPart {
    const part: ToldPart = { number: this.#next++, head, text: "", ended: false };
    list?.push(part);
    return part;
  }

  grow(part: ToldPart, text: string): void {
    if (this.#hasRoom(text)) part.text += text;
    else part.text = "";
  }

  note(extra: string): void {
    if (this.#hasRoom(extra)) this.extras.push(extra);
  }

  #hasRoom(text: string): boolean {
    this.#size += text.length;
    if (this.#size > this.#limit) this.isBeyondJoining = true;
    return !this.isBeyondJoining;
  }
}

/** What becomes of one part of an attempt's answer. */
type Fate =
  /** The client is told. */
  | { readonly kind: "told"; readonly part: ToldPart }
  /** The client was told its beginning: it must be the same so far as `at`. */
  | { readonly kind: "compared"; readonly part: ToldPart; at: number }
  /** It goes on behind a prefill; what has come of it, so much of it like the told text, is held until that is sure. */
  | { readonly kind: "continued"; readonly part: ToldPart; held: string; alike: number }
  /** A call is told when it is whole. */
  | { readonly kind: "call"; readonly head: CallHead; arguments: string }
  /** A text that says nothing yet: not every backend begins one. */
  | { readonly kind: "empty"; readonly head: PartHead }
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
  /** Extras that were told before. */
  readonly #extras: ReadonlySet<string>;
  /** Counts that were told before, and not by this attempt. */
  readonly #stale: Set<keyof Usage>;
  /** What came before there was something to tell: until then another attempt may take the place of this one. */
  #early: AnswerEvent[] = [];
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
    this.#extras = new Set(told.extras);
    this.#stale = new Set(told.counts);
    const text = told.onlyText;
    this.#tail = prefix === undefined || text === undefined ? undefined : text.slice(prefix.length);
  }

  push(event: AnswerEvent): readonly AnswerEvent[] {
    if (this.#isOver) return [];
    const events = this.#push(event);
    if (this.#told.started || events.length === 0 || this.#isOver) return events;
    if (isMeaningful(events)) {
      this.#told.started = true;
      return [...this.#early.splice(0), ...events];
    }
    this.#early.push(...events);
    return this.#early.length > mostEarly ? this.#fails("The upstream sent events without any content.") : [];
  }

  #push(event: AnswerEvent): readonly AnswerEvent[] {
    if ("candidate" in event && event.candidate !== 0) return this.#other(event);
    switch (event.type) {
      case "start":
        return this.#told.started ? [] : [event];
      case "part-start":
        return this.#partStart(event.part, event.head);
      case "part-delta":
        return this.#delta(event);
      case "part-end":
        return this.#partEnd(event);
      case "finish":
        return this.#finish(event);
      case "extra":
        return this.#extra(event);
      case "usage":
        return [this.#usage(event)];
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

  #extra(event: Extract<AnswerEvent, { type: "extra" }>): readonly AnswerEvent[] {
    const text = JSON.stringify(event.extra);
    if (this.#isCatchingUp || this.#extras.has(text)) return [];
    this.#told.note(text);
    return [event];
  }

  /** Takes back the counts that only the attempts before this one reported. */
  #usage(event: Extract<AnswerEvent, { type: "usage" }>): AnswerEvent {
    for (const name of Object.keys(event.usage) as (keyof Usage)[]) {
      this.#told.counts.add(name);
      this.#stale.delete(name);
    }
    if (this.#stale.size === 0) return event;
    const taken = Object.fromEntries(Array.from(this.#stale, (name) => [name, undefined])) as Usage;
    return { ...event, usage: { ...taken, ...event.usage } };
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
        this.#fates.set(number, { kind: "empty", head });
        return [];
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
    if (this.#tail !== undefined) this.#fates.set(number, { kind: "continued", part, held: "", alike: 0 });
    else {
      this.#fates.set(number, { kind: "compared", part, at: 0 });
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

  #delta(event: PartDelta): readonly AnswerEvent[] {
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
      case "empty": {
        if (event.text === "") return [];
        const begun = this.#text(event.part, fate.head);
        return this.#isOver ? begun : [...begun, ...this.#delta(event)];
      }
      case "compared":
        return this.#compare(fate, event);
      case "continued":
        fate.held += event.text;
        return this.#goOn(fate, event.part, false);
      default:
        return [];
    }
  }

  #compare(fate: Extract<Fate, { kind: "compared" }>, event: PartDelta): readonly AnswerEvent[] {
    const { part } = fate;
    const { part: number, text } = event;
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
    return this.#grown(number, part, more, known === "" ? event.logprobs : undefined);
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

  #grown(number: number, part: ToldPart, text: string, logprobs?: Json): readonly AnswerEvent[] {
    this.#fates.set(number, { kind: "told", part });
    this.#told.grow(part, text);
    const delta = { type: "part-delta", candidate: 0, part: part.number, text } as const;
    return [logprobs === undefined ? delta : { ...delta, logprobs }];
  }

  /**
   * Whether what came behind a prefill goes on with it. What has the told text's own beginning has most likely begun
   * anew; but a text may repeat itself, and nobody can tell.
   */
  #goOn(fate: Extract<Fate, { kind: "continued" }>, number: number, isAll: boolean): readonly AnswerEvent[] {
    const { part, held } = fate;
    const told = part.text;
    const tail = this.#tail ?? "";
    while (fate.alike < held.length && held.charCodeAt(fate.alike) === told.charCodeAt(fate.alike)) fate.alike++;
    if (fate.alike >= Math.min(telling, told.length)) return this.#deviates();
    if (fate.alike === held.length && !isAll) return [];
    if (held.startsWith(tail)) return this.#joined(number, part, held.slice(tail.length));
    return tail.startsWith(held) && !isAll ? [] : this.#deviates();
  }

  #joined(number: number, part: ToldPart, more: string): readonly AnswerEvent[] {
    // A text behind which something else had begun was complete.
    if (part.ended && more !== "") return this.#deviates();
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
        return ended(fate.part, event);
      case "continued": {
        const rest = this.#goOn(fate, event.part, true);
        return this.#isOver ? rest : [...rest, ...ended(fate.part, event)];
      }
      case "empty": {
        // It may hold state all the same, such as a signature.
        if (event.keep === undefined || this.#isCatchingUp) return [];
        const begun = this.#tell(event.part, fate.head, undefined);
        return [...begun, ...this.#partEnd(event)];
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
    if (this.#isCatchingUp || this.#told.hasCall(head.id)) return this.#deviates();
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
      own.has(part) ? [] : ended(part, { type: "part-end", candidate: 0, part: part.number }),
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

/** The end of a part, which is told once. */
function ended(part: ToldPart, event: PartEnd): readonly AnswerEvent[] {
  if (part.ended) return [];
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

/** Whether a client reads something of these that it would not from another attempt. */
function isMeaningful(events: readonly AnswerEvent[]): boolean {
  return events.some(({ type }) => type !== "start" && type !== "usage" && type !== "extra");
}
