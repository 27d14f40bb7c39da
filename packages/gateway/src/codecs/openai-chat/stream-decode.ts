import type { PartHead } from "../../kernel/event.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { ChangedFields, vendorExtra } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import type { AnswerGrammar, CandidateContext, CandidateReader } from "../shared/openai-decoder.ts";
import { CallTable } from "./call-decode.ts";

type GrowingType = "text" | "refusal" | "reasoning";

const messageFields = new Set([
  "role",
  "content",
  "refusal",
  "reasoning_content",
  "reasoning",
  "tool_calls",
  "function_call",
]);

/** Reads one candidate of a chat answer: `delta` of chunks, `message` of a whole answer. */
class ChatReader implements CandidateReader {
  readonly #context: CandidateContext;
  readonly #calls: CallTable;
  readonly #fields = new ChangedFields(messageFields);
  #open: { readonly part: number; readonly type: GrowingType } | undefined;
  #next = 0;
  #logprobs: Json | undefined;

  constructor(context: CandidateContext) {
    this.#context = context;
    this.#calls = new CallTable(`${context.answerId}_${context.candidate}`, {
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
    const reasoning = textOf(message["reasoning_content"]) ?? textOf(message["reasoning"]);
    if (reasoning !== undefined) this.#grow("reasoning", reasoning);
    this.#content(message["content"]);
    const refusal = textOf(message["refusal"]);
    if (refusal !== undefined) this.#grow("refusal", refusal);
    const legacy = objectOf(message["function_call"]);
    if (legacy !== undefined) this.#calls.readLegacy(legacy);
    this.#calls.read(arrayOf(message["tool_calls"]), whole);
    this.#unknown(message);
  }

  #content(content: Json | undefined): void {
    if (typeof content === "string" && content !== "") this.#grow("text", content);
    // Mistral sends lists of text and thinking pieces.
    for (const item of arrayOf(content)) {
      const piece = objectOf(item);
      if (piece === undefined) continue;
      if (piece["type"] === "thinking") this.#thinking(piece["thinking"]);
      else if (typeof piece["text"] === "string") this.#content(piece["text"]);
      else this.#extra({ content_parts: [piece] });
    }
  }

  #thinking(thinking: Json | undefined): void {
    const texts = typeof thinking === "string" ? [thinking] : arrayOf(thinking).map((item) => objectOf(item)?.["text"]);
    for (const text of texts) if (typeof text === "string" && text !== "") this.#grow("reasoning", text);
  }

  #unknown(message: JsonObject): void {
    const changed = this.#fields.of(message);
    // Only single values are repeated by backends; two equal pieces of audio are two pieces.
    const pieces = Object.entries(message).filter(
      ([name, value]) => typeof value === "object" && value !== null && !messageFields.has(name),
    );
    if (changed !== undefined || pieces.length > 0) this.#extra({ ...changed, ...Object.fromEntries(pieces) });
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
    this.#delta(this.#open.part, text, logprobs);
  }

  #closeText(): void {
    if (this.#open === undefined) return;
    this.#end(this.#open.part, undefined);
    this.#open = undefined;
  }

  #start(head: PartHead): number {
    const part = this.#next;
    this.#next += 1;
    this.#context.emit({ type: "part-start", candidate: this.#context.candidate, part, head });
    return part;
  }

  #delta(part: number, text: string, logprobs?: Json): void {
    const { candidate } = this.#context;
    this.#context.emit({ type: "part-delta", candidate, part, text, ...compact({ logprobs }) });
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
