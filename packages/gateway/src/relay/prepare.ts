import type { EventBackend, WireBackend } from "../backends/types.ts";
import type { AnswerContext, Codec, Dialect, TapOptions } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import type { Machine } from "../kernel/machine.ts";
import type { Edit } from "../kernel/edit.ts";
import { failure } from "../kernel/failure.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Loss } from "../kernel/loss.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { CanonicalRequest } from "../kernel/request.ts";
import type { Result } from "../kernel/result.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { foldName } from "../wire/json-scan.ts";
import { splicePieces } from "../wire/json-splice.ts";
import { withDefaults } from "./defaults.ts";
import type { ScannedBody } from "./defaults.ts";
import { FanOut, mostCalls } from "./fan-out.ts";
import type { FanOutParts } from "./fan-out.ts";
import { parseObject, viewOf } from "./interpreter.ts";
import { imageUrls, withImages } from "./media.ts";
import type { FetchedByUrl } from "./media.ts";
import { mayContinue, withPrefix } from "./rescue.ts";
import { chooseSight } from "./sight.ts";
import type { Sight, SightChoice } from "./sight.ts";
import { staged } from "./staged.ts";
import { withoutState } from "./state.ts";
import { translate } from "./translation.ts";
import type { TranslationWay } from "./translation.ts";
import type { ExchangeInput, RelayContext, RelayEndpoint } from "./types.ts";

interface Prepared {
  /** Requests that go to the upstream side by side; absent: one. */
  readonly requests?: number;
  readonly sight: Sight;
  /** Grows when the answer is found to hold what the client's protocol has no room for. */
  readonly losses: Loss[];
  /** What the encoder of the answer must know; made only where one is needed. */
  readonly answer: () => AnswerContext;
  /** The model's name that the answer is to bear, where that is not the upstream's own. */
  readonly echoModel: string | undefined;
  /** What the answer was told to go on with. */
  readonly prefix?: string | undefined;
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
  | (Prepared & {
      readonly kind: "events";
      readonly backend: EventBackend;
      readonly request: CanonicalRequest;
    });

const noTap: TapOptions = { dropUsageEvent: false };

/** What was learned about a request while it was tried. */
export interface Learned {
  /** Images that it names by URL. */
  readonly fetched: FetchedByUrl;
  /** Leave out vendors' state: a backend refused it as another account's. */
  readonly stateless: boolean;
  /** By endpoint, the protocols that it has no route for. */
  readonly missing: ReadonlyMap<string, ReadonlySet<Protocol>>;
}

/** Images must be fetched before the request can be written for this target. */
export interface MissingMedia {
  readonly kind: "media";
  readonly urls: readonly string[];
}

/** How a request is to differ from the client's own. It is translated then, whatever the model's `relay` says. */
export interface Wish {
  /** What the answer is to go on with, where the target can. */
  readonly prefix?: string | undefined;
  readonly change?: (request: CanonicalRequest) => CanonicalRequest;
  /** The last of what the answer's events pass on their way. */
  readonly stage?: () => Machine<AnswerEvent, AnswerEvent>;
}

/** What is prepared, for what, and with what. */
interface Task {
  readonly input: ExchangeInput;
  readonly planned: PlannedAttempt;
  readonly endpoint: RelayEndpoint;
  /** Index into the endpoint's credentials. */
  readonly credential: number;
  readonly context: RelayContext;
  readonly learned: Learned;
  readonly wish: Wish | undefined;
  readonly body: ScannedBody;
  /** The change of the model's name. */
  readonly rename: readonly Edit[];
  readonly common: Omit<Prepared, "sight">;
}

/**
 * The client's request in the words of one target: its bytes with edits spliced in, or translated. Fails with
 * `bad-request` when it must be translated and cannot be read, and with `lossy` when a strict one would lose something.
 */
export function prepare(
  input: ExchangeInput,
  target: { readonly planned: PlannedAttempt; readonly endpoint: RelayEndpoint; readonly credential: number },
  { context, learned, wish }: { readonly context: RelayContext; readonly learned: Learned; readonly wish?: Wish },
): Result<PreparedCall | MissingMedia> {
  const { model } = input.plan;
  const { planned, endpoint } = target;
  const { backend } = endpoint;
  const choice = choose(input, target, { context, learned, wish });
  if (choice === undefined) {
    return refuse("unsupported", `${endpoint.name} cannot serve ${input.codec.protocol} requests.`);
  }
  const echoModel = model.echo === "requested" ? input.requestedModel : undefined;
  const losses: Loss[] = [];
  const task: Task = {
    input,
    ...target,
    context,
    learned,
    wish,
    body: withDefaults(input.body, model.defaults, input.codec),
    rename: renaming(input, planned),
    common: {
      losses,
      answer: () => new Answering(input, { model: planned.model, echoModel, losses }, context),
      echoModel,
    },
  };
  if (backend.kind === "events") return yielded(task, backend);
  const codec = choice.codec ?? input.codec;
  const passed = passable(choice, echoModel) ? passedOn(task, { backend, codec, sight: choice.sight }) : undefined;
  return passed === undefined ? translated(task, { backend, codec }) : { ok: true, value: passed };
}

/** Has the body say no other model than the one that was planned. */
function renaming({ codec, requestedModel, body }: ExchangeInput, { model }: PlannedAttempt): readonly Edit[] {
  if (codec.addressing === "body") {
    return model === requestedModel ? [] : [{ kind: "set", field: "model", value: model }];
  }
  // The path tells, by which alone the client's rights were judged.
  return body.object.fields.some(({ name }) => foldName(name) === "model") ? [{ kind: "remove", field: "model" }] : [];
}

/** The client's own bytes with the dialect's edits; undefined when edits cannot say it. */
function passedOn(
  { input, planned, body, rename, common }: Task,
  { backend, codec, sight }: { readonly backend: WireBackend; readonly codec: Codec; readonly sight: Sight },
): PreparedCall | undefined {
  const through = codec.egress.passThrough(viewOf(body.rope, body.object), dialectFor(backend, planned));
  if (through === undefined) return undefined;
  const pieces = splicePieces(body.rope, body.object, [...rename, ...through.edits]);
  const { headers } = input;
  return { kind: "wire", sight, backend, codec, body: pieces, tap: through.tap, headers, stages: [], ...common };
}

/** The client's request as it is meant for this backend, with what could not be read of it among the losses. */
function readRequest(
  { input, planned, wish, body, rename, common }: Task,
  backend: Codec | undefined,
): Result<CanonicalRequest> {
  const parsed = parseObject(Buffer.concat(splicePieces(body.rope, body.object, rename)));
  if (parsed === undefined) return refuse("bad-request", "The request body is not valid JSON.");
  const read = input.codec.ingress.readRequest(parsed, { model: planned.model, stream: input.body.stream });
  if (!read.ok) return read;
  const { request, losses, bound } = read.value;
  if (bound !== undefined && backend?.protocol !== input.codec.protocol) return { ok: false, failure: bound };
  common.losses.push(...losses);
  return { ok: true, value: wish?.change?.(request) ?? request };
}

function yielded(task: Task, backend: EventBackend): Result<PreparedCall> {
  const request = readRequest(task, undefined);
  if (!request.ok) return request;
  const { stage } = task.wish ?? {};
  const own = stage === undefined ? backend : staged(backend, stage());
  const call = { kind: "events", sight: "translate", backend: own, request: request.value, ...task.common } as const;
  return refusedLosses(task) ?? { ok: true, value: call };
}

/** The request written anew in the words of the backend's protocol: one call, or as many as answers are wanted. */
function translated(
  task: Task,
  { backend, codec }: { readonly backend: WireBackend; readonly codec: Codec },
): Result<PreparedCall | MissingMedia> {
  const { input, planned, endpoint, learned, wish, common } = task;
  const read = readRequest(task, codec);
  if (!read.ok) return read;
  const dialect = dialectFor(backend, planned);
  const accepts = { ...codec.egress.accepts, ...dialect.accepts };
  const urls = accepts.imageUrls ? [] : imageUrls(read.value, learned.fetched);
  if (urls.length > 0) return { ok: true, value: { kind: "media", urls } };
  const filled = accepts.imageUrls ? read.value : withImages(read.value, learned.fetched);
  const { request, losses } = learned.stateless ? withoutState(filled) : { request: filled, losses: [] };
  const several = accepts.candidates ? 1 : answersOf(request);
  if (several > mostCalls) {
    return refuse("bad-request", `${endpoint.name} gives at most ${mostCalls} answers at a time.`);
  }
  const way = wayTo(task, { codec, dialect });
  const prefix = accepts.prefill && mayContinue(request) ? wish?.prefix : undefined;
  const completes = [input.codec, codec].every(({ protocol }) => protocol === "openai-completions");
  const whole = prefix === undefined ? request : withPrefix(request, prefix, completes);
  const single = several === 1 ? whole : oneAnswer(whole);
  const first = translate(single, way);
  common.losses.push(...losses, ...first.losses);
  const refused = refusedLosses(task);
  if (refused !== undefined) return refused;
  const headers = { ...headersFor(input, codec), ...first.headers };
  const call = { sight: "translate", prefix, ...common } as const;
  const stage = wish?.stage?.();
  if (several === 1) {
    const stages = stage === undefined ? first.stages : [...first.stages, stage];
    const body = [first.body];
    return { ok: true, value: { kind: "wire", backend, codec, body, tap: noTap, headers, stages, ...call } };
  }
  const calls = [first, ...Array.from({ length: several - 1 }, () => translate(single, way))];
  const fanOut = sideBySide(task, { backend, codec, calls, headers });
  const own = stage === undefined ? fanOut : staged(fanOut, stage);
  return { ok: true, value: { kind: "events", backend: own, request, requests: several, ...call } };
}

function wayTo(
  { input, planned, endpoint, context, learned }: Task,
  backend: Pick<TranslationWay, "codec" | "dialect">,
): TranslationWay {
  const target = {
    endpoint: endpoint.name,
    model: planned.model,
    client: input.codec.protocol,
    stateless: learned.stateless,
    ...(planned.reasoning === undefined ? {} : { reasons: planned.reasoning }),
    ...(input.caller.keyId === undefined ? {} : { caller: input.caller.keyId }),
  };
  return { ...backend, features: context.features, target };
}

/** Calls that together give several answers. */
function sideBySide(
  { input, planned, credential, context }: Task,
  calls: Pick<FanOutParts, "backend" | "codec" | "calls" | "headers">,
): EventBackend {
  return new FanOut({
    ...calls,
    model: planned.model,
    stream: input.body.stream,
    requestId: input.id,
    credential,
    limit: input.settings.answer,
    now: () => context.clock.now(),
  });
}

/** How many answers are wanted. */
function answersOf(request: CanonicalRequest): number {
  return request.operation === "generate" ? (request.candidates ?? 1) : 1;
}

function oneAnswer(request: CanonicalRequest): CanonicalRequest {
  if (request.operation !== "generate") return request;
  const { candidates: _candidates, ...rest } = request;
  return rest;
}

/** How this target is to be asked: not in what it has no route for, nor in what it would not read to the end. */
function choose(
  { codec, body, plan }: ExchangeInput,
  { planned, endpoint }: { readonly planned: PlannedAttempt; readonly endpoint: RelayEndpoint },
  { context, learned, wish }: Pick<Task, "context" | "learned" | "wish">,
): SightChoice | undefined {
  const { backend } = endpoint;
  const missing = new Set([...context.unserved.of(endpoint.name), ...(learned.missing.get(endpoint.name) ?? [])]);
  const isTranslated = learned.stateless || wish !== undefined;
  // Who holds an answer until it is complete must see its end.
  const own = plan.model.rescue === "hold" && plan.model.relay === "always" ? "auto" : plan.model.relay;
  const common = { relay: isTranslated ? "never" : own, codecs: context.codecs } as const;
  const narrow = backend.kind === "wire" ? backend.dialect.narrow : undefined;
  if (narrow !== undefined && planned.contextWindow !== undefined && body.rope.length > narrow.bytes) {
    const avoided = new Set([...missing, ...narrow.protocols]);
    const choice = chooseSight(codec, backend, { ...common, avoided });
    if (choice !== undefined) return choice;
  }
  return chooseSight(codec, backend, { ...common, avoided: missing });
}

/** A name that stands deep in the events is changed only by writing them anew. */
function passable({ sight, codec }: SightChoice, echoModel: string | undefined): boolean {
  return sight !== "translate" && (echoModel === undefined || codec?.egress.modelField !== undefined);
}

function dialectFor(backend: WireBackend, { contextWindow }: PlannedAttempt): Dialect {
  return contextWindow === undefined ? backend.dialect : { ...backend.dialect, contextWindow };
}

/** Strict translation was asked for, and something would be lost. */
function refusedLosses({ input, endpoint, common }: Task): Result<never> | undefined {
  if (common.losses.length === 0 || !(input.plan.model.strict || input.strict)) return undefined;
  const fields = [...new Set(common.losses.map(({ field }) => field))].join(", ");
  return refuse("lossy", `${endpoint.name} would not be told of: ${fields}. Strict translation was asked for.`);
}

/** The client's headers that mean something to the backend: those of its own protocol only to the same protocol. */
function headersFor({ codec, headers }: ExchangeInput, backend: Codec): { readonly [name: string]: string } {
  if (codec.protocol === backend.protocol) return headers;
  const own = new Set(codec.ingress.headers);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name)));
}

function refuse(kind: "unsupported" | "bad-request" | "lossy", message: string): Result<never> {
  return { ok: false, failure: failure(kind, message) };
}

interface AnswerAbout {
  readonly model: string;
  readonly echoModel: string | undefined;
  readonly losses: Loss[];
}

/**
 * What an answer is written with. A class for the sake of its getter: in a literal it would be made anew each time, and
 * where only a full collection finds it (decision 0021).
 */
class Answering implements AnswerContext {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly echoModel?: string;
  readonly elapsed: () => number;
  readonly lost: (loss: Loss) => void;
  readonly #input: ExchangeInput;
  #parsed: JsonObject | undefined;

  constructor(input: ExchangeInput, { model, echoModel, losses }: AnswerAbout, { clock }: RelayContext) {
    const elapsed = () => clock.monotonic() - input.startedAt;
    const lost = (loss: Loss) => {
      // A stream may lose the same thing again and again.
      if (!losses.some(({ field }) => field === loss.field)) losses.push(loss);
    };
    this.#input = input;
    this.id = input.id;
    this.created = Math.floor(clock.now() / 1000);
    this.model = model;
    if (echoModel !== undefined) this.echoModel = echoModel;
    this.elapsed = elapsed;
    this.lost = lost;
  }

  get request(): JsonObject {
    return (this.#parsed ??= parseObject(this.#input.body.rope.bytes) ?? {});
  }
}
