import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Message, Part, ToolCallPart, ToolResultPart } from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { objectOf } from "../shared/json.ts";
import { objectArguments } from "../shared/object-arguments.ts";
import { betweenTexts, writeContent } from "./content.ts";
import type { WrittenContent } from "./content.ts";

/** The messages of a chat request: answers of tools first, then what else their message said. */
export function writeMessages(messages: readonly Message[], losses: Loss[]): readonly JsonObject[] {
  const writer = new MessageWriter(messages, losses);
  return messages.flatMap((message, index) => writer.write(message, `messages[${index}]`));
}

class MessageWriter {
  readonly #losses: Loss[];
  /** The tools' names by their calls' ids: Ollama's templates know an answer by its tool's name. */
  readonly #names: ReadonlyMap<string, string>;

  constructor(messages: readonly Message[], losses: Loss[]) {
    this.#losses = losses;
    const calls = messages.flatMap(({ parts }) => parts).filter((part) => part.type === "tool-call");
    this.#names = new Map(calls.map(({ id, name }) => [id, name]));
  }

  write(message: Message, path: string): readonly JsonObject[] {
    this.#losses.push(...foreignLosses(message.extra, "ollama", `${path}.`));
    const results = message.parts.filter((part) => part.type === "tool-result");
    const others = message.parts.filter((part) => part.type !== "tool-result");
    const own = message.extra?.ollama ?? {};
    if (results.length === 0) return [{ ...own, ...this.#plain(message, path) }];
    const written = results.map((result) => this.#result(result, path));
    if (others.length > 0) return [...written, { ...own, ...this.#plain({ ...message, parts: others }, path) }];
    return written.map((result) => ({ ...own, ...result }));
  }

  #result(result: ToolResultPart, path: string): JsonObject {
    if (result.isError === true) this.#losses.push({ field: `${path}.isError`, reason: "approximated" });
    const name = result.name ?? this.#names.get(result.id);
    return {
      role: "tool",
      ...this.#content(result.content, path, betweenTexts),
      ...(name === undefined ? {} : { tool_name: name }),
      tool_call_id: result.id,
    };
  }

  #plain(message: Message, path: string): JsonObject {
    if (message.name !== undefined) this.#losses.push({ field: `${path}.name`, reason: "unsupported" });
    if (message.role === "assistant") return this.#assistant(message.parts, path);
    return {
      role: message.role === "system" ? "system" : "user",
      ...this.#content(message.parts, path, betweenTexts),
    };
  }

  #assistant(parts: readonly Part[], path: string): JsonObject {
    const calls = parts.filter((part) => part.type === "tool-call");
    const reasoning = parts.filter((part) => part.type === "reasoning");
    const plain = parts.filter((part) => part.type !== "tool-call" && part.type !== "reasoning");
    const thinking = reasoning.map((part) => part.text).join("");
    return {
      role: "assistant",
      // What a model said in pieces was one text.
      ...this.#content(plain, path, ""),
      ...(thinking !== "" && { thinking }),
      ...(calls.length > 0 && {
        tool_calls: calls.map((call) => this.#call(call, `${path}.parts[${parts.indexOf(call)}]`)),
      }),
    };
  }

  #call(call: ToolCallPart, path: string): JsonObject {
    const { value, isSame } = objectArguments(call);
    if (!isSame) this.#losses.push({ field: `${path}.arguments`, reason: "approximated" });
    const kept = call.keep?.ollama ?? {};
    return { ...kept, id: call.id, function: { ...objectOf(kept["function"]), name: call.name, arguments: value } };
  }

  #content(parts: readonly Part[], path: string, separator: string): JsonObject {
    return fieldsOf(writeContent(parts, { path: `${path}.parts`, losses: this.#losses, separator }));
  }
}

function fieldsOf({ content, images }: WrittenContent): { readonly [name: string]: Json } {
  return images.length === 0 ? { content } : { content, images };
}
