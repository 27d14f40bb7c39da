import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { mergeAll, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import type { FoldedPart } from "../shared/fold.ts";
import { isText, textPart, wholePart } from "./answer-parts.ts";
import { writeFinish } from "./finish.ts";
import { blockReason } from "./look.ts";
import { writeLogprobs } from "./logprobs.ts";
import { writeUsage } from "./usage.ts";

/** A GenerateContentResponse from an answer's events, as JSON text. */
export function writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  const every = [...answer.extras, ...[...answer.candidates.values()].flatMap((each) => each.extras)];
  const fields = mergeAll(every.map((extra) => vendorFields(extra, "gemini", "answer")));
  const candidates = [...answer.candidates]
    .toSorted(([left], [right]) => left - right)
    .map(([index, { parts, extras, finish }]): JsonObject => ({
      content: {
        parts: parts.flatMap((part) => writePart(part, context)),
        role: "model",
      },
      ...(finish && { finishReason: writeFinish(finish) }),
      index,
      ...compact({ logprobsResult: writeLogprobs(parts.flatMap((part) => part.logprobs)) }),
      ...mergeAll(extras.map((extra) => vendorFields(extra, "gemini", "choice"))),
    }));
  const isBlocked = blockReason(fields) !== undefined && [...answer.candidates.values()].every(isEmpty);
  const usageRest = mergeAll(answer.usageExtras.map((extra) => vendorFields(extra, "gemini", "usage")));
  const body: JsonObject = {
    ...(!isBlocked && { candidates }),
    ...fields,
    ...(answer.usage && { usageMetadata: writeUsage(answer.usage, usageRest) }),
    modelVersion: context.echoModel ?? answer.model ?? context.model,
    responseId: answer.id ?? context.id,
  };
  return JSON.stringify(body);
}

function isEmpty({ parts }: { readonly parts: readonly FoldedPart[] }): boolean {
  return parts.length === 0;
}

function writePart(part: FoldedPart, context: AnswerContext): JsonObject[] {
  const ended = { keep: part.keep, origin: part.origin };
  if (!isText(part.head)) return optional(wholePart(part.head, part.text, { ...ended, lost: context.lost }));
  if (part.head.type === "refusal") context.lost({ field: "refusal", reason: "approximated" });
  const written = textPart(part.head, part.text, ended);
  return part.text === "" && written["thoughtSignature"] === undefined ? [] : [written];
}

function optional(value: JsonObject | undefined): JsonObject[] {
  return value === undefined ? [] : [value];
}
