import { setTimeout as sleep } from "node:timers/promises";
import type { House } from "./house.ts";
import { field } from "./read-stream.ts";
import type { VendorKind } from "./vendors/server.ts";

/** Clients of each protocol that speak plain HTTP, so that a test sees every byte of what SDKs would hide. */

export interface WireWish {
  readonly model: string;
  readonly stream?: boolean;
  readonly prompt?: string;
  /** More fields of the body. */
  readonly more?: object;
  readonly headers?: { readonly [name: string]: string };
  readonly signal?: AbortSignal;
}

export interface WireAnswer {
  readonly id: string;
  readonly status: number;
  readonly headers: Headers;
  /** All bytes of the body as text. */
  readonly raw: string;
  /** The payloads of a stream, or the whole body as the only one. */
  readonly payloads: readonly unknown[];
  readonly text: string;
  /** The names of the model in the answer, each once. */
  readonly models: readonly string[];
  /** What an error's message says, in whichever shape and place. */
  readonly error: string | undefined;
  /** The protocol's own sign that the answer is complete was there. */
  readonly complete: boolean;
  /** The connection broke. */
  readonly broken: boolean;
}

export interface WireClient {
  readonly kind: VendorKind;
  path(wish: WireWish): string;
  body(wish: WireWish): object;
  /** The text that a payload adds. */
  textOf(payload: unknown): unknown;
  /** Whether a payload (or `raw`) says that the answer is complete. */
  isEnd(payload: unknown, stream: boolean): boolean;
}

const turn = (prompt = "Hello") => [{ role: "user", content: prompt }];
const ofType = (list: unknown, type: string): unknown[] =>
  Array.isArray(list) ? list.filter((item) => field(item, "type") === type) : [];
const join = (parts: readonly unknown[]): string => parts.map((part) => field(part, "text") ?? "").join("");

const chat: WireClient = {
  kind: "openai-chat",
  path: () => "/v1/chat/completions",
  body: ({ model, stream, prompt }) => ({
    model,
    messages: turn(prompt),
    ...(stream === true && { stream, stream_options: { include_usage: true } }),
  }),
  textOf: (payload) =>
    field(payload, "choices", 0, "delta", "content") ?? field(payload, "choices", 0, "message", "content"),
  isEnd: (payload, stream) =>
    stream ? payload === "[DONE]" : typeof field(payload, "choices", 0, "finish_reason") === "string",
};

const responses: WireClient = {
  kind: "openai-responses",
  path: () => "/v1/responses",
  body: ({ model, stream, prompt }) => ({
    model,
    input: turn(prompt),
    store: false,
    ...(stream === true && { stream }),
  }),
  textOf: (payload) => {
    if (field(payload, "type") === "response.output_text.delta") return field(payload, "delta");
    if (field(payload, "object") !== "response") return undefined;
    return join(ofType(field(payload, "output"), "message").map((item) => field(item, "content", 0)));
  },
  isEnd: (payload, stream) =>
    stream ? field(payload, "type") === "response.completed" : field(payload, "status") === "completed",
};

const completions: WireClient = {
  kind: "openai-completions",
  path: () => "/v1/completions",
  body: ({ model, stream, prompt = "Hello" }) => ({
    model,
    prompt,
    max_tokens: 1000,
    ...(stream === true && { stream, stream_options: { include_usage: true } }),
  }),
  textOf: (payload) => field(payload, "choices", 0, "text"),
  isEnd: (payload, stream) => chat.isEnd(payload, stream),
};

const anthropic: WireClient = {
  kind: "anthropic-messages",
  path: () => "/v1/messages",
  body: ({ model, stream, prompt }) => ({
    model,
    max_tokens: 1000,
    messages: turn(prompt),
    ...(stream === true && { stream }),
  }),
  textOf: (payload) => field(payload, "delta", "text") ?? join(ofType(field(payload, "content"), "text")),
  isEnd: (payload, stream) =>
    stream ? field(payload, "type") === "message_stop" : typeof field(payload, "stop_reason") === "string",
};

const gemini: WireClient = {
  kind: "gemini",
  path: ({ model, stream }) =>
    `/v1beta/models/${model}:${stream === true ? "streamGenerateContent?alt=sse" : "generateContent"}`,
  body: ({ prompt = "Hello" }) => ({ contents: [{ role: "user", parts: [{ text: prompt }] }] }),
  textOf: (payload) => {
    const parts = field(payload, "candidates", 0, "content", "parts");
    return join(Array.isArray(parts) ? parts.filter((part) => field(part, "thought") !== true) : []);
  },
  isEnd: (payload) => typeof field(payload, "candidates", 0, "finishReason") === "string",
};

const ollama: WireClient = {
  kind: "ollama",
  path: () => "/api/chat",
  body: ({ model, stream = false, prompt }) => ({ model, messages: turn(prompt), stream }),
  textOf: (payload) => field(payload, "message", "content"),
  isEnd: (payload) => field(payload, "done") === true,
};

export const wireClients: readonly WireClient[] = [chat, responses, completions, anthropic, gemini, ollama];

/** Where each vendor's protocol is spoken; a fake that knows only that answers 404 to its other paths. */
export const places: { readonly [kind in VendorKind]: RegExp } = {
  "openai-chat": /^\/v1\/chat\/completions$/u,
  "openai-responses": /^\/v1\/responses$/u,
  "openai-completions": /^\/v1\/completions$/u,
  "anthropic-messages": /^\/v1\/messages$/u,
  gemini: /^\/v1beta\/models\//u,
  ollama: /^\/api\/chat$/u,
};

/** Waits until something is so, for at most so many milliseconds. */
export async function until(isSo: () => boolean, most = 2000): Promise<void> {
  for (const deadline = performance.now() + most; !isSo() && performance.now() < deadline;) await sleep(5);
}

let count = 0;

/** Sends a request without reading its answer. */
export function send(house: House, client: WireClient, wish: WireWish): Promise<Response> {
  return fetch(house.url + client.path(wish), {
    method: "POST",
    headers: { "content-type": "application/json", "x-request-id": `wire-${++count}`, ...wish.headers },
    body: JSON.stringify({ ...client.body(wish), ...wish.more }),
    ...(wish.signal === undefined ? {} : { signal: wish.signal }),
  });
}

/** Asks and reads the answer to its end, however that comes. */
export async function askWire(house: House, client: WireClient, wish: WireWish): Promise<WireAnswer> {
  const response = await send(house, client, wish);
  let raw = "";
  let broken = false;
  try {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) raw += decoder.decode(chunk as Uint8Array, { stream: true });
  } catch {
    broken = true;
  }
  const stream = wish.stream === true && response.status === 200;
  const payloads = payloadsOf(raw, response.headers.get("content-type") ?? "");
  const models = payloads.flatMap((payload) => {
    const at = [["model"], ["modelVersion"], ["message", "model"], ["response", "model"]];
    return at.map((path) => field(payload, ...path)).filter((name) => typeof name === "string");
  });
  return {
    id: response.headers.get("x-request-id") ?? "",
    status: response.status,
    headers: response.headers,
    raw,
    payloads,
    text: payloads.map((payload) => client.textOf(payload) ?? "").join(""),
    models: [...new Set(models)],
    error: payloads.map(errorOf).find((message) => message !== undefined),
    complete: payloads.some((payload) => client.isEnd(payload, stream)),
    broken,
  };
}

function payloadsOf(raw: string, type: string): unknown[] {
  if (type.startsWith("text/event-stream")) {
    return [...raw.matchAll(/^data: ?(.*)$/gmu)].map(([, data = ""]) => (data === "[DONE]" ? data : parse(data)));
  }
  if (type.startsWith("application/x-ndjson")) return raw.split("\n").filter(Boolean).map(parse);
  return [parse(raw)];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { unreadable: text };
  }
}

function errorOf(payload: unknown): string | undefined {
  const response = field(payload, "response", "error", "message");
  const message = field(payload, "error", "message") ?? response ?? field(payload, "error");
  if (typeof message === "string") return message;
  return field(payload, "type") === "error" ? String(field(payload, "message")) : undefined;
}
