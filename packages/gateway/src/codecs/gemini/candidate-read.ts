import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { ChangedFields, vendorExtra } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { readArguments } from "./arguments.ts";
import { readLogprobs } from "./logprobs.ts";
import { PartialArguments, piecesOf } from "./partial-arguments.ts";

const candidateFields = new Set(["content", "finishReason", "index", "logprobsResult"]);
const textFields = new Set(["text", "thought"]);
const callFields = new Set(["id", "name", "args", "partialArgs", "willContinue"]);

type TextType = "text" | "reasoning";

interface OpenPart {
  readonly part: number;
  /** What it grows by, or the call that its arguments belong to. */
  readonly type: TextType | "call";
  readonly pieces?: PartialArguments;
  readonly keep?: JsonObject | undefined;
}

interface CandidateContext {
  readonly index: number;
  /** A whole answer's parts are each its own; those of a stream are pieces. */
  readonly whole: boolean;
  readonly newId: () => string;
  readonly emit: (event: AnswerEvent) => void;
}

/** Reads the parts of one candidate, which come whole or, texts and Vertex's arguments, in pieces. */
export class CandidateReader {
  readonly #context: CandidateContext;
  readonly #fields = new ChangedFields(candidateFields);
  #next = 0;
  #open: OpenPart | undefined;
  /** Those of this piece, until a text takes them. */
  #logprobs: JsonObject | undefined;
  hasCalls = false;
  /** The latest finish reason: early models told one with each piece. */
  finish: string | undefined;

  constructor(context: CandidateContext) {
    this.#context = context;
  }

  read(candidate: JsonObject): void {
    this.#logprobs = readLogprobs(candidate["logprobsResult"]);
    for (const item of arrayOf(objectOf(candidate["content"])?.["parts"])) {
      const part = objectOf(item);
      if (part !== undefined) this.#part(part);
      if (this.#context.whole) this.close();
    }
    const fields = this.#fields.of(candidate);
    const extra = fields && vendorExtra("gemini", { choice: fields });
    if (extra !== undefined) this.#context.emit({ type: "extra", candidate: this.#context.index, extra });
    this.finish = textOf(candidate["finishReason"]) ?? this.finish;
  }

  close(): void {
    const open = this.#open;
    if (open === undefined) return;
    if (open.pieces !== undefined) this.#delta(open.part, open.pieces.text);
    this.#end(open.part, open.keep);
  }

  #part(part: JsonObject): void {
    const call = objectOf(part["functionCall"]);
    const inline = objectOf(part["inlineData"]);
    if (call !== undefined) this.#call(part, call);
    else if (typeof part["text"] === "string" && inline === undefined) this.#text(part, part["text"]);
    else if (Object.keys(part).length > 0) this.#whole(part, inline);
  }

  #text(part: JsonObject, text: string): void {
    const type = part["thought"] === true ? "reasoning" : "text";
    const keep = unlessEmpty(without(part, textFields));
    const isSigned = textOf(part["thoughtSignature"]) !== undefined;
    if (text === "" && this.#open?.type !== type) {
      // A signature on nothing: it belongs to no other part, and opens no text.
      if (isSigned) this.#signature(keep, type);
      return;
    }
    const open = this.#open?.type === type ? this.#open : this.#start({ type });
    if (text !== "") this.#say(open.part, text);
    if (keep !== undefined) this.#end(open.part, keep);
  }

  #signature(keep: JsonObject | undefined, type: TextType): void {
    const { part } = this.#start({ type: "reasoning" });
    this.#end(part, type === "text" ? { ...keep, thought: false } : keep);
  }

  #call(part: JsonObject, call: JsonObject): void {
    const name = textOf(call["name"]);
    const goesOn = call["willContinue"] === true;
    const pieces = piecesOf(call);
    if (name !== undefined) {
      const id = textOf(call["id"]) ?? this.#context.newId();
      const rest = unlessEmpty(without(call, callFields));
      const keep = unlessEmpty({ ...without(part, new Set(["functionCall"])), ...(rest && { functionCall: rest }) });
      const partial = goesOn || pieces.length > 0 ? new PartialArguments() : undefined;
      this.hasCalls = true;
      const open = this.#start({ type: "tool-call", id, name, tool: "function" });
      this.#open = { ...open, ...(partial && { pieces: partial }), keep };
      if (partial === undefined) this.#delta(open.part, readArguments(call["args"]));
    }
    const open = this.#open;
    // A piece of a call that never began says nothing.
    if (open?.type !== "call") return;
    const args = objectOf(call["args"]);
    if (open.pieces !== undefined && args !== undefined) open.pieces.set(args);
    open.pieces?.add(pieces);
    if (!goesOn) this.close();
  }

  /** An image, or a part that we have no word for. */
  #whole(part: JsonObject, inline: JsonObject | undefined): void {
    const mediaType = textOf(inline?.["mimeType"]) ?? "";
    const data = textOf(inline?.["data"]);
    if (inline === undefined || data === undefined || !mediaType.startsWith("image/")) {
      this.#end(this.#start({ type: "opaque" }).part, part);
      return;
    }
    const rest = unlessEmpty(without(inline, new Set(["mimeType", "data"])));
    const open = this.#start({ type: "image", mediaType });
    this.#delta(open.part, data);
    this.#end(open.part, unlessEmpty({ ...without(part, new Set(["inlineData"])), ...(rest && { inlineData: rest }) }));
  }

  #start(head: PartHead): OpenPart {
    this.close();
    const part = this.#next;
    this.#next += 1;
    const type = head.type === "text" || head.type === "reasoning" ? head.type : "call";
    this.#open = { part, type };
    this.#context.emit({ type: "part-start", candidate: this.#context.index, part, head });
    return this.#open;
  }

  /** A piece of a text, with the log probabilities that came with it. */
  #say(part: number, text: string): void {
    const logprobs = this.#logprobs;
    if (logprobs === undefined) return this.#delta(part, text);
    this.#logprobs = undefined;
    this.#context.emit({ type: "part-delta", candidate: this.#context.index, part, text, logprobs });
  }

  #delta(part: number, text: string): void {
    this.#context.emit({ type: "part-delta", candidate: this.#context.index, part, text });
  }

  #end(part: number, keep: JsonObject | undefined): void {
    this.#open = undefined;
    const state = keep === undefined ? {} : { keep: { gemini: keep } };
    this.#context.emit({ type: "part-end", candidate: this.#context.index, part, ...state });
  }
}
