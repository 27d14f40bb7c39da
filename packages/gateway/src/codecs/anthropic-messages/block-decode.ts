import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { parseExact } from "../shared/exact.ts";
import { idStem } from "../shared/id-stem.ts";
import { arrayOf, objectOf, textOf, without } from "../shared/json.ts";
import { argumentsOf } from "./block-read.ts";
import { ownExtra, protocol } from "./keep.ts";

interface Open {
  readonly part: number;
  readonly type: PartHead["type"];
  /** The block's fields that have no word of ours; an opaque block's all. */
  fields: JsonObject;
  /** Something was said in deltas. */
  grown: boolean;
  /** The arguments that came whole, in the start, or of an opaque block in pieces. */
  input: string;
}

const known: { readonly [type: string]: ReadonlySet<string> } = {
  text: new Set(["type", "text", "citations"]),
  thinking: new Set(["type", "thinking", "signature"]),
  tool_use: new Set(["type", "id", "name", "input"]),
};

/** Reads the content blocks of an answer, from their events or whole. */
export class BlockTable {
  readonly #emit: (event: AnswerEvent) => void;
  readonly #idStem: string;
  /** By the block's index. A block that is left out has none. */
  readonly #open = new Map<number, Open | undefined>();
  #next = 0;
  calls = 0;

  /** `id` makes ids for calls that have none. */
  constructor(id: string, emit: (event: AnswerEvent) => void) {
    this.#idStem = `toolu_${idStem(id)}`;
    this.#emit = emit;
  }

  /** Something was said already. */
  get hasParts(): boolean {
    return this.#next > 0;
  }

  start(index: number, block: JsonObject): void {
    this.stop(index);
    this.#open.set(index, this.#start(block));
  }

  /** A delta of a block that never started starts it, if it tells what it is. */
  delta(index: number, delta: JsonObject): void {
    let open = this.#open.get(index);
    if (open === undefined) {
      if (this.#open.has(index)) return;
      const type =
        delta["type"] === "text_delta" ? "text" : delta["type"] === "thinking_delta" ? "thinking" : undefined;
      if (type === undefined) return;
      open = this.#start({ type });
      this.#open.set(index, open);
    }
    if (open === undefined) return;
    if (open.type === "opaque") growOpaque(open, delta);
    else this.#grow(open, delta);
  }

  stop(index: number): void {
    const open = this.#open.get(index);
    this.#open.delete(index);
    if (open === undefined) return;
    if (open.type === "tool-call" && !open.grown) this.#say(open, open.input);
    if (open.type === "opaque" && open.input !== "") open.fields = { ...open.fields, input: parsed(open.input) };
    const keep: Extra | undefined = open.type === "opaque" ? { [protocol]: open.fields } : ownExtra(open.fields);
    this.#emit({ type: "part-end", candidate: 0, part: open.part, ...(keep && { keep }) });
  }

  /** Ends every block that is open. */
  close(): void {
    for (const index of this.#open.keys()) this.stop(index);
  }

  #start(block: JsonObject): Open | undefined {
    switch (block["type"]) {
      case "text": {
        const citations = arrayOf(block["citations"]);
        const open = this.#begin({ type: "text" }, block);
        if (citations.length > 0) open.fields = { ...open.fields, citations };
        this.#say(open, block["text"]);
        return open;
      }
      case "thinking": {
        const open = this.#begin({ type: "reasoning" }, block);
        this.#say(open, block["thinking"]);
        sign(open, block["signature"]);
        return open;
      }
      case "redacted_thinking": {
        const open = this.#begin({ type: "reasoning" }, block);
        open.fields = without(block, new Set(["type"]));
        return open;
      }
      case "tool_use":
        return this.#call(block);
      default: {
        const open = this.#begin({ type: "opaque" }, block);
        open.fields = block;
        return open;
      }
    }
  }

  /** A call without a name is no call. */
  #call(block: JsonObject): Open | undefined {
    const name = textOf(block["name"]);
    if (name === undefined) return undefined;
    const id = textOf(block["id"]) ?? `${this.#idStem}_${this.calls}`;
    this.calls += 1;
    const open = this.#begin({ type: "tool-call", id, name, tool: "function" }, block);
    open.input = argumentsOf(block["input"]);
    return open;
  }

  #begin(head: PartHead, block: JsonObject): Open {
    const part = this.#next;
    this.#next += 1;
    const type = typeof block["type"] === "string" ? block["type"] : "";
    const fields = Object.hasOwn(known, type) ? unlessNull(without(block, known[type] ?? new Set())) : {};
    const keep = ownExtra(fields);
    this.#emit({ type: "part-start", candidate: 0, part, head, ...(keep && { keep }) });
    return { part, type: head.type, fields, grown: false, input: "" };
  }

  #say(open: Open, text: Json | undefined): void {
    if (typeof text !== "string" || text === "") return;
    open.grown = true;
    this.#emit({ type: "part-delta", candidate: 0, part: open.part, text });
  }

  /** Only what belongs to the block's type counts. */
  #grow(open: Open, delta: JsonObject): void {
    const type = typeof delta["type"] === "string" ? delta["type"] : "";
    switch (`${open.type}/${type}`) {
      case "text/text_delta":
        return this.#say(open, delta["text"]);
      case "text/citations_delta": {
        const citation = objectOf(delta["citation"]);
        if (citation === undefined) return;
        open.fields = { ...open.fields, citations: [...arrayOf(open.fields["citations"]), citation] };
        return;
      }
      case "reasoning/thinking_delta":
        return this.#say(open, delta["thinking"]);
      case "reasoning/signature_delta":
        return sign(open, delta["signature"]);
      case "tool-call/input_json_delta":
        return this.#say(open, delta["partial_json"]);
      default:
    }
  }
}

/** A signature comes in one piece; an empty one is none. */
function sign(open: Open, signature: Json | undefined): void {
  if (typeof signature === "string" && signature !== "") open.fields = { ...open.fields, signature };
}

function unlessNull(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** The input of a server's tool comes as pieces of JSON; other fields come as texts that grow, or whole. */
function growOpaque(open: Open, delta: JsonObject): void {
  if (delta["type"] === "input_json_delta") {
    if (typeof delta["partial_json"] === "string") open.input += delta["partial_json"];
    return;
  }
  const grown = Object.entries(delta)
    .filter(([name, value]) => name !== "type" && value !== null)
    .map(([name, value]): [string, Json] => {
      const before = Object.hasOwn(open.fields, name) ? open.fields[name] : undefined;
      return [name, typeof before === "string" && typeof value === "string" ? before + value : value];
    });
  open.fields = { ...open.fields, ...Object.fromEntries(grown) };
}

/** JSON, or the text itself where it is none. */
function parsed(text: string): Json {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}
