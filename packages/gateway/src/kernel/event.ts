import type { Failure } from "./failure.ts";
import type { Json } from "./json.ts";
import type { Extra } from "./request.ts";
import type { Usage } from "./usage.ts";

export type FinishWord = "stop" | "length" | "tool-calls" | "content-filter" | "other";

/** `raw` is the backend's own word, kept beside ours. */
export interface FinishReason {
  readonly unified: FinishWord;
  readonly raw: string;
  /** The stop string that was hit, where the backend tells. */
  readonly stopSequence?: string;
}

/**
 * What a part is, known when it starts. Text, refusal and reasoning grow by deltas; so do a call's arguments, and the
 * base64 of an image. An `opaque` part is one that we have no word for: its `part-end` keeps it whole.
 */
export type PartHead =
  | { readonly type: "text" | "refusal" | "reasoning" | "opaque" }
  | { readonly type: "image"; readonly mediaType: string }
  | { readonly type: "tool-call"; readonly id: string; readonly name: string; readonly tool: "function" | "custom" };

/**
 * An answer as it happens. A whole response is the fold of these, so streamed and unstreamed answers have one path.
 * `candidate` numbers the answers of one request (`n` greater than 1), from 0.
 * `part` numbers the parts of one candidate in order of their start, from 0; parts may overlap.
 */
export type AnswerEvent =
  | {
      readonly type: "start";
      readonly id?: string;
      readonly model?: string;
      /** Seconds since 1970. */
      readonly created?: number;
      readonly extra?: Extra;
    }
  | {
      readonly type: "part-start";
      readonly candidate: number;
      readonly part: number;
      readonly head: PartHead;
      /** What is known of `part-end`'s `keep` already, for protocols that tell it at the start. */
      readonly keep?: Extra;
    }
  | {
      readonly type: "part-delta";
      readonly candidate: number;
      readonly part: number;
      readonly text: string;
      readonly logprobs?: Json;
    }
  | {
      readonly type: "part-end";
      readonly candidate: number;
      readonly part: number;
      readonly keep?: Extra;
      /** The endpoint that `keep` came from; the relay tells. */
      readonly origin?: string;
    }
  /** Vendor fields of the message that have no canonical word, such as annotations or audio. */
  | { readonly type: "extra"; readonly candidate: number; readonly extra: Extra }
  | { readonly type: "embedding"; readonly index: number; readonly vector: readonly number[] }
  /** Replaces what an earlier `usage` said, field by field. */
  | { readonly type: "usage"; readonly usage: Usage; readonly extra?: Extra }
  | { readonly type: "finish"; readonly candidate: number; readonly reason: FinishReason; readonly extra?: Extra }
  /** Always the last event of its stream. */
  | { readonly type: "failure"; readonly failure: Failure };
