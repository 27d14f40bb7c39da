import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Message } from "../../kernel/request.ts";
import { messageLosses } from "../shared/extra.ts";
import { asContent, BlockWriter } from "./block-write.ts";
import { protocol } from "./keep.ts";

interface Turn {
  readonly role: "user" | "assistant" | "system";
  readonly blocks: JsonObject[];
  extra: JsonObject;
}

/**
 * Writes messages as the turns that the API takes: a user's first, never two of one role in a row, the results of
 * tools before anything else in their turn, and none without content. System messages at the start are `system`;
 * later ones are a reminder in the user's turn, unless they came by this protocol and stand where they stood.
 */
export class MessageWriter {
  readonly #losses: Loss[];
  readonly #blocks: BlockWriter;
  readonly #system: JsonObject[] = [];
  readonly #turns: Turn[] = [];

  constructor(losses: Loss[]) {
    this.#losses = losses;
    this.#blocks = new BlockWriter(losses);
  }

  write(messages: readonly Message[]): void {
    for (const [index, message] of messages.entries()) this.#message(message, `messages[${index}]`);
    if (this.#turns.find(({ role }) => role !== "system")?.role === "user") return;
    // There is no conversation without a first word of the user's.
    this.#losses.push({ field: "messages", reason: "approximated" });
    this.#turns.unshift({ role: "user", blocks: [{ type: "text", text: "Begin." }], extra: {} });
  }

  /** The turn is in the midst of calls, and the assistant's last message does not start with its thinking. */
  get lacksThinking(): boolean {
    const last = this.#turns.findLast(({ role }) => role !== "system");
    if (last?.role !== "user" || !last.blocks.some(isResult)) return false;
    const first = this.#turns.findLast(({ role }) => role === "assistant")?.blocks[0]?.["type"];
    return first !== "thinking" && first !== "redacted_thinking";
  }

  /** `system` and `messages`. Without `prefill` a last message of the assistant's is followed by a user's. */
  finish(prefill: boolean): { readonly system: readonly JsonObject[]; readonly messages: readonly JsonObject[] } {
    const last = this.#turns.at(-1);
    if (last?.role === "assistant") {
      if (!prefill && last.blocks.every(isProse)) {
        this.#losses.push({ field: "messages", reason: "approximated" });
        this.#add("user", [{ type: "text", text: "Continue exactly where your last message ends." }], {});
      }
      trimEnd(last.blocks);
    }
    const messages = this.#turns.map(({ role, blocks, extra }) => ({
      ...extra,
      role,
      content: asContent(role === "user" ? resultsFirst(blocks) : blocks),
    }));
    return { system: this.#system, messages };
  }

  #message(message: Message, path: string): void {
    const extra = message.extra?.[protocol];
    this.#losses.push(...messageLosses(message, protocol, path));
    const blocks = this.#blocks.write(message.parts, message.role, `${path}.parts`);
    if (blocks.length === 0) return;
    switch (message.role) {
      case "system":
        if (extra !== undefined) this.#add("system", blocks, extra);
        else if (this.#turns.length === 0) this.#system.push(...blocks);
        else this.#remind(blocks, path);
        break;
      case "assistant":
        this.#add("assistant", blocks, extra ?? {});
        break;
      default:
        this.#add("user", blocks, extra ?? {});
    }
  }

  #remind(blocks: readonly JsonObject[], path: string): void {
    this.#losses.push({ field: path, reason: "approximated" });
    const text = blocks.map((block) => (typeof block["text"] === "string" ? block["text"] : "")).join("\n");
    this.#add("user", [{ type: "text", text: `<system-reminder>\n${text}\n</system-reminder>` }], {});
  }

  #add(role: Turn["role"], blocks: readonly JsonObject[], extra: JsonObject): void {
    const last = this.#turns.at(-1);
    if (last?.role !== role || role === "system") {
      this.#turns.push({ role, blocks: [...blocks], extra });
      return;
    }
    last.blocks.push(...blocks);
    last.extra = { ...last.extra, ...extra };
  }
}

/** What the assistant said, and no call that waits for its result. */
function isProse({ type }: JsonObject): boolean {
  return type === "text" || type === "thinking" || type === "redacted_thinking";
}

function isResult(block: JsonObject): boolean {
  return block["type"] === "tool_result";
}

function resultsFirst(blocks: readonly JsonObject[]): readonly JsonObject[] {
  return [...blocks.filter(isResult), ...blocks.filter((block) => !isResult(block))];
}

/** The API refuses a last message of the assistant's that ends in white space. */
function trimEnd(blocks: JsonObject[]): void {
  const last = blocks.at(-1);
  const text = last?.["text"];
  if (last !== undefined && typeof text === "string") blocks.splice(-1, 1, { ...last, text: text.trimEnd() });
}
