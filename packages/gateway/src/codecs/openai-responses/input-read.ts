import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Message, Part } from "../../kernel/request.ts";
import { unseal } from "../shared/carrier.ts";
import type { Complaints } from "../shared/complaints.ts";
import { arrayOf, textOf, without } from "../shared/json.ts";
import { argumentsText } from "../shared/object-arguments.ts";
import { readContent } from "./content-read.ts";
import { flatName } from "./names.ts";
import { keepOf, ownOf, protocol, reasoningText } from "./own.ts";

const roles = ["assistant", "system", "developer", "user"] as const;
const messageFields = new Set(["type", "role", "content"]);
const resultFields = new Set(["type", "call_id", "output"]);

/**
 * Reads the items of an input in their order. What the model said and did in a row, its reasoning, texts and calls, is
 * one message; everything else is a message of its own.
 */
export class InputReader {
  readonly #complaints: Complaints;
  readonly #messages: Message[] = [];
  /** The parts of the last message, if it is the assistant's. */
  #said: Part[] | undefined;

  constructor(complaints: Complaints) {
    this.#complaints = complaints;
  }

  read(input: Json | undefined): readonly Message[] {
    if (typeof input === "string") {
      this.#message({ role: "user", content: input }, "input");
    } else {
      for (const [index, value] of (this.#complaints.array(input, "input") ?? []).entries()) {
        const path = `input[${index}]`;
        const item = this.#complaints.requiredObject(value, path);
        if (item !== undefined) this.#item(item, path);
      }
    }
    return this.#messages;
  }

  #item(item: JsonObject, path: string): void {
    const type = item["role"] === undefined ? item["type"] : (item["type"] ?? "message");
    switch (type) {
      case "message":
        return this.#message(item, path);
      case "reasoning":
        return this.#assistant(readReasoning(item));
      case "function_call":
      case "custom_tool_call":
        return this.#call(item, type, path);
      case "function_call_output":
      case "custom_tool_call_output":
        return this.#result(item, type, path);
      default:
        if (this.#complaints.requiredString(type, `${path}.type`) === undefined) return;
        return this.#assistant({ type: "opaque", keep: { [protocol]: { item } } });
    }
  }

  #push(message: Message): void {
    this.#said = undefined;
    this.#messages.push(message);
  }

  #assistant(...parts: readonly Part[]): void {
    if (this.#said === undefined) {
      const said: Part[] = [];
      this.#messages.push({ role: "assistant", parts: said });
      this.#said = said;
    }
    this.#said.push(...parts);
  }

  #message(item: JsonObject, path: string): void {
    const role = this.#complaints.requiredString(item["role"], `${path}.role`);
    const content = readContent(item["content"], path === "input" ? path : `${path}.content`, this.#complaints);
    const [first, ...others] = content;
    // The fields of the item, which also tell where it begins, stay with its first part.
    const message = { message: without(item, messageFields) };
    const parts: readonly Part[] =
      first === undefined ? [] : [{ ...first, ...keepOf({ ...ownOf(first), ...message }) }, ...others];
    switch (role) {
      case undefined:
        return;
      case "assistant":
        return this.#assistant(...parts);
      case "user":
      case "system":
        return this.#push({ role, parts });
      case "developer":
        return this.#push({ role: "system", rawRole: role, parts });
      default:
        this.#complaints.wrongValue(`${path}.role`, role, roles);
    }
  }

  #call(item: JsonObject, type: "function_call" | "custom_tool_call", path: string): void {
    const [tool, field] =
      type === "function_call" ? (["function", "arguments"] as const) : (["custom", "input"] as const);
    const id = this.#complaints.requiredString(item["call_id"], `${path}.call_id`);
    const name = this.#complaints.requiredString(item["name"], `${path}.name`);
    const namespace = textOf(item["namespace"]);
    if (id === undefined || name === undefined) return;
    this.#assistant({
      type: "tool-call",
      id,
      name: flatName({ ...compact({ namespace }), name }),
      arguments: argumentsText(item[field]),
      tool,
      ...keepOf(without(item, new Set(["type", "call_id", "name", field]))),
    });
  }

  #result(item: JsonObject, type: string, path: string): void {
    const id = this.#complaints.requiredString(item["call_id"], `${path}.call_id`);
    const content = readContent(item["output"], `${path}.output`, this.#complaints);
    if (id === undefined) return;
    // Orphans, whose call a stored response holds, have only their type to tell what they answer.
    const keep = keepOf({ ...without(item, resultFields), type });
    this.#push({ role: "tool", parts: [{ type: "tool-result", id, content, ...keep }] });
  }
}

/** A reasoning item. One that carries another vendor's state gets that back in place of its own. */
function readReasoning(item: JsonObject): Part {
  const text = reasoningText(item);
  const carried = unseal(textOf(item["encrypted_content"]) ?? "");
  if (carried !== undefined) return { type: "reasoning", text, ...carried };
  const rest = Object.entries(without(item, new Set(["type"]))).filter(([, value]) => value !== null);
  return { type: "reasoning", text, keep: { [protocol]: Object.fromEntries(rest) } };
}

/** Whether an input holds anything. */
export function isEmptyInput(input: Json | undefined): boolean {
  return input === undefined || input === null || (Array.isArray(input) && arrayOf(input).length === 0);
}
