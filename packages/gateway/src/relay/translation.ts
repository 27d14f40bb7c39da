import type { Codec, Dialect } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import type { Feature, FeatureTarget } from "../kernel/feature.ts";
import type { Loss } from "../kernel/loss.ts";
import type { Machine } from "../kernel/machine.ts";
import type { CanonicalRequest } from "../kernel/request.ts";

/** A request in the words of a backend's protocol, and the way back for its answer. */
export interface Translated {
  readonly body: Buffer;
  readonly headers: { readonly [name: string]: string };
  readonly losses: readonly Loss[];
  /** Between the decoder and the encoder of the answer, in the order in which it passes them. */
  readonly stages: readonly Machine<AnswerEvent, AnswerEvent>[];
}

export interface TranslationWay {
  readonly codec: Codec;
  readonly dialect: Dialect;
  readonly features: readonly Feature[];
  readonly target: Omit<FeatureTarget, "accepts" | "protocol">;
}

/** Lets the features have their say, then writes the request for one target. */
export function translate(request: CanonicalRequest, to: TranslationWay): Translated {
  const { codec, dialect } = to;
  const accepts = { ...codec.egress.accepts, ...dialect.accepts };
  const target: FeatureTarget = { ...to.target, protocol: codec.protocol, accepts };
  const losses: Loss[] = [];
  const stages: Machine<AnswerEvent, AnswerEvent>[] = [];
  let current = request;
  for (const feature of to.features) {
    const outcome = feature.apply(current, target);
    current = outcome.request;
    losses.push(...outcome.losses);
    if (outcome.answer !== undefined) stages.unshift(outcome.answer);
  }
  const written = codec.egress.writeRequest(current, dialect);
  return {
    body: Buffer.from(JSON.stringify(written.body)),
    headers: written.headers ?? {},
    losses: [...losses, ...written.losses],
    stages,
  };
}

/** Several machines as one. A failure passes all of them, and ends what they hold. */
export function chain(stages: readonly Machine<AnswerEvent, AnswerEvent>[]): Machine<AnswerEvent, AnswerEvent> {
  const through = (events: readonly AnswerEvent[], from: number): readonly AnswerEvent[] => {
    let current = events;
    for (let index = from; index < stages.length; index += 1) current = pushAll(stages[index], current);
    return current;
  };
  return {
    push: (event) => (stages.length === 0 ? [event] : through([event], 0)),
    end: () => stages.flatMap((stage, index) => through(stage.end(), index + 1)),
  };
}

function pushAll(
  stage: Machine<AnswerEvent, AnswerEvent> | undefined,
  events: readonly AnswerEvent[],
): readonly AnswerEvent[] {
  const [first] = events;
  if (stage === undefined || first === undefined) return events;
  // Nearly always there is one.
  return events.length === 1 ? stage.push(first) : events.flatMap((event) => stage.push(event));
}
