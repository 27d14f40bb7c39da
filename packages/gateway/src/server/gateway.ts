import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Ingress } from "../kernel/codec.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Result } from "../kernel/result.ts";
import { Roster } from "../kernel/roster.ts";
import { errorAnswer } from "../relay/error-answer.ts";
import { Exchange } from "../relay/exchange.ts";
import type { ClientSink } from "../relay/types.ts";
import { isPlainId } from "../wire/headers.ts";
import { AddressGuard } from "./address-guard.ts";
import { BodyBudget } from "./body.ts";
import { answerPreflight, corsHeaders } from "./cors.ts";
import { guard, isAllowedHost, isAllowedOrigin, isLoopback } from "./guard.ts";
import { askerOf, callerOf, credentialsOf, newId, openCaller, refuseAdmin, trustsPeer } from "./caller.ts";
import { addControlRoutes, controlPrefix } from "./control.ts";
import { addOperationRoutes } from "./operation.ts";
import type { Asker, Drainable, RelayOrder, Upgrade, Served } from "./order.ts";
import { rawAnswer } from "./raw-answer.ts";
import { Router } from "./router.ts";
import type { Incoming, Route } from "./router.ts";
import type { RefusedRequest, Runtime, Service } from "./runtime.ts";
import { ResponseSink } from "./sink.ts";
import { ErrorShapes } from "./shapes.ts";
import { addSurfaces } from "./surfaces/index.ts";

/** How long a refused upload is read on and thrown away, so that its sender reads our answer; milliseconds. */
const lingerTime = 1000;

/** Bodies up to this size, in bytes, are read to their end even when they were refused. */
const readOnLimit = 1_048_576;

/** How many bodies of the largest size may be under way at a time. */
const largeBodies = 8;

/** Longest that an idle client connection is kept; milliseconds. Longer than the usual 60 s of proxies before us. */
const keepAliveTime = 65_000;

/** How often connections that have become idle are closed while draining; milliseconds. */
const sweepInterval = 50;

/** Largest request head, in bytes. */
const headLimit = 32_768;

export type { Asker, Drainable, RelayOrder, Upgrade } from "./order.ts";

/** The listener: one port, one route table, and what is common to all routes. */
export class Gateway {
  readonly service: Service;
  readonly router = new Router();
  /** What the bodies of all requests may hold together. */
  readonly bodies: BodyBudget;
  /** How errors look to whom. */
  readonly shapes: ErrorShapes;
  readonly #errors: Pick<Ingress, "writeError">;
  readonly #server: Server;
  readonly #active = new Roster<Served>();
  readonly #upgrades = new Map<string, (upgrade: Upgrade) => void>();
  readonly #drainables: Drainable[] = [];
  readonly addresses: AddressGuard;
  readonly #waits = new Set<{ readonly left: Set<Served>; readonly resolve: () => void }>();
  #draining = false;
  #loopback = true;

  constructor(service: Service, errors: Pick<Ingress, "writeError">) {
    this.service = service;
    this.addresses = new AddressGuard(service.clock);
    this.#errors = errors;
    this.shapes = new ErrorShapes(service.codecs, errors);
    addOperationRoutes(this.router, errors, this);
    addControlRoutes(this.router, errors, this);
    addSurfaces(this);
    const { limits, timeouts } = service.current().config.server;
    this.bodies = new BodyBudget(limits.body * largeBodies);
    this.#server = createServer(
      {
        // Node refuses to start with a shorter time for the whole than for the head.
        headersTimeout: Math.min(timeouts.header, timeouts.request),
        requestTimeout: timeouts.request,
        connectionsCheckingInterval: 1000,
        keepAliveTimeout: keepAliveTime,
        // The guard asks for it, and answers in words.
        requireHostHeader: false,
        maxHeaderSize: headLimit,
        // Java's client offers HTTP/2 with every plain request; that offer may be ignored. A WebSocket's may not.
        shouldUpgradeCallback: (request: IncomingMessage) => request.headers.upgrade?.toLowerCase() === "websocket",
      },
      (request, response) => this.#receive(request, response),
    );
    this.#server.maxConnections = limits.connections;
    // Headers beyond a count would be left out unseen, a second Host among them; their bytes are limited anyway.
    this.#server.maxHeadersCount = 0;
    this.#server.on("clientError", (error, socket) => this.#clientError(error, socket));
    this.#server.on("upgrade", (request, socket, head) => {
      // Node has taken its own listener off: without one a reset would end the process.
      socket.on("error", ignore);
      const why = this.#upgrade(request, socket, head);
      if (why === undefined) return;
      this.#answerRaw(socket, why);
      socket.resume();
    });
  }

  /** Serves requests for a WebSocket at these paths. */
  upgrade(paths: readonly string[], handler: (upgrade: Upgrade) => void): void {
    for (const path of paths) this.#upgrades.set(path, handler);
  }

  /** Ends something with the listener. */
  drains(drainable: Drainable): void {
    this.#drainables.push(drainable);
  }

  /** Exchanges under way. */
  get active(): number {
    return this.#active.size;
  }

  /** Resolves when every exchange that is under way now is over. */
  settled(): Promise<void> {
    const left = new Set(this.#active);
    if (left.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waits.add({ left, resolve }));
  }

  /** Listens, and tells on which port. Rejects with Node's error when the port is taken or the host is not ours. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) => this.service.report("error", "listener error", error));
        const bound = this.#server.address();
        // A string is a pipe's name, and null no address: neither comes of a host and a port.
        if (bound === null || typeof bound === "string") return reject(new Error("not listening on a port"));
        this.#loopback = isLoopback(bound.address);
        resolve(bound.port);
      });
    });
  }

  /** Stops accepting, lets exchanges finish for up to `grace` milliseconds, then ends them with an error. */
  async drain(grace: number): Promise<void> {
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const drainable of this.#drainables) drainable.drain();
    const patience = setTimeout(() => {
      for (const drainable of this.#drainables) drainable.stop();
      for (const { exchange } of this.#active) exchange.abandon(failure("draining", "The gateway is shutting down."));
      this.#server.closeAllConnections();
    }, grace);
    // Closing ends the connections that are idle now. Those whose answer ends later would live on for `keepAliveTime`.
    const sweep = setInterval(() => this.#server.closeIdleConnections(), sweepInterval);
    await closed;
    clearInterval(sweep);
    clearTimeout(patience);
  }

  troubles(): readonly string[] {
    return this.#draining ? ["the gateway is shutting down"] : [];
  }

  /** Starts an exchange for a request that has been read, checked and planned. */
  relay(incoming: Incoming, order: RelayOrder): void {
    const { codec } = order;
    const begun = this.begin(order, askerOf(incoming), (closed) => {
      const sink = new ResponseSink(incoming.response, this.commonHeaders(incoming), closed);
      return { client: order.wrap?.(sink) ?? sink, response: incoming.response };
    });
    if (begun.ok) return;
    this.refuse(incoming, codec.ingress, begun.failure, {
      protocol: codec.protocol,
      model: order.requestedModel,
      stream: order.body.stream,
      bytesIn: order.body.rope.length,
    });
  }

  /**
   * Starts an exchange that answers wherever `connect` says. It counts as under way until `closed` was called.
   */
  begin(
    order: RelayOrder,
    asker: Asker,
    connect: (closed: () => void) => { readonly client: ClientSink; readonly response?: ServerResponse },
  ): Result<Exchange> {
    const { runtime } = order;
    const { concurrent } = runtime.config.server.limits;
    if (this.#active.size >= concurrent) {
      const why = failure("overwhelmed", `${concurrent} requests are under way (server.limits.concurrent).`);
      return { ok: false, failure: why };
    }
    const { client, response } = connect(() => this.#close(served));
    const exchange = new Exchange(
      {
        id: asker.id,
        codec: order.codec,
        requestedModel: order.requestedModel,
        body: order.body,
        plan: order.plan,
        endpoints: runtime.endpoints,
        settings: runtime.settings,
        client,
        headers: order.headers,
        startedAt: asker.startedAt,
        caller: asker.caller,
        strict: asker.strict,
      },
      this.service.relay,
    );
    const served: Served = { exchange, response };
    this.#active.add(served);
    if (order.plan.entry !== undefined) this.service.routing.rota.take(order.plan.entry);
    exchange.start();
    return { ok: true, value: exchange };
  }

  /** Answers with a failure in the caller's protocol. @param about What is known of a request to a surface. */
  refuse(incoming: Incoming, errors: Pick<Ingress, "writeError">, why: Failure, about?: RefusedRequest): void {
    const { request, response } = incoming;
    const answer = errorAnswer(errors, why);
    const headers = [...this.commonHeaders(incoming), ...answer.headers];
    this.service.refused({
      id: incoming.id,
      failure: why,
      status: answer.status,
      duration: this.service.clock.monotonic() - incoming.startedAt,
      bytesOut: answer.body.length,
      caller: callerOf(incoming),
      ...(about === undefined ? {} : { about }),
    });
    const rest =
      request.headers["transfer-encoding"] === undefined ? Number(request.headers["content-length"] ?? 0) : Infinity;
    if (request.complete || rest <= readOnLimit) {
      // Node reads what is left of a body and throws it away, and the connection lives on.
      response.writeHead(answer.status, headers).end(answer.body);
      return;
    }
    // The body is still coming: it must not be taken for the next request, and its sender should get to read this.
    response.writeHead(answer.status, [...headers, "connection", "close"]);
    response.write(answer.body);
    const close = () => response.end();
    const patience = setTimeout(close, lingerTime);
    request.on("end", close);
    response.on("close", () => clearTimeout(patience));
    request.resume();
  }

  #close(served: Served): void {
    this.#active.delete(served);
    for (const wait of this.#waits) {
      wait.left.delete(served);
      if (wait.left.size > 0) continue;
      this.#waits.delete(wait);
      wait.resolve();
    }
  }

  json(incoming: Incoming, body: JsonObject, status = 200): void {
    this.text(incoming, status, JSON.stringify(body), "application/json; charset=utf-8");
  }

  text(incoming: Incoming, status: number, text: string, type = "text/plain; charset=utf-8"): void {
    this.send(incoming, { status, headers: ["content-type", type], body: text });
  }

  /** A whole answer. @param answer Its headers are names and values in turn. */
  send(incoming: Incoming, answer: { status: number; headers: readonly string[]; body: string | Buffer }): void {
    const bytes = Buffer.from(answer.body);
    const headers = ["content-length", String(bytes.length), "cache-control", "no-store", ...answer.headers];
    this.open(incoming, answer.status, headers).end(bytes);
  }

  /** Sends the head of an answer, with the headers that every answer bears. */
  open(incoming: Incoming, status: number, headers: readonly string[]): ServerResponse {
    return incoming.response.writeHead(status, [...this.commonHeaders(incoming), ...headers]);
  }

  /** A caller with a key, or on this machine. */
  isOperator({ request }: Incoming): boolean {
    const runtime = this.service.current();
    const peer = { loopback: isLoopback(request.socket.remoteAddress) };
    if (trustsPeer(runtime, peer)) return true;
    const result = runtime.authenticator.authenticate(credentialsOf(request), peer);
    return result.ok && result.value.kind !== "open";
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    // What follows on a connection that we are closing is not served: nobody could be answered.
    if (!request.socket.writable) return;
    const url = request.url ?? "";
    const mark = url.indexOf("?");
    const given = request.headers["x-request-id"];
    const incoming: Incoming = {
      request,
      response,
      id: typeof given === "string" && isPlainId(given) ? given : newId(),
      startedAt: this.service.clock.monotonic(),
      path: mark === -1 ? url : url.slice(0, mark),
      query: mark === -1 ? "" : url.slice(mark + 1),
    };
    this.guarded(incoming, () => this.#dispatch(incoming));
  }

  /** Does something for a request, now or later. Nothing throws; if something does, this request ends and no other. */
  guarded(incoming: Incoming, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.service.report("error", "a request handler threw", error);
      if (incoming.response.headersSent) return void incoming.response.destroy();
      const { route } = incoming;
      const errors = route?.errorsFor?.(incoming) ?? route?.errors ?? this.#errors;
      this.refuse(incoming, errors, failure("internal", "The gateway failed to handle the request."));
    }
  }

  #dispatch(incoming: Incoming): void {
    const { request } = incoming;
    const bad = guard({ url: request.url ?? "", rawHeaders: request.rawHeaders });
    // Where this request ends is in doubt, so that nothing more is read from its connection.
    if (bad !== undefined) return this.#answerRaw(request.socket, bad);
    const runtime = this.service.current();
    // A web page can point a name of its own at 127.0.0.1, but cannot make the browser say `localhost`.
    if (this.#loopback && !isAllowedHost(request.headers.host, runtime.config.server.hosts)) {
      const why = failure("misdirected", "This Host name is not served here; add it to server.hosts if it is yours.");
      return this.refuse(incoming, this.shapes.for(incoming), why);
    }
    const isControl = incoming.path.startsWith(controlPrefix);
    if (request.method === "OPTIONS" && !isControl && answerPreflight(incoming, runtime.config.server.cors.origins))
      return;
    const match = this.router.match(request.method ?? "", incoming.path);
    if (match === undefined) {
      const why = failure("not-found", `There is nothing at ${request.method ?? ""} ${incoming.path.slice(0, 200)}.`, {
        upstreamCode: "unknown_url",
      });
      return this.refuse(incoming, this.shapes.for(incoming), why);
    }
    if ("allowed" in match) {
      incoming.response.setHeader("allow", match.allowed.join(", "));
      const why = failure("method-not-allowed", `${incoming.path} takes ${match.allowed.join(" or ")}.`);
      return this.refuse(incoming, this.shapes.for(incoming), why);
    }
    incoming.route = match.route;
    if (match.name !== undefined) incoming.name = match.name;
    this.#enter(incoming, match.route, runtime);
  }

  #enter(incoming: Incoming, route: Route, runtime: Runtime): void {
    const errors = route.errorsFor?.(incoming) ?? route.errors;
    const { perAddress } = runtime.config.server.limits;
    const crowded = perAddress === undefined ? undefined : this.addresses.refusal(incoming, perAddress);
    if (crowded !== undefined) return this.refuse(incoming, errors, crowded);
    if (route.access === "public") return route.handle(incoming);
    if (this.#draining) return this.refuse(incoming, errors, failure("draining", "The gateway is shutting down."));
    const { headers, socket } = incoming.request;
    const peer = { loopback: isLoopback(socket.remoteAddress) };
    if (route.access === "admin") {
      const rules = { open: runtime.config.access.open, hosts: runtime.config.server.hosts };
      const refused = refuseAdmin(headers, rules, peer);
      return refused === undefined ? route.handle(incoming) : this.refuse(incoming, errors, refused);
    }
    const trusted = route.access === "operator" && trustsPeer(runtime, peer);
    const credentials = credentialsOf(incoming.request, route.queryKey === true ? incoming.query : "");
    const who = trusted ? openCaller : runtime.authenticator.authenticate(credentials, peer);
    if (!who.ok) {
      if (perAddress !== undefined) this.addresses.failed(incoming, perAddress, who.failure);
      return this.refuse(incoming, errors, who.failure);
    }
    // Without a key anyone on this machine may call, but not a page of some other site in a browser on it.
    if (
      who.value.kind === "open" &&
      !isAllowedOrigin(headers.origin, headers.host, runtime.config.server.cors.origins)
    ) {
      const why = failure("forbidden", "Pages of this origin need a key, or to be listed in server.cors.origins.");
      return this.refuse(incoming, errors, why);
    }
    incoming.identity = who.value;
    route.handle(incoming);
  }

  /** Hands a connection over, or says why not. */
  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Failure | undefined {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const handler = request.method === "GET" ? this.#upgrades.get(path) : undefined;
    if (handler === undefined) return failure("upgrade-required", "WebSocket is not served here; use HTTP.");
    const bad = guard({ url: request.url ?? "", rawHeaders: request.rawHeaders });
    if (bad !== undefined) return bad;
    const runtime = this.service.current();
    const { hosts, cors } = runtime.config.server;
    const { headers } = request;
    if (this.#loopback && !isAllowedHost(headers.host, hosts)) {
      return failure("misdirected", "This Host name is not served here; add it to server.hosts if it is yours.");
    }
    if (this.#draining) return failure("draining", "The gateway is shutting down.");
    const { perAddress } = runtime.config.server.limits;
    const crowded = perAddress === undefined ? undefined : this.addresses.refusal({ request }, perAddress);
    if (crowded !== undefined) return crowded;
    const peer = { loopback: isLoopback(request.socket.remoteAddress) };
    const who = runtime.authenticator.authenticate(credentialsOf(request), peer);
    if (!who.ok) {
      if (perAddress !== undefined) this.addresses.failed({ request }, perAddress, who.failure);
      return who.failure;
    }
    // What CORS keeps from another site's page over HTTP, nothing would keep from it here.
    if (!isAllowedOrigin(headers.origin, headers.host, cors.origins)) {
      return failure("forbidden", "Pages of this origin must be listed in server.cors.origins.");
    }
    const refuse = (why: Failure) => this.#answerRaw(socket, why);
    handler({ request, socket, head, id: newId(), identity: who.value, refuse });
    return undefined;
  }

  commonHeaders({ id, request, route }: Incoming): string[] {
    const headers = ["x-request-id", id];
    // Anthropic's SDKs know it by this name only.
    if (route?.about?.surface === "anthropic") headers.push("request-id", id);
    const { origin } = request.headers;
    if (origin !== undefined && route?.access !== "admin")
      headers.push(...corsHeaders(origin, this.service.current().config.server.cors.origins));
    return headers;
  }

  #clientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    const why =
      error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? failure("request-timeout", "The request did not come in time.")
        : error.code === "HPE_HEADER_OVERFLOW"
          ? failure("headers-too-large", `The request's head is larger than ${headLimit} bytes.`)
          : failure("bad-request", "The request is not valid HTTP.");
    this.#answerRaw(socket, why);
  }

  /** Answers on a socket whose request never became one. */
  #answerRaw(socket: Duplex, why: Failure): void {
    // In the midst of an earlier request's answer these bytes would become part of it.
    for (const { response } of this.#active) {
      if (response?.socket === socket && response.headersSent) return void socket.destroy();
    }
    socket.end(rawAnswer(errorAnswer(this.#errors, why), newId()));
    setTimeout(() => socket.destroy(), lingerTime).unref();
  }
}

function ignore(): void {}
