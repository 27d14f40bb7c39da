import type { PartHead } from "../../kernel/event.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { ChangedFields, vendorExtra } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import type { AnswerGrammar, CandidateContext, CandidateReader } from "../shared/openai-decoder.ts";
import { CallTable } from "./call-decode.ts";
import { readImageUrl, thinkingText } from "./parts.ts";
import { addBlocks, keepOf, readReasoning, reasoningFields } from "./reasoning.ts";

type GrowingType = "text" | "refusal" | "reasoning";

const messageFields = new Set([
  "role",
  "content",
  "refusal",
  "tool_calls",
  "function_call",
  "images",
  ...reasoningFields,
]);

/** Reads one candidate of a chat answer: `delta` of chunks, `message` of a whole answer. */
class ChatReader implements CandidateReader {
  readonly #context: CandidateContext;
  readonly #calls: CallTable;
  readonly #fields = new ChangedFields(messageFields);
  #open: { readonly part: number; readonly type: GrowingType } | undefined;
  /** What the open reasoning part keeps. */
  #field: string | undefined;
  #blocks: JsonObject | undefined;
  #next = 0;
  #logprobs: Json | undefined;

  constructor(context: CandidateContext) {
    this.#context = context;
    this.#calls = new CallTable(`${context.id}_${context.candidate}`, {
      open: (head) => {
        this.#closeText();
        return this.#start(head);
      },
      grow: (part, text) => this.#delta(part, text),
      close: (part, keep) => this.#end(part, keep),
    });
  }

  get hasCalls(): boolean {
    return this.#calls.started > 0;
  }

  read(choice: JsonObject): void {
    const delta = objectOf(choice["delta"]);
    const message = delta ?? objectOf(choice["message"]);
    this.#logprobs = objectOf(choice["logprobs"]);
    if (message !== undefined) this.#message(message, delta === undefined);
    // Tokens of calls, and tokens that are only a piece of a character, have probabilities but no text.
    if (this.#logprobs !== undefined && saysSomething(this.#logprobs)) this.#grow("text", "");
  }

  close(): void {
    this.#closeText();
    this.#calls.close();
  }

  #message(message: JsonObject, whole: boolean): void {
    this.#reasoning(message);
    this.#content(message["content"]);
    const refusal = textOf(message["refusal"]);
    if (refusal !== undefined) this.#grow("refusal", refusal);
    const legacy = objectOf(message["function_call"]);
    if (legacy !== undefined) this.#calls.readLegacy(legacy);
    this.#calls.read(arrayOf(message["tool_calls"]), whole);
    for (const image of arrayOf(message["images"])) this.#image(image);
    this.#unknown(message);
  }

  #reasoning(message: JsonObject): void {
    const { text, field, blocks } = readReasoning(message);
    if (text === undefined && blocks === undefined) return;
    this.#grow("reasoning", text ?? "");
    this.#field ??= field;
    if (blocks !== undefined) this.#blocks = addBlocks(this.#blocks ?? {}, blocks);
  }

  #content(content: Json | undefined): void {
    if (typeof content === "string" && content !== "") this.#grow("text", content);
    // Mistral sends lists of text and thinking pieces.
    for (const item of arrayOf(content)) {
      const piece = objectOf(item);
      if (piece === undefined) continue;
      if (piece["type"] === "thinking") this.#thought(thinkingText(piece["thinking"]));
      else if (typeof piece["text"] === "string") this.#content(piece["text"]);
      else if (piece["type"] === "image_url") this.#image(piece);
      else this.#opaque({ content_parts: [piece] });
    }
  }

  #thought(text: string): void {
    if (text !== "") this.#grow("reasoning", text);
  }

  /** An image of the answer, as OpenRouter has it. One that stands behind a URL is not ours to fetch. */
  #image(item: Json): void {
    const image = objectOf(item);
    const source = image && readImageUrl(image["image_url"]);
    if (source?.kind !== "data") return item === null ? undefined : this.#opaque({ images: [item] });
    this.#closeText();
    const part = this.#start({ type: "image", mediaType: source.mediaType });
    this.#delta(part, source.base64);
    this.#end(part, undefined);
  }

  /** A piece of the message that has no canonical word. It is kept as the fields that say it. */
  #opaque(fields: JsonObject): void {
    this.#closeText();
    this.#end(this.#start({ type: "opaque" }), { "openai-chat": fields });
  }

  #unknown(message: JsonObject): void {
    const changed = this.#fields.of(message);
    // Only single values are repeated by backends; two equal pieces of audio are two pieces.
    const isPiece = (name: string) => typeof message[name] === "object" && message[name] !== null;
    const pieces = Object.keys(message).filter((name) => !messageFields.has(name) && isPiece(name));
    if (changed === undefined && pieces.length === 0) return;
    this.#extra({ ...changed, ...Object.fromEntries(pieces.map((name) => [name, message[name] ?? null])) });
  }

  #extra(message: JsonObject): void {
    const extra = vendorExtra("openai-chat", { message });
    if (extra !== undefined) this.#context.emit({ type: "extra", candidate: this.#context.candidate, extra });
  }

  #grow(type: GrowingType, text: string): void {
    if (this.#open?.type !== type) {
      this.#closeText();
      this.#open = { part: this.#start({ type }), type };
    }
    const logprobs = type === "reasoning" ? undefined : this.#logprobs;
    if (logprobs !== undefined) this.#logprobs = undefined;
    if (text !== "" || logprobs !== undefined) this.#delta(this.#open.part, text, logprobs);
  }

  #closeText(): void {
    if (this.#open === undefined) return;
    const keep = this.#open.type === "reasoning" ? keepOf({ field: this.#field, blocks: this.#blocks }) : undefined;
    this.#end(this.#open.part, keep && { "openai-chat": keep });
    this.#open = undefined;
    this.#field = undefined;
    this.#blocks = undefined;
  }

  #start(head: PartHead): number {
    const part = this.#next;
    this.#next += 1;
    this.#context.emit({ type: "part-start", candidate: this.#context.candidate, part, head });
    return part;
  }

  #delta(part: number, text: string, logprobs?: Json): void {
    const { candidate } = this.#context;
    const delta = { type: "part-delta", candidate, part, text } as const;
    this.#context.emit(logprobs === undefined ? delta : { ...delta, logprobs });
  }

  #end(part: number, keep: Extra | undefined): void {
    this.#context.emit({
      type: "part-end",
      candidate: this.#context.candidate,
      part,
      ...compact({ keep }),
    });
  }
}

function saysSomething(logprobs: JsonObject): boolean {
  return Object.values(logprobs).some((value) => (Array.isArray(value) ? value.length > 0 : value !== null));
}

export const chatGrammar: AnswerGrammar = {
  protocol: "openai-chat",
  reader: (context) => new ChatReader(context),
};
