import type { Flow, WireBackend } from "../../backends/types.ts";
import { estimateTokens } from "../../codecs/shared/estimate.ts";
import type { Codec } from "../../kernel/codec.ts";
import type { Edit } from "../../kernel/edit.ts";
import { isJsonObject, own } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import type { Result } from "../../kernel/result.ts";
import { parseObject, viewOf } from "../../relay/interpreter.ts";
import { splicePieces } from "../../wire/json-splice.ts";
import type { Gateway } from "../gateway.ts";
import { withJsonBody } from "../json-body.ts";
import type { JsonBody } from "../json-body.ts";
import { planFor } from "../planning.ts";
import type { Incoming, Route } from "../router.ts";
import { headersFor, nameOfModel, readModel } from "./generate.ts";
import { anthropicCounting, geminiModels } from "./paths.ts";

/** How long an upstream may take to count, in milliseconds, before we estimate. */
const patience = 10_000;

/** Largest answer of a counter, in bytes. */
const answerLimit = 65_536;

/** What tells a client that nobody counted. */
const estimateMark = ["x-patchbay-estimate", "true"];

/** How a protocol counts. */
interface Counter {
  readonly protocol: Protocol;
  readonly summary: string;
  model(incoming: Incoming, body: JsonObject): Result<string>;
  /** The request whose tokens are to be counted, as its protocol has it. */
  request(body: JsonObject): JsonObject;
  /** The field of an answer that holds the count. */
  readonly field: string;
  answer(tokens: number): JsonObject;
}

const anthropic: Counter = {
  protocol: "anthropic-messages",
  summary: "Count the tokens of a message",
  model: (_incoming, body) => readModel(own(body, "model")),
  // A counter needs no limit, a message does.
  request: (body) => ({ max_tokens: 1, ...body }),
  field: "input_tokens",
  answer: (tokens) => ({ input_tokens: tokens }),
};

const gemini: Counter = {
  protocol: "gemini",
  summary: "Count the tokens of content",
  model: nameOfModel,
  request: (body) => {
    const inner = own(body, "generateContentRequest");
    return isJsonObject(inner) ? inner : body;
  },
  field: "totalTokens",
  answer: (tokens) => ({ totalTokens: tokens, promptTokensDetails: [{ modality: "TEXT", tokenCount: tokens }] }),
};

/** Token counters: the upstream's where the first target has one, else an estimate of ours, which says so. */
export function addCountRoutes(gateway: Gateway): void {
  const { codecs } = gateway.service;
  const messages = codecs.get(anthropic.protocol);
  if (messages !== undefined) gateway.router.add("POST", anthropicCounting, countRoute(anthropic, messages, gateway));
  const content = codecs.get(gemini.protocol);
  if (content === undefined) return;
  gateway.router.addPrefix("POST", geminiModels, countRoute(gemini, content, gateway), ":countTokens");
}

function countRoute(counter: Counter, codec: Codec, gateway: Gateway): Route {
  const inPath = codec.addressing === "path";
  return {
    access: "key",
    errors: codec.ingress,
    queryKey: inPath,
    about: {
      surface: inPath ? "gemini" : "anthropic",
      summary: counter.summary,
      body: "json",
      ...(inPath ? { name: "model" } : {}),
    },
    handle(incoming) {
      withJsonBody(incoming, { gateway, errors: codec.ingress }, (body) =>
        new Count({ incoming, body, counter, codec, gateway }).start(),
      );
    },
  };
}

interface CountParts {
  readonly incoming: Incoming;
  readonly body: JsonBody;
  readonly counter: Counter;
  readonly codec: Codec;
  readonly gateway: Gateway;
}

/** One request to count. */
class Count {
  readonly #parts: CountParts;
  #done = false;

  constructor(parts: CountParts) {
    this.#parts = parts;
  }

  start(): void {
    const { incoming, body, counter, codec, gateway } = this.#parts;
    const model = counter.model(incoming, body.object);
    if (!model.ok) return gateway.refuse(incoming, codec.ingress, model.failure);
    const { identity } = incoming;
    const runtime = gateway.service.current();
    const asking = {
      model: model.value,
      protocol: counter.protocol,
      identity,
      headers: incoming.request.headers,
      body: { rope: body.rope, object: body.scanned, stream: false },
    };
    const planned = planFor(asking, runtime, gateway.service);
    if (!planned.ok) return gateway.refuse(incoming, codec.ingress, planned.failure);
    const [first] = planned.value.attempts;
    const endpoint = first === undefined ? undefined : runtime.endpoints.get(first.endpoint);
    const backend = endpoint?.backend;
    if (first === undefined || endpoint === undefined || backend?.kind !== "wire") return this.#estimate(model.value);
    const path = backend.countPath(counter.protocol, first.model);
    if (path === undefined || !this.#passable(backend)) return this.#estimate(model.value);
    const credential = gateway.service.relay.health.pick(first, endpoint.credentials);
    this.#ask({ backend, path, credential, model: first.model, asked: model.value });
  }

  /** A request that holds what only we understand is not for the upstream's eyes. */
  #passable(backend: WireBackend): boolean {
    const { body, codec } = this.#parts;
    return codec.egress.passThrough(viewOf(body.rope, body.scanned), backend.dialect) !== undefined;
  }

  #ask(to: { backend: WireBackend; path: string; credential: number; model: string; asked: string }): void {
    const { incoming, body, codec } = this.#parts;
    const rename: readonly Edit[] =
      codec.addressing === "path" || to.model === to.asked ? [] : [{ kind: "set", field: "model", value: to.model }];
    const chunks: Buffer[] = [];
    let status = 0;
    let size = 0;
    let flow: Flow | undefined;
    const fallBack = () => {
      clearTimeout(timer);
      flow?.cancel();
      this.#estimate(to.asked);
    };
    const timer = setTimeout(fallBack, patience);
    incoming.response.on("close", () => {
      clearTimeout(timer);
      flow?.cancel();
    });
    flow = to.backend.forward(
      {
        method: "POST",
        path: to.path,
        body: Buffer.concat(splicePieces(body.rope, body.scanned, rename)),
        headers: headersFor(codec, incoming.request.headers),
        requestId: incoming.id,
        credential: to.credential,
      },
      {
        head: (given) => {
          status = given;
        },
        data: (chunk) => {
          size += chunk.length;
          if (size > answerLimit) fallBack();
          else chunks.push(chunk);
        },
        end: () => {
          clearTimeout(timer);
          this.#read(status, Buffer.concat(chunks), to.asked);
        },
        fail: fallBack,
      },
    );
  }

  #read(status: number, bytes: Buffer, model: string): void {
    const answer = status === 200 ? parseObject(bytes) : undefined;
    const tokens = answer === undefined ? undefined : own(answer, this.#parts.counter.field);
    if (answer === undefined || typeof tokens !== "number") return this.#estimate(model);
    this.#reply(answer, []);
  }

  #estimate(model: string): void {
    const { incoming, body, counter, codec, gateway } = this.#parts;
    if (this.#done) return;
    const read = codec.ingress.readRequest(counter.request(body.object), { model, stream: false });
    if (!read.ok) {
      this.#done = true;
      return gateway.refuse(incoming, codec.ingress, read.failure);
    }
    this.#reply(counter.answer(estimateTokens(read.value.request)), estimateMark);
  }

  #reply(answer: JsonObject, marks: readonly string[]): void {
    const { incoming, gateway } = this.#parts;
    if (this.#done || incoming.response.destroyed) return;
    this.#done = true;
    const headers = ["content-type", "application/json; charset=utf-8", ...marks];
    gateway.send(incoming, { status: 200, headers, body: JSON.stringify(answer) });
  }
}
