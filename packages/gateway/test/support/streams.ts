import type { BehaviourOf, Content, StreamShape } from "./behaviour.ts";
import type { Exchange } from "./call.ts";
import { finish, forever, head, reset, wait, write } from "./call.ts";
import { frame, frameEvent } from "./framing.ts";
import { chatChunks, textChunks } from "./payloads.ts";

/** Behaviours whose answers are streams. */

/** Longer than any test, within what a timer takes: milliseconds. */
const endless = 2 ** 31 - 1;

/** The request's body as an object; empty where it was none. */
export function requestOf(exchange: Exchange): { readonly [name: string]: unknown } {
  const { json } = exchange.call;
  return typeof json === "object" && json !== null ? { ...json } : {};
}

export function wantsStream(exchange: Exchange): boolean {
  return requestOf(exchange)["stream"] === true;
}

function payloadsOf(exchange: Exchange, shape: StreamShape): readonly string[] {
  const options = requestOf(exchange)["stream_options"];
  const includeUsage =
    typeof options === "object" && options !== null && "include_usage" in options && options.include_usage === true;
  const { path } = exchange.call;
  const chunks = path.endsWith("/completions") && !path.endsWith("/chat/completions") ? textChunks : chatChunks;
  const events = shape.events ?? chunks(shape, includeUsage);
  return events.map((event) => (typeof event === "string" ? event : JSON.stringify(event)));
}

/** The whole stream as the writes that carry it. */
export function streamWrites(exchange: Exchange, shape: StreamShape): readonly Buffer[] {
  return frame(payloadsOf(exchange, shape), shape.framing ?? {});
}

function streamHead(exchange: Exchange, shape: Pick<StreamShape, "headers">): void {
  head(exchange, 200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    ...shape.headers,
  });
}

async function writeAll(exchange: Exchange, shape: StreamShape, writes: readonly Buffer[]): Promise<void> {
  for (const [index, bytes] of writes.entries()) {
    if (index > 0 && shape.pause !== undefined) await wait(exchange, shape.pause);
    await write(exchange, bytes);
  }
}

/** The first `after` events, as whole writes, without the `[DONE]`. */
async function writeFirst(exchange: Exchange, shape: StreamShape & { readonly after: number }): Promise<void> {
  const payloads = payloadsOf(exchange, shape).slice(0, shape.after);
  await writeAll(exchange, shape, frame(payloads, { ...shape.framing, done: false }));
}

/** Head and all writes, but not the body's end. */
export async function sendStream(exchange: Exchange, shape: StreamShape): Promise<void> {
  streamHead(exchange, shape);
  await writeAll(exchange, shape, streamWrites(exchange, shape));
}

/** Silence for so long, or comments at a pace. */
async function heartbeats(exchange: Exchange, pace: number | undefined, duration: number): Promise<void> {
  const step = Math.min(pace ?? duration, duration);
  for (let passed = 0; passed < duration; passed += step) {
    await wait(exchange, step);
    if (pace !== undefined) await write(exchange, ": still here\n\n");
  }
}

export async function stream(exchange: Exchange, behaviour: StreamShape): Promise<void> {
  await sendStream(exchange, behaviour);
  exchange.response.end();
}

export async function slowFirstToken(exchange: Exchange, behaviour: BehaviourOf<"slow-first-token">): Promise<void> {
  streamHead(exchange, behaviour);
  await heartbeats(exchange, behaviour.heartbeat, behaviour.delay);
  await writeAll(exchange, behaviour, streamWrites(exchange, behaviour));
  exchange.response.end();
}

export async function cut(exchange: Exchange, behaviour: BehaviourOf<"cut">): Promise<void> {
  const { response } = exchange;
  const { how, after } = behaviour;
  const length = frame(payloadsOf(exchange, behaviour).slice(0, after), {
    ...behaviour.framing,
    done: false,
  }).reduce((sum, bytes) => sum + bytes.length, 0);
  if (how === "eof") {
    response.useChunkedEncodingByDefault = false;
    response.setHeader("connection", "close");
  }
  if (how === "length") response.setHeader("content-length", length);
  if (how === "short") response.setHeader("content-length", length + 1000);
  streamHead(exchange, behaviour);
  await writeFirst(exchange, behaviour);
  if (how === "reset") {
    // A reset throws away what the peer has not read yet: it must get the events first.
    await wait(exchange, 30);
    reset(exchange);
  } else if (how === "fin" || how === "short") finish(exchange);
  else response.end();
}

export async function stall(exchange: Exchange, behaviour: BehaviourOf<"stall">): Promise<void> {
  streamHead(exchange, behaviour);
  await writeFirst(exchange, behaviour);
  await heartbeats(exchange, behaviour.heartbeat, behaviour.resume ?? endless);
  const rest = payloadsOf(exchange, behaviour).slice(behaviour.after);
  await writeAll(exchange, behaviour, frame(rest, behaviour.framing ?? {}));
  exchange.response.end();
}

export async function malformed(exchange: Exchange, behaviour: BehaviourOf<"malformed">): Promise<void> {
  const payloads = [...payloadsOf(exchange, behaviour)];
  payloads.splice(behaviour.after, 0, behaviour.payload ?? '{"id":"chatcmpl-1","choices":[{"delta":{"content":"');
  streamHead(exchange, behaviour);
  await writeAll(exchange, behaviour, frame(payloads, behaviour.framing ?? {}));
  exchange.response.end();
}

export async function errorEvent(exchange: Exchange, behaviour: BehaviourOf<"error-event">): Promise<void> {
  streamHead(exchange, behaviour);
  await writeFirst(exchange, behaviour);
  const error = JSON.stringify({
    error: behaviour.error ?? { message: "Overloaded.", type: "server_error", code: 503 },
  });
  const event = frameEvent(error, behaviour.framing ?? {});
  await write(exchange, behaviour.form === "named" ? `event: error\n${event}` : event);
  if (behaviour.next === "hang") await forever(exchange);
  exchange.response.end(behaviour.next === "done" ? "data: [DONE]\n\n" : undefined);
}

export async function resetAfterDone(exchange: Exchange, behaviour: BehaviourOf<"reset-after-done">): Promise<void> {
  await sendStream(exchange, behaviour);
  await wait(exchange, 30);
  reset(exchange);
}

export async function hangAfterDone(exchange: Exchange, behaviour: BehaviourOf<"hang-after-done">): Promise<void> {
  await sendStream(exchange, behaviour);
  await forever(exchange);
}

export async function hugeLine(exchange: Exchange, behaviour: BehaviourOf<"huge-line">): Promise<void> {
  await stream(exchange, { text: "x".repeat(behaviour.bytes) });
}

export async function endlessLine(exchange: Exchange): Promise<void> {
  streamHead(exchange, {});
  await write(exchange, 'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"');
  const bytes = Buffer.alloc(64 * 1024, "a");
  for (;;) await write(exchange, bytes);
}

export async function endlessStream(exchange: Exchange, behaviour: BehaviourOf<"endless-stream">): Promise<void> {
  streamHead(exchange, {});
  const content: Content = { text: "y".repeat(behaviour.bytes ?? 1000) };
  const event = Buffer.from(frameEvent(JSON.stringify(chatChunks(content, false)[1]), {}));
  for (;;) {
    await write(exchange, event);
    // Without a pause the turn still goes round, so that the server hears of closed connections.
    await new Promise((resolve) => setTimeout(resolve, behaviour.pause ?? 0));
  }
}
