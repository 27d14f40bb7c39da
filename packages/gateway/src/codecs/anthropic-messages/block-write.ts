import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Part, ReasoningPart, Role, ToolCallPart, ToolResultPart } from "../../kernel/request.ts";
import { objectArguments } from "../shared/object-arguments.ts";
import { placed } from "../shared/placed.ts";
import type { Placed } from "../shared/placed.ts";
import { blockOf, kept, protocol } from "./keep.ts";
import { writeMedia } from "./media.ts";

/** Parts of one message as blocks. What has no form here is left out, with a loss at its path. */
export class BlockWriter {
  readonly #losses: Loss[];

  constructor(losses: Loss[]) {
    this.#losses = losses;
  }

  write(parts: readonly Part[], role: Role, path: string): JsonObject[] {
    return placed(parts, path).flatMap((each): readonly JsonObject[] => {
      const block = this.#part(each, role);
      return block === undefined ? [] : [block];
    });
  }

  #part({ part, path }: Placed, role: Role): JsonObject | undefined {
    const lost = (): undefined => void this.#losses.push({ field: path, reason: "unsupported" });
    switch (part.type) {
      case "text":
        return blockOf(part) ?? writeText(part.text, kept(part));
      case "refusal":
        return writeText(part.text, {});
      case "opaque":
        return part.keep[protocol] ?? lost();
      case "audio":
        return lost();
      case "image":
      case "file":
        // The API takes media from users only.
        return (role === "assistant" || role === "system" ? undefined : writeMedia(part)) ?? lost();
      case "reasoning":
        return writeReasoning(part) ?? lost();
      case "tool-call":
        return this.#call(part, path);
      default:
        return this.#result(part, path);
    }
  }

  #call(part: ToolCallPart, path: string): JsonObject {
    const input = objectArguments(part);
    if (!input.isSame) this.#losses.push({ field: `${path}.arguments`, reason: "approximated" });
    return { ...kept(part), type: "tool_use", id: part.id, name: part.name, input: input.value };
  }

  #result(part: ToolResultPart, path: string): JsonObject {
    const content = this.write(part.content, "tool", `${path}.content`);
    return {
      ...kept(part),
      type: "tool_result",
      tool_use_id: part.id,
      ...(content.length > 0 && { content: asContent(content) }),
      ...(part.isError !== undefined && { is_error: part.isError }),
    };
  }
}

/** A text block; none for what says nothing, which the API refuses. */
function writeText(text: string, keep: JsonObject): JsonObject | undefined {
  return text.trim() === "" ? undefined : { ...keep, type: "text", text };
}

/** Only what bears the API's own signature is thinking to it; it refuses any other. */
function writeReasoning(part: ReasoningPart): JsonObject | undefined {
  const keep = kept(part);
  if (typeof keep["signature"] === "string") return { ...keep, type: "thinking", thinking: part.text };
  return typeof keep["data"] === "string" ? { ...keep, type: "redacted_thinking" } : undefined;
}

/** Blocks as `content`: one plain text as a string. */
export function asContent(blocks: readonly JsonObject[]): Json {
  const [only] = blocks;
  const isPlain = blocks.length === 1 && only?.["type"] === "text" && Object.keys(only).length === 2;
  return isPlain ? (only["text"] ?? "") : blocks;
}
