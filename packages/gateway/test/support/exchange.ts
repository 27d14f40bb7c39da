import { randomUUID } from "node:crypto";
import type { House } from "./house.ts";
import { field, readStream } from "./read-stream.ts";
import type { ReadStream } from "./read-stream.ts";

export interface Wish {
  readonly model: string;
  readonly stream: boolean;
  /** More fields of the request's body. */
  readonly more?: object;
  readonly signal?: AbortSignal;
}

/** Everything that a client sees of one chat request. */
export interface Outcome {
  readonly id: string;
  readonly status: number;
  readonly headers: Headers;
  /** The answer's text, streamed or not. */
  readonly text: string;
  readonly finishReason: unknown;
  readonly usage: unknown;
  /** The error's body, or the error event of a stream. */
  readonly error: unknown;
  /** All bytes of the answer as text. */
  readonly raw: string;
  /** Of a streamed answer. */
  readonly stream?: ReadStream;
  /** Milliseconds until the answer was over. */
  readonly duration: number;
}

/** Asks for a chat completion and reads the answer to its end. */
export async function ask(house: House, wish: Wish): Promise<Outcome> {
  const id = `test-${randomUUID()}`;
  const started = performance.now();
  const response = await fetch(`${house.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-request-id": id },
    body: JSON.stringify({
      model: wish.model,
      messages: [{ role: "user", content: "Hello" }],
      ...(wish.stream ? { stream: true } : {}),
      ...wish.more,
    }),
    ...(wish.signal === undefined ? {} : { signal: wish.signal }),
  });
  const common = { id, status: response.status, headers: response.headers };
  if (response.headers.get("content-type")?.startsWith("text/event-stream") === true) {
    const stream = await readStream(response);
    const { text, finishReason, usage, error } = stream;
    const duration = performance.now() - started;
    return { ...common, text, finishReason, usage, error, raw: stream.bytes.toString(), stream, duration };
  }
  const raw = await response.text();
  const json: unknown = JSON.parse(raw);
  const text = field(json, "choices", 0, "message", "content");
  return {
    ...common,
    text: typeof text === "string" ? text : "",
    finishReason: field(json, "choices", 0, "finish_reason"),
    usage: field(json, "usage"),
    error: field(json, "error"),
    raw,
    duration: performance.now() - started,
  };
}
