import type { IncomingHttpHeaders } from "node:http";
import type { WebSocket } from "ws";
import type { Identity } from "../../../auth/identity.ts";
import { failure, failures } from "../../../kernel/failure.ts";
import type { Failure } from "../../../kernel/failure.ts";
import type { Result } from "../../../kernel/result.ts";
import { Rope } from "../../../wire/rope.ts";
import { limitedOf } from "../../caller.ts";
import type { Asker, RelayOrder } from "../../order.ts";
import { planFor } from "../../planning.ts";
import { headersFor, readRequest, scanBody } from "../generate.ts";
import { badField, unknownPrevious } from "./failures.ts";
import { parseItem, rawField, textOf, withFields } from "./items.ts";
import { draft, errorIn } from "./reader.ts";
import { newId, ownerOf } from "./responses.ts";
import type { Responses } from "./responses.ts";
import { errorMessage, SocketSink } from "./socket-sink.ts";
import { unfold } from "./unfold.ts";
import type { Unfolded } from "./unfold.ts";

/** Most requests that wait for the one under way. */
const longestQueue = 8;

/** Most bytes that a client may leave unread while it asks for more. */
const mostUnread = 8_388_608;

/** Close codes (RFC 6455, 7.4.1). */
const goingAway = 1001;
const unsupportedData = 1003;
const policyViolation = 1008;

export interface ConnectionPeer {
  /** Of the request that opened it. */
  readonly headers: IncomingHttpHeaders;
  readonly authenticate: () => Result<Identity>;
  readonly newId: () => string;
}

interface Turn {
  readonly asker: Asker;
  readonly identity: Identity;
  /** To whom what it refers to, and what comes of it, belong. */
  readonly owner: string;
}

/**
 * One WebSocket. Requests are answered one after the other. What is not to be stored can be continued on this
 * connection alone, and is gone with it.
 */
export class Connection {
  readonly #responses: Responses;
  readonly #socket: WebSocket;
  readonly #peer: ConnectionPeer;
  readonly #own = newId("socket");
  readonly #queue: Buffer[] = [];
  #sink: SocketSink | undefined;
  #draining = false;
  #idleSince: number;

  constructor(responses: Responses, socket: WebSocket, peer: ConnectionPeer) {
    this.#responses = responses;
    this.#socket = socket;
    this.#peer = peer;
    this.#idleSince = responses.gateway.service.clock.monotonic();
  }

  /** Monotonic milliseconds; undefined while a response is under way. */
  get idleSince(): number | undefined {
    return this.#sink === undefined ? this.#idleSince : undefined;
  }

  receive(bytes: Buffer, binary: boolean): void {
    if (binary) return this.#socket.close(unsupportedData, "Messages are JSON as text.");
    if (this.#draining || this.#isDeaf()) return;
    if (this.#queue.length >= longestQueue || !this.#responses.gateway.bodies.take(bytes.length)) {
      return this.#socket.close(policyViolation, "Too many requests at a time.");
    }
    this.#queue.push(bytes);
    this.#advance();
  }

  ping(): void {
    this.#socket.ping();
  }

  /** Answers a ping, unless nobody reads the answers. */
  pong(data: Buffer): void {
    if (!this.#isDeaf()) this.#socket.pong(data);
  }

  /** Ends the connection of a client that asks and does not read: what it is told would pile up here. */
  #isDeaf(): boolean {
    if (this.#socket.bufferedAmount <= mostUnread) return false;
    this.terminate();
    return true;
  }

  /** Ends it when what is under way is over. */
  drain(): void {
    this.#stopReading();
    if (this.#sink === undefined) this.#socket.close(goingAway, "The gateway closes the connection.");
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** The socket is closed. */
  closed(): void {
    this.#stopReading();
    this.#sink?.gone();
    this.#responses.store.forget(this.#own);
  }

  #stopReading(): void {
    this.#draining = true;
    for (const message of this.#queue) this.#responses.gateway.bodies.give(message.length);
    this.#queue.length = 0;
  }

  /** Begins what waits, unless something is under way. */
  #advance(): void {
    while (this.#sink === undefined) {
      const message = this.#queue.shift();
      if (message === undefined) return;
      this.#responses.gateway.bodies.give(message.length);
      this.#start(message);
    }
  }

  #start(bytes: Buffer): void {
    const { service } = this.#responses.gateway;
    const id = this.#peer.newId();
    const startedAt = service.clock.monotonic();
    const agent = this.#peer.headers["user-agent"];
    const strict = this.#peer.headers["x-patchbay-strict"] === "true";
    const who = this.#peer.authenticate();
    if (!who.ok) return this.#refuse({ id, startedAt, caller: { agent }, strict }, who.failure, bytes.length);
    const identity = who.value;
    const keyId = identity.kind === "key" ? identity.id : identity.kind === "fixed" ? identity.name : undefined;
    const turn: Turn = {
      asker: { id, startedAt, caller: { agent, keyId, limited: limitedOf(identity) }, strict },
      identity,
      owner: ownerOf(identity),
    };
    const refused = this.#attend(bytes, turn);
    if (refused !== undefined) this.#refuse(turn.asker, refused, bytes.length);
  }

  /** Nothing below throws. If something does, this message is refused, and nobody else hears of it. */
  #attend(bytes: Buffer, turn: Turn): Failure | undefined {
    try {
      return this.#create(bytes, turn);
    } catch (error) {
      this.#responses.gateway.service.report("error", "a message handler threw", error);
      return failure("internal", "The gateway failed to handle the request.");
    }
  }

  /** Begins the response that a message asks for, or says why not. */
  #create(bytes: Buffer, turn: Turn): Failure | undefined {
    const { gateway, codec } = this.#responses;
    const runtime = gateway.service.current();
    const { depth } = runtime.config.server.limits;
    const scanned = scanBody(new Rope([bytes]), depth);
    if (!scanned.ok) return scanned.failure;
    const type = valueOf(rawField(bytes, scanned.value, "type"));
    // Codex tells that it has read an answer; nothing follows from it.
    if (type === "response.processed") return undefined;
    if (type !== "response.create") return badField("Messages must be of the type 'response.create'.", "type");
    const warm = valueOf(rawField(bytes, scanned.value, "generate")) === false;
    const changes = new Map([
      ["type", undefined],
      ["generate", undefined],
      ["stream", textOf(true)],
    ]);
    const read = readRequest(new Rope([withFields(bytes, scanned.value, changes)]), depth, true);
    if (!read.ok) return read.failure;
    const { model, body } = read.value;
    const asking = { model, protocol: codec.protocol, identity: turn.identity, headers: this.#peer.headers, body };
    const planned = planFor(asking, runtime, gateway.service);
    if (!planned.ok) return planned.failure;
    const headers = headersFor(codec, lasting(this.#peer.headers));
    const order: RelayOrder = { codec, runtime, requestedModel: model, body, plan: planned.value, headers };
    const outcome = unfold(order, { store: this.#responses.store, owners: [this.#own, turn.owner] });
    if (!outcome.ok) return outcome.failure;
    const { thread, keep, background } = outcome.value;
    if (background) return badField("Background responses are not made over a WebSocket.", "background");
    // Nobody but this connection could know what was not stored.
    if (thread.foreign && !keep) return unknownPrevious(previousIn(bytes) ?? "");
    if (!warm) return this.#run(outcome.value, turn, bytes);
    this.#warm(outcome.value, turn);
    return undefined;
  }

  /** Takes what the client sends ahead of its first request, and makes a response without an answer of it. */
  #warm({ order, thread, envelope, keep }: Unfolded, turn: Turn): void {
    const request = parseItem(order.body.rope.bytes) ?? {};
    const about = { id: newId("resp"), created: this.#responses.now(), model: order.requestedModel };
    const begun = parseItem(draft(request, { ...about, status: "in_progress" }, envelope)) ?? {};
    const object = draft(request, { ...about, status: "completed" }, envelope);
    const final = { id: about.id, status: "completed", object, output: [] };
    this.#responses.remember(keep ? turn.owner : this.#own, thread, { final, endpoint: undefined });
    this.#send(textOf({ type: "response.created", sequence_number: 0, response: begun }));
    this.#send(textOf({ type: "response.completed", sequence_number: 1, response: parseItem(object) ?? {} }));
  }

  #run({ order, thread, envelope, keep }: Unfolded, turn: Turn, bytes: Buffer): Failure | undefined {
    const { gateway } = this.#responses;
    const held = order.body.rope.length;
    if (!gateway.bodies.take(held)) return failure("overwhelmed", "Too many long conversations are under way.");
    const previous = thread.previous?.id ?? previousIn(bytes);
    const begun = gateway.begin(order, turn.asker, (closed) => {
      const client = new SocketSink(this.#socket, {
        envelope,
        limit: order.runtime.settings.answer,
        done: (answered) => {
          this.#responses.remember(keep ? turn.owner : this.#own, thread, answered);
          if (!keep) this.#responses.extend(turn.owner, thread, answered.final);
        },
        closed: (good) => {
          gateway.bodies.give(held);
          // Who failed to go on from there is to begin anew.
          if (!good && previous !== undefined) this.#responses.store.remove(this.#own, previous);
          closed();
          this.#next();
        },
      });
      this.#sink = client;
      return { client };
    });
    if (begun.ok) return undefined;
    gateway.bodies.give(held);
    return begun.failure;
  }

  #next(): void {
    this.#sink = undefined;
    this.#idleSince = this.#responses.gateway.service.clock.monotonic();
    if (this.#draining) return this.#socket.close(goingAway, "The gateway closes the connection.");
    // Not at once: the exchange that is ending has not returned yet.
    setImmediate(() => this.#advance());
  }

  #refuse(asker: Asker, why: Failure, bytesIn: number): void {
    const { gateway, codec } = this.#responses;
    const { status } = failures[why.kind];
    const message = errorMessage(status, errorIn(textOf(codec.ingress.writeError(why))).whole);
    gateway.service.refused({
      id: asker.id,
      failure: why,
      status,
      duration: gateway.service.clock.monotonic() - asker.startedAt,
      bytesOut: message.length,
      caller: asker.caller,
      about: { protocol: codec.protocol, stream: true, bytesIn },
    });
    this.#send(message);
  }

  #send(message: Buffer): void {
    const { bodies } = this.#responses.gateway;
    // It may repeat what the client said, which is to be held no longer than a request is.
    if (!bodies.take(message.length)) return this.terminate();
    this.#socket.send(message, { binary: false }, () => bodies.give(message.length));
  }
}

/** Names of headers that told of the moment in which the connection was opened. */
const momentary = new Set(["x-codex-turn-metadata", "x-codex-turn-state", "x-client-request-id", "idempotency-key"]);

/** What the headers of the upgrade say that goes for each request, and that is not about the WebSocket itself. */
function lasting(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !momentary.has(name)));
  const { "openai-beta": betas } = kept;
  if (typeof betas !== "string") return kept;
  const others = betas.split(",").filter((beta) => !beta.trim().startsWith("responses_websockets"));
  return { ...kept, "openai-beta": others.length === 0 ? undefined : others.join(",") };
}

function valueOf(raw: Buffer | undefined): unknown {
  return raw === undefined ? undefined : (JSON.parse(raw.toString("utf8")) as unknown);
}

function previousIn(bytes: Buffer): string | undefined {
  const value = parseItem(bytes)?.["previous_response_id"];
  return typeof value === "string" ? value : undefined;
}
