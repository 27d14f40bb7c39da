import { Unserved } from "../../../relay/unserved.ts";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { assemble } from "../../../app/assemble.ts";
import { systemClock } from "../../../app/system-clock.ts";
import { ModelDirectory } from "../../../backends/directory.ts";
import { openaiChat } from "../../../codecs/openai-chat/index.ts";
import { openaiResponses } from "../../../codecs/openai-responses/index.ts";
import type { Codec } from "../../../kernel/codec.ts";
import { failure } from "../../../kernel/failure.ts";
import type { JsonObject } from "../../../kernel/json.ts";
import type { Protocol } from "../../../kernel/protocol.ts";
import { Ticker } from "../../../relay/ticker.ts";
import { Health } from "../../../routing/health.ts";
import { Rota } from "../../../routing/rota.ts";
import { openStore } from "../../../store/sqlite.ts";
import { createKey } from "../../../auth/keys.ts";
import { Gateway } from "../../gateway.ts";
import type { Refusal } from "../../runtime.ts";
import { addResponsesRoutes } from "./index.ts";
import type { ResponsesSurface } from "./index.ts";
import { configure } from "../../../../test/support/house.ts";

export type UpstreamState = "well" | "compacting" | "mute";

export interface Asked {
  readonly body: JsonObject;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The caller left before the end. */
  gone: boolean;
}

export interface Harness extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly gateway: Gateway;
  readonly surface: ResponsesSurface;
  /** What the upstream was asked, in order. */
  readonly asked: readonly Asked[];
  readonly refusals: readonly Refusal[];
  /** `compacting`: it serves `/responses/compact`; `mute`: its chat answers are empty. */
  upstreamIs(state: UpstreamState): void;
  /** A key that may use these models. */
  key(models?: readonly string[]): Promise<string>;
}

function textIn(body: JsonObject): string {
  const { input } = body;
  if (typeof input === "string") return input;
  const last = Array.isArray(input) ? (input.at(-1) as JsonObject) : {};
  const content = last["content"];
  if (typeof content === "string") return content;
  return Array.isArray(content) ? ((content[0] as JsonObject)["text"] as string) : JSON.stringify(last);
}

let number = 0;

/** What an upstream that speaks Responses says: how many items it was given, and the last text. */
async function answer(body: JsonObject, asked: Asked, response: ServerResponse): Promise<void> {
  const id = `resp_upstream${++number}`;
  const text = textIn(body);
  const count = Array.isArray(body["input"]) ? body["input"].length : 1;
  const item = {
    id: `msg_${number}`,
    type: "message",
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text: `${count}:${text.slice(0, 40)}`, annotations: [], logprobs: [] }],
  };
  const shell = {
    id,
    object: "response",
    created_at: 1,
    status: "in_progress",
    model: "up",
    output: [],
    previous_response_id: null,
  };
  const failed = text.includes("[failed]");
  const final = {
    ...shell,
    status: failed ? "failed" : "completed",
    output: [item],
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
  };
  if (text.includes("[error]")) {
    response.writeHead(400, { "content-type": "application/json" });
    return void response.end(
      JSON.stringify({
        error: { message: "no such luck", type: "invalid_request_error", param: "input", code: "bad_luck" },
      }),
    );
  }
  if (body["stream"] !== true) {
    response.writeHead(200, { "content-type": "application/json" });
    return void response.end(JSON.stringify(final));
  }
  let sequence = 0;
  const send = (type: string, more: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...more })}\n\n`);
  response.writeHead(200, { "content-type": "text/event-stream" });
  send("response.created", { response: shell });
  if (text.includes("[slow]")) {
    for (let step = 0; step < 100 && !asked.gone; step++) {
      send("response.output_text.delta", { item_id: item.id, output_index: 0, content_index: 0, delta: "." });
      await sleep(10);
    }
  }
  if (text.includes("[flood]")) {
    for (let step = 0; step < 3000 && !asked.gone; step++) {
      const more = response.write(
        `data: ${JSON.stringify({ type: "response.output_text.delta", delta: "x".repeat(10_000) })}\n\n`,
      );
      if (!more) while (response.writableNeedDrain && !asked.gone) await sleep(5);
    }
  }
  send("response.output_item.added", { output_index: 0, item: { ...item, content: [] } });
  send("response.output_text.delta", { item_id: item.id, output_index: 0, content_index: 0, delta: "." });
  if (text.includes("[cut]")) {
    await sleep(50);
    return void response.destroy();
  }
  send("response.output_item.done", { output_index: 0, item });
  send(failed ? "response.failed" : "response.completed", { response: final });
  response.end();
}

/** The same in Chat Completions: how many messages it was given, and the last text. */
function answerChat(body: JsonObject, response: ServerResponse, mute: boolean): void {
  const messages = body["messages"] as JsonObject[];
  const content = mute ? "" : `${messages.length}:${JSON.stringify(messages.at(-1)?.["content"]).slice(0, 60)}`;
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const id = `chatcmpl-${++number}`;
  if (body["stream"] !== true) {
    response.writeHead(200, { "content-type": "application/json" });
    const choice = { index: 0, message: { role: "assistant", content }, finish_reason: "stop" };
    return void response.end(
      JSON.stringify({ id, object: "chat.completion", created: 1, model: "chatty", choices: [choice], usage }),
    );
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const chunk = (choices: object[], more = {}) =>
    response.write(
      `data: ${JSON.stringify({ id, object: "chat.completion.chunk", created: 1, model: "chatty", choices, ...more })}\n\n`,
    );
  chunk([{ index: 0, delta: { role: "assistant", content }, finish_reason: null }]);
  chunk([{ index: 0, delta: {}, finish_reason: "stop" }]);
  chunk([], { usage });
  response.end("data: [DONE]\n\n");
}

function nothing(): void {}

/** A gateway before an upstream that speaks Responses (model `m`) and Chat Completions (`chat/chatty`). */
export async function startHarness(document: object = {}): Promise<Harness> {
  const asked: Asked[] = [];
  let state: UpstreamState = "well";
  const upstream = createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString() || "{}") as JsonObject;
      const call: Asked = { body, path: request.url ?? "", headers: request.headers, gone: false };
      response.on("close", () => (call.gone = !response.writableFinished));
      response.on("error", () => {});
      asked.push(call);
      if (call.path.endsWith("/compact")) {
        const compacts = state === "compacting";
        response.writeHead(compacts ? 200 : 404, { "content-type": "application/json" });
        return void response.end(
          compacts ? '{"id":"resp_compacted","object":"response.compaction","output":[]}' : "{}",
        );
      }
      if (call.path.endsWith("/chat/completions")) return answerChat(body, response, state === "mute");
      void answer(body, call, response);
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const up = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`;
  const { config } = configure({
    document: {
      endpoints: [
        { name: "up", type: "openai", url: up, credentials: [{ apiKey: "key-up" }], models: ["m"] },
        { name: "chat", type: "openai-compatible", url: up, credentials: [{ apiKey: "key-up" }], models: ["chatty"] },
      ],
      ...document,
    },
  });
  const store = openStore({ file: ":memory:", clock: systemClock });
  const { runtime, backends } = assemble(config, {
    clock: systemClock,
    keys: store.keys,
    directory: new ModelDirectory(),
  });
  const codecs = new Map<Protocol, Codec>([openaiChat, openaiResponses].map((codec) => [codec.protocol, codec]));
  const ticker = new Ticker(systemClock, 20);
  const refusals: Refusal[] = [];
  const health = new Health(systemClock);
  const gateway = new Gateway(
    {
      clock: systemClock,
      codecs,
      version: "test",
      relay: {
        clock: systemClock,
        ticker,
        features: [],
        unserved: new Unserved(systemClock),
        media: { get: async () => ({ ok: false, failure: failure("bad-request", "no media here") }) },
        health,
        codecs,
        observer: { attempted: nothing, settled: nothing, threw: (error) => console.error(error) },
      },
      routing: { health, rota: new Rota(), random: () => 0 },
      current: () => runtime,
      troubles: () => [],
      notes: () => [],
      metrics: async () => "",
      refused: (refusal) => refusals.push(refusal),
      report: (_level, message, error) => console.error(message, error),
    },
    openaiChat.ingress,
  );
  const surface = addResponsesRoutes(gateway, openaiResponses);
  const port = await gateway.listen("127.0.0.1", 0);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    gateway,
    surface,
    asked,
    refusals,
    upstreamIs: (now) => (state = now),
    key: async (models) => {
      const now = Date.now();
      const made = createKey({ name: "test", now, pepper: store.keys.pepper(), ...(models && { models }) });
      await store.keys.insert(made.stored);
      await sleep(15);
      return made.key;
    },
    [Symbol.asyncDispose]: async () => {
      await gateway.drain(0);
      ticker[Symbol.dispose]();
      await Promise.all([...backends.values()].map((backend) => backend[Symbol.asyncDispose]()));
      await store[Symbol.asyncDispose]();
      upstream.closeAllConnections();
      upstream.close();
    },
  };
}
