import type { AnswerEvent, FinishReason, PartHead } from "../../kernel/event.ts";
import type { Json } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import type { Usage } from "../../kernel/usage.ts";

export interface FoldedPart {
  readonly head: PartHead;
  text: string;
  /** What came with the deltas, in order. */
  readonly logprobs: Json[];
  keep?: Extra;
  /** The endpoint that `keep` came from. */
  origin?: string;
}

export interface FoldedCandidate {
  readonly parts: FoldedPart[];
  /** In order of arrival. */
  readonly extras: Extra[];
  finish?: FinishReason;
}

export interface FoldedAnswer {
  id?: string;
  model?: string;
  created?: number;
  /** Those of `start` first. */
  readonly extras: Extra[];
  /** By candidate number. */
  readonly candidates: Map<number, FoldedCandidate>;
  readonly embeddings: { readonly index: number; readonly vector: readonly number[] }[];
  usage?: Usage;
  readonly usageExtras: Extra[];
}

/** The candidate that is told where there is room for one: the first that says anything, whatever its number is. */
export function firstCandidate({ candidates }: FoldedAnswer): FoldedCandidate | undefined {
  for (const candidate of candidates.values()) {
    if (candidate.parts.length > 0 || candidate.finish !== undefined) return candidate;
  }
  return undefined;
}

/** A whole answer from its events. `failure` events are not the fold's concern. */
export function foldAnswer(events: readonly AnswerEvent[]): FoldedAnswer {
  const answer: FoldedAnswer = {
    extras: [],
    candidates: new Map(),
    embeddings: [],
    usageExtras: [],
  };
  const candidate = (index: number): FoldedCandidate => {
    let found = answer.candidates.get(index);
    if (found === undefined) answer.candidates.set(index, (found = { parts: [], extras: [] }));
    return found;
  };
  for (const event of events) {
    switch (event.type) {
      case "start":
        if (event.id !== undefined) answer.id = event.id;
        if (event.model !== undefined) answer.model = event.model;
        if (event.created !== undefined) answer.created = event.created;
        if (event.extra !== undefined) answer.extras.push(event.extra);
        break;
      case "part-start":
        candidate(event.candidate).parts[event.part] = { head: event.head, text: "", logprobs: [] };
        break;
      case "part-delta": {
        const part = candidate(event.candidate).parts[event.part];
        if (part === undefined) break;
        part.text += event.text;
        if (event.logprobs !== undefined) part.logprobs.push(event.logprobs);
        break;
      }
      case "part-end": {
        const part = candidate(event.candidate).parts[event.part];
        if (part !== undefined && event.keep !== undefined) part.keep = event.keep;
        if (part !== undefined && event.origin !== undefined) part.origin = event.origin;
        break;
      }
      case "extra":
        candidate(event.candidate).extras.push(event.extra);
        break;
      case "embedding":
        answer.embeddings.push({ index: event.index, vector: event.vector });
        break;
      case "usage":
        answer.usage = { ...answer.usage, ...event.usage };
        if (event.extra !== undefined) answer.usageExtras.push(event.extra);
        break;
      case "finish": {
        const finished = candidate(event.candidate);
        finished.finish = event.reason;
        if (event.extra !== undefined) finished.extras.push(event.extra);
        break;
      }
      case "failure":
        break;
    }
  }
  return answer;
}
