import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSocketServer, type Socket } from "node:net";
import type { Behaviour } from "./behaviour.ts";
import type { Call, Exchange } from "./call.ts";
import { reply } from "./call.ts";
import { modelList } from "./payloads.ts";
import { perform } from "./perform.ts";
import { close, listen, portOf } from "./port.ts";

export type { Behaviour, BehaviourKind, BehaviourOf, Content, Framing, StreamShape } from "./behaviour.ts";
export type { Call } from "./call.ts";

/** The same for every call; one each, the last one repeated; or chosen by the call. `index` counts from 0. */
export type Script = Behaviour | readonly Behaviour[] | ((call: Call, index: number) => Behaviour);

export interface UpstreamOptions {
  readonly script?: Script;
  /** The names that `GET /models` lists, or what it does instead. */
  readonly models?: readonly string[] | Behaviour;
  /** Milliseconds after which an idle connection is closed; 60 s unless told, so that tests meet no stale connection by chance. */
  readonly keepAlive?: number;
}

/** An OpenAI-like server that does what it is told and counts. */
export interface Upstream extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/v1`. */
  readonly url: string;
  readonly port: number;
  /** Calls so far, but for those of the model list. */
  readonly calls: readonly Call[];
  /** `calls.length`. */
  readonly count: number;
  /** Calls of the model list. */
  readonly listings: number;
  /** Connections accepted so far, and open now. */
  readonly connections: number;
  readonly open: number;
  /** Replaces the script; an array starts over. */
  script(script: Script): void;
  /** Resolves once there were so many calls, rejects after five seconds. */
  reached(count: number): Promise<void>;
  /** Closes the connections that are idle, as servers do. */
  closeIdle(): void;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** A port of this machine on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createSocketServer();
  const port = await listen(server);
  await close(server);
  return port;
}

class UpstreamServer implements Upstream {
  readonly calls: Call[] = [];
  listings = 0;
  connections = 0;
  readonly #server = createServer({ keepAlive: true, requestTimeout: 0 });
  readonly #sockets = new Map<Socket, { readonly number: number; turns: number }>();
  readonly #models: readonly string[] | Behaviour;
  #script: Script;
  #scripted = 0;
  #disposing = false;

  constructor(options: UpstreamOptions) {
    this.#script = options.script ?? { kind: "answer" };
    this.#models = options.models ?? ["upstream-model"];
    this.#server.keepAliveTimeout = options.keepAlive ?? 60_000;
    // Node would close a second later than it says.
    if (options.keepAlive !== undefined) this.#server.keepAliveTimeoutBuffer = 0;
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.#sockets.set(socket, { number: this.connections, turns: 0 });
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
    this.#server.on("request", (request: IncomingMessage, response: ServerResponse) =>
      this.#receive(request, response),
    );
  }

  async listen(): Promise<this> {
    await listen(this.#server);
    return this;
  }

  get port(): number {
    return portOf(this.#server);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  get count(): number {
    return this.calls.length;
  }

  get open(): number {
    return this.#sockets.size;
  }

  script(script: Script): void {
    this.#script = script;
    this.#scripted = 0;
  }

  async reached(count: number): Promise<void> {
    const deadline = performance.now() + 5000;
    while (this.calls.length < count) {
      if (performance.now() > deadline) throw new Error(`Only ${this.calls.length} of ${count} calls came within 5 s.`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposing = true;
    this.#server.closeAllConnections();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await close(this.#server);
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const place = this.#sockets.get(request.socket) ?? { number: 0, turns: 0 };
    place.turns += 1;
    const { number, turns } = place;
    const chunks: Buffer[] = [];
    request.on("error", () => {});
    response.on("error", () => {});
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      void this.#perform(this.#exchange({ request, response, body, connection: number, turn: turns }));
    });
  }

  #exchange(got: {
    request: IncomingMessage;
    response: ServerResponse;
    body: Buffer;
    connection: number;
    turn: number;
  }): Exchange {
    const { request, response, body } = got;
    const gone = new AbortController();
    const ended = Promise.withResolvers<void>();
    let ours = false;
    const call: Exchange["call"] = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body,
      json: parse(body),
      at: performance.now(),
      connection: got.connection,
      turn: got.turn,
      aborted: false,
      endedAt: undefined,
      sent: 0,
      ended: ended.promise,
    };
    response.on("close", () => {
      call.aborted = !ours && !this.#disposing && !response.writableFinished;
      call.endedAt = performance.now();
      gone.abort();
      ended.resolve();
    });
    return { call, request, response, gone: gone.signal, ours: () => (ours = true) };
  }

  async #perform(exchange: Exchange): Promise<void> {
    try {
      const { call } = exchange;
      if (call.method === "GET" && /\/models(\?|$)/u.test(call.path)) {
        this.listings += 1;
        await this.#list(exchange);
        return;
      }
      this.calls.push(call);
      await perform(exchange, this.#next(call));
    } catch (error) {
      // A caller who leaves is what some tests are about; anything else is a fault of this support.
      if (!exchange.gone.aborted) throw error;
    }
  }

  async #list(exchange: Exchange): Promise<void> {
    const models = this.#models;
    if ("kind" in models) await perform(exchange, models);
    else reply(exchange, { body: JSON.stringify(modelList(models)) });
  }

  #next(call: Call): Behaviour {
    const script = this.#script;
    const index = this.#scripted;
    this.#scripted += 1;
    if (typeof script === "function") return script(call, index);
    if ("kind" in script) return script;
    const behaviour = script[Math.min(index, script.length - 1)];
    if (behaviour === undefined) throw new Error("The script is empty.");
    return behaviour;
  }
}

/** Starts a test upstream on a free port of the loopback interface; `await using` closes it with all its connections. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  return new UpstreamServer(options).listen();
}
