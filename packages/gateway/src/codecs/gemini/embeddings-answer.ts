import type { AnswerContext, Observation, Tap, TapVerdict, WireEvent } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Failure } from "../../kernel/failure.ts";
import { failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import { ChangedFields, mergeAll, vendorExtra, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import { arrayOf, objectOf, parseObject, unlessEmpty, without } from "../shared/json.ts";
import { dataEvent, writeStreamError } from "./framing.ts";
import { errorInside } from "./look.ts";
import { readUsage, writeUsage } from "./usage.ts";

const protocol = "gemini-embeddings";
const answerFields = new Set(["embedding", "embeddings", "usageMetadata", "error"]);
const incomplete = "The provider's answer ended before it was complete.";
const notJson = "The provider's answer is not a JSON object.";

/** The embeddings of an answer: `embedding` of one content, or `embeddings` of a batch. */
function vectorsOf(body: JsonObject): readonly Json[] {
  return body["embedding"] === undefined ? arrayOf(body["embeddings"]) : [body["embedding"]];
}

/** The events of an embeddings answer. */
export function readEmbeddings(body: JsonObject): readonly AnswerEvent[] {
  const problem = problemOf(body);
  if (problem !== undefined) return [{ type: "failure", failure: problem }];
  const extra = vendorExtra(protocol, { answer: new ChangedFields(answerFields).of(body) ?? {} });
  const events: AnswerEvent[] = [{ type: "start", ...compact({ extra }) }];
  for (const [index, item] of vectorsOf(body).entries()) {
    const vector = arrayOf(objectOf(item)?.["values"]).filter((value) => typeof value === "number");
    events.push({ type: "embedding", index, vector });
  }
  const usage = objectOf(body["usageMetadata"]);
  if (usage !== undefined) events.push({ type: "usage", usage: readUsage(usage) });
  return events;
}

/** Why the body is no answer; undefined if it is one. */
function problemOf(body: JsonObject): Failure | undefined {
  const problem = errorInside(body);
  if (problem !== undefined) return problem;
  const vectors = vectorsOf(body);
  if (vectors.length === 0) return failure("bad-response", "The provider's answer has no embeddings.");
  const isWhole = vectors.every((item) => {
    const values = arrayOf(objectOf(item)?.["values"]);
    return values.length > 0 && values.every((value) => typeof value === "number");
  });
  return isWhole
    ? undefined
    : failure("bad-response", "The provider's answer holds an embedding that is not a list of numbers.");
}

/** An embeddings answer in the shape that the client asked for: of a batch, or of one content. */
export function writeEmbeddings(events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  const embeddings = answer.embeddings
    .toSorted((left, right) => left.index - right.index)
    .map(({ vector }): JsonObject => ({ values: vector }));
  const [first] = embeddings;
  const isBatch = context.request["requests"] !== undefined;
  const usage = answer.usage && unlessEmpty(without(writeUsage(answer.usage, {}), new Set(["candidatesTokenCount"])));
  const body: JsonObject = {
    ...mergeAll(answer.extras.map((extra) => vendorFields(extra, protocol, "answer"))),
    ...(isBatch || first === undefined ? { embeddings } : { embedding: first }),
    ...(usage && { usageMetadata: usage }),
  };
  return JSON.stringify(body);
}

/** Embeddings are never streamed by the protocol; should a stream be asked for, the whole answer is its only event. */
export class EmbeddingStreamEncoder implements Machine<AnswerEvent, string> {
  readonly #context: AnswerContext;
  readonly #events: AnswerEvent[] = [];
  #over = false;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  push(event: AnswerEvent): readonly string[] {
    if (this.#over) return [];
    this.#events.push(event);
    if (event.type !== "failure") return [];
    this.#over = true;
    return [writeStreamError(event.failure)];
  }

  end(): readonly string[] {
    if (this.#over) return [];
    this.#over = true;
    const answer: Json = JSON.parse(writeEmbeddings(this.#events, this.#context));
    return [dataEvent(answer)];
  }
}

/** Reads an answer that came as the only event of a stream. */
export class EmbeddingStreamDecoder implements Machine<WireEvent, AnswerEvent> {
  #over = false;

  push(event: WireEvent): readonly AnswerEvent[] {
    if (this.#over || event.data === "") return [];
    this.#over = true;
    const body = parseObject(event.data);
    return body === undefined ? [{ type: "failure", failure: failure("bad-response", notJson) }] : readEmbeddings(body);
  }

  end(): readonly AnswerEvent[] {
    if (this.#over) return [];
    this.#over = true;
    return [{ type: "failure", failure: failure("broken-stream", incomplete) }];
  }
}

/** Watches embeddings answers: their usage, and whether they are errors in disguise. */
export class EmbeddingTap implements Tap {
  readonly seen: Observation = { started: false, finished: false, done: false };

  event(event: WireEvent): TapVerdict {
    if (event.data === "") return "pass";
    const body = parseObject(event.data);
    if (body === undefined) this.seen.failure = failure("broken-stream", notJson);
    else this.whole(body);
    return this.seen.failure === undefined ? "pass" : "drop";
  }

  whole(body: JsonObject): void {
    const { seen } = this;
    const problem = problemOf(body);
    if (problem !== undefined) {
      seen.failure = problem;
      return;
    }
    seen.started = true;
    seen.finished = true;
    seen.done = true;
    const usage = objectOf(body["usageMetadata"]);
    if (usage !== undefined) seen.usage = readUsage(usage);
  }

  end(): string {
    if (!this.seen.finished) this.seen.failure ??= failure("broken-stream", incomplete);
    return "";
  }
}
