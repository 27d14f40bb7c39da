/**
 * What the test upstream can do with a call, as data. The names are the faults F1-F13 of the threat model.
 * All delays are milliseconds, all sizes bytes.
 */

export type CompressionName = "gzip" | "br" | "deflate";

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

export interface UsageBody {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly [name: string]: unknown;
}

/** What an answer says, in whatever shape the path asks for. */
export interface Content {
  readonly text?: string;
  readonly reasoning?: string;
  readonly toolCalls?: readonly ToolCall[];
  /** `null`: the upstream tells no usage. */
  readonly usage?: UsageBody | null;
  readonly finishReason?: string;
  readonly model?: string;
}

export type Headers = { readonly [name: string]: string | readonly string[] };

/** How the payloads of a stream become bytes. The defaults are what OpenAI sends. */
export interface Framing {
  readonly lineEnd?: "lf" | "crlf" | "cr";
  /** A space after `data:`. */
  readonly space?: boolean;
  /** A comment before each event. */
  readonly comments?: boolean;
  /** JSON payloads are spread over several `data:` lines. */
  readonly multiLine?: boolean;
  readonly bom?: boolean;
  /** Bytes per write; absent: one write per event; `whole`: one write in all. */
  readonly chunk?: number | "whole";
  /** The blank line after the last event. */
  readonly trailingBlank?: boolean;
  /** `data: [DONE]` at the end. */
  readonly done?: boolean;
}

/** A stream: of given payloads, or made of a content. */
export interface StreamShape extends Content {
  /** Payloads of the events; objects are written as JSON. Replaces the content. */
  readonly events?: readonly (string | object)[];
  readonly framing?: Framing;
  /** Between two writes. */
  readonly pause?: number;
  readonly headers?: Headers;
}

/** How a connection or a body ends too early. */
export type CutStyle =
  /** TCP reset. */
  | "reset"
  /** TCP FIN inside a chunked body. */
  | "fin"
  /** The body's proper end (a 0-chunk), only too early. */
  | "end"
  /** A body that is delimited by the connection's end, and ends too early. */
  | "eof"
  /** A Content-Length that fits the half answer. */
  | "length"
  /** A Content-Length that promises more than comes, then FIN. */
  | "short";

interface Behaviours {
  /** A correct answer for the path: streamed when the request says so, else whole. */
  answer: Content & {
    readonly headers?: Headers;
    readonly framing?: Framing;
    readonly pause?: number;
    readonly body?: unknown;
  };
  /** A stream, whatever the request says. */
  stream: StreamShape;
  /** The request body that came, as the answer's text. */
  echo: { readonly headers?: Headers };
  /** An HTTP error (or any status) with a body of OpenAI's shape unless one is given. */
  status: { readonly status: number; readonly body?: unknown; readonly headers?: Headers };
  /** Status 200 with an error body. */
  "error-body": { readonly error?: object };
  /** Reset before the head of the answer. */
  "reset-before": { readonly delay?: number };
  /** FIN before the head of the answer. */
  "close-before": { readonly delay?: number };
  /** Bytes as they are, on the socket, in place of an HTTP answer. */
  raw: { readonly bytes: string | Uint8Array; readonly next: "fin" | "reset" | "keep" };
  /** Takes the request and never answers. */
  silence: object;
  /** The head comes late, then a correct answer. */
  "slow-headers": Content & { readonly delay: number };
  /** The head comes at once, the first event late; optionally comments meanwhile. */
  "slow-first-token": StreamShape & { readonly delay: number; readonly heartbeat?: number };
  /** The stream ends too early, after so many events. */
  cut: StreamShape & { readonly after: number; readonly how: CutStyle };
  /** The stream falls silent after so many events, optionally but for comments; for good, or for so long. */
  stall: StreamShape & { readonly after: number; readonly heartbeat?: number; readonly resume?: number };
  /** An event that is no JSON after so many good ones; the rest of the stream follows. */
  malformed: StreamShape & { readonly after: number; readonly payload?: string };
  /** An error event after so many good ones, and then the stream's end, or nothing more. */
  "error-event": StreamShape & {
    readonly after: number;
    readonly error?: object;
    /** `named`: with an `event: error` line. */
    readonly form?: "data" | "named";
    readonly next?: "end" | "done" | "hang";
  };
  /** A complete stream, then a reset instead of a 0-chunk. */
  "reset-after-done": StreamShape;
  /** A complete stream, but the body never ends. */
  "hang-after-done": StreamShape;
  /** A web page. */
  html: { readonly status?: number };
  /** Status 200 and no body. */
  empty: { readonly type?: string };
  /** Status 200 and `null` as JSON. */
  null: object;
  /** Status 204. */
  "no-content": object;
  /** A whole JSON answer where a stream was asked for. */
  "json-for-stream": Content;
  /** A stream where a whole answer was asked for. */
  "stream-for-json": StreamShape;
  /** A clean HTTP answer whose JSON stops in the middle. */
  "truncated-json": Content;
  /** JSON nested so deeply. */
  "deep-json": { readonly depth: number };
  redirect: { readonly status: 301 | 302 | 303 | 307 | 308; readonly to: string };
  /** A compressed answer (of a stream, if one was asked for). `lie`: the body is plain. `bomb`: 100 MiB of zeros. */
  compressed: Content & {
    readonly encoding: CompressionName;
    readonly fault?: "lie" | "cut" | "bomb";
  };
  /** A stream with one event of so many bytes, correctly ended. */
  "huge-line": { readonly bytes: number };
  /** A line that never ends. Heeds backpressure. */
  "endless-line": object;
  /** Good events without end. Heeds backpressure. */
  "endless-stream": { readonly bytes?: number; readonly pause?: number };
}

export type BehaviourKind = keyof Behaviours;

/** `BehaviourOf<"cut">` is one behaviour; over all kinds it is the union of them all. */
export type BehaviourOf<Kind extends BehaviourKind> = {
  [K in Kind]: { readonly kind: K } & Behaviours[K];
}[Kind];
export type Behaviour = BehaviourOf<BehaviourKind>;
