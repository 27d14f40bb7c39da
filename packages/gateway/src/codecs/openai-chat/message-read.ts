import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { ImagePart, Message, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { arrayOf, objectOf, unlessEmpty, without } from "../shared/json.ts";
import { argumentsText } from "../shared/object-arguments.ts";
import { readContentWith } from "../shared/openai-content.ts";
import type { PartReader } from "../shared/openai-content.ts";
import { withMessageMark } from "./cache-marks.ts";
import { readContent, readImageUrl, readPart } from "./parts.ts";
import { keepOf, readReasoning, withoutReasoning } from "./reasoning.ts";
import type { SaidReasoning } from "./reasoning.ts";

const roles = ["system", "assistant", "user", "function", "tool", "developer"] as const;

const common = ["role", "content", "name"];
const fields = {
  plain: new Set(common),
  assistant: new Set([...common, "refusal", "tool_calls", "function_call", "images"]),
  tool: new Set([...common, "tool_call_id"]),
};

/** Reads the messages of a request in their order. */
export class MessageReader {
  readonly #complaints: Complaints;
  readonly #flat: ReadonlySet<string>;
  /** The ids that we gave to legacy function calls, by the function's name: the latest call counts. */
  readonly #legacyIds = new Map<string, string>();

  /** `flat` are the custom tools whose calls the client calls functions. */
  constructor(complaints: Complaints, flat: ReadonlySet<string>) {
    this.#complaints = complaints;
    this.#flat = flat;
  }

  read(value: Json, index: number): Message | undefined {
    const raw = this.#complaints.requiredObject(value, `messages[${index}]`);
    const message = raw && this.#read(raw, index);
    return message && withMessageMark(message, raw);
  }

  #read(message: JsonObject, index: number): Message | undefined {
    const path = `messages[${index}]`;
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
    const parts = this.#content(message["content"], `${path}.content`);
    return { ...compact({ name }), parts, ...extraOf(message, fields.plain) };
  }

  #assistant(message: JsonObject, index: number): Message {
    const path = `messages[${index}]`;
    const name = this.#complaints.string(message["name"], `${path}.name`);
    const refusal = this.#complaints.string(message["refusal"], `${path}.refusal`);
    const legacy = this.#complaints.object(message["function_call"], `${path}.function_call`);
    const calls = this.#complaints.array(message["tool_calls"], `${path}.tool_calls`) ?? [];
    const said = readReasoning(message);
    const { images, unread } = readImages(message["images"]);
    const parts: Part[] = [
      ...reasoningPart(said),
      ...this.#content(message["content"], `${path}.content`),
      ...images,
      ...(refusal === undefined ? [] : [{ type: "refusal" as const, text: refusal }]),
      ...(legacy === undefined ? [] : this.#legacyCall(legacy, index)),
      ...calls.flatMap((call, place) => this.#call(call, `${path}.tool_calls[${place}]`) ?? []),
    ];
    const rest = {
      ...without(withoutReasoning(message, said), fields.assistant),
      ...(unread.length > 0 && { images: unread }),
      // This entry tells that the first call is written back in the legacy form.
      ...(legacy && { function_call: without(legacy, new Set(["name", "arguments"])) }),
    };
    return { role: "assistant", ...compact({ name }), parts, ...extraOf(rest, new Set()) };
  }

  /** Content, in which Cursor puts Anthropic's blocks for models that are named after Claude. */
  #content(value: Json | undefined, path: string): Part[] {
    const read: PartReader = (block, place) => {
      if (block["type"] === "tool_use") return this.#toolUse(block, place);
      if (block["type"] === "tool_result") return this.#toolResult(block, place);
      return readPart(block, place, this.#complaints);
    };
    return readContentWith(read, value, { path, complaints: this.#complaints });
  }

  #toolUse(block: JsonObject, path: string): ToolCallPart | undefined {
    const id = this.#complaints.requiredString(block["id"], `${path}.id`);
    const name = this.#complaints.requiredString(block["name"], `${path}.name`);
    if (id === undefined || name === undefined) return undefined;
    return { type: "tool-call", id, name, arguments: argumentsText(block["input"]), tool: "function" };
  }

  #toolResult(block: JsonObject, path: string): ToolResultPart | undefined {
    const id = this.#complaints.requiredString(block["tool_use_id"], `${path}.tool_use_id`);
    const content = readContent(block["content"], `${path}.content`, this.#complaints);
    const isError = block["is_error"] === true ? true : undefined;
    return id === undefined ? undefined : { type: "tool-result", id, content, ...compact({ isError }) };
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
      arguments: argumentsText(called[field]),
      tool: this.#flat.has(name) ? "custom" : kind,
      ...(rest && { keep: { "openai-chat": rest } }),
    };
  }

  #legacyCall(call: JsonObject, index: number): ToolCallPart[] {
    const name = this.#complaints.requiredString(call["name"], `messages[${index}].function_call.name`);
    if (name === undefined) return [];
    const id = `call_function_${index}`;
    this.#legacyIds.set(name, id);
    return [{ type: "tool-call", id, name, arguments: argumentsText(call["arguments"]), tool: "function" }];
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

function reasoningPart(said: SaidReasoning): ReasoningPart[] {
  const { text, blocks, field = "" } = said;
  if (text === undefined && blocks === undefined) return [];
  // The field is remembered although it be the usual one: reasoning that the client sent goes back as it came.
  return [{ type: "reasoning", text: text ?? "", keep: { "openai-chat": { ...keepOf(said), field } } }];
}

/** Images of an earlier answer, as OpenRouter has them. */
function readImages(value: Json | undefined): { readonly images: ImagePart[]; readonly unread: readonly Json[] } {
  const images: ImagePart[] = [];
  const unread: Json[] = [];
  for (const item of arrayOf(value)) {
    const image = objectOf(item);
    const source = readImageUrl(image?.["image_url"]);
    if (image === undefined || source === undefined) unread.push(item);
    else images.push({ type: "image", source, keep: { "openai-chat": { image } } });
  }
  return { images, unread };
}

/** The mark on an assistant's message that its first call was a legacy one, with that call's unknown fields. */
export function legacyMark(message: Message): JsonObject | undefined {
  return objectOf(message.extra?.["openai-chat"]?.["function_call"]);
}
