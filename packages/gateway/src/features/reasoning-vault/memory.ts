import { hash } from "node:crypto";
import type { Extra } from "../../kernel/request.ts";

/** Reasoning of an answer. */
export interface KeptReasoning {
  readonly text: string;
  readonly keep?: Extra;
  /** Whether it stood before all text of its stretch of the answer, which ends with the call. */
  readonly leads: boolean;
}

/** What is remembered of one tool call. */
export interface Memory {
  /** The endpoint that the answer came from. */
  readonly origin: string;
  readonly name: string;
  /** Tells the call from others that bear its id. */
  readonly print: string;
  /** What stood between the call before it, or the answer's beginning, and the call. */
  readonly reasoning: readonly KeptReasoning[];
  /** The call's own vendor state, such as a thought signature. */
  readonly keep?: Extra;
}

/**
 * What a call did, as a short text: the same for arguments that differ only in how their JSON is spaced, since clients
 * may write them anew.
 */
export function printOf(name: string, args: string): string {
  return hash("sha256", `${name}\n${normalized(args)}`, "base64url");
}

function normalized(args: string): string {
  if (args === "") return "{}";
  try {
    return JSON.stringify(JSON.parse(args));
  } catch {
    return args;
  }
}

/** What a memory counts for beside its texts, in bytes. */
const overhead = 512;

/** Roughly the bytes that a memory takes. */
export function sizeOf({ origin, name, print, reasoning, keep }: Memory): number {
  const texts = reasoning.reduce((sum, { text, keep: state }) => sum + text.length + lengthOf(state), 0);
  return overhead + 2 * (origin.length + name.length + print.length + texts + lengthOf(keep));
}

function lengthOf(keep: Extra | undefined): number {
  return keep === undefined ? 0 : JSON.stringify(keep).length;
}
