import { isJsonObject, own } from "../../../kernel/json.ts";
import type { JsonObject } from "../../../kernel/json.ts";
import { SseSplitter } from "../../../wire/sse.ts";
import { elements, parseItem, rawField, scan, stringOf, textOf, withFields } from "./items.ts";

/** Members of the response object that are to say something else than the backend does, as JSON text. */
export type Envelope = ReadonlyMap<string, Buffer>;

/** A response that is over, as it goes to the client. */
export interface FinalResponse {
  readonly id: string;
  readonly status: string;
  /** JSON text of the response object. */
  readonly object: Buffer;
  /** What it said, each item as JSON text. */
  readonly output: readonly Buffer[];
}

/** A block of a stream, as it goes to the client. */
export interface ReadBlock {
  readonly raw: Buffer;
  /** The event's name; absent for comments and the like. */
  readonly type?: string;
  /** JSON text of the event. */
  readonly data?: Buffer;
  /** JSON text of the response object that it bears. */
  readonly object?: Buffer;
  /** Present when it is the last one. */
  readonly final?: FinalResponse;
}

/** Events that bear the response object. */
const bearing: ReadonlySet<string> = new Set([
  "response.created",
  "response.queued",
  "response.in_progress",
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.cancelled",
]);

/** The last ones of a stream. */
const terminal: ReadonlySet<string> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.cancelled",
]);

/** Reads along in a stream of Responses events, and changes what the envelope says. Every other byte stays as it came. */
export class ResponseReader {
  readonly #envelope: Envelope;
  readonly #splitter: SseSplitter;
  /** Whole items as they were said: some backends leave the final response's output empty. */
  readonly #said: Buffer[] = [];
  #saidBytes = 0;
  readonly #limit: number;

  /** @param limit Most bytes of one event, and of all items that are remembered: a stream may go on without end. */
  constructor(envelope: Envelope, limit: number) {
    this.#envelope = envelope;
    this.#limit = limit;
    this.#splitter = new SseSplitter(limit);
  }

  push(bytes: Buffer): readonly ReadBlock[] {
    return this.#splitter.push(bytes).map((block) => this.#read(block));
  }

  end(): readonly ReadBlock[] {
    return this.#splitter.end().map((block) => this.#read(block));
  }

  #read({ raw, message }: { raw: Buffer; message?: { event: string; data: string } }): ReadBlock {
    if (message === undefined || message.data === "[DONE]") return { raw };
    const type = message.event.startsWith("response.") ? message.event : typeIn(message.data);
    if (type === undefined) return { raw };
    const data = Buffer.from(message.data);
    if (type === "response.output_item.done") {
      const event = scan(data);
      const item = event === undefined ? undefined : rawField(data, event, "item");
      if (item !== undefined) this.#say(item);
    }
    if (!bearing.has(type)) return { raw, type, data };
    return this.#bearing(raw, type, data);
  }

  #say(item: Buffer): void {
    this.#saidBytes += item.length;
    if (this.#saidBytes <= this.#limit) this.#said.push(Buffer.from(item));
    else this.#said.length = 0;
  }

  #bearing(raw: Buffer, type: string, data: Buffer): ReadBlock {
    const event = scan(data);
    const given = event === undefined ? undefined : rawField(data, event, "response");
    if (event === undefined || given === undefined) return { raw, type, data };
    const last = terminal.has(type);
    const response = reworded(given, this.#envelope, last ? this.#said : []);
    if (response === undefined) return { raw, type, data };
    const changed = this.#envelope.size > 0;
    const newData = changed ? withFields(data, event, new Map([["response", response.object]])) : data;
    const newRaw = changed ? Buffer.from(`event: ${type}\ndata: ${newData.toString("utf8")}\n\n`) : raw;
    return { raw: newRaw, type, data: newData, object: response.object, ...(last && { final: response }) };
  }
}

/** The response object of an unstreamed answer as it goes to the client; undefined where the body is none. */
export function readWhole(body: Buffer, envelope: Envelope): FinalResponse | undefined {
  const response = reworded(body, envelope, []);
  return response === undefined || response.status === "" ? undefined : response;
}

function reworded(given: Buffer, envelope: Envelope, said: readonly Buffer[]): FinalResponse | undefined {
  const object = scan(given);
  if (object === undefined) return undefined;
  const stated = rawField(given, object, "output");
  const items = stated?.[0] === 91 ? elements(stated) : [];
  const changed = envelope.size === 0 ? given : withFields(given, object, envelope);
  const known = head(given, object);
  const id = envelope.get("id");
  return {
    id: id === undefined ? (known("id") ?? "") : String(JSON.parse(id.toString("utf8"))),
    status: known("status") ?? (known("object") === "response" ? "completed" : ""),
    object: changed,
    output: items.length > 0 ? items : said,
  };
}

function head(bytes: Buffer, object: NonNullable<ReturnType<typeof scan>>) {
  return (name: string): string | undefined => {
    const raw = rawField(bytes, object, name);
    if (raw?.[0] !== 34) return undefined;
    const value: unknown = JSON.parse(raw.toString("utf8"));
    return typeof value === "string" ? value : undefined;
  };
}

const typeAtFront = /^\s*\{\s*"type"\s*:\s*"([^"\\]{1,100})"/;

function typeIn(data: string): string | undefined {
  const near = typeAtFront.exec(data.slice(0, 200));
  if (near !== null) return near[1];
  const event = parseItem(Buffer.from(data));
  return event === undefined
    ? undefined
    : (stringOf(event, "type") ?? (own(event, "error") === undefined ? undefined : "error"));
}

/** What to say of a request whose response does not exist yet, or never will. */
export interface Draft {
  readonly id: string;
  readonly status: "queued" | "in_progress" | "completed" | "failed" | "cancelled";
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Request fields that a response repeats, with what it says where the request is silent. */
const repeated: JsonObject = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  parallel_tool_calls: true,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: "default",
  store: true,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  truncation: "disabled",
  user: null,
  metadata: {},
};

/** What a response repeats of its request. */
export function repeatedOf(request: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(request).filter(([name]) => Object.hasOwn(repeated, name)));
}

/** A response object without output, with every member that clients ask for. */
export function draft(request: JsonObject, about: Draft, envelope: Envelope): Buffer {
  const echoes = Object.fromEntries(
    Object.entries(repeated).map(([name, usual]) => [name, own(request, name) ?? usual]),
  );
  const response: JsonObject = {
    object: "response",
    created_at: about.created,
    completed_at: null,
    incomplete_details: null,
    background: false,
    previous_response_id: null,
    ...echoes,
    id: about.id,
    status: about.status,
    error: about.error ?? null,
    model: about.model,
    output: [],
    usage: null,
  };
  const text = textOf(response);
  const object = scan(text);
  return object === undefined ? text : withFields(text, object, envelope);
}

/** The error that an answer of ours in the protocol's shape tells of. */
export function errorIn(body: Buffer): { readonly code: string; readonly message: string; readonly whole: JsonObject } {
  const parsed = parseItem(body);
  const error = parsed === undefined ? undefined : own(parsed, "error");
  const whole = isJsonObject(error) ? error : (parsed ?? {});
  return {
    code: stringOf(whole, "code") ?? "server_error",
    message: stringOf(whole, "message") ?? "The response failed.",
    whole,
  };
}
