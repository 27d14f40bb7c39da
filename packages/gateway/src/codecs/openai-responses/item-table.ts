import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { idStem } from "../shared/id-stem.ts";
import { countOf, objectOf, textOf } from "../shared/json.ts";
import { CallItem, MessageItem, OpaqueItem, ReasoningItem } from "./item-decode.ts";
import type { ItemReader, Parts } from "./item-decode.ts";

interface Entry {
  readonly index: number | undefined;
  readonly id: string | undefined;
  readonly place: number;
  readonly reader: ItemReader;
  /** As it was last told. */
  item: JsonObject;
  done: boolean;
}

/** The item that an event speaks of where nothing announced it, by the beginning of the event's name. */
const implied: readonly (readonly [string, string])[] = [
  ["response.output_text", "message"],
  ["response.refusal", "message"],
  ["response.reasoning", "reasoning"],
  ["response.function_call_arguments", "function_call"],
  ["response.custom_tool_call_input", "custom_tool_call"],
];

/**
 * Keeps the parts of an answer in the order of its items: an item that was announced and has said nothing yet makes
 * those behind it wait.
 */
class PartOrder {
  readonly #emit: (event: AnswerEvent) => void;
  /** What each item waits to say, by its place. */
  readonly #held: (() => void)[][] = [];
  readonly #begun: boolean[] = [];
  /** The first item that has said nothing: those behind it wait. */
  #front = 0;
  #next = 0;

  constructor(emit: (event: AnswerEvent) => void) {
    this.#emit = emit;
  }

  /** Where the item at a place may put its parts. */
  partsOf(place: number): Parts {
    const numbers: number[] = [];
    let count = 0;
    const act = (action: () => void) =>
      place <= this.#front ? action() : void (this.#held[place] ??= []).push(action);
    const tell = (local: number, event: (part: number) => AnswerEvent) =>
      act(() => this.#emit(event(numbers[local] ?? 0)));
    return {
      open: (head: PartHead) => {
        const local = count;
        count += 1;
        act(() => {
          numbers[local] = this.#next;
          this.#next += 1;
        });
        tell(local, (part) => ({ type: "part-start", candidate: 0, part, head }));
        this.begin(place);
        return local;
      },
      grow: (local, text, logprobs) => {
        if (text === "" && logprobs === undefined) return;
        tell(local, (part) => ({ type: "part-delta", candidate: 0, part, text, ...compact({ logprobs }) }));
      },
      close: (local, keep) => tell(local, (part) => ({ type: "part-end", candidate: 0, part, ...compact({ keep }) })),
    };
  }

  /** The item at a place has said something, or never will. */
  begin(place: number): void {
    this.#begun[place] = true;
    while (this.#begun[this.#front] === true) {
      this.#front += 1;
      for (const action of this.#held[this.#front] ?? []) action();
      this.#held[this.#front] = [];
    }
  }
}

/** The items of one output. Its index tells an item; its id only where there is no index, as some backends change it. */
export class ItemTable {
  readonly #entries: Entry[] = [];
  readonly #contextId: string;
  readonly #order: PartOrder;
  /** Custom tool calls are the backend's own. */
  hostsCustomTools = false;

  constructor(contextId: string, emit: (event: AnswerEvent) => void) {
    this.#contextId = idStem(contextId);
    this.#order = new PartOrder(emit);
  }

  get hasCalls(): boolean {
    return this.#entries.some(({ reader }) => reader.isCall);
  }

  event(type: string, event: JsonObject): void {
    if (type === "response.output_item.added" || type === "response.output_item.done") {
      const item = objectOf(event["item"]);
      if (item !== undefined) this.#item(item, countOf(event["output_index"]), type.endsWith(".done"));
      return;
    }
    (this.#find(event) ?? this.#imply(type, event))?.reader.event(type, event);
  }

  /** The stream is over: `output` tells what it left out. */
  complete(output: readonly Json[]): void {
    for (const [index, value] of output.entries()) {
      const item = objectOf(value);
      if (item !== undefined) this.#item(item, this.#counts ? index : undefined, true);
    }
    for (const entry of this.#entries) if (!entry.done) this.#done(entry, entry.item);
  }

  /** Whether the stream told the places of its items, as far as it told any. */
  get #counts(): boolean {
    return this.#entries.every(({ index }) => index !== undefined);
  }

  #item(item: JsonObject, index: number | undefined, done: boolean): void {
    let entry = this.#known(index, textOf(item["id"]) ?? textOf(item["call_id"]), item["type"]);
    if (entry === undefined) {
      const type = textOf(item["type"]);
      if (type === undefined) return;
      entry = this.#add(type, index, item);
    }
    if (done) this.#done(entry, item);
  }

  #done(entry: Entry, item: JsonObject): void {
    if (entry.done) return;
    entry.done = true;
    // A list that counts otherwise than the stream did would put another item here.
    if (item["type"] === entry.item["type"]) entry.item = item;
    entry.reader.done(entry.item);
    this.#order.begin(entry.place);
  }

  #known(index: number | undefined, id: string | undefined, type: Json | undefined): Entry | undefined {
    if (index !== undefined) return this.#entries.find((entry) => entry.index === index);
    if (id !== undefined) return this.#entries.find((entry) => entry.id === id);
    return this.#entries.find((entry) => !entry.done && entry.item["type"] === type);
  }

  #find(event: JsonObject): Entry | undefined {
    const index = countOf(event["output_index"]);
    if (index !== undefined) return this.#entries.find((entry) => entry.index === index);
    const id = textOf(event["item_id"]);
    return this.#entries.findLast((entry) => (id === undefined ? !entry.done : entry.id === id));
  }

  #imply(type: string, event: JsonObject): Entry | undefined {
    const found = implied.find(([beginning]) => type.startsWith(beginning))?.[1];
    const part = objectOf(event["part"])?.["type"];
    const kind = found ?? (part === "output_text" || part === "refusal" ? "message" : undefined);
    if (kind === undefined) return undefined;
    return this.#add(kind, countOf(event["output_index"]), compact({ type: kind, id: textOf(event["item_id"]) }));
  }

  #add(type: string, index: number | undefined, item: JsonObject): Entry {
    const place = this.#entries.length;
    const reader = this.#reader(type, item, place);
    const entry = { index, place, id: textOf(item["id"]) ?? textOf(item["call_id"]), reader, item, done: false };
    this.#entries.push(entry);
    return entry;
  }

  #reader(type: string, item: JsonObject, place: number): ItemReader {
    const parts = this.#order.partsOf(place);
    if (type === "custom_tool_call" && this.hostsCustomTools) return new OpaqueItem(parts);
    switch (type) {
      case "message":
        return new MessageItem(parts);
      case "reasoning":
        return new ReasoningItem(parts);
      case "function_call":
      case "custom_tool_call": {
        const madeId = `call_${this.#contextId}_${place}`;
        return new CallItem(type, item, { parts, madeId });
      }
      default:
        return new OpaqueItem(parts);
    }
  }
}
