import type { AnswerContext } from "../../kernel/codec.ts";
import type { PartHead } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { seal } from "../shared/carrier.ts";
import { opaqueName } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf, without } from "../shared/json.ts";
import type { FindName } from "./names.ts";
import { makeId, protocol } from "./own.ts";
import { asksForState } from "./response.ts";

/** What a part left behind at its end. */
export interface Left {
  readonly keep?: Extra;
  readonly origin?: string;
}

/** Where an item stands, and how it speaks. */
export interface Place {
  readonly context: AnswerContext;
  /** Of the answer, for ids. */
  readonly stem: string;
  readonly index: number;
  readonly findName: FindName;
  emit(type: string, fields: JsonObject): void;
}

export type ItemStatus = "completed" | "incomplete";

/** Writes one item of the output, from `response.output_item.added` to `response.output_item.done`. */
export interface ItemWriter {
  delta(text: string, logprobs: Json | undefined): void;
  /** The whole item; undefined if there is none to be told. */
  close(left: Left, status: ItemStatus): JsonObject | undefined;
}

export function openItem(head: PartHead, place: Place): ItemWriter {
  switch (head.type) {
    case "text":
    case "refusal":
      return new MessageWriter(head.type, place);
    case "reasoning":
      return new ReasoningWriter(place);
    case "tool-call":
      return new CallWriter(head, place);
    case "image":
      return new ImageWriter(head.mediaType, place);
    default:
      return new OpaqueWriter(place);
  }
}

function ownOf(left: Left): JsonObject {
  return objectOf(left.keep?.[protocol]) ?? {};
}

/** What our own writing of an item takes the place of. */
const told = new Set(["id", "status", "namespace"]);

class Item {
  readonly id: string;
  readonly place: Place;
  text = "";

  constructor(prefix: string, place: Place) {
    this.id = makeId(prefix, place.stem, place.index);
    this.place = place;
  }

  added(item: JsonObject): void {
    this.place.emit("response.output_item.added", { output_index: this.place.index, item });
  }

  done(item: JsonObject): JsonObject {
    this.place.emit("response.output_item.done", { output_index: this.place.index, item });
    return item;
  }

  /** An event of the item's own. */
  say(type: string, fields: JsonObject): void {
    this.place.emit(type, { item_id: this.id, output_index: this.place.index, ...fields });
  }
}

class MessageWriter extends Item implements ItemWriter {
  readonly #type: "text" | "refusal";
  readonly #logprobs: Json[] = [];

  constructor(type: "text" | "refusal", place: Place) {
    super("msg", place);
    this.#type = type;
    this.added({ id: this.id, type: "message", status: "in_progress", role: "assistant", content: [] });
    this.say("response.content_part.added", { content_index: 0, part: this.#part({}) });
  }

  delta(text: string, logprobs: Json | undefined): void {
    this.text += text;
    if (this.#type === "refusal") return this.say("response.refusal.delta", { content_index: 0, delta: text });
    const list = arrayOf(objectOf(logprobs)?.["content"]);
    this.#logprobs.push(...list);
    this.say("response.output_text.delta", { content_index: 0, delta: text, logprobs: list });
  }

  close(left: Left, status: ItemStatus): JsonObject {
    const own = ownOf(left);
    const fields = objectOf(own["part"]) ?? {};
    for (const [annotation_index, annotation] of arrayOf(fields["annotations"]).entries()) {
      this.say("response.output_text.annotation.added", { content_index: 0, annotation_index, annotation });
    }
    if (this.#type === "refusal") this.say("response.refusal.done", { content_index: 0, refusal: this.text });
    else this.say("response.output_text.done", { content_index: 0, text: this.text, logprobs: this.#logprobs });
    const part = this.#part(fields);
    this.say("response.content_part.done", { content_index: 0, part });
    const rest = without(objectOf(own["message"]) ?? {}, told);
    return this.done({ ...rest, id: this.id, type: "message", status, role: "assistant", content: [part] });
  }

  #part(fields: JsonObject): JsonObject {
    if (this.#type === "refusal") return { ...fields, type: "refusal", refusal: this.text };
    return { annotations: [], ...fields, type: "output_text", text: this.text, logprobs: [...this.#logprobs] };
  }
}

/** Reasoning is told as a summary of one part, which every client shows; an open model's raw text goes along with it. */
class ReasoningWriter extends Item implements ItemWriter {
  constructor(place: Place) {
    super("rs", place);
    this.added({ id: this.id, type: "reasoning", status: "in_progress", summary: [] });
  }

  delta(text: string): void {
    if (text === "") return;
    if (this.text === "") this.#summary("part.added", { part: { type: "summary_text", text: "" } });
    this.text += text;
    this.#summary("text.delta", { delta: text });
  }

  close(left: Left, status: ItemStatus): JsonObject {
    const own = ownOf(left);
    const part = { type: "summary_text", text: this.text };
    if (this.text !== "") {
      this.#summary("text.done", { text: this.text });
      this.#summary("part.done", { part });
    }
    const raw = arrayOf(own["content"]);
    return this.done({
      id: this.id,
      type: "reasoning",
      status,
      summary: this.text === "" ? [] : [part],
      ...(raw.length > 0 && { content: raw }),
      ...(asksForState(this.place.context.request) && {
        encrypted_content: textOf(own["encrypted_content"]) ?? seal(left),
      }),
    });
  }

  #summary(what: string, fields: JsonObject): void {
    this.say(`response.reasoning_summary_${what}`, { summary_index: 0, ...fields });
  }
}

class CallWriter extends Item implements ItemWriter {
  readonly #custom: boolean;
  readonly #fields: JsonObject;
  readonly #name: string;

  constructor(head: Extract<PartHead, { readonly type: "tool-call" }>, place: Place) {
    super(head.tool === "custom" ? "ctc" : "fc", place);
    this.#custom = head.tool === "custom";
    const spaced = place.findName(head.name);
    this.#name = spaced.name;
    const type = this.#custom ? "custom_tool_call" : "function_call";
    this.#fields = { id: this.id, type, call_id: head.id, ...spaced };
    this.added({ ...this.#fields, status: "in_progress", ...this.#input() });
  }

  delta(text: string): void {
    if (text === "") return;
    this.text += text;
    this.say(`response.${this.#event}.delta`, { delta: text });
  }

  close(left: Left, status: ItemStatus): JsonObject {
    this.say(`response.${this.#event}.done`, this.#custom ? this.#input() : { name: this.#name, ...this.#input() });
    return this.done({ ...without(ownOf(left), told), ...this.#fields, status, ...this.#input() });
  }

  get #event(): string {
    return this.#custom ? "custom_tool_call_input" : "function_call_arguments";
  }

  #input(): JsonObject {
    return this.#custom ? { input: this.text } : { arguments: this.text };
  }
}

/** An image of the model's own is what the hosted tool would have made. */
class ImageWriter extends Item implements ItemWriter {
  readonly #format: string;

  constructor(mediaType: string, place: Place) {
    super("ig", place);
    this.#format = mediaType.replace(/^image\//, "");
    this.added({ id: this.id, type: "image_generation_call", status: "in_progress", result: null });
    this.say("response.image_generation_call.in_progress", {});
    this.say("response.image_generation_call.generating", {});
  }

  delta(text: string): void {
    this.text += text;
  }

  close(_left: Left, status: ItemStatus): JsonObject {
    this.say("response.image_generation_call.completed", {});
    const item = { id: this.id, type: "image_generation_call", status, output_format: this.#format, result: this.text };
    return this.done(item);
  }
}

/** What an item of a kind without a word of ours was is known at its end only. */
class OpaqueWriter implements ItemWriter {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  delta(): void {}

  close(left: Left): JsonObject | undefined {
    const item = objectOf(ownOf(left)["item"]);
    if (item === undefined) {
      this.#place.context.lost({ field: opaqueName(left.keep), reason: "unsupported" });
      return undefined;
    }
    const place = this.#place;
    place.emit("response.output_item.added", { output_index: place.index, item });
    place.emit("response.output_item.done", { output_index: place.index, item });
    return item;
  }
}
