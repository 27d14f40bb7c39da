import type { JsonObject } from "./json.ts";
import type { Protocol } from "./protocol.ts";

/**
 * What has no canonical word, kept under the protocol it came from and put back when the same protocol is written.
 * Writing another protocol reports each entry as a loss.
 */
export type Extra = { readonly [P in Protocol]?: JsonObject };

interface PartBase {
  /** Opaque vendor state to be returned unchanged: signatures, encrypted reasoning, cache marks. */
  readonly keep?: Extra;
  /** The endpoint that `keep` came from and alone understands; absent where nobody knows. */
  readonly origin?: string;
}

export type MediaSource =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "data"; readonly mediaType: string; readonly base64: string }
  | { readonly kind: "reference"; readonly id: string };

export interface TextPart extends PartBase {
  readonly type: "text";
  readonly text: string;
}
export interface RefusalPart extends PartBase {
  readonly type: "refusal";
  readonly text: string;
}
export interface ReasoningPart extends PartBase {
  readonly type: "reasoning";
  readonly text: string;
}
export interface ImagePart extends PartBase {
  readonly type: "image";
  readonly source: MediaSource;
  readonly detail?: string;
}
export interface AudioPart extends PartBase {
  readonly type: "audio";
  readonly source: MediaSource;
  readonly format?: string;
}
export interface FilePart extends PartBase {
  readonly type: "file";
  readonly source: MediaSource;
  readonly filename?: string;
}
export interface ToolCallPart extends PartBase {
  readonly type: "tool-call";
  readonly id: string;
  readonly name: string;
  /** The arguments exactly as the model wrote them: JSON text for functions, free text for custom tools. */
  readonly arguments: string;
  readonly tool: "function" | "custom";
}
export interface ToolResultPart extends PartBase {
  readonly type: "tool-result";
  readonly id: string;
  readonly name?: string;
  readonly content: readonly Part[];
  readonly isError?: boolean;
}
/** A part of a kind that we have no word for, carried whole. */
export interface OpaquePart {
  readonly type: "opaque";
  readonly keep: Extra;
}

export type Part =
  | TextPart
  | RefusalPart
  | ReasoningPart
  | ImagePart
  | AudioPart
  | FilePart
  | ToolCallPart
  | ToolResultPart
  | OpaquePart;

export type Role = "system" | "user" | "assistant" | "tool";

export interface Message {
  readonly role: Role;
  /** The protocol's own word where it has more than one for a role, such as `developer`. */
  readonly rawRole?: string;
  readonly name?: string;
  readonly parts: readonly Part[];
  readonly extra?: Extra;
}

export interface Tool {
  readonly tool: "function" | "custom";
  readonly name: string;
  readonly description?: string;
  /** JSON schema of the arguments. */
  readonly parameters?: JsonObject;
  readonly strict?: boolean;
  /** Grammar or text format of a custom tool's input. */
  readonly format?: JsonObject;
  readonly extra?: Extra;
}

export type ToolChoice =
  | { readonly type: "auto" | "none" | "required" }
  | { readonly type: "tool"; readonly tool: "function" | "custom"; readonly name: string }
  | { readonly type: "opaque"; readonly keep: Extra };

export type OutputFormat =
  | { readonly type: "text" }
  | { readonly type: "json" }
  | {
      readonly type: "json-schema";
      readonly name?: string;
      readonly description?: string;
      readonly schema?: JsonObject;
      readonly strict?: boolean;
    };

export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly logprobs?: boolean;
  readonly topLogprobs?: number;
}

/** Absent: the model's own habit. Present and empty: on, as much as the model likes. */
export interface Reasoning {
  /** `none` turns it off. Otherwise the vendor's word, such as `low` or `xhigh`. */
  readonly effort?: string;
  readonly budgetTokens?: number;
  /** Whether the client wants to see it, as a summary or whole. */
  readonly show?: boolean;
}

export interface GenerationRequest {
  readonly operation: "generate";
  readonly model: string;
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  readonly maxOutputTokens?: number;
  /** How many answers; absent means one. */
  readonly candidates?: number;
  readonly sampling: Sampling;
  readonly reasoning?: Reasoning;
  readonly output?: OutputFormat;
  /** How wordy the answer is to be, such as `low`. */
  readonly verbosity?: string;
  readonly user?: string;
  readonly stream: boolean;
  readonly extra?: Extra;
}

export interface EmbeddingRequest {
  readonly operation: "embed";
  readonly model: string;
  /** Texts, or texts already cut into token ids. */
  readonly inputs: readonly (string | readonly number[])[];
  readonly dimensions?: number;
  readonly user?: string;
  readonly extra?: Extra;
}

export type CanonicalRequest = GenerationRequest | EmbeddingRequest;
