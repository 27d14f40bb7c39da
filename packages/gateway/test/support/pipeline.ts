import assert from "node:assert/strict";
import { codecs } from "../../src/app/codecs.ts";
import { features as usualFeatures } from "../../src/app/features.ts";
import { systemClock } from "../../src/app/system-clock.ts";
import { parseExactObject } from "../../src/codecs/shared/exact.ts";
import type { AnswerContext, Codec, Dialect, Observation } from "../../src/kernel/codec.ts";
import type { AnswerEvent } from "../../src/kernel/event.ts";
import type { Feature } from "../../src/kernel/feature.ts";
import type { Failure } from "../../src/kernel/failure.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Protocol } from "../../src/kernel/protocol.ts";
import type { CanonicalRequest } from "../../src/kernel/request.ts";
import { DecodedStream, EncodedStream, readWhole, TranslatedStream, writeWhole } from "../../src/relay/interpreter.ts";
import { translate } from "../../src/relay/translation.ts";
import type { Translated } from "../../src/relay/translation.ts";

/** The protocols that generate text. */
export const generating = [
  "openai-chat",
  "openai-responses",
  "openai-completions",
  "anthropic-messages",
  "gemini",
  "ollama",
  "ollama-generate",
] as const satisfies readonly Protocol[];
export type Generating = (typeof generating)[number];

/** Most bytes of one event of a stream. */
const limit = 1 << 24;

export function codecOf(protocol: Protocol): Codec {
  return codecs.get(protocol) ?? assert.fail(`There is no codec of ${protocol}.`);
}

/** Where a request goes, and how its client asked. */
export interface Journey {
  readonly dialect?: Dialect;
  /** The endpoint's name; the backend's protocol unless told. */
  readonly endpoint?: string;
  readonly model?: string;
  readonly caller?: string;
}

/** A stream as a client gets it. */
export interface Told {
  readonly text: string;
  readonly seen: Observation;
  readonly lost: readonly string[];
}

/** A whole answer as a client gets it; its body is empty where it failed. */
export interface ToldWhole {
  readonly body: JsonObject;
  readonly seen: Observation;
  readonly lost: readonly string[];
}

/** A request as its backend gets it, and the way back of its answer. */
export interface Sent {
  readonly body: JsonObject;
  readonly headers: { readonly [name: string]: string };
  readonly lost: readonly string[];
  readonly request: CanonicalRequest;
  /** The answer's stream in these pieces; its end is the connection's. */
  stream(...pieces: readonly (string | Buffer)[]): Told;
  whole(answer: JsonObject | string): ToldWhole;
}

/** The gateway's own way between two protocols, without its sockets. What features remember lives as long as this. */
export class Pipeline {
  readonly #features: readonly Feature[];

  constructor(features: readonly Feature[] = usualFeatures(systemClock)) {
    this.#features = features;
  }

  /** Fails the test where the client's request is refused. */
  ask(client: Protocol, backend: Protocol, body: JsonObject, journey: Journey = {}): Sent {
    const ingress = codecOf(client).ingress;
    const text = JSON.stringify(body);
    const parsed = parseExactObject(text) ?? assert.fail("The body is no object.");
    const model = journey.model ?? (typeof body["model"] === "string" ? body["model"] : "m");
    const read = ingress.readRequest(parsed, { model, stream: body["stream"] === true });
    if (!read.ok) assert.fail(`The request was refused: ${read.failure.message}`);
    const { request, losses } = read.value;
    const translated = () => this.write(client, backend, request, { ...journey, model });
    const first = translated();
    const lost = [...losses, ...first.losses].map(({ field }) => field);
    return {
      request,
      lost,
      headers: first.headers,
      body: parseExactObject(first.body.toString()) ?? assert.fail("The written body is no object."),
      stream: (...pieces) => this.#stream({ client, backend, parsed }, pieces, translated()),
      whole: (answer) => this.#whole({ client, backend, parsed }, answer, translated()),
    };
  }

  write(client: Protocol, backend: Protocol, request: CanonicalRequest, journey: Journey = {}): Translated {
    const { dialect = { streamUsage: true, developerRole: true }, endpoint = backend, model = request.model } = journey;
    return translate(request, {
      codec: codecOf(backend),
      dialect,
      features: this.#features,
      target: { endpoint, model, client, ...(journey.caller !== undefined && { caller: journey.caller }) },
    });
  }

  #stream(way: Way, pieces: readonly (string | Buffer)[], { stages }: Translated): Told {
    const { context, lost } = contextOf(way.parsed);
    const encoder = new EncodedStream(codecOf(way.client), context);
    const stream = new TranslatedStream(codecOf(way.backend), encoder, { id: "attempt", stages, limit });
    const out: Buffer[] = [];
    for (const piece of pieces) {
      if (stream.seen.failure === undefined) out.push(stream.push(Buffer.from(piece)));
    }
    if (stream.seen.failure === undefined) out.push(stream.end());
    const { failure } = stream.seen;
    if (failure !== undefined) out.push(stream.fail(failure));
    return { text: Buffer.concat(out).toString(), seen: stream.seen, lost };
  }

  #whole(way: Way, answer: JsonObject | string, { stages }: Translated): ToldWhole {
    const { context, lost } = contextOf(way.parsed);
    const bytes = Buffer.from(typeof answer === "string" ? answer : JSON.stringify(answer));
    const events = readWhole(codecOf(way.backend), bytes, { id: "attempt", stages, streamed: false });
    const written = writeWhole(codecOf(way.client), events, context);
    return { body: parseExactObject(written.bytes.toString()) ?? {}, seen: written.seen, lost };
  }
}

interface Way {
  readonly client: Protocol;
  readonly backend: Protocol;
  readonly parsed: JsonObject;
}

function contextOf(request: JsonObject): { readonly context: AnswerContext; readonly lost: string[] } {
  const lost: string[] = [];
  const context = {
    id: "request",
    created: 1_700_000_000,
    model: "asked",
    request,
    lost: ({ field }: { readonly field: string }) => void lost.push(field),
  };
  return { context, lost };
}

/** What the protocol's own decoder makes of a stream, such as a client would. */
export function decoded(protocol: Protocol, ...pieces: readonly (string | Buffer)[]): readonly AnswerEvent[] {
  const stream = new DecodedStream(codecOf(protocol), { id: "attempt", stages: [], limit });
  const events: AnswerEvent[] = [];
  let finished = false;
  for (const piece of pieces) {
    events.push(...stream.push(Buffer.from(piece)));
    finished = events.some(({ type }) => type === "finish");
    if (events.at(-1)?.type === "failure") return events;
  }
  return [...events, ...stream.end(finished)];
}

export function decodedWhole(protocol: Protocol, body: JsonObject): readonly AnswerEvent[] {
  return readWhole(codecOf(protocol), Buffer.from(JSON.stringify(body)), {
    id: "attempt",
    stages: [],
    streamed: false,
  });
}

/** Canonical events as the stream of a vendor of this protocol. */
export function encoded(protocol: Protocol, events: readonly AnswerEvent[], request: JsonObject = {}): Told {
  const { context, lost } = contextOf({ stream: true, stream_options: { include_usage: true }, ...request });
  const encoder = new EncodedStream(codecOf(protocol), context);
  let text = encoder.push(events) + encoder.end();
  if (encoder.seen.failure !== undefined) text += encoder.fail(encoder.seen.failure).toString();
  return { text, seen: encoder.seen, lost };
}

export function failureIn(events: readonly AnswerEvent[]): Failure | undefined {
  const last = events.at(-1);
  return last?.type === "failure" ? last.failure : undefined;
}
