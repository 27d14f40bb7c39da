import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Message, Part, ReasoningPart, ToolCallPart } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { readContent } from "./parts.ts";

const roles = ["system", "assistant", "user", "function", "tool", "developer"] as const;

const common = ["role", "content", "name"];
const fields = {
  plain: new Set(common),
  assistant: new Set([...common, "refusal", "tool_calls", "function_call", "reasoning_content", "reasoning"]),
  tool: new Set([...common, "tool_call_id"]),
};

/** Reads the messages of a request in their order. */
export class MessageReader {
  readonly #complaints: Complaints;
  /** The ids that we gave to legacy function calls, by the function's name: the latest call counts. */
  readonly #legacyIds = new Map<string, string>();

  constructor(complaints: Complaints) {
    this.#complaints = complaints;
  }

  read(value: Json, index: number): Message | undefined {
    const path = `messages[${index}]`;
    const message = this.#complaints.requiredObject(value, path);
    if (message === undefined) return undefined;
    const role = this.#complaints.requiredString(message["role"], `${path}.role`);
    switch (role) {
      case undefined:
        return undefined;
      case "system":
      case "user":
        return { role, ...this.#plain(message, path) };
      case "developer":
        return { role: "system", rawRole: "developer", ...this.#plain(message, path) };
      case "assistant":
        return this.#assistant(message, index);
      case "tool":
        return this.#tool(message, path);
      case "function":
        return this.#function(message, index);
      default:
        return this.#complaints.wrongValue(`${path}.role`, role, roles);
    }
  }

  #plain(message: JsonObject, path: string): Omit<Message, "role"> {
    const name = this.#complaints.string(message["name"], `${path}.name`);
    const parts = readContent(message["content"], `${path}.content`, this.#complaints);
    return { ...compact({ name }), parts, ...extraOf(message, fields.plain) };
  }

  #assistant(message: JsonObject, index: number): Message {
    const path = `messages[${index}]`;
    const name = this.#complaints.string(message["name"], `${path}.name`);
    const refusal = this.#complaints.string(message["refusal"], `${path}.refusal`);
    const legacy = this.#complaints.object(message["function_call"], `${path}.function_call`);
    const calls = this.#complaints.array(message["tool_calls"], `${path}.tool_calls`) ?? [];
    const parts: Part[] = [
      ...readReasoning(message),
      ...readContent(message["content"], `${path}.content`, this.#complaints),
      ...(refusal === undefined ? [] : [{ type: "refusal" as const, text: refusal }]),
      ...(legacy === undefined ? [] : this.#legacyCall(legacy, index)),
      ...calls.flatMap((call, place) => this.#call(call, `${path}.tool_calls[${place}]`) ?? []),
    ];
    const rest = {
      ...without(message, fields.assistant),
      ...unreadReasoning(message),
      // This entry tells that the first call is written back in the legacy form.
      ...(legacy && { function_call: without(legacy, new Set(["name", "arguments"])) }),
    };
    return { role: "assistant", ...compact({ name }), parts, ...extraOf(rest, new Set()) };
  }

  #call(value: Json, path: string): ToolCallPart | undefined {
    const call = this.#complaints.requiredObject(value, path);
    if (call === undefined) return undefined;
    const kind = call["type"] ?? (call["custom"] === undefined ? "function" : "custom");
    if (kind !== "function" && kind !== "custom") {
      const word = this.#complaints.string(kind, `${path}.type`);
      return word === undefined ? undefined : this.#complaints.wrongValue(`${path}.type`, word, ["function", "custom"]);
    }
    const called = this.#complaints.requiredObject(call[kind], `${path}.${kind}`);
    const id = this.#complaints.requiredString(call["id"], `${path}.id`);
    if (called === undefined || id === undefined) return undefined;
    const name = this.#complaints.requiredString(called["name"], `${path}.${kind}.name`);
    if (name === undefined) return undefined;
    const field = kind === "function" ? "arguments" : "input";
    const inner = unlessEmpty(without(called, new Set(["name", field])));
    const rest = unlessEmpty({
      ...without(call, new Set(["id", "type", kind])),
      ...(inner && { [kind]: inner }),
    });
    return {
      type: "tool-call",
      id,
      name,
      arguments: argumentsOf(called[field]),
      tool: kind,
      ...(rest && { keep: { "openai-chat": rest } }),
    };
  }

  #legacyCall(call: JsonObject, index: number): ToolCallPart[] {
    const name = this.#complaints.requiredString(call["name"], `messages[${index}].function_call.name`);
    if (name === undefined) return [];
    const id = `call_function_${index}`;
    this.#legacyIds.set(name, id);
    return [{ type: "tool-call", id, name, arguments: argumentsOf(call["arguments"]), tool: "function" }];
  }

  #tool(message: JsonObject, path: string): Message | undefined {
    const id = this.#complaints.requiredString(message["tool_call_id"], `${path}.tool_call_id`);
    const name = this.#complaints.string(message["name"], `${path}.name`);
    const content = readContent(message["content"], `${path}.content`, this.#complaints);
    if (id === undefined) return undefined;
    const parts: Part[] = [{ type: "tool-result", id, ...compact({ name }), content }];
    return { role: "tool", ...compact({ name }), parts, ...extraOf(message, fields.tool) };
  }

  /** The answer to a legacy call names the function only. */
  #function(message: JsonObject, index: number): Message | undefined {
    const path = `messages[${index}]`;
    const name = this.#complaints.requiredString(message["name"], `${path}.name`);
    const content = readContent(message["content"], `${path}.content`, this.#complaints);
    if (name === undefined) return undefined;
    const id = this.#legacyIds.get(name) ?? `call_function_${index}`;
    const parts: Part[] = [{ type: "tool-result", id, name, content }];
    return { role: "tool", rawRole: "function", name, parts, ...extraOf(message, fields.plain) };
  }
}

function extraOf(message: JsonObject, known: ReadonlySet<string>): { extra?: { "openai-chat": JsonObject } } {
  const rest = unlessEmpty(without(message, known));
  return rest === undefined ? {} : { extra: { "openai-chat": rest } };
}

/** Backends disagree on the field's name; `keep` remembers which one it was. */
function readReasoning(message: JsonObject): ReasoningPart[] {
  const field = reasoningField(message);
  const text = field && textOf(message[field]);
  return text === undefined ? [] : [{ type: "reasoning", text, keep: { "openai-chat": { field: field ?? "" } } }];
}

function reasoningField(message: JsonObject): "reasoning_content" | "reasoning" | undefined {
  return (["reasoning_content", "reasoning"] as const).find((name) => textOf(message[name]) !== undefined);
}

/** What stands in a reasoning field and was not read as text, such as a copy in the other field. */
function unreadReasoning(message: JsonObject): JsonObject {
  const read = reasoningField(message);
  const names = ["reasoning_content", "reasoning"].filter((name) => name !== read);
  return Object.fromEntries(
    names.flatMap((name): [string, Json][] => {
      const value = message[name];
      return value === undefined || value === null ? [] : [[name, value]];
    }),
  );
}

/** Arguments are text; some clients put the JSON itself there. */
function argumentsOf(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The mark on an assistant's message that its first call was a legacy one, with that call's unknown fields. */
export function legacyMark(message: Message): JsonObject | undefined {
  return objectOf(message.extra?.["openai-chat"]?.["function_call"]);
}
