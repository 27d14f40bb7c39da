import type { Loss } from "../../kernel/loss.ts";
import type { Message, Part, Role } from "../../kernel/request.ts";
import { messageLosses } from "../shared/extra.ts";
import { partPath } from "../shared/placed.ts";

/** Who speaks in a transcript. */
const labels: { readonly [role in Role]: string } = {
  system: "System",
  user: "User",
  assistant: "Assistant",
  tool: "Tool",
};

export interface Prompt {
  readonly text: string;
  /** Where the answer is over, if the prompt makes it likely that the model goes on with somebody else's words. */
  readonly stop?: string;
}

/**
 * A conversation as the one text that this protocol has:
 * - One message is the prompt as it is: who has a base model writes prompts, and a label would be part of them.
 * - Where the assistant has not spoken yet, the texts follow each other with a blank line between: instructions, then
 *   what they are about, as instruct models of this protocol were trained (`gpt-3.5-turbo-instruct`).
 * - Else it is a transcript, `User:` and `Assistant:` above what each said, which ends where the assistant's words are
 *   to follow, or with those that it has begun with. The AI SDK's completion models write the same; it is the form
 *   that a model without a template continues most readily. The labels stand on lines of their own, so that an answer
 *   does not begin with a blank. Before the user's next turn it stops.
 *
 * Roles become words that anybody can write, so that all but the first is reported. What is no text is left out and
 * reported part by part: a model that sees calls of tools as text makes up more of them, which nobody would carry out.
 */
export function writePrompt(messages: readonly Message[], losses: Loss[]): Prompt {
  if (messages.length !== 1 || messages[0]?.role !== "user") losses.push({ field: "messages", reason: "approximated" });
  const turns = messages.map((message, index) => ({ role: message.role, text: textOf(message, index, losses) }));
  const said = turns.filter(({ text }) => text !== "");
  if (!said.some(({ role }) => role === "assistant")) return { text: said.map(({ text }) => text).join("\n\n") };
  const first = said.findIndex(({ role }) => role !== "system");
  const paragraphs = said.map(({ role, text }, index) => (index < first ? text : `${labels[role]}:\n${text}`));
  const last = turns.at(-1);
  const isBegun = last?.role === "assistant" && last.text !== "";
  if (!isBegun) paragraphs.push(`${labels.assistant}:\n`);
  return { text: paragraphs.join("\n\n"), stop: `\n${labels.user}:` };
}

function textOf(message: Message, index: number, losses: Loss[]): string {
  losses.push(...messageLosses(message, "openai-completions", `messages[${index}]`));
  const list = `messages[${index}].parts`;
  return message.parts.map((part, place) => wordsOf(part, partPath(part, list, place), losses)).join("");
}

function wordsOf(part: Part, path: string, losses: Loss[]): string {
  if (part.type === "text") return part.text;
  losses.push({ field: path, reason: part.type === "refusal" ? "approximated" : "unsupported" });
  return part.type === "refusal" ? part.text : "";
}
