import type { Edit } from "./edit.ts";
import type { AnswerEvent, FinishReason } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Loss } from "./loss.ts";
import type { Machine } from "./machine.ts";
import type { Protocol } from "./protocol.ts";
import type { CanonicalRequest } from "./request.ts";
import type { Result } from "./result.ts";
import type { Usage } from "./usage.ts";

/** One event of a stream as the wire carries it: SSE's `event` and `data`, or a line of NDJSON as `data`. */
export interface WireEvent {
  readonly event: string;
  readonly data: string;
}

/** What we need to know of an answer, whether it was translated or only watched. */
export interface Observation {
  /** The first meaningful event was seen: content, a call, a refusal, a finish reason. Role marks and pings are not. */
  started: boolean;
  /** The protocol's terminal event was seen: the answer is complete. */
  finished: boolean;
  /** Nothing more is to come, such as after `[DONE]`. */
  done: boolean;
  finish?: FinishReason;
  usage?: Usage;
  model?: string;
  failure?: Failure;
  /** Pieces of a stream's text so far, and about how many letters they have: all that is known of one that is cut off. */
  pieces?: number;
  letters?: number;
}

/** What the encoder of an answer must know of the request. */
export interface AnswerContext {
  /** A fallback for answers whose backend gives no id, unique per exchange, such as the request id. */
  readonly id: string;
  /** Seconds since 1970, for answers whose backend gives no time. */
  readonly created: number;
  /** The model name to report where the backend gives none. */
  readonly model: string;
  /** Replaces the model name that the backend gives (`echo: requested`). */
  readonly echoModel?: string;
  /** The client's own body, parsed, for what only its protocol knows, such as `include_usage` or `encoding_format`. */
  readonly request: JsonObject;
  /** Milliseconds since the request came, for protocols whose answers tell how long they took. */
  readonly elapsed?: () => number;
  /** Hears of each thing in the answer that the client's protocol has no room for. */
  readonly lost: (loss: Loss) => void;
}

/** What the listener knows of a request before its body is read in full. */
export interface Asked {
  readonly model: string;
  readonly stream: boolean;
}

export interface DecodedRequest {
  readonly request: CanonicalRequest;
  readonly losses: readonly Loss[];
  /** Why no backend of another protocol can answer: it would not know what the request refers to. */
  readonly bound?: Failure;
}

/** We play the vendor towards a client. */
export interface Ingress {
  /** @param asked From the path where the protocol keeps them there, else the body's own `model` and `stream`. */
  readRequest(body: JsonObject, asked: Asked): Result<DecodedRequest>;
  /** Events to bytes of a stream, as text. A `failure` event becomes the protocol's error event, and ends it. */
  streamEncoder(context: AnswerContext): Machine<AnswerEvent, string>;
  /** The fold of a whole answer's events into a response body, as JSON text. No `failure` event is among them. */
  writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string;
  /** The error body for a failure; its status is in the failure table. */
  writeError(failure: Failure): Json;
  /** The error event that ends a stream which has already begun, with its framing. */
  writeStreamError(failure: Failure): string;
  /** What keeps a silent stream alive, with its framing; empty where clients bear nothing. */
  readonly keepalive: string;
  readonly streamContentType: string;
  /** Client headers, in lower case, that go on to a backend of this protocol. */
  readonly headers: readonly string[];
  /** Top-level request fields that say the same, such as an old and a new name: who gives one has given all. */
  readonly synonyms: readonly (readonly string[])[];
}

/** How a vendor's dialect differs from the protocol's norm. A row of data, never code. */
export interface Dialect {
  /** The field that limits output tokens, where the backend knows only one of the two. */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens";
  /** The backend understands `stream_options.include_usage`. */
  readonly streamUsage: boolean;
  /** The backend knows the `developer` role. */
  readonly developerRole: boolean;
  /** False where a `system` message is understood at the beginning only, as by many models' templates. */
  readonly lateSystem?: false;
  /**
   * Whether reasoning of earlier turns goes back: `never` where it is refused; `required` where turns that lack it are
   * refused in a conversation with tools. Absent: as it came, and another protocol's beside tool calls only.
   */
  readonly reasoningBack?: "never" | "required";
  /** What switches reasoning; absent: `reasoning_effort`. */
  readonly reasoningField?: "reasoning" | "thinking" | "enable_thinking" | "chat_template_kwargs";
  /** The words for effort that the backend knows, the weakest first; absent: all of them. */
  readonly efforts?: readonly string[];
  /** Tokens that the model can hold; the relay fills it in from what it knows of the target. */
  readonly contextWindow?: number;
  /** Protocols in which this vendor cuts requests of more bytes than this without a word, though the model holds more. */
  readonly narrow?: { readonly protocols: readonly Protocol[]; readonly bytes: number };
  /** Most stop sequences that are taken, where more of them are refused. */
  readonly mostStops?: number;
  /** `false`: a request with `top_k` or `min_p` is refused. */
  readonly topK?: false;
  /** Where this vendor takes less, or more, than its protocol. */
  readonly accepts?: Partial<Accepts>;
}

/** Texts that a protocol takes for a name or an id. */
export interface NameRule {
  /** Matches one character that is allowed. */
  readonly character: RegExp;
  /** Matches what may stand first, where that is less. */
  readonly first?: RegExp;
  /** Most characters. */
  readonly longest: number;
  /** Fewest characters, where one is not enough. */
  readonly shortest?: number;
}

/** What the requests of a protocol have room for. What they have not is adapted before the codec writes them. */
export interface Accepts {
  readonly toolName: NameRule;
  /** Absent where calls have no ids. */
  readonly callId?: NameRule;
  /** Tools that take free text. Without them such a tool becomes a function with one string. */
  readonly customTools: boolean;
  /** Several answers to one request. */
  readonly candidates: boolean;
  /** A last message of the assistant's is continued. */
  readonly prefill: boolean;
  /** Images may be given as URLs, which the backend fetches. */
  readonly imageUrls: boolean;
}

/** A request in the words of one protocol. */
export interface WrittenRequest {
  readonly body: JsonObject;
  readonly losses: readonly Loss[];
  /** Headers that the body needs, such as a beta's name. */
  readonly headers?: { readonly [name: string]: string };
}

/** What a same-protocol stream needs changed on its way, decided before the request is sent. */
export interface TapOptions {
  /** The client did not ask for the usage event that we asked for: keep it to ourselves. */
  readonly dropUsageEvent: boolean;
}

/** What becomes of a watched event's bytes. */
export type TapVerdict = "pass" | "drop";

/** Watches same-protocol traffic without decoding it. */
export interface Tap {
  readonly seen: Observation;
  /** Looks at one event of a stream; sets `seen.failure` when it must not reach the client. */
  event(event: WireEvent): TapVerdict;
  /** Looks at a whole unstreamed body. */
  whole(body: JsonObject): void;
  /** The stream's bytes are over; sets `seen.failure` unless the answer was complete. Returns what is missing of the framing, such as `[DONE]`. */
  end(): string;
}

/** A request body seen without parsing all of it. */
export interface RequestView {
  /** The parsed value of a top-level field; undefined when absent. */
  field(name: string): unknown;
  /** The words that its messages use for who speaks, each once; empty where there are none. */
  readonly roles: ReadonlySet<string>;
  /** Whether the raw text of the body, or of one top-level field, holds this anywhere, also where it means something else. */
  contains(text: string, field?: string): boolean;
}

/** How a same-protocol request goes on to a backend with its bytes kept. */
export interface PassThrough {
  readonly edits: readonly Edit[];
  readonly tap: TapOptions;
}

/** What the decoder of an answer may know. */
export interface DecodeContext {
  /** Unique per attempt, to make ids of where the backend gives none. */
  readonly id: string;
}

/** We play the SDK towards a backend. */
export interface Egress {
  /** What the dialect needs changed in a same-protocol request; undefined when edits cannot say it and it must be translated. */
  passThrough(request: RequestView, dialect: Dialect): PassThrough | undefined;
  /** The request has been adapted to what this protocol and the dialect accept. */
  writeRequest(request: CanonicalRequest, dialect: Dialect): WrittenRequest;
  readonly accepts: Accepts;
  /**
   * The top-level field of every event and body that names the model; absent where it stands deeper, so that another
   * name can be told only by translating.
   */
  readonly modelField?: string;
  streamDecoder(context: DecodeContext): Machine<WireEvent, AnswerEvent>;
  readAnswer(body: JsonObject, context: DecodeContext): readonly AnswerEvent[];
  /** The meaning of an error answer. `body` is parsed JSON or, where it was none, undefined. */
  readError(status: number, body: Json | undefined): Failure;
  tap(options: TapOptions): Tap;
}

/** All knowledge of one protocol. */
export interface Codec {
  readonly protocol: Protocol;
  /** How a stream is cut into events: SSE, or a line of JSON each. */
  readonly framing: "sse" | "ndjson";
  /** Where a request names its model and says whether it streams. */
  readonly addressing: "body" | "path";
  /** What a body without `stream` asks for. */
  readonly streamsByDefault: boolean;
  readonly ingress: Ingress;
  readonly egress: Egress;
}
