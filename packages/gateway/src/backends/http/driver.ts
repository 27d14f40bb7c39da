import type { Readable } from "node:stream";
import { Pool } from "undici";
import { failure } from "../../kernel/failure.ts";
import type { Dialect } from "../../kernel/codec.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { Vendor, VendorPath } from "../../kernel/vendor.ts";
import type { CatalogModel } from "../../routing/types.ts";
import { guardedConnector } from "../door.ts";
import type { Flow, ForwardCall, WireBackend, WireCall, WireReceiver } from "../types.ts";
import { HttpCall } from "./call.ts";
import { readModelDetails, readModelList } from "./model-list.ts";

/** Largest model list that is read, in bytes. */
const modelListLimit = 8_388_608;

/** How long a model list may take, in milliseconds. */
const modelListTime = 10_000;

/** Most models whose details are asked for, and how many at a time. */
const mostDetails = 100;
const detailsAtOnce = 4;

/** Pieces smaller than this, in bytes, are put together with what follows: a write costs more than the copy. */
const smallestWrite = 16_384;

/** What identifies this program to upstreams. */
const userAgent = "patchbay";

export interface HttpEndpoint {
  readonly name: string;
  /** Where the API lives, without a trailing slash; the vendor's paths are appended. */
  readonly baseUrl: string;
  readonly vendor: Vendor;
  /** One per credential; an empty one for endpoints that need none. */
  readonly credentials: readonly { readonly apiKey?: Secret }[];
  readonly headers: { readonly [name: string]: Secret };
  /** Milliseconds until a connection must stand. */
  readonly connectTimeout: number;
}

/**
 * The one driver for every upstream that speaks a protocol over HTTP; vendors are rows of data.
 *
 * It follows no redirect, asks for identity coding, has no time limits of its own but for connecting (the relay keeps
 * the others), and lets through only the pool of its own origin.
 */
export class HttpBackend implements WireBackend {
  readonly kind = "wire";
  readonly serves: readonly Protocol[];
  readonly dialect: Dialect;
  readonly #endpoint: HttpEndpoint;
  readonly #origin: string;
  readonly #pool: Pool;
  readonly #path: string;
  /** Per credential, the headers that are the same on every request, as a flat list. */
  readonly #headers: readonly (readonly string[])[];

  constructor(endpoint: HttpEndpoint) {
    const url = new URL(endpoint.baseUrl);
    this.#endpoint = endpoint;
    this.#path = url.pathname.replace(/\/$/, "");
    this.#origin = url.origin;
    this.#pool = this.#newPool();
    this.serves = Object.keys(endpoint.vendor.paths) as Protocol[];
    this.dialect = endpoint.vendor.dialect;
    this.#headers = endpoint.credentials.map((credential) => fixedHeaders(endpoint, credential.apiKey));
  }

  send(call: WireCall, receiver: WireReceiver): Flow {
    const httpCall = new HttpCall(this.#endpoint.name, receiver);
    const path = pathOf(this.#endpoint.vendor.paths[call.protocol], call);
    const fixed = this.#headers[call.credential];
    if (path === undefined || fixed === undefined) {
      receiver.fail(failure("internal", `${this.#endpoint.name} has no path or credential for this call.`));
      return httpCall;
    }
    const headers = [
      ...unlessNamed(fixed, call.headers),
      "accept",
      call.stream ? "text/event-stream" : "application/json",
      "x-request-id",
      call.requestId,
    ];
    for (const name of Object.keys(call.headers)) headers.push(name, call.headers[name] ?? "");
    const size = call.body.reduce((sum, piece) => sum + piece.length, 0);
    headers.push("content-length", String(size));
    const writes = gathered(call.body);
    // undici takes iterables of pieces (its documentation says so), though its types do not.
    const body = writes.length === 1 ? (writes[0] ?? null) : (writes as unknown as Readable);
    const pool = call.fresh ? this.#newPool() : this.#pool;
    pool.dispatch({ path: this.#path + path, method: "POST", headers, body }, httpCall);
    // It takes nothing more, and is gone when this call is over.
    if (call.fresh) void pool.close();
    return httpCall;
  }

  forward(call: ForwardCall, receiver: WireReceiver): Flow {
    const httpCall = new HttpCall(this.#endpoint.name, receiver);
    const fixed = this.#headers[call.credential];
    if (fixed === undefined) {
      receiver.fail(failure("internal", `${this.#endpoint.name} has no such credential.`));
      return httpCall;
    }
    const headers = [...unlessNamed(fixed, call.headers), "x-request-id", call.requestId];
    for (const name of Object.keys(call.headers)) headers.push(name, call.headers[name] ?? "");
    const length = Buffer.isBuffer(call.body) ? call.body.length : call.bodyLength;
    if (length !== undefined) headers.push("content-length", String(length));
    const { method, body = null } = call;
    this.#pool.dispatch({ path: this.#path + call.path, method, headers, body }, httpCall);
    return httpCall;
  }

  countPath(protocol: Protocol, model: string): string | undefined {
    const template = this.#endpoint.vendor.countPaths?.[protocol];
    return template === undefined ? undefined : fillModel(template, model);
  }

  async models(): Promise<readonly CatalogModel[]> {
    const signal = AbortSignal.timeout(modelListTime);
    const { modelsPath, modelPath } = this.#endpoint.vendor;
    const models = readModelList(await this.#json({ method: "GET", path: modelsPath, signal }));
    if (modelPath === undefined) return models;
    return this.#detailed(models, modelPath, signal);
  }

  /** The same models with what each tells of itself; as listed where it tells nothing in time. */
  async #detailed(
    models: readonly CatalogModel[],
    path: string,
    signal: AbortSignal,
  ): Promise<readonly CatalogModel[]> {
    const detailed = [...models];
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let index = next++; index < Math.min(models.length, mostDetails); index = next++) {
        const model = models[index];
        if (model === undefined) return;
        const body = JSON.stringify({ model: model.id });
        const told = await this.#json({ method: "POST", path, body, signal }).catch(() => undefined);
        detailed[index] = { id: model.id, facts: { ...model.facts, ...readModelDetails(told) } };
      }
    };
    await Promise.all(Array.from({ length: detailsAtOnce }, lane));
    return detailed;
  }

  /** A small JSON answer, for ourselves. */
  async #json(call: {
    readonly method: "GET" | "POST";
    readonly path: string;
    readonly body?: string;
    readonly signal: AbortSignal;
  }): Promise<unknown> {
    const response = await this.#pool.request({
      path: this.#path + call.path,
      method: call.method,
      headers: [...(this.#headers[0] ?? []), "accept", "application/json"],
      body: call.body ?? null,
      signal: call.signal,
    });
    response.body.on("error", () => {});
    if (response.statusCode !== 200) {
      response.body.destroy();
      throw new ModelListError(`the model list answered ${response.statusCode}`, response.statusCode);
    }
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > modelListLimit) throw new ModelListError("the model list is too large");
      chunks.push(chunk);
    }
    try {
      return JSON.parse(Buffer.concat(chunks).toString("utf8"));
    } catch {
      throw new ModelListError("the model list is not JSON");
    }
  }

  redact(text: string): string {
    let clean = text;
    const secrets = [
      ...this.#endpoint.credentials.map(({ apiKey }) => apiKey),
      ...Object.values(this.#endpoint.headers),
    ];
    for (const secret of secrets) {
      const value = secret?.reveal() ?? "";
      if (value.length < 4) continue;
      // Inside JSON or a URL it looks different.
      for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]) {
        clean = clean.replaceAll(form, "[secret]");
      }
    }
    // Some upstreams quote the key with its middle masked, which still tells both ends.
    return clean.replaceAll(/[^\s"'`]{0,64}\*{3,}[^\s"'`]{0,64}/g, "[secret]");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }

  #newPool(): Pool {
    return new Pool(this.#origin, {
      connect: guardedConnector(this.#endpoint.connectTimeout),
      headersTimeout: 0,
      bodyTimeout: 0,
      pipelining: 1,
      allowH2: false,
    });
  }
}

/** Why an upstream's model list could not be had. */
export class ModelListError extends Error {
  readonly status: number | undefined;
  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/** The headers but for those that the call has words of its own for. */
function unlessNamed(fixed: readonly string[], own: { readonly [name: string]: string }): readonly string[] {
  if (!Object.keys(own).some((name) => fixed.includes(name))) return fixed;
  return fixed.filter((_, index) => !Object.hasOwn(own, fixed[index - (index % 2)] ?? ""));
}

/** A vendor's path for one call. A model's name may hold slashes, which stay. */
function pathOf(path: VendorPath | undefined, call: WireCall): string | undefined {
  if (path === undefined || (typeof path === "string" && !path.includes("{model}"))) return path as string | undefined;
  const template = typeof path === "string" ? path : call.stream ? path.stream : path.whole;
  return fillModel(template, call.model);
}

/** Puts a name into a path. What the path says before it, such as `models/`, some names say again. */
function fillModel(template: string, model: string): string {
  const before = template.slice(0, template.indexOf("{model}"));
  const collection = before.slice(before.lastIndexOf("/", before.length - 2) + 1);
  const name = collection !== "" && model.startsWith(collection) ? model.slice(collection.length) : model;
  return template.replace("{model}", () => name.split("/").map(encodeURIComponent).join("/"));
}

/** The same bytes in pieces that are worth a write each. */
function gathered(pieces: readonly Buffer[]): readonly Buffer[] {
  const writes: Buffer[] = [];
  let small: Buffer[] = [];
  let size = 0;
  for (const piece of pieces) {
    small.push(piece);
    size += piece.length;
    if (size < smallestWrite) continue;
    writes.push(small.length === 1 ? piece : Buffer.concat(small, size));
    small = [];
    size = 0;
  }
  if (size > 0) writes.push(Buffer.concat(small, size));
  return writes;
}

function fixedHeaders(endpoint: HttpEndpoint, apiKey: Secret | undefined): readonly string[] {
  const { auth } = endpoint.vendor;
  const headers = new Map<string, string>([
    ["content-type", "application/json"],
    ["accept-encoding", "identity"],
    ["user-agent", userAgent],
  ]);
  for (const [name, value] of Object.entries(endpoint.vendor.headers ?? {})) headers.set(name.toLowerCase(), value);
  if (apiKey !== undefined) {
    headers.set(auth.header.toLowerCase(), auth.scheme === "bearer" ? `Bearer ${apiKey.reveal()}` : apiKey.reveal());
  }
  for (const [name, value] of Object.entries(endpoint.headers)) headers.set(name.toLowerCase(), value.reveal());
  return [...headers].flat();
}
