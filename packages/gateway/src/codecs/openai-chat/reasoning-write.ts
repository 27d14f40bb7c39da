import type { Dialect } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { GenerationRequest, Reasoning, ReasoningPart } from "../../kernel/request.ts";
import { budgetOf, effortOf, nearestEffort } from "../shared/effort.ts";
import { objectOf, textOf } from "../shared/json.ts";
import type { Placed } from "../shared/placed.ts";
import { addBlocks, blocksOf } from "./reasoning.ts";

/**
 * What stands for reasoning that nobody kept, where a vendor refuses turns without it. Kimi refuses an empty text and
 * takes a space (charmbracelet/crush#2696).
 */
const placeholder = " ";

/** Writes the reasoning of earlier turns, as far as the vendor takes it. */
export class ReasoningWriter {
  readonly #policy: Dialect["reasoningBack"];
  readonly #losses: Loss[];
  /** Every turn of the assistant's must have reasoning (MoonshotAI/kimi-cli#2141, DeepSeek V4). */
  readonly #everywhere: boolean;

  constructor(dialect: Dialect, losses: Loss[], request: GenerationRequest) {
    this.#policy = dialect.reasoningBack;
    this.#losses = losses;
    const hasCalls = request.messages.some(({ parts }) => parts.some(({ type }) => type === "tool-call"));
    this.#everywhere = this.#policy === "required" && hasCalls && request.reasoning?.effort !== "none";
  }

  /** The fields that say an assistant's reasoning, and the parts that are not said by them. */
  write(parts: readonly Placed[], path: string): { readonly written: JsonObject; readonly others: readonly Placed[] } {
    const reasoning = parts.filter(isSaid);
    const others = parts.filter((each) => !isSaid(each));
    const hasCalls = parts.some(({ part }) => part.type === "tool-call");
    const own = reasoning.map(({ part }) => part.keep?.["openai-chat"]);
    const field = own.map((keep) => textOf(keep?.["field"])).find(Boolean);
    const spoken = reasoning.filter(({ part }) => part.text !== "");
    const text = spoken.map(({ part }) => part.text).join("\n\n");
    const isOwn = own.some((keep) => keep !== undefined);
    const wanted = this.#policy === "required" || (this.#policy !== "never" && (isOwn || hasCalls));
    if (!wanted) {
      for (const lost of spoken) this.#losses.push({ field: lost.path, reason: "unsupported" });
      return { written: {}, others };
    }
    const blocks = own.reduce<JsonObject>((all, keep) => addBlocks(all, blocksOf(keep)), {});
    return { written: { ...this.#text(text, { field, isOwn, path }), ...blocks }, others };
  }

  #text(text: string, about: { field: string | undefined; isOwn: boolean; path: string }): JsonObject {
    const { field, isOwn, path } = about;
    // The text of blocks alone stands in them already.
    if (text !== "" && (field !== undefined || !isOwn || this.#everywhere))
      return { [field ?? "reasoning_content"]: text };
    if (text !== "" || !this.#everywhere) return {};
    this.#losses.push({ field: `${path}.parts`, reason: "approximated" });
    return { reasoning_content: placeholder };
  }
}

/** Whether a part is said by fields of the message rather than in its content. */
function isSaid(placed: Placed): placed is Placed<ReasoningPart> {
  return placed.part.type === "reasoning" && pieceOf(placed.part) === undefined;
}

/** A piece of content that holds reasoning, as Mistral has it; it goes back as it came. */
function pieceOf(part: ReasoningPart): JsonObject | undefined {
  return objectOf(part.keep?.["openai-chat"]?.["piece"]);
}

/** The fields that switch reasoning, in the dialect's words. */
export function writeReasoning(reasoning: Reasoning | undefined, dialect: Dialect, losses: Loss[]): JsonObject {
  if (reasoning === undefined) return {};
  const { effort, budgetTokens, show } = reasoning;
  const isOff = effort === "none" || (effort === undefined && budgetTokens === 0);
  const budget = budgetTokens !== undefined && budgetTokens >= 0 ? budgetTokens : undefined;
  const lose = (name: string) => losses.push({ field: `reasoning.${name}`, reason: "approximated" });
  switch (dialect.reasoningField) {
    case "reasoning":
      return {
        reasoning: compact({
          effort: isOff ? "none" : effort === undefined ? undefined : known(effort, dialect),
          max_tokens: isOff || effort !== undefined ? undefined : budget,
          enabled: effort === undefined && budget === undefined ? true : undefined,
          exclude: show === false ? true : undefined,
        }) as JsonObject,
      };
    case "enable_thinking": {
      const thinkingBudget = isOff ? undefined : (budget ?? (effort === undefined ? undefined : budgetOf(effort)));
      if (thinkingBudget !== undefined && budget === undefined) lose("effort");
      return { enable_thinking: !isOff, ...compact({ thinking_budget: thinkingBudget }) };
    }
    case "thinking":
    case "chat_template_kwargs":
      if (!isOff && effort !== undefined) lose("effort");
      if (!isOff && budget !== undefined) lose("budgetTokens");
      return dialect.reasoningField === "thinking"
        ? { thinking: { type: isOff ? "disabled" : "enabled" } }
        : { chat_template_kwargs: { enable_thinking: !isOff } };
    default: {
      if (budgetTokens !== undefined) lose("budgetTokens");
      const word = effort ?? (budgetTokens === undefined ? undefined : effortOf(budgetTokens));
      return word === undefined ? {} : compact({ reasoning_effort: known(word, dialect) });
    }
  }
}

function known(effort: string, { efforts }: Dialect): string | undefined {
  return efforts === undefined ? effort : nearestEffort(effort, efforts);
}
