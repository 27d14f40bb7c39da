import type { PartHead } from "../../kernel/event.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { arrayOf, countOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { answerPartFields } from "./content-read.ts";
import { flatName } from "./names.ts";
import { keepOf, paragraph, protocol } from "./own.ts";

/** Where the parts of an answer go. */
export interface Parts {
  open(head: PartHead): number;
  grow(part: number, text: string, logprobs?: Json): void;
  close(part: number, keep: Extra | undefined): void;
}

/** Reads one item of an output: its own events as they come, and the whole of it when it is done. */
export interface ItemReader {
  event(type: string, event: JsonObject): void;
  /** The item as it is at its end. It fills in what no event told; later calls do nothing. */
  done(item: JsonObject): void;
  /** A call that a client can answer. */
  readonly isCall: boolean;
}

/** A text that is told in pieces and then once more as a whole. */
class GrowingText {
  readonly part: number;
  readonly #parts: Parts;
  #text = "";

  constructor(part: number, parts: Parts) {
    this.part = part;
    this.#parts = parts;
  }

  grow(text: string, logprobs?: Json): void {
    if (text === "" && logprobs === undefined) return;
    this.#text += text;
    this.#parts.grow(this.part, text, logprobs);
  }

  /** Adds what the pieces left out. A whole that contradicts them comes too late. */
  whole(text: Json | undefined): void {
    if (typeof text === "string" && text.startsWith(this.#text)) this.grow(text.slice(this.#text.length));
  }
}

interface Content {
  readonly text: GrowingText;
  readonly annotations: Json[];
  fields: JsonObject;
  hasLogprobs: boolean;
}

const messageFields = new Set(["type", "role", "content"]);

export class MessageItem implements ItemReader {
  readonly isCall = false;
  readonly #parts: Parts;
  readonly #contents = new Map<number, Content>();
  #over = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  event(type: string, event: JsonObject): void {
    if (this.#over) return;
    const place = countOf(event["content_index"]) ?? Math.max(0, this.#contents.size - 1);
    switch (type) {
      case "response.content_part.added":
      case "response.content_part.done":
        return this.#part(place, event["part"]);
      case "response.output_text.delta":
        return this.#delta(place, "text", event);
      case "response.refusal.delta":
        return this.#delta(place, "refusal", event);
      case "response.output_text.done":
        return this.#content(place, "text").text.whole(event["text"]);
      case "response.refusal.done":
        return this.#content(place, "refusal").text.whole(event["refusal"]);
      case "response.output_text.annotation.added":
      case "response.output_text_annotation.added":
        if (event["annotation"] !== undefined) this.#content(place, "text").annotations.push(event["annotation"]);
    }
  }

  done(item: JsonObject): void {
    if (this.#over) return;
    for (const [place, part] of arrayOf(item["content"]).entries()) this.#part(place, part);
    this.#over = true;
    let message: { message: JsonObject } | undefined = { message: without(item, messageFields) };
    for (const { text, fields, annotations } of this.#contents.values()) {
      const listed = annotations.length === 0 || fields["part"] !== undefined ? fields : { part: { annotations } };
      this.#parts.close(text.part, keepOf({ ...message, ...listed }).keep);
      message = undefined;
    }
  }

  #content(place: number, type: "text" | "refusal"): Content {
    let content = this.#contents.get(place);
    if (content === undefined) {
      const text = new GrowingText(this.#parts.open({ type }), this.#parts);
      this.#contents.set(place, (content = { text, annotations: [], fields: {}, hasLogprobs: false }));
    }
    return content;
  }

  #delta(place: number, type: "text" | "refusal", event: JsonObject): void {
    const { delta, logprobs } = event;
    const content = this.#content(place, type);
    const listed = arrayOf(logprobs);
    if (listed.length > 0) content.hasLogprobs = true;
    content.text.grow(typeof delta === "string" ? delta : "", listed.length > 0 ? { content: listed } : undefined);
  }

  #part(place: number, value: Json | undefined): void {
    const part = objectOf(value);
    if (part?.["type"] !== "output_text" && part?.["type"] !== "refusal") return;
    const type = part["type"] === "refusal" ? "refusal" : "text";
    const content = this.#content(place, type);
    content.text.whole(part[type]);
    content.fields = answerPartFields(part);
    const logprobs = arrayOf(part["logprobs"]);
    if (logprobs.length === 0 || content.hasLogprobs) return;
    content.hasLogprobs = true;
    content.text.grow("", { content: logprobs });
  }
}

/** Reasoning: its summary, paragraph by paragraph, or else its raw text; whichever is told first. */
export class ReasoningItem implements ItemReader {
  readonly isCall = false;
  readonly #parts: Parts;
  readonly #part: number;
  /** Of the two texts, the one that the part shows; its paragraphs so far. */
  #shown: "summary" | "content" | undefined;
  readonly #paragraphs = new Map<number, GrowingText>();
  #last: GrowingText | undefined;
  #over = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#part = parts.open({ type: "reasoning" });
  }

  event(type: string, event: JsonObject): void {
    if (this.#over) return;
    const { summary_index, content_index, delta, text } = event;
    switch (type) {
      case "response.reasoning_summary_text.delta":
        return this.#say("summary", summary_index, { delta });
      case "response.reasoning_summary_text.done":
        return this.#say("summary", summary_index, { whole: text });
      case "response.reasoning_text.delta":
      case "response.reasoning.delta":
        return this.#say("content", content_index, { delta });
      case "response.reasoning_text.done":
      case "response.reasoning.done":
        return this.#say("content", content_index, { whole: text });
    }
  }

  done(item: JsonObject): void {
    if (this.#over) return;
    for (const kind of ["summary", "content"] as const) {
      for (const [index, entry] of arrayOf(item[kind]).entries()) {
        this.#say(kind, index, { whole: objectOf(entry)?.["text"] });
      }
    }
    this.#over = true;
    const rest = Object.entries(without(item, new Set(["type"]))).filter(([, value]) => value !== null);
    this.#parts.close(this.#part, { [protocol]: Object.fromEntries(rest) });
  }

  #say(
    kind: "summary" | "content",
    place: Json | undefined,
    said: { readonly delta?: Json | undefined; readonly whole?: Json | undefined },
  ): void {
    const text = textOf(said.delta) ?? textOf(said.whole);
    if (text === undefined || (this.#shown ?? kind) !== kind) return;
    this.#shown = kind;
    const index = countOf(place) ?? 0;
    let found = this.#paragraphs.get(index);
    if (found === undefined) {
      if (this.#last !== undefined) this.#parts.grow(this.#part, paragraph);
      found = new GrowingText(this.#part, this.#parts);
      this.#paragraphs.set(index, found);
      this.#last = found;
    }
    // What comes for an earlier paragraph would land in the middle of another.
    if (found !== this.#last) return;
    if (said.delta === undefined) found.whole(text);
    else found.grow(text);
  }
}

/** Calls of functions and of custom tools, which differ in the name of the field that grows. */
export class CallItem implements ItemReader {
  readonly #parts: Parts;
  readonly #tool: "function" | "custom";
  readonly #field: "arguments" | "input";
  readonly #madeId: string;
  #fields: JsonObject;
  #text: GrowingText | undefined;
  /** What came before the call's name. */
  #early = "";
  #over = false;

  constructor(type: string, item: JsonObject, { parts, madeId }: { readonly parts: Parts; readonly madeId: string }) {
    this.#parts = parts;
    this.#tool = type === "custom_tool_call" ? "custom" : "function";
    this.#field = this.#tool === "custom" ? "input" : "arguments";
    this.#madeId = madeId;
    this.#fields = item;
    this.#start();
  }

  get isCall(): boolean {
    return this.#text !== undefined;
  }

  event(type: string, event: JsonObject): void {
    if (this.#over) return;
    if (type.endsWith(".delta")) {
      const delta = textOf(event["delta"]) ?? "";
      if (this.#text === undefined) this.#early += delta;
      else this.#text.grow(delta);
    } else if (type.endsWith(".done")) {
      if (textOf(this.#fields["name"]) === undefined && textOf(event["name"]) !== undefined) {
        this.#fields = { ...this.#fields, name: event["name"] ?? null };
        this.#start();
      }
      this.#text?.whole(event[this.#field]);
    }
  }

  done(item: JsonObject): void {
    if (this.#over) return;
    this.#fields = { ...this.#fields, ...item };
    this.#start();
    this.#over = true;
    const value = item[this.#field];
    this.#text?.whole(objectOf(value) === undefined ? value : JSON.stringify(value));
    const known = new Set(["type", "call_id", "name", this.#field]);
    const keep = unlessEmpty(without(this.#fields, known));
    if (this.#text !== undefined) this.#parts.close(this.#text.part, keep && { [protocol]: keep });
  }

  /** A call without a name is no call. */
  #start(): void {
    const name = textOf(this.#fields["name"]);
    if (this.#text !== undefined || name === undefined) return;
    const id = textOf(this.#fields["call_id"]) ?? textOf(this.#fields["id"]) ?? this.#madeId;
    const namespace = textOf(this.#fields["namespace"]);
    const part = this.#parts.open({
      type: "tool-call",
      id,
      name: flatName({ ...compact({ namespace }), name }),
      tool: this.#tool,
    });
    this.#text = new GrowingText(part, this.#parts);
    this.#text.grow(this.#early);
  }
}

/** An item of a kind that we have no word for, such as a hosted tool's. Its own events are left out. */
export class OpaqueItem implements ItemReader {
  readonly isCall = false;
  readonly #parts: Parts;
  readonly #part: number;
  #over = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#part = parts.open({ type: "opaque" });
  }

  event(): void {}

  done(item: JsonObject): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts.close(this.#part, { [protocol]: { item } });
  }
}
