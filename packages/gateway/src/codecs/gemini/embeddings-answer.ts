import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Failure } from "../../kernel/failure.ts";
import { failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { ChangedFields, mergeAll, vendorExtra, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import { arrayOf, objectOf, unlessEmpty, without } from "../shared/json.ts";
import { writeStreamError } from "./framing.ts";
import { readVector } from "../shared/single-answer.ts";
import type { SingleAnswer } from "../shared/single-answer.ts";
import { errorInside } from "./look.ts";
import { readUsage, writeUsage } from "./usage.ts";

const protocol = "gemini-embeddings";
const answerFields = new Set(["embedding", "embeddings", "usageMetadata", "error"]);

/** The embeddings of an answer: `embedding` of one content, or `embeddings` of a batch. */
function vectorsOf(body: JsonObject): readonly Json[] {
  return body["embedding"] === undefined ? arrayOf(body["embeddings"]) : [body["embedding"]];
}

function vectorOf(item: Json): readonly number[] | undefined {
  return readVector(arrayOf(objectOf(item)?.["values"]));
}

/** The events of an embeddings answer. */
export function readEmbeddings(body: JsonObject): readonly AnswerEvent[] {
  const problem = problemOf(body);
  if (problem !== undefined) return [{ type: "failure", failure: problem }];
  const extra = vendorExtra(protocol, { answer: new ChangedFields(answerFields).of(body) ?? {} });
  const events: AnswerEvent[] = [{ type: "start", ...compact({ extra }) }];
  for (const [index, item] of vectorsOf(body).entries()) {
    events.push({ type: "embedding", index, vector: vectorOf(item) ?? [] });
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
  return vectors.every((item) => vectorOf(item) !== undefined)
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

/** Embeddings are never streamed by the protocol. */
export const geminiVectors: SingleAnswer = {
  read: readEmbeddings,
  write: writeEmbeddings,
  frame: (json) => `data: ${json}\r\n\r\n`,
  writeStreamError,
  look(body) {
    const usage = objectOf(body["usageMetadata"]);
    return problemOf(body) ?? (usage === undefined ? {} : { usage: readUsage(usage) });
  },
};
