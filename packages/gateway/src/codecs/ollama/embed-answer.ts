import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { ChangedFields, mergeAll, vendorExtra, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import { arrayOf, countOf, textOf } from "../shared/json.ts";
import { readVector } from "../shared/single-answer.ts";
import type { SingleAnswer } from "../shared/single-answer.ts";
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
    const vector = readVector(arrayOf(value));
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

/** Embeddings are never streamed. */
export const ollamaVectors: SingleAnswer = {
  read: readAnswer,
  write: writeAnswer,
  frame: (json) => `${json}\n`,
  writeStreamError,
  look(body) {
    const inputTokens = countOf(body["prompt_eval_count"]);
    return (
      problemOf(body) ??
      compact({ model: textOf(body["model"]), usage: inputTokens === undefined ? undefined : { inputTokens } })
    );
  },
};
