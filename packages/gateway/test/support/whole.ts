import type { BehaviourOf, Content, Headers } from "./behaviour.ts";
import type { Exchange } from "./call.ts";
import { finish, head, reply, reset, wait, write } from "./call.ts";
import { bomb, compress } from "./compress.ts";
import { chatCompletion, embeddings, errorBody, textCompletion } from "./payloads.ts";
import { requestOf, sendStream, streamWrites, wantsStream } from "./streams.ts";

/** Behaviours whose answers are one body, or none. */

/** The whole answer for the path that was asked. */
function answerBody(exchange: Exchange, content: Content): object {
  const { path } = exchange.call;
  if (path.endsWith("/embeddings")) return embeddings(requestOf(exchange), content);
  if (path.endsWith("/completions") && !path.endsWith("/chat/completions")) return textCompletion(content);
  return chatCompletion(content);
}

function replyJson(exchange: Exchange, body: unknown, more: { status?: number; headers?: Headers } = {}): void {
  reply(exchange, { ...more, body: typeof body === "string" ? body : JSON.stringify(body) });
}

export async function answer(exchange: Exchange, behaviour: Omit<BehaviourOf<"answer">, "kind">): Promise<void> {
  if (behaviour.body === undefined && wantsStream(exchange)) {
    await sendStream(exchange, behaviour);
    exchange.response.end();
    return;
  }
  replyJson(exchange, behaviour.body ?? answerBody(exchange, behaviour), {
    headers: behaviour.headers ?? {},
  });
}

export async function echo(exchange: Exchange, behaviour: BehaviourOf<"echo">): Promise<void> {
  await answer(exchange, { ...behaviour, text: exchange.call.body.toString() });
}

export function status(exchange: Exchange, behaviour: BehaviourOf<"status">): void {
  replyJson(exchange, behaviour.body ?? errorBody(behaviour.status), {
    status: behaviour.status,
    headers: behaviour.headers ?? {},
  });
}

export function errorBodyWith200(exchange: Exchange, behaviour: BehaviourOf<"error-body">): void {
  replyJson(exchange, {
    error: behaviour.error ?? { message: "Overloaded.", type: "server_error", code: 503 },
  });
}

export async function resetBefore(exchange: Exchange, behaviour: BehaviourOf<"reset-before">): Promise<void> {
  await wait(exchange, behaviour.delay ?? 0);
  reset(exchange);
}

export async function closeBefore(exchange: Exchange, behaviour: BehaviourOf<"close-before">): Promise<void> {
  await wait(exchange, behaviour.delay ?? 0);
  finish(exchange);
}

export function raw(exchange: Exchange, behaviour: BehaviourOf<"raw">): void {
  exchange.request.socket.write(behaviour.bytes, () => {
    if (behaviour.next === "reset") reset(exchange);
    else if (behaviour.next === "fin") finish(exchange);
  });
}

export async function slowHeaders(exchange: Exchange, behaviour: BehaviourOf<"slow-headers">): Promise<void> {
  await wait(exchange, behaviour.delay);
  await answer(exchange, behaviour);
}

export function html(exchange: Exchange, behaviour: BehaviourOf<"html">): void {
  const body =
    "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to the proxy</h1></body></html>";
  reply(exchange, { status: behaviour.status ?? 200, type: "text/html; charset=utf-8", body });
}

export function empty(exchange: Exchange, behaviour: BehaviourOf<"empty">): void {
  const type = behaviour.type ?? (wantsStream(exchange) ? "text/event-stream" : "application/json");
  reply(exchange, { type, body: "" });
}

export function nullBody(exchange: Exchange): void {
  replyJson(exchange, "null");
}

export function noContent(exchange: Exchange): void {
  exchange.response.writeHead(204).end();
}

export function jsonForStream(exchange: Exchange, behaviour: BehaviourOf<"json-for-stream">): void {
  replyJson(exchange, answerBody(exchange, behaviour));
}

export function truncatedJson(exchange: Exchange, behaviour: BehaviourOf<"truncated-json">): void {
  const body = JSON.stringify(answerBody(exchange, behaviour));
  replyJson(exchange, body.slice(0, Math.floor(body.length / 2)));
}

export function deepJson(exchange: Exchange, behaviour: BehaviourOf<"deep-json">): void {
  const deep = "[".repeat(behaviour.depth) + "]".repeat(behaviour.depth);
  replyJson(exchange, JSON.stringify(chatCompletion({})).replace(/\}$/u, `,"deep":${deep}}`));
}

export function redirect(exchange: Exchange, behaviour: BehaviourOf<"redirect">): void {
  exchange.response.writeHead(behaviour.status, { location: behaviour.to, "content-length": "0" }).end();
}

export async function compressed(exchange: Exchange, behaviour: BehaviourOf<"compressed">): Promise<void> {
  const { encoding, fault } = behaviour;
  const stream = wantsStream(exchange);
  const plain = stream
    ? Buffer.concat(streamWrites(exchange, behaviour))
    : Buffer.from(JSON.stringify(answerBody(exchange, behaviour)));
  head(exchange, 200, {
    "content-type": stream ? "text/event-stream" : "application/json",
    "content-encoding": encoding,
  });
  const whole = fault === "lie" ? plain : fault === "bomb" ? bomb(encoding) : compress(encoding, plain);
  await write(exchange, fault === "cut" ? whole.subarray(0, Math.floor(whole.length * 0.7)) : whole);
  exchange.response.end();
}
