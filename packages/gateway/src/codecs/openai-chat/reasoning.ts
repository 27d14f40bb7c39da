import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { mergeFields } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";

/**
 * The fields of a message or delta that hold reasoning as text: DeepSeek's, Qwen's, Kimi's, GLM's and xAI's; that of
 * vLLM, Cerebras, Ollama, Groq and OpenRouter; GitHub Copilot's.
 */
const textFields = ["reasoning_content", "reasoning", "reasoning_text"] as const;

/** Lists of reasoning blocks, which hold signatures and encrypted state too: OpenRouter's and LiteLLM's. */
const blockFields = ["reasoning_details", "thinking_blocks"] as const;

export const reasoningFields: readonly string[] = [...textFields, ...blockFields];

/** The names of a block's texts, which grow in a stream. */
const growing: ReadonlySet<string> = new Set(["text", "summary", "thinking"]);

export interface SaidReasoning {
  readonly text: string | undefined;
  /** The field that the text came in; absent for text of blocks alone. */
  readonly field: string | undefined;
  /** The blocks, by their field. */
  readonly blocks: JsonObject | undefined;
}

const silence: SaidReasoning = { text: undefined, field: undefined, blocks: undefined };

/** What a message or delta says of the model's reasoning. Text that stands in several places is read once. */
export function readReasoning(message: JsonObject): SaidReasoning {
  if (!reasoningFields.some((name) => Object.hasOwn(message, name))) return silence;
  const field = textFields.find((name) => textOf(message[name]) !== undefined);
  const given = blockFields.filter((name) => arrayOf(message[name]).length > 0);
  const blocks = unlessEmpty(Object.fromEntries(given.map((name) => [name, message[name] ?? []])));
  const [first] = given;
  const text = field === undefined ? first && blockText(arrayOf(message[first])) : textOf(message[field]);
  return { text, field, blocks };
}

function blockText(blocks: readonly Json[]): string | undefined {
  const texts = blocks.flatMap((item) => {
    const block = objectOf(item) ?? {};
    return [...growing].flatMap((name) => textOf(block[name]) ?? []).slice(0, 1);
  });
  return textOf(texts.join(""));
}

/** Adds the blocks of a later delta: a piece goes on with the last block if it is of the same type and index. */
export function addBlocks(earlier: JsonObject, later: JsonObject): JsonObject {
  const fields = new Map(Object.entries(earlier));
  for (const [field, pieces] of Object.entries(later)) {
    const blocks = [...arrayOf(fields.get(field))];
    for (const item of arrayOf(pieces)) {
      const [last, piece] = [objectOf(blocks.at(-1)), objectOf(item)];
      if (last !== undefined && piece !== undefined && goesOn(last, piece)) {
        blocks[blocks.length - 1] = mergeFields(last, saying(piece), growing);
      } else blocks.push(item);
    }
    fields.set(field, blocks);
  }
  return Object.fromEntries(fields);
}

function goesOn(last: JsonObject, piece: JsonObject): boolean {
  if (last["type"] !== piece["type"] || last["index"] !== piece["index"]) return false;
  // Encrypted blocks come whole; what follows a signature is another block.
  if ([...growing].every((name) => last[name] === undefined && piece[name] === undefined)) return false;
  return textOf(last["signature"]) === undefined;
}

/** A piece without what it does not tell: a later null or empty signature must not replace anything. */
function saying(piece: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(piece).filter(([, value]) => value !== null && value !== ""));
}

/** What a reasoning part keeps for its own protocol: its blocks, and its field where that is not the usual one. */
export function keepOf(said: Pick<SaidReasoning, "field" | "blocks">): JsonObject | undefined {
  const field = said.field === "reasoning_content" ? undefined : said.field;
  return unlessEmpty({ ...said.blocks, ...compact({ field }) });
}

/** The blocks in what a reasoning part keeps. */
export function blocksOf(keep: JsonObject | undefined): JsonObject {
  return Object.fromEntries(Object.entries(keep ?? {}).filter(([name]) => blockFields.some((field) => field === name)));
}

/** A message without the reasoning that was read of it. */
export function withoutReasoning(message: JsonObject, said: SaidReasoning): JsonObject {
  const read = [...Object.keys(said.blocks ?? {}), ...(said.field === undefined ? [] : [said.field])];
  const silent = reasoningFields.filter((name) => message[name] === null);
  return without(message, new Set([...read, ...silent]));
}
