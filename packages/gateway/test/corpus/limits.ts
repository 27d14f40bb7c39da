import type { Loss } from "../../src/kernel/loss.ts";
import type { Protocol } from "../../src/kernel/protocol.ts";
import type { contentOf } from "./answers.ts";

type Content = ReturnType<typeof contentOf>;
type Candidate = Content["candidates"][number];

/** Protocols whose answers have no word for a filter's verdict, and say that the answer is over. */
const withoutFilter: ReadonlySet<Protocol> = new Set(["ollama", "ollama-generate"]);

/** Protocols whose calls carry no ids. */
const withoutIds: ReadonlySet<Protocol> = new Set(["ollama"]);

/** Protocols whose whole answers and streams are only text, told apart by nothing. */
const refusalsAreText: ReadonlySet<Protocol> = new Set([
  "anthropic-messages",
  "gemini",
  "ollama",
  "ollama-generate",
  "openai-completions",
]);

/**
 * What a client of this protocol can be expected to get of an answer: what the protocol has no room for, if the client
 * was told of the loss.
 */
export function expectedContent(protocol: Protocol, content: Content, losses: readonly Loss[]): Content {
  const told = (word: string): boolean => losses.some(({ field }) => field.includes(word));
  return {
    usage: content.usage,
    candidates: content.candidates.map((candidate) => ({
      ...withText(protocol, candidate),
      reasoning: told("reasoning") || told("thinking") ? "" : candidate.reasoning,
      calls: told("tool") ? [] : candidate.calls.map((call) => ({ ...call, id: idOf(protocol, call.id) })),
      finish: finishOf(protocol, candidate, told("tool")),
    })),
  };
}

function withText(protocol: Protocol, candidate: Candidate): Candidate {
  if (!refusalsAreText.has(protocol)) return candidate;
  return { ...candidate, text: candidate.text + candidate.refusal, refusal: "" };
}

function idOf(protocol: Protocol, id: string): string {
  return withoutIds.has(protocol) ? "" : id;
}

function finishOf(protocol: Protocol, { finish, calls }: Candidate, withoutCalls: boolean): Candidate["finish"] {
  if (finish === "content-filter" && withoutFilter.has(protocol)) return "stop";
  return finish === "tool-calls" && (withoutCalls || calls.length === 0) ? "stop" : finish;
}
