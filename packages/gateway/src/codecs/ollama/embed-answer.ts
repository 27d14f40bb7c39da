import type { AnswerContext, Observation, Tap, TapVerdict, WireEvent } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import { isExact, parseExactObject } from "../shared/exact.ts";
import { ChangedFields, mergeAll, vendorExtra, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import { arrayOf, countOf, textOf } from "../shared/json.ts";
import { noFinish, notJson } from "../shared/openai-decoder.ts";
import { isLegacy } from "./embed-request.ts";
import { errorIn, writeStreamError } from "./errors.ts";

const protocol = "ollama-embeddings";
const answerFields = new Set(["model", "embeddings", "embedding", "prompt_eval_count", "error"]);

/** The vectors of an answer of either form; empty if there are none. */
function vectorsIn(body: JsonObject): readonly Json[] {
  const vectors = arrayOf(body["embeddings"]);
  if (vectors.length > 0) return vectors;
  return arrayOf(body["embedding"]).length > 0 ? [body["embedding"] ?? null] : [];
}

/** Why the body is no answer; undefined if it is one, as far as its outer form tells. */
function problemOf(body: JsonObject): Failure | undefined {
  const problem = errorIn(body);
  if (problem !== undefined || vectorsIn(body).length > 0) return problem;
  return failure("bad-response", "The provider's answer has no embeddings.");
}

/** The events of an answer. */
export function readAnswer(body: JsonObject): readonly AnswerEvent[] {
  const problem = problemOf(body);
  if (problem !== undefined) return [{ type: "failure", failure: problem }];
  const extra = vendorExtra(protocol, { answer: new ChangedFields(answerFields).of(body) ?? {} });
  const events: AnswerEvent[] = [{ type: "start", ...compact({ model: textOf(body["model"]), extra }) }];
  for (const [index, value] of vectorsIn(body).entries()) {
    const vector = readVector(value);
    if (vector === undefined)
      return [broken("The provider's answer holds an embedding that is not a list of numbers.")];
    events.push({ type: "embedding", index, vector });
  }
  const inputTokens = countOf(body["prompt_eval_count"]);
  if (inputTokens !== undefined) events.push({ type: "usage", usage: { inputTokens } });
  return events;
}

function broken(message: string): AnswerEvent {
  return { type: "failure", failure: failure("bad-response", message) };
}

/** A number with more digits than a double holds is one of many: what a double holds of it will do. */
function readVector(value: Json): readonly number[] | undefined {
  const numbers = arrayOf(value).map((item) => (isExact(item) ? Number(JSON.stringify(item)) : item));
  const isVector = numbers.length > 0 && numbers.every((item) => typeof item === "number");
  return isVector ? numbers : undefined;
}

/** An answer in the form that the client asked in, as JSON text. */
export function writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  const vectors = answer.embeddings.toSorted((left, right) => left.index - right.index).map(({ vector }) => vector);
  if (isLegacy(context.request)) return JSON.stringify({ embedding: vectors[0] ?? [] });
  return JSON.stringify({
    ...mergeAll(answer.extras.map((extra) => vendorFields(extra, protocol, "answer"))),
    model: context.echoModel ?? answer.model ?? context.model,
    embeddings: vectors,
    ...compact({ prompt_eval_count: answer.usage?.inputTokens }),
  });
}

/** Embeddings are never streamed; should a stream be asked for, the whole answer is its only line. */
export class EmbeddingEncoder implements Machine<AnswerEvent, string> {
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
    if (!this.#events.some(({ type }) => type === "embedding")) {
      return [writeStreamError(failure("broken-stream", "The answer ended before it was complete."))];
    }
    return [`${writeAnswer(this.#events, this.#context)}\n`];
  }
}

/** Reads an answer that came as the only line of a stream. */
export class EmbeddingDecoder implements Machine<WireEvent, AnswerEvent> {
  #over = false;

  push(event: WireEvent): readonly AnswerEvent[] {
    if (this.#over || event.data === "") return [];
    this.#over = true;
    const body = parseExactObject(event.data);
    return body === undefined ? [broken(notJson)] : readAnswer(body);
  }

  end(): readonly AnswerEvent[] {
    if (this.#over) return [];
    this.#over = true;
    return [{ type: "failure", failure: failure("broken-stream", noFinish) }];
  }
}

/** Watches answers: their usage and model, and whether they are errors in disguise. */
export class EmbeddingTap implements Tap {
  readonly seen: Observation = { started: false, finished: false, done: false };

  event(event: WireEvent): TapVerdict {
    if (this.seen.failure !== undefined || this.seen.done) return "drop";
    if (event.data === "") return "pass";
    const body = parseExactObject(event.data);
    if (body === undefined) this.seen.failure = failure("bad-response", notJson);
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
    const inputTokens = countOf(body["prompt_eval_count"]);
    if (inputTokens !== undefined) seen.usage = { inputTokens };
  }

  end(): string {
    if (!this.seen.finished) this.seen.failure ??= failure("broken-stream", noFinish);
    return "";
  }
}
