import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../kernel/request.ts";
import { unseal } from "../shared/carrier.ts";
import type { Complaints } from "../shared/complaints.ts";
import { without } from "../shared/json.ts";
import { keepRest, opaque, ownExtra, textsOf } from "./keep.ts";
import { readAsText, readDocument, readImage } from "./media.ts";

const fields = {
  text: new Set(["type", "text"]),
  thinking: new Set(["type", "thinking"]),
  toolUse: new Set(["type", "id", "name", "input"]),
  toolResult: new Set(["type", "tool_use_id", "content", "is_error"]),
};

/** Reads content blocks, and remembers the names of tools by the ids of their calls. */
export class BlockReader {
  readonly #complaints: Complaints;
  readonly #names = new Map<string, string>();

  constructor(complaints: Complaints) {
    this.#complaints = complaints;
  }

  /** `content` of a message, of `system` or of a tool's result: an empty string or nothing is no part. */
  content(content: Json | undefined, path: string): Part[] {
    if (content === undefined || content === null || content === "") return [];
    if (typeof content === "string") return [{ type: "text", text: content }];
    if (!Array.isArray(content)) {
      this.#complaints.wrongType(path, "a string or an array of objects", content);
      return [];
    }
    return (content as readonly Json[]).flatMap((item, place) => {
      const block = this.#complaints.requiredObject(item, `${path}[${place}]`);
      return (block && this.#block(block, `${path}[${place}]`)) ?? [];
    });
  }

  #block(block: JsonObject, path: string): Part | undefined {
    const type = this.#complaints.requiredString(block["type"], `${path}.type`);
    switch (type) {
      case undefined:
        return undefined;
      case "text": {
        const text = this.#complaints.requiredString(block["text"], `${path}.text`);
        return text === undefined ? undefined : { type, text, ...keepRest(block, fields.text) };
      }
      case "image":
        return readImage(block, path, this.#complaints);
      case "document":
        return readDocument(block, path, this.#complaints);
      case "search_result":
        return readAsText(block, [block["title"], block["source"], ...textsOf(block["content"])]);
      case "tool_reference":
        // A tool search found a tool; its definition is among the request's tools.
        return readAsText(block, [block["tool_name"]]);
      case "thinking":
        return this.#thinking(block, path);
      case "redacted_thinking": {
        const data = this.#complaints.requiredString(block["data"], `${path}.data`);
        return data === undefined ? undefined : { type: "reasoning", text: "", ...keepRest(block, new Set(["type"])) };
      }
      case "tool_use":
        return this.#toolUse(block, path);
      case "tool_result":
        return this.#toolResult(block, path);
      default:
        return opaque(block);
    }
  }

  /** A signature of ours is another vendor's state; it is restored, and never taken for a signature. */
  #thinking(block: JsonObject, path: string): ReasoningPart {
    const text = this.#complaints.string(block["thinking"], `${path}.thinking`) ?? "";
    const signature = this.#complaints.string(block["signature"], `${path}.signature`) ?? "";
    const carried = unseal(signature);
    if (carried !== undefined) return { type: "reasoning", text, ...carried };
    const rest = without(block, fields.thinking);
    const keep = signature === "" ? undefined : ownExtra({ ...rest, signature });
    return { type: "reasoning", text, ...compact({ keep }) };
  }

  #toolUse(block: JsonObject, path: string): ToolCallPart | undefined {
    const id = this.#complaints.requiredString(block["id"], `${path}.id`);
    const name = this.#complaints.requiredString(block["name"], `${path}.name`);
    if (id === undefined || name === undefined) return undefined;
    this.#names.set(id, name);
    const rest = keepRest(block, fields.toolUse);
    return { type: "tool-call", id, name, arguments: argumentsOf(block["input"]), tool: "function", ...rest };
  }

  #toolResult(block: JsonObject, path: string): ToolResultPart | undefined {
    const id = this.#complaints.requiredString(block["tool_use_id"], `${path}.tool_use_id`);
    const content = this.content(block["content"], `${path}.content`);
    const isError = this.#complaints.boolean(block["is_error"], `${path}.is_error`);
    if (id === undefined) return undefined;
    const rest = compact({ name: this.#names.get(id), isError });
    return { type: "tool-result", id, content, ...rest, ...keepRest(block, fields.toolResult) };
  }
}

/** A call's `input` as the text that other protocols have; nothing is an object without entries. */
export function argumentsOf(input: Json | undefined): string {
  return input === undefined || input === null ? "{}" : JSON.stringify(input);
}
