import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Message, ToolCallPart, ToolResultPart } from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { objectOf } from "../shared/json.ts";
import { objectArguments } from "../shared/object-arguments.ts";
import { ofType, placed } from "../shared/placed.ts";
import type { Placed } from "../shared/placed.ts";
import { betweenTexts, writeContent } from "./content.ts";

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
    const parts = placed(message.parts, `${path}.parts`);
    const results = ofType(parts, "tool-result");
    const others = parts.filter(({ part }) => part.type !== "tool-result");
    const own = message.extra?.ollama ?? {};
    const written = results.map((result) => this.#result(result));
    if (results.length === 0 || others.length > 0)
      return [...written, { ...own, ...this.#plain(message, others, path) }];
    return written.map((result) => ({ ...own, ...result }));
  }

  #result({ part: result, path }: Placed<ToolResultPart>): JsonObject {
    if (result.isError === true) this.#losses.push({ field: `${path}.isError`, reason: "unsupported" });
    const name = result.name ?? this.#names.get(result.id);
    return {
      role: "tool",
      ...this.#content(placed(result.content, `${path}.content`), betweenTexts),
      ...(name === undefined ? {} : { tool_name: name }),
      tool_call_id: result.id,
    };
  }

  #plain(message: Message, parts: readonly Placed[], path: string): JsonObject {
    if (message.name !== undefined) this.#losses.push({ field: `${path}.name`, reason: "unsupported" });
    if (message.role === "assistant") return this.#assistant(parts);
    return {
      role: message.role === "system" ? "system" : "user",
      ...this.#content(parts, betweenTexts),
    };
  }

  #assistant(parts: readonly Placed[]): JsonObject {
    const calls = ofType(parts, "tool-call");
    const reasoning = ofType(parts, "reasoning");
    const plain = parts.filter(({ part }) => part.type !== "tool-call" && part.type !== "reasoning");
    const thinking = reasoning.map(({ part }) => part.text).join("");
    return {
      role: "assistant",
      // What a model said in pieces was one text.
      ...this.#content(plain, ""),
      ...(thinking !== "" && { thinking }),
      ...(calls.length > 0 && { tool_calls: calls.map((call) => this.#call(call)) }),
    };
  }

  #call({ part: call, path }: Placed<ToolCallPart>): JsonObject {
    const { value, isSame } = objectArguments(call);
    if (!isSame) this.#losses.push({ field: `${path}.arguments`, reason: "approximated" });
    const kept = call.keep?.ollama ?? {};
    return { ...kept, id: call.id, function: { ...objectOf(kept["function"]), name: call.name, arguments: value } };
  }

  #content(parts: readonly Placed[], separator: string): JsonObject {
    const { content, images } = writeContent(parts, separator, this.#losses);
    return images.length === 0 ? { content } : { content, images };
  }
}
