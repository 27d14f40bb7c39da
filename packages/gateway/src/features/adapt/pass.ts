import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { FeatureTarget } from "../../kernel/feature.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { GenerationRequest, Message, Part } from "../../kernel/request.ts";

/** What one pass made of a request. It is the very same object where there was nothing to do. */
export interface Passed {
  readonly request: GenerationRequest;
  readonly losses: readonly Loss[];
  /** What undoes the pass in the answer; absent where there is nothing to undo. */
  readonly answer?: Machine<AnswerEvent, AnswerEvent>;
}

/** One way in which requests are adapted to what a target accepts. */
export type Pass = (request: GenerationRequest, target: FeatureTarget) => Passed;

/** There was nothing to do. */
export function unchanged(request: GenerationRequest): Passed {
  return { request, losses: [] };
}

/**
 * The messages with other parts; the same list, and the same messages, where nothing changed.
 * @param change Gives the part itself to keep it, another one to replace it, undefined to leave it out.
 */
export function mapParts(
  messages: readonly Message[],
  change: (part: Part, message: Message, index: number) => Part | undefined,
): readonly Message[] {
  let changed: Message[] | undefined;
  for (const [index, message] of messages.entries()) {
    const parts = changeParts(message.parts, (part) => change(part, message, index));
    if (parts === message.parts) continue;
    changed ??= [...messages];
    changed[index] = { ...message, parts };
  }
  return changed ?? messages;
}

function changeParts(parts: readonly Part[], change: (part: Part) => Part | undefined): readonly Part[] {
  let changed: Part[] | undefined;
  for (const [index, part] of parts.entries()) {
    const next = change(part);
    if (changed === undefined && next !== part) changed = parts.slice(0, index);
    if (changed !== undefined && next !== undefined) changed.push(next);
  }
  return changed ?? parts;
}

export type CallHead = Extract<PartHead, { readonly type: "tool-call" }>;

/** Gives the tool calls of an answer other names or ids as they start. */
export class RenamedCalls implements Machine<AnswerEvent, AnswerEvent> {
  readonly #rename: (head: CallHead, candidate: number) => CallHead;

  constructor(rename: (head: CallHead, candidate: number) => CallHead) {
    this.#rename = rename;
  }

  push(event: AnswerEvent): readonly AnswerEvent[] {
    if (event.type !== "part-start" || event.head.type !== "tool-call") return [event];
    const head = this.#rename(event.head, event.candidate);
    return [head === event.head ? event : { ...event, head }];
  }

  end(): readonly AnswerEvent[] {
    return [];
  }
}
