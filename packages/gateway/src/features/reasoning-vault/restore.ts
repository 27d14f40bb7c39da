import type { Protocol } from "../../kernel/protocol.ts";
import type { Message, Part, ReasoningPart, ToolCallPart } from "../../kernel/request.ts";
import type { Memory } from "./memory.ts";

/**
 * Protocols whose requests have a field for reasoning as mere text, which some of their backends ask for (DeepSeek,
 * Kimi, GLM; Ollama's `thinking`). The others take only reasoning that bears their own state.
 */
const takesText: ReadonlySet<Protocol> = new Set<Protocol>(["openai-chat", "ollama"]);

/** Where a message is about to go. */
export interface Destination {
  readonly endpoint: string;
  readonly protocol: Protocol;
}

/**
 * An assistant's message with what the client left out of it, as far as `find` remembers its calls; the same message
 * where that is nothing. Vendor state goes back only to the endpoint it came from, to the same call, and in front of
 * it; the text of reasoning also elsewhere. What the client itself brings is left alone, but for reasoning that has
 * lost its state, which is replaced by the one that has it.
 */
export function restore(message: Message, to: Destination, find: (call: ToolCallPart) => Memory | undefined): Message {
  if (message.role !== "assistant") return message;
  const memories = new Map<ToolCallPart, Memory>();
  for (const part of message.parts) {
    const memory = part.type === "tool-call" ? find(part) : undefined;
    if (part.type === "tool-call" && memory !== undefined) memories.set(part, memory);
  }
  if (memories.size === 0) return message;
  const parts = restoreParts(message.parts, memories, to);
  const isSame = parts.length === message.parts.length && parts.every((part, index) => part === message.parts[index]);
  return isSame ? message : { ...message, parts };
}

function restoreParts(
  parts: readonly Part[],
  memories: ReadonlyMap<ToolCallPart, Memory>,
  to: Destination,
): readonly Part[] {
  const theirs = parts.filter((part) => part.type === "reasoning");
  const hasState = theirs.some(({ keep }) => keep?.[to.protocol] !== undefined);
  const out: Part[] = [];
  let stretch: Part[] = [];
  for (const part of parts) {
    const memory = part.type === "tool-call" ? memories.get(part) : undefined;
    if (part.type !== "tool-call" || memory === undefined) {
      stretch.push(part);
      if (part.type === "tool-call") out.push(...stretch.splice(0));
      continue;
    }
    const { reasoning, replaces } = hasState ? nothing : wanted(memory, theirs.length > 0, to);
    if (replaces) stretch = stretch.filter(({ type }) => type !== "reasoning");
    const [first, later] = [true, false].map((leads) =>
      reasoning.filter((each) => each.leads === leads).map(({ part: restored }) => restored),
    );
    out.push(...(first ?? []), ...stretch, ...(later ?? []), withState(part, memory, to));
    stretch = [];
  }
  return [...out, ...stretch];
}

interface Wanted {
  readonly reasoning: readonly { readonly part: ReasoningPart; readonly leads: boolean }[];
  /** It stands for reasoning that the client brings without its state. */
  readonly replaces: boolean;
}

const nothing: Wanted = { reasoning: [], replaces: false };

/** What of a memory's reasoning goes before its call. */
function wanted({ origin, reasoning }: Memory, hasReasoning: boolean, { endpoint, protocol }: Destination): Wanted {
  const isHome = origin === endpoint;
  if (isHome && reasoning.some(({ keep }) => keep?.[protocol] !== undefined)) {
    const all = reasoning.map(({ text, keep, leads }) => ({
      part: { type: "reasoning", text, ...(keep && { keep, origin }) } as const,
      leads,
    }));
    return { reasoning: all, replaces: true };
  }
  if (hasReasoning || !takesText.has(protocol)) return nothing;
  const texts = reasoning.filter(({ text }) => text !== "");
  return { reasoning: texts.map(({ text, leads }) => ({ part: { type: "reasoning", text }, leads })), replaces: false };
}

function withState(call: ToolCallPart, { origin, keep }: Memory, { endpoint, protocol }: Destination): ToolCallPart {
  if (keep === undefined || origin !== endpoint || call.keep?.[protocol] !== undefined) return call;
  return { ...call, keep: { ...call.keep, ...keep }, origin };
}
