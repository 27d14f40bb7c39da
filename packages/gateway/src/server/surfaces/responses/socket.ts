import type { RawData, WebSocket, WebSocketServer } from "ws";
import { failure } from "../../../kernel/failure.ts";
import { credentialsOf, newId as newRequestId } from "../../caller.ts";
import { isLoopback } from "../../guard.ts";
import type { Upgrade } from "../../order.ts";
import { Connection } from "./connection.ts";
import type { Responses } from "./responses.ts";

/** How often connections are asked whether they live; one that did not answer by the next time is ended. Milliseconds. */
const beatInterval = 30_000;

/** Longest that a connection may do nothing; milliseconds. OpenAI ends connections after an hour. */
const longestIdle = 3_600_000;

/** Most connections of this kind at a time. */
const mostConnections = 1000;

/** `GET /v1/responses` as a WebSocket, which Codex and others prefer (Open Responses, "WebSocket mode"). */
export class ResponseSockets {
  readonly #responses: Responses;
  readonly #connections = new Map<Connection, { answered: boolean }>();
  #server: Promise<WebSocketServer> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(responses: Responses) {
    this.#responses = responses;
    responses.gateway.drains({
      drain: () => this.#each((connection) => connection.drain()),
      stop: () => this.#each((connection) => connection.terminate()),
    });
  }

  /** Connections open now. */
  get size(): number {
    return this.#connections.size;
  }

  accept(upgrade: Upgrade): void {
    if (this.#connections.size >= mostConnections) {
      return upgrade.refuse(failure("overwhelmed", `${mostConnections} WebSockets are open.`));
    }
    this.#server ??= load(this.#responses.gateway.service.current().config.server.limits.body);
    const { request, socket, head } = upgrade;
    this.#server.then(
      (server) => server.handleUpgrade(request, socket, head, (accepted) => this.#connected(accepted, upgrade)),
      (error: unknown) => {
        this.#responses.gateway.service.report("error", "WebSocket could not be loaded", error);
        upgrade.refuse(failure("upgrade-required", "WebSocket is not available; use HTTP."));
      },
    );
  }

  #connected(socket: WebSocket, { request, socket: wire }: Upgrade): void {
    const { gateway } = this.#responses;
    const peer = { loopback: isLoopback(request.socket.remoteAddress) };
    const connection = new Connection(this.#responses, socket, {
      headers: request.headers,
      // Asked for each response: a key may have been taken back since, and each counts for its address.
      authenticate: () => {
        const crowded = gateway.addresses.message(request, gateway.service.current().config.server.limits.perAddress);
        if (crowded !== undefined) return { ok: false, failure: crowded };
        return gateway.service.current().authenticator.authenticate(credentialsOf(request), peer);
      },
      newId: newRequestId,
    });
    const life = { answered: true };
    this.#connections.set(connection, life);
    this.#timer ??= setInterval(() => this.#beat(), beatInterval).unref();
    // A message counts from its first byte: many that never end would hold as much as many requests.
    let begun = 0;
    const whole = () => {
      gateway.bodies.give(begun);
      begun = 0;
    };
    wire.prependListener("data", (chunk: Buffer) => {
      if (gateway.bodies.take(chunk.length)) begun += chunk.length;
      else connection.terminate();
    });
    socket.on("pong", () => (life.answered = true));
    socket.on("ping", (data: Buffer) => connection.pong(data));
    socket.on("message", (data: RawData, binary: boolean) => {
      life.answered = true;
      whole();
      connection.receive(bytesOf(data), binary);
    });
    // What is wrong with a connection ends it; `close` follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#connections.delete(connection);
      whole();
      connection.closed();
      if (this.#connections.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
  }

  #beat(): void {
    const oldest = this.#responses.gateway.service.clock.monotonic() - longestIdle;
    for (const [connection, life] of this.#connections) {
      if (!life.answered) connection.terminate();
      else if (connection.idleSince !== undefined && connection.idleSince < oldest) connection.drain();
      else connection.ping();
      life.answered = false;
    }
  }

  #each(act: (connection: Connection) => void): void {
    for (const connection of this.#connections.keys()) act(connection);
  }
}

/** Loaded with the first connection: most gateways see none. */
async function load(largest: number): Promise<WebSocketServer> {
  const { WebSocketServer: Server } = await import("ws");
  return new Server({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: largest,
    clientTracking: false,
    autoPong: false,
  });
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
