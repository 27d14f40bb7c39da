import type { Flow, WireBackend } from "../../../backends/types.ts";
import { failure } from "../../../kernel/failure.ts";
import { isJsonObject, own } from "../../../kernel/json.ts";
import type { Json, JsonObject } from "../../../kernel/json.ts";
import { parseObject, viewOf } from "../../../relay/interpreter.ts";
import type { ClientSink } from "../../../relay/types.ts";
import { splicePieces } from "../../../wire/json-splice.ts";
import { Rope } from "../../../wire/rope.ts";
import { askerOf } from "../../caller.ts";
import { withJsonBody } from "../../json-body.ts";
import type { RelayOrder } from "../../order.ts";
import type { Incoming, Route } from "../../router.ts";
import { readRequest } from "../generate.ts";
import { isSummary, sealed } from "./compaction.ts";
import { arrayOf, inputItems, parseItem, rawField, stringOf, textOf, withFields } from "./items.ts";
import { readPlanned } from "./planned.ts";
import { newId } from "./responses.ts";
import type { Responses } from "./responses.ts";

/** Endpoints of this type compact by themselves. */
const compacting = "openai";
const compactPath = "/responses/compact";

const wish =
  "Write a summary of this conversation, with which another assistant can go on with the work without having seen it. " +
  "State the task and what the user wants, what was done and found out with exact names, paths, numbers and decisions, " +
  "what is still open, and the next step. Do not call tools. Answer with the summary alone.";

/** Fields of a request that still mean something when it is a summary that is asked for. */
const kept: ReadonlySet<string> = new Set([
  "model",
  "instructions",
  "tools",
  "parallel_tool_calls",
  "reasoning",
  "service_tier",
  "prompt_cache_key",
  "user",
  "safety_identifier",
]);

/**
 * `POST /v1/responses/compact`: the upstream's where it has one; else the model is asked for a summary, which stands in
 * an item that we take back as a message whatever the backend then is.
 */
export function compactRoute(responses: Responses): Route {
  const { gateway, codec } = responses;
  const errors = codec.ingress;
  return {
    access: "key",
    errors,
    about: { surface: "openai", summary: "Makes a conversation shorter.", body: "json" },
    handle: (incoming) =>
      withJsonBody(incoming, { gateway, errors }, ({ rope }) => {
        const unfolded = readPlanned(responses, incoming, rope);
        if (!unfolded.ok) return gateway.refuse(incoming, errors, unfolded.failure);
        const { order } = unfolded.value;
        const place = placeOf(order);
        if (place === undefined) return summarize(responses, incoming, order);
        forward(responses, incoming, { order, ...place });
      }),
  };
}

interface Place {
  readonly backend: WireBackend;
  /** As the upstream calls it. */
  readonly model: string;
}

function placeOf({ plan, runtime, codec, body }: RelayOrder): Place | undefined {
  const [first] = plan.attempts;
  const endpoint = first === undefined ? undefined : runtime.endpoints.get(first.endpoint);
  if (first === undefined || endpoint?.type !== compacting || endpoint.backend.kind !== "wire") return undefined;
  const { backend } = endpoint;
  // What holds something that only we understand is not for the upstream's eyes.
  const passes = codec.egress.passThrough(viewOf(body.rope, body.object), backend.dialect) !== undefined;
  return passes ? { backend, model: first.model } : undefined;
}

function forward(
  responses: Responses,
  incoming: Incoming,
  { order, backend, model }: Place & { readonly order: RelayOrder },
): void {
  const { rope, object } = order.body;
  const limit = order.runtime.settings.answer;
  const chunks: Buffer[] = [];
  let [status, size, over] = [0, 0, false];
  let flow: Flow | undefined;
  const instead = () => {
    if (over) return;
    over = true;
    flow?.cancel();
    if (incoming.response.destroyed) return;
    responses.gateway.guarded(incoming, () => summarize(responses, incoming, order));
  };
  incoming.response.on("close", () => {
    if (!over) flow?.cancel();
    over = true;
  });
  flow = backend.forward(
    {
      method: "POST",
      path: compactPath,
      body: Buffer.concat(
        splicePieces(
          rope,
          object,
          model === order.requestedModel ? [] : [{ kind: "set", field: "model", value: model }],
        ),
      ),
      headers: { ...order.headers, "content-type": "application/json" },
      requestId: incoming.id,
      credential: 0,
    },
    {
      head: (given) => {
        status = given;
      },
      data: (chunk) => {
        size += chunk.length;
        if (size > limit) instead();
        else chunks.push(chunk);
      },
      end: () => {
        if (status === 404 || status === 405 || status === 501 || status >= 500) return instead();
        if (over) return;
        over = true;
        const body = backend.redact(Buffer.concat(chunks).toString("utf8"));
        responses.gateway.send(incoming, {
          status: status === 401 || status === 403 ? 502 : status,
          headers: jsonHeaders,
          body,
        });
      },
      fail: instead,
    },
  );
}

const jsonHeaders = ["content-type", "application/json; charset=utf-8"];

/** Asks the model itself, as an exchange like any other. */
function summarize(responses: Responses, incoming: Incoming, order: RelayOrder): void {
  const { gateway, codec } = responses;
  const { rope, object } = order.body;
  const items = inputItems(rawField(rope.bytes, object, "input")) ?? [];
  const changes = new Map<string, Buffer | undefined>(
    object.fields.filter(({ name }) => !kept.has(name)).map(({ name }) => [name, undefined]),
  );
  changes.set(
    "input",
    arrayOf([...items, textOf({ type: "message", role: "user", content: [{ type: "input_text", text: wish }] })]),
  );
  changes.set("store", textOf(false));
  if (object.fields.some(({ name }) => name === "tools")) changes.set("tool_choice", textOf("none"));
  const asking = new Rope([withFields(rope.bytes, object, changes)]);
  const read = readRequest(asking, order.runtime.config.server.limits.depth, false);
  if (!read.ok) return gateway.refuse(incoming, codec.ingress, read.failure);
  const begun = gateway.begin({ ...order, body: read.value.body }, askerOf(incoming), (closed) => {
    const client = new Collector((status, headers, body) => {
      closed();
      if (incoming.response.destroyed) return;
      const answer = status === 200 ? parseObject(body) : undefined;
      if (answer === undefined) return gateway.send(incoming, { status, headers: withoutLength(headers), body });
      const summary = said(answer);
      // Half a summary, or none, would be the loss of the conversation.
      if (summary.trim() === "" || own(answer, "status") !== "completed") {
        const why = failure("bad-response", "The model did not finish a summary of the conversation.");
        return gateway.refuse(incoming, codec.ingress, why);
      }
      gateway.json(
        incoming,
        compacted(items, { summary, usage: own(answer, "usage") ?? null, created: responses.now() }),
      );
    });
    incoming.response.on("close", () => client.gone());
    return { client };
  });
  if (!begun.ok) gateway.refuse(incoming, codec.ingress, begun.failure);
}

/** What the users said, as they said it, and a summary of the rest. */
function compacted(
  items: readonly Buffer[],
  { summary, usage, created }: { readonly summary: string; readonly usage: Json; readonly created: number },
): JsonObject {
  const users = items.flatMap((text) => {
    const item = parseItem(text);
    const isUsers =
      item !== undefined && (stringOf(item, "type") ?? "message") === "message" && item["role"] === "user";
    return isUsers && !isSummary(item) ? [{ type: "message", id: newId("msg"), status: "completed", ...item }] : [];
  });
  return {
    id: newId("resp"),
    object: "response.compaction",
    created_at: created,
    output: [...users, { type: "compaction", id: newId("cmp"), encrypted_content: sealed(summary) }],
    usage,
  };
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** All text of a response's messages. */
function said(answer: JsonObject): string {
  const parts = list(own(answer, "output")).flatMap((item) => (isJsonObject(item) ? list(own(item, "content")) : []));
  return parts
    .flatMap((part) => (isJsonObject(part) && part["type"] === "output_text" ? [stringOf(part, "text") ?? ""] : []))
    .join("");
}

function withoutLength(headers: readonly string[]): readonly string[] {
  return headers.flatMap((name, index) =>
    index % 2 === 0 && name !== "content-length" ? [name, headers[index + 1] ?? ""] : [],
  );
}

/** Takes a whole answer. */
class Collector implements ClientSink {
  onGone: () => void = () => {};
  onDrained: () => void = () => {};
  readonly #done: (status: number, headers: readonly string[], body: Buffer) => void;
  readonly #chunks: Buffer[] = [];
  #head: { readonly status: number; readonly headers: readonly string[] } = { status: 502, headers: [] };
  #over = false;

  constructor(done: (status: number, headers: readonly string[], body: Buffer) => void) {
    this.#done = done;
  }

  open(status: number, headers: readonly string[]): void {
    this.#head = { status, headers };
  }

  write(bytes: Buffer): boolean {
    this.#chunks.push(bytes);
    return true;
  }

  end(bytes: Buffer): void {
    this.#finish([...this.#chunks, bytes]);
  }

  destroy(): void {
    this.#finish([]);
  }

  gone(): void {
    if (this.#over) return;
    this.onGone();
    this.#finish([]);
  }

  #finish(chunks: readonly Buffer[]): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(this.#head.status, this.#head.headers, Buffer.concat(chunks));
  }
}
