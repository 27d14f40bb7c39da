import type { Dialect } from "../../kernel/codec.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type {
  GenerationRequest,
  Message,
  Part,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
} from "../../kernel/request.ts";
import { messageLosses } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf, without } from "../shared/json.ts";
import { placed } from "../shared/placed.ts";
import { writeOutput, writePart } from "./content-write.ts";
import { unflatten } from "./names.ts";
import type { SpacedName } from "./names.ts";
import { isMade, ownOf, paragraph, protocol } from "./own.ts";

export interface InputOptions {
  readonly dialect: Dialect;
  /** The backend keeps what it answers, and so knows its items by their ids. */
  readonly stored: boolean;
  /** What tools in namespaces are called. */
  readonly names: ReadonlyMap<string, SpacedName>;
  readonly losses: Loss[];
}

/** The leading system message as `instructions`; undefined if the client wrote it as an item. */
export function instructionsOf(request: GenerationRequest): string | undefined {
  const [first] = request.messages;
  if (first?.role !== "system" || first.parts.length === 0) return undefined;
  if (first.parts.some((part) => part.type !== "text" || ownOf(part)["message"] !== undefined)) return undefined;
  return first.parts.map((part) => (part.type === "text" ? part.text : "")).join(paragraph);
}

/** Writes messages as items. */
export class InputWriter {
  readonly #options: InputOptions;
  readonly #out: JsonObject[] = [];
  /** What kind of tool each call asked for. */
  readonly #called = new Map<string, ToolCallPart["tool"]>();

  constructor(options: InputOptions) {
    this.#options = options;
  }

  /** @param skip The first message that is to be written. */
  write(messages: readonly Message[], skip: number): readonly JsonObject[] {
    for (const [index, message] of messages.entries()) {
      const path = `messages[${index}]`;
      this.#options.losses.push(...messageLosses(message, protocol, path));
      if (index >= skip) this.#message(message, path);
    }
    return this.#out;
  }

  #lost(field: string): void {
    this.#options.losses.push({ field, reason: "unsupported" });
  }

  #message(message: Message, at: string): void {
    let open: { readonly item: JsonObject; readonly content: JsonObject[] } | undefined;
    for (const { part, path } of placed(message.parts, `${at}.parts`)) {
      const item = this.#item(part, path);
      if (item !== undefined) {
        open = undefined;
        this.#out.push(...item);
        continue;
      }
      const fields = objectOf(ownOf(part)["message"]);
      if (isNothing(part, message) && fields === undefined) continue;
      if (open === undefined || fields !== undefined) {
        const content: JsonObject[] = [];
        open = {
          content,
          item: { ...withoutMadeId(fields ?? {}), type: "message", role: this.#role(message), content },
        };
        this.#out.push(open.item);
      }
      const side = message.role === "assistant" ? "output" : "input";
      const written = writePart({ part, path }, side, this.#options.losses);
      if (written !== undefined) open.content.push(written);
    }
  }

  #role(message: Message): string {
    switch (message.role) {
      case "assistant":
        return "assistant";
      case "system":
        return message.rawRole === "developer" && this.#options.dialect.developerRole ? "developer" : "system";
      default:
        return "user";
    }
  }

  /** A part that is an item of its own, as that item or, where it must be left out, none; undefined for content. */
  #item(part: Part, path: string): readonly JsonObject[] | undefined {
    switch (part.type) {
      case "reasoning":
        return this.#reasoning(part, path);
      case "tool-call":
        return [this.#call(part)];
      case "tool-result":
        return [this.#result(part, path)];
      case "opaque": {
        const own = part.keep[protocol];
        if (own?.["content"] !== undefined) return undefined;
        const item = objectOf(own?.["item"]);
        if (item === undefined) this.#lost(path);
        return item === undefined ? [] : [item];
      }
      default:
        return undefined;
    }
  }

  /**
   * Reasoning goes back as the item that it was. Without its state the backend would refuse it: an id alone means
   * something only where the backend stored the item.
   */
  #reasoning(part: ReasoningPart, path: string): readonly JsonObject[] {
    const own = ownOf(part);
    const known = this.#options.stored && textOf(own["id"]) !== undefined && !isMade(own["id"]);
    const state = textOf(own["encrypted_content"]) !== undefined || arrayOf(own["content"]).length > 0;
    if (known || state) return [{ ...withoutMadeId(own), type: "reasoning", summary: arrayOf(own["summary"]) }];
    this.#lost(path);
    return [];
  }

  #call(call: ToolCallPart): JsonObject {
    this.#called.set(call.id, call.tool);
    const rest = without(withoutMadeId(ownOf(call)), new Set(["namespace"]));
    const namespace = textOf(ownOf(call)["namespace"]);
    const spaced = unflatten(call.name, namespace) ?? this.#options.names.get(call.name) ?? { name: call.name };
    const called = { ...rest, call_id: call.id, ...spaced };
    return call.tool === "custom"
      ? { ...called, type: "custom_tool_call", input: call.arguments }
      : { ...called, type: "function_call", arguments: call.arguments };
  }

  #result(result: ToolResultPart, path: string): JsonObject {
    const { type = "function_call_output", ...rest } = withoutMadeId(ownOf(result));
    const tool = this.#called.get(result.id);
    if (result.isError === true) this.#options.losses.push({ field: `${path}.isError`, reason: "unsupported" });
    return {
      ...rest,
      type: tool === undefined ? type : tool === "custom" ? "custom_tool_call_output" : "function_call_output",
      call_id: result.id,
      output: writeOutput(result.content, `${path}.content`, this.#options.losses),
    };
  }
}

/** An empty text of the model's says nothing; some backends refuse it. */
function isNothing(part: Part, message: Message): boolean {
  return part.type === "text" && part.text === "" && message.role === "assistant";
}

/** No backend knows an id that we made. */
function withoutMadeId(item: JsonObject): JsonObject {
  return isMade(item["id"]) ? without(item, new Set(["id"])) : item;
}
