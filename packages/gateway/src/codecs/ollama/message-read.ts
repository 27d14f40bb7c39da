import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Message, Part, ToolCallPart } from "../../kernel/request.ts";
import { textOf, unlessEmpty, without } from "../shared/json.ts";
import { readArguments } from "./arguments.ts";
import { CallIds } from "./call-ids.ts";
import { readContent } from "./content.ts";
import type { Reading } from "./content.ts";

const roles = ["system", "user", "assistant", "tool"] as const;

const messageFields = new Set(["role", "content", "images", "thinking", "tool_calls"]);
const toolFields = new Set(["role", "content", "images", "tool_name", "tool_call_id"]);
const callFields = new Set(["id", "type", "function"]);
const functionFields = new Set(["name", "arguments"]);

/** Reads the messages of a chat request in their order. */
export function readMessages(value: Json | undefined, reading: Reading): readonly Message[] {
  const messages = reading.complaints.array(value, "messages") ?? [];
  const reader = new MessageReader(reading, new CallIds(messages));
  return messages.flatMap((message, index) => reader.read(message, index) ?? []);
}

class MessageReader {
  readonly #reading: Reading;
  readonly #ids: CallIds;

  constructor(reading: Reading, ids: CallIds) {
    this.#reading = reading;
    this.#ids = ids;
  }

  read(value: Json, index: number): Message | undefined {
    const { complaints } = this.#reading;
    const path = `messages[${index}]`;
    const message = complaints.requiredObject(value, path);
    const word = message && complaints.requiredString(message["role"], `${path}.role`);
    if (message === undefined || word === undefined) return undefined;
    // Ollama does not mind the case (api/types.go, Message.UnmarshalJSON).
    switch (word.toLowerCase()) {
      case "system":
        return this.#plain("system", message, path);
      case "user":
        return this.#plain("user", message, path);
      case "developer":
        return { ...this.#plain("system", message, path), rawRole: "developer" };
      case "assistant":
        return this.#assistant(message, index);
      case "tool":
        return this.#tool(message, index);
      default:
        return complaints.wrongValue(`${path}.role`, word, roles);
    }
  }

  #plain(role: "system" | "user", message: JsonObject, path: string): Message {
    const rest = without(message, messageFields);
    return {
      role,
      parts: readContent(message, path, this.#reading),
      ...extraOf({ ...rest, ...this.#misplaced(message) }),
    };
  }

  /** What only an assistant's message means something with. */
  #misplaced(message: JsonObject): JsonObject {
    const entries = (["thinking", "tool_calls"] as const).flatMap((name): [string, Json][] => {
      const value = message[name];
      return value === undefined || value === null ? [] : [[name, value]];
    });
    return Object.fromEntries(entries);
  }

  #assistant(message: JsonObject, index: number): Message {
    const { complaints } = this.#reading;
    const path = `messages[${index}]`;
    const thinking = textOf(complaints.string(message["thinking"], `${path}.thinking`));
    const calls = complaints.array(message["tool_calls"], `${path}.tool_calls`) ?? [];
    if (calls.length > 0) this.#ids.begin();
    const parts: Part[] = [
      ...(thinking === undefined ? [] : [{ type: "reasoning" as const, text: thinking }]),
      ...readContent(message, path, this.#reading),
      ...calls.flatMap((call, place) => this.#call(call, index, place) ?? []),
    ];
    return { role: "assistant", parts, ...extraOf(without(message, messageFields)) };
  }

  #call(value: Json, index: number, place: number): ToolCallPart | undefined {
    const { complaints } = this.#reading;
    const path = `messages[${index}].tool_calls[${place}]`;
    const call = complaints.requiredObject(value, path);
    const called = call && complaints.requiredObject(call["function"], `${path}.function`);
    const name = called && complaints.requiredString(called["name"], `${path}.function.name`);
    if (call === undefined || called === undefined || name === undefined) return undefined;
    const given = textOf(complaints.string(call["id"], `${path}.id`));
    const inner = unlessEmpty(without(called, functionFields));
    const keep = unlessEmpty({ ...without(call, callFields), ...(inner && { function: inner }) });
    return {
      type: "tool-call",
      id: this.#ids.call(given, name, [index, place]),
      name,
      arguments: readArguments(called["arguments"]),
      tool: "function",
      ...(keep && { keep: { ollama: keep } }),
    };
  }

  #tool(message: JsonObject, index: number): Message {
    const { complaints } = this.#reading;
    const path = `messages[${index}]`;
    const given = textOf(complaints.string(message["tool_call_id"], `${path}.tool_call_id`));
    // Older servers and clients say `name`.
    const named = textOf(complaints.string(message["tool_name"] ?? message["name"], `${path}.tool_name`));
    const { id, name } = this.#ids.answer(given, named, index);
    const content = readContent(message, path, this.#reading);
    const rest = without(message, message["tool_name"] === undefined ? new Set([...toolFields, "name"]) : toolFields);
    return {
      role: "tool",
      parts: [{ type: "tool-result", id, ...compact({ name }), content }],
      ...extraOf(rest),
    };
  }
}

function extraOf(rest: JsonObject): Pick<Message, "extra"> {
  const given = Object.entries(rest).filter(([, value]) => value !== null);
  const extra = unlessEmpty(Object.fromEntries(given));
  return extra === undefined ? {} : { extra: { ollama: extra } };
}
