import type { AnswerContext, Observation, Tap, TapVerdict, WireEvent } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Failure } from "../../kernel/failure.ts";
import { failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import { ChangedFields, mergeAll, vendorExtra, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import { arrayOf, countOf, objectOf, parseObject, textOf } from "../shared/json.ts";
import { errorInside } from "../shared/openai-error-read.ts";
import { writeStreamError } from "../shared/openai-error-write.ts";
import { dataEvent, isDone } from "../shared/openai-sse.ts";
import { findUsage, readUsage } from "../shared/openai-usage.ts";
import { decodeVector, encodeVector } from "./vector.ts";

const protocol = "openai-embeddings";
const answerFields = new Set(["object", "data", "model", "usage", "id", "created", "error"]);

/** The events of an embeddings answer, whose vectors may be lists of numbers or base64. */
export function readAnswer(body: JsonObject): readonly AnswerEvent[] {
  const problem = problemOf(body);
  if (problem !== undefined) return [{ type: "failure", failure: problem }];
  const extra = vendorExtra(protocol, { answer: new ChangedFields(answerFields).of(body) ?? {} });
  const events: AnswerEvent[] = [
    {
      type: "start",
      ...compact({
        id: textOf(body["id"]),
        model: textOf(body["model"]),
        created: countOf(body["created"]),
        extra,
      }),
    },
  ];
  for (const [place, item] of arrayOf(body["data"]).entries()) {
    const entry = objectOf(item);
    const vector = readVector(entry?.["embedding"]);
    if (vector === undefined)
      return [broken("The provider's answer holds an embedding that is not a list of numbers.")];
    events.push({ type: "embedding", index: countOf(entry?.["index"]) ?? place, vector });
  }
  const usage = findUsage(body);
  if (usage !== undefined) events.push({ type: "usage", usage: readUsage(usage) });
  return events;
}

/** Why the body is no answer; undefined if it is one, as far as its outer form tells. */
function problemOf(body: JsonObject): Failure | undefined {
  const problem = errorInside(body);
  if (problem !== undefined) return problem;
  if (arrayOf(body["data"]).length > 0) return undefined;
  return failure("bad-response", "The provider's answer has no embeddings.");
}

function broken(message: string): AnswerEvent {
  return { type: "failure", failure: failure("bad-response", message) };
}

function readVector(value: Json | undefined): readonly number[] | undefined {
  if (typeof value === "string") return decodeVector(value);
  const list = arrayOf(value);
  const isVector = list.length > 0 && list.every((item) => typeof item === "number");
  return isVector ? list : undefined;
}

/** An embeddings answer in the encoding that the client asked for, as JSON text. */
export function writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  const encode = context.request["encoding_format"] === "base64" ? encodeVector : (vector: readonly number[]) => vector;
  const data = answer.embeddings
    .toSorted((left, right) => left.index - right.index)
    .map(({ index, vector }): JsonObject => ({
      object: "embedding",
      index,
      embedding: encode(vector),
    }));
  const input = answer.usage?.inputTokens;
  const body: JsonObject = {
    ...mergeAll(answer.extras.map((extra) => vendorFields(extra, protocol, "answer"))),
    object: "list",
    data,
    model: context.echoModel ?? answer.model ?? context.model,
    ...(input === undefined ? {} : { usage: { prompt_tokens: input, total_tokens: input } }),
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
    if (event.type === "failure") {
      this.#over = true;
      return [writeStreamError(event.failure)];
    }
    this.#events.push(event);
    return [];
  }

  end(): readonly string[] {
    if (this.#over) return [];
    this.#over = true;
    const answer: Json = JSON.parse(writeAnswer(this.#events, this.#context));
    return [dataEvent(answer)];
  }
}

/** Reads an answer that came as the only event of a stream. */
export class EmbeddingStreamDecoder implements Machine<WireEvent, AnswerEvent> {
  #over = false;

  push(event: WireEvent): readonly AnswerEvent[] {
    if (this.#over || event.data === "" || isDone(event.data)) return [];
    this.#over = true;
    const body = parseObject(event.data);
    return body === undefined ? [broken("The provider's answer is not a JSON object.")] : readAnswer(body);
  }

  end(): readonly AnswerEvent[] {
    if (this.#over) return [];
    this.#over = true;
    return [
      {
        type: "failure",
        failure: failure("broken-stream", "The provider's answer ended before it was complete."),
      },
    ];
  }
}

/** Watches embeddings answers: their usage and model, and whether they are errors in disguise. */
export class EmbeddingTap implements Tap {
  readonly seen: Observation = { started: false, finished: false, done: false };

  event(event: WireEvent): TapVerdict {
    if (event.data === "" || isDone(event.data)) return "pass";
    const body = parseObject(event.data);
    if (body === undefined) this.seen.failure = failure("broken-stream", "The provider's answer is not a JSON object.");
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
    const model = textOf(body["model"]);
    if (model !== undefined) seen.model = model;
    const usage = findUsage(body);
    if (usage !== undefined) seen.usage = readUsage(usage);
  }

  end(): string {
    if (!this.seen.finished) {
      this.seen.failure ??= failure("broken-stream", "The provider's answer ended before it was complete.");
    }
    return "";
  }
}
