import type { EventBackend, WireBackend } from "../backends/types.ts";
import type { AnswerContext, Codec, Dialect, TapOptions } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import type { Machine } from "../kernel/machine.ts";
import { FanOut, mostCalls } from "./fan-out.ts";
import { translate } from "./translation.ts";
import type { TranslationWay } from "./translation.ts";
import type { Edit } from "../kernel/edit.ts";
import { failure } from "../kernel/failure.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Loss } from "../kernel/loss.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { CanonicalRequest } from "../kernel/request.ts";
import type { Result } from "../kernel/result.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { scanObject } from "../wire/json-scan.ts";
import { splicePieces } from "../wire/json-splice.ts";
import { Rope } from "../wire/rope.ts";
import { parseObject, viewOf } from "./interpreter.ts";
import { chooseSight } from "./sight.ts";
import type { Sight, SightChoice } from "./sight.ts";
import { imageUrls, withImages } from "./media.ts";
import type { FetchedByUrl } from "./media.ts";
import { withoutState } from "./state.ts";
import type { ExchangeInput, RelayContext, RelayEndpoint, RequestBody } from "./types.ts";

interface Prepared {
  readonly sight: Sight;
  /** Grows when the answer is found to hold what the client's protocol has no room for. */
  readonly losses: Loss[];
  /** What the encoder of the answer must know; made only where one is needed. */
  readonly answer: () => AnswerContext;
  /** The model's name that the answer is to bear, where that is not the upstream's own. */
  readonly echoModel: string | undefined;
}

/** A request made ready for one target. */
export type PreparedCall =
  | (Prepared & {
      readonly kind: "wire";
      readonly backend: WireBackend;
      readonly codec: Codec;
      /** In pieces, so that a large body with a small edit is not copied. */
      readonly body: readonly Buffer[];
      readonly tap: TapOptions;
      /** Client headers that may go on, and those that the translation needs. */
      readonly headers: { readonly [name: string]: string };
      /** What the events of a translated answer pass on their way to the encoder. */
      readonly stages: readonly Machine<AnswerEvent, AnswerEvent>[];
    })
  | (Prepared & { readonly kind: "events"; readonly backend: EventBackend; readonly request: CanonicalRequest });

const noTap: TapOptions = { dropUsageEvent: false };

/** What was learned about a request while it was tried. */
export interface Learned {
  /** Images that it names by URL. */
  readonly fetched: FetchedByUrl;
  /** Leave out vendors' state: a backend refused it as another account's. */
  readonly stateless: boolean;
  /** What each endpoint turned out not to serve, although its vendor usually does. */
  readonly unserved: ReadonlyMap<string, ReadonlySet<Protocol>>;
}

/** Images must be fetched before the request can be written for this target. */
export interface MissingMedia {
  readonly kind: "media";
  readonly urls: readonly string[];
}

/**
 * The client's request in the words of one target: its bytes with edits spliced in, or translated. Fails with
 * `bad-request` when it must be translated and cannot be read, and with `lossy` when a strict one would lose something.
 */
export function prepare(
  input: ExchangeInput,
  target: { readonly planned: PlannedAttempt; readonly endpoint: RelayEndpoint },
  { context, learned }: { readonly context: RelayContext; readonly learned: Learned },
): Result<PreparedCall | MissingMedia> {
  const { model } = input.plan;
  const { planned, endpoint } = target;
  const { backend } = endpoint;
  const choice = chooseSight(input.codec, backend, {
    relay: learned.stateless ? "never" : model.relay,
    codecs: context.codecs,
    unserved: learned.unserved.get(endpoint.name),
  });
  if (choice === undefined) {
    return refuse("unsupported", `${endpoint.name} cannot serve ${input.codec.protocol} requests.`);
  }
  const body = withDefaults(input.body, model.defaults, input.codec.ingress.synonyms);
  const rename: readonly Edit[] =
    planned.model === input.requestedModel || input.codec.addressing === "path"
      ? []
      : [{ kind: "set", field: "model", value: planned.model }];
  const echoModel = model.echo === "requested" ? input.requestedModel : undefined;
  const losses: Loss[] = [];
  const answer = () => answerContext(input, { model: planned.model, echoModel, losses }, context);
  const common = { losses, answer, echoModel };

  if (backend.kind === "wire" && choice.codec !== undefined && passable(choice, echoModel)) {
    const { codec, sight } = choice;
    const through = codec.egress.passThrough(viewOf(body.rope, body.object), dialectFor(backend, planned));
    if (through !== undefined) {
      const pieces = splicePieces(body.rope, body.object, [...rename, ...through.edits]);
      const { headers } = input;
      const call = {
        kind: "wire",
        backend,
        codec,
        sight,
        body: pieces,
        tap: through.tap,
        headers,
        stages: [],
      } as const;
      return { ok: true, value: { ...call, ...common } };
    }
  }

  const parsed = parseObject(Buffer.concat(splicePieces(body.rope, body.object, rename)));
  if (parsed === undefined) return refuse("bad-request", "The request body is not valid JSON.");
  const read = input.codec.ingress.readRequest(parsed, { model: planned.model, stream: input.body.stream });
  if (!read.ok) return read;
  losses.push(...read.value.losses);
  if (backend.kind === "events") {
    const { request } = read.value;
    return { ok: true, value: { kind: "events", sight: "translate", backend, request, ...common } };
  }
  const codec = choice.codec ?? input.codec;
  const dialect = dialectFor(backend, planned);
  if (!(dialect.accepts?.imageUrls ?? codec.egress.accepts.imageUrls)) {
    const urls = imageUrls(read.value.request, learned.fetched);
    if (urls.length > 0) return { ok: true, value: { kind: "media", urls } };
  }
  const filled = withImages(read.value.request, learned.fetched);
  const stripped = learned.stateless ? withoutState(filled) : { request: filled, losses: [] };
  const way: TranslationWay = {
    codec,
    dialect,
    features: context.features,
    target: {
      endpoint: endpoint.name,
      model: planned.model,
      client: input.codec.protocol,
      ...(input.caller.keyId === undefined ? {} : { caller: input.caller.keyId }),
    },
  };
  const several = answersBeyond(stripped.request, dialect.accepts?.candidates ?? codec.egress.accepts.candidates);
  if (several > mostCalls)
    return refuse("bad-request", `${endpoint.name} gives at most ${mostCalls} answers at a time.`);
  const translated = translate(several === 1 ? stripped.request : one(stripped.request), way);
  losses.push(...stripped.losses, ...translated.losses);
  if (losses.length > 0 && (model.strict || input.strict)) return refuseLosses(endpoint.name, losses);
  const call = { kind: "wire", sight: "translate", backend, codec, body: [translated.body], tap: noTap } as const;
  const headers = { ...commonHeaders(input), ...translated.headers };
  if (several > 1) {
    const others = Array.from({ length: several - 1 }, () => translate(one(stripped.request), way));
    const fanOut = new FanOut({
      endpoint: endpoint.name,
      backend,
      codec,
      calls: [translated, ...others],
      model: planned.model,
      stream: input.body.stream,
      requestId: input.id,
      headers,
      limit: input.settings.answer,
      now: () => context.clock.now(),
    });
    const { request } = stripped;
    return { ok: true, value: { kind: "events", sight: "translate", backend: fanOut, request, ...common } };
  }
  return { ok: true, value: { ...call, headers, stages: translated.stages, ...common } };
}

/** How many answers must be asked for one by one; 1 where the backend gives all that are wanted itself. */
function answersBeyond(request: CanonicalRequest, givesSeveral: boolean): number {
  return request.operation === "generate" && !givesSeveral ? (request.candidates ?? 1) : 1;
}

function one(request: CanonicalRequest): CanonicalRequest {
  if (request.operation !== "generate") return request;
  const { candidates: _candidates, ...rest } = request;
  return rest;
}

/** A name that stands deep in the events is changed only by writing them anew. */
function passable({ sight, codec }: SightChoice, echoModel: string | undefined): boolean {
  return sight !== "translate" && (echoModel === undefined || codec?.egress.modelField !== undefined);
}

function dialectFor(backend: WireBackend, { contextWindow }: PlannedAttempt): Dialect {
  return contextWindow === undefined ? backend.dialect : { ...backend.dialect, contextWindow };
}

function refuseLosses(endpoint: string, losses: readonly Loss[]): Result<never> {
  const fields = losses.map(({ field }) => field).join(", ");
  return refuse("lossy", `${endpoint} would not be told of: ${fields}. Strict translation was asked for.`);
}

/** Client headers that mean the same to everybody. */
function commonHeaders(input: ExchangeInput): { readonly [name: string]: string } {
  const own = new Set(input.codec.ingress.headers);
  return Object.fromEntries(Object.entries(input.headers).filter(([name]) => !own.has(name)));
}

function refuse(kind: "unsupported" | "bad-request" | "lossy", message: string): Result<never> {
  return { ok: false, failure: failure(kind, message) };
}

/** The body with the virtual model's defaults where the client said nothing. */
function withDefaults(
  body: RequestBody,
  defaults: JsonObject,
  synonyms: readonly (readonly string[])[],
): Pick<RequestBody, "rope" | "object"> {
  const edits: Edit[] = [];
  for (const [field, value] of Object.entries(defaults)) {
    const names = synonyms.find((group) => group.includes(field)) ?? [field];
    if (!body.object.fields.some(({ name }) => names.includes(name))) edits.push({ kind: "set", field, value });
  }
  if (edits.length === 0) return body;
  const rope = new Rope(splicePieces(body.rope, body.object, edits));
  const scan = rope.withBytes((bytes) => scanObject(bytes, Infinity));
  return scan.ok ? { rope, object: scan.object } : body;
}

function answerContext(
  input: ExchangeInput,
  about: { readonly model: string; readonly echoModel: string | undefined; readonly losses: Loss[] },
  context: RelayContext,
): AnswerContext {
  let parsed: JsonObject | undefined;
  return {
    id: input.id,
    created: Math.floor(context.clock.now() / 1000),
    model: about.model,
    ...(about.echoModel === undefined ? {} : { echoModel: about.echoModel }),
    lost: (loss) => {
      // A stream may lose the same thing again and again.
      if (!about.losses.some(({ field }) => field === loss.field)) about.losses.push(loss);
    },
    get request() {
      return (parsed ??= parseObject(input.body.rope.bytes) ?? {});
    },
  };
}
