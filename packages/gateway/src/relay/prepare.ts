import type { EventBackend, WireBackend } from "../backends/types.ts";
import type { AnswerContext, Codec, TapOptions } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import type { Machine } from "../kernel/machine.ts";
import { translate } from "./translation.ts";
import type { Edit } from "../kernel/edit.ts";
import { failure } from "../kernel/failure.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Loss } from "../kernel/loss.ts";
import type { CanonicalRequest } from "../kernel/request.ts";
import type { Result } from "../kernel/result.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { scanObject } from "../wire/json-scan.ts";
import { splicePieces } from "../wire/json-splice.ts";
import { Rope } from "../wire/rope.ts";
import { parseObject, viewOf } from "./interpreter.ts";
import { chooseSight } from "./sight.ts";
import type { Sight } from "./sight.ts";
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

/**
 * The client's request in the words of one target: its bytes with edits spliced in, or translated. Fails with
 * `bad-request` when it must be translated and cannot be read.
 */
export function prepare(
  input: ExchangeInput,
  target: { readonly planned: PlannedAttempt; readonly endpoint: RelayEndpoint },
  context: RelayContext,
): Result<PreparedCall> {
  const { model } = input.plan;
  const { backend } = target.endpoint;
  const choice = chooseSight(input.codec, backend, { relay: model.relay, codecs: context.codecs });
  if (choice === undefined) {
    return refuse("unsupported", `${target.endpoint.name} cannot serve ${input.codec.protocol} requests.`);
  }
  const body = withDefaults(input.body, model.defaults, input.codec.ingress.synonyms);
  const rename: readonly Edit[] =
    target.planned.model === input.requestedModel || input.codec.addressing === "path"
      ? []
      : [{ kind: "set", field: "model", value: target.planned.model }];
  const echoModel = model.echo === "requested" ? input.requestedModel : undefined;
  const losses: Loss[] = [];
  const answer = () => answerContext(input, { model: target.planned.model, echoModel, losses }, context);

  if (
    backend.kind === "wire" &&
    choice.codec !== undefined &&
    choice.sight !== "translate" &&
    // A name that stands deep in the events is changed only by writing them anew.
    (echoModel === undefined || choice.codec.egress.modelField !== undefined)
  ) {
    const through = choice.codec.egress.passThrough(viewOf(body.rope, body.object), backend.dialect);
    if (through !== undefined) {
      const pieces = splicePieces(body.rope, body.object, [...rename, ...through.edits]);
      const { codec, sight } = choice;
      return {
        ok: true,
        value: {
          kind: "wire",
          backend,
          codec,
          sight,
          body: pieces,
          tap: through.tap,
          headers: input.headers,
          stages: [],
          losses,
          answer,
          echoModel,
        },
      };
    }
  }

  const parsed = parseObject(Buffer.concat(splicePieces(body.rope, body.object, rename)));
  if (parsed === undefined) return refuse("bad-request", "The request body is not valid JSON.");
  const read = input.codec.ingress.readRequest(parsed, { model: target.planned.model, stream: input.body.stream });
  if (!read.ok) return read;
  const { request } = read.value;
  losses.push(...read.value.losses);
  if (backend.kind === "events") {
    return { ok: true, value: { kind: "events", sight: "translate", backend, request, losses, answer, echoModel } };
  }
  const codec = choice.codec ?? input.codec;
  const translated = translate(request, {
    codec,
    dialect: backend.dialect,
    features: context.features,
    target: { endpoint: target.endpoint.name, model: target.planned.model, client: input.codec.protocol },
  });
  losses.push(...translated.losses);
  return {
    ok: true,
    value: {
      kind: "wire",
      sight: "translate",
      backend,
      codec,
      body: [translated.body],
      tap: noTap,
      headers: { ...common(input), ...translated.headers },
      stages: translated.stages,
      losses,
      answer,
      echoModel,
    },
  };
}

/** Client headers that mean the same to everybody. */
function common(input: ExchangeInput): { readonly [name: string]: string } {
  const own = new Set(input.codec.ingress.headers);
  return Object.fromEntries(Object.entries(input.headers).filter(([name]) => !own.has(name)));
}

function refuse(kind: "unsupported" | "bad-request", message: string): Result<never> {
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
