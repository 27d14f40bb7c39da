import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Failure } from "../../kernel/failure.ts";
import { failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { ChangedFields, mergeAll, vendorExtra, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import { arrayOf, countOf, objectOf, textOf } from "../shared/json.ts";
import { errorInside } from "../shared/openai-error-read.ts";
import { writeStreamError } from "../shared/openai-error-write.ts";
import { findUsage, readUsage } from "../shared/openai-usage.ts";
import { readVector } from "../shared/single-answer.ts";
import type { SingleAnswer } from "../shared/single-answer.ts";
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
    const vector = vectorOf(entry?.["embedding"]);
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

function vectorOf(value: Json | undefined): readonly number[] | undefined {
  return typeof value === "string" ? decodeVector(value) : readVector(arrayOf(value));
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

/** Embeddings are never streamed by the protocol. */
export const openaiVectors: SingleAnswer = {
  read: readAnswer,
  write: writeAnswer,
  frame: (json) => `data: ${json}\n\n`,
  writeStreamError,
  look(body) {
    const usage = findUsage(body);
    return (
      problemOf(body) ??
      compact({ model: textOf(body["model"]), usage: usage === undefined ? undefined : readUsage(usage) })
    );
  },
};
