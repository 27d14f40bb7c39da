import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { mergeAll, mergeFields, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import type { FoldedCandidate, FoldedPart } from "../shared/fold.ts";
import { objectOf } from "../shared/json.ts";
import { joinLogprobs } from "../shared/openai-decoder.ts";
import { writeFinish } from "../shared/openai-finish.ts";
import { writeUsage } from "../shared/openai-usage.ts";
import { usesFunctions } from "./legacy.ts";

/** Texts of a message that a stream sends in pieces: those of `audio`. */
const joined = new Set(["data", "transcript"]);

/** A `chat.completion` from an answer's events, as JSON text. */
export function writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  const legacy = usesFunctions(context.request);
  const everyExtra = [...answer.extras, ...[...answer.candidates.values()].flatMap((each) => each.extras)];
  const collect = (extras: typeof everyExtra, place: "answer" | "choice" | "message" | "usage") =>
    extras.map((extra) => vendorFields(extra, "openai-chat", place));
  const choices = [...answer.candidates]
    .toSorted(([left], [right]) => left - right)
    .map(([index, candidate]): JsonObject => {
      const message = collect(candidate.extras, "message").reduce((all, some) => mergeFields(all, some, joined), {});
      return {
        ...mergeAll(collect(candidate.extras, "choice")),
        index,
        message: { ...message, ...writeMessage(candidate.parts, legacy) },
        logprobs: joinLogprobs(candidate.parts.flatMap((part) => part.logprobs)) ?? null,
        finish_reason: finishOf(candidate, legacy),
      };
    });
  const body: JsonObject = {
    ...mergeAll(collect(everyExtra, "answer")),
    id: answer.id ?? `chatcmpl-${context.id}`,
    object: "chat.completion",
    created: answer.created ?? context.created,
    model: context.echoModel ?? answer.model ?? context.model,
    choices,
    ...(answer.usage && {
      usage: writeUsage(answer.usage, mergeAll(collect(answer.usageExtras, "usage"))),
    }),
  };
  return JSON.stringify(body);
}

function finishOf(candidate: FoldedCandidate, legacy: boolean): string | null {
  if (candidate.finish === undefined) return null;
  const hasCalls = candidate.parts.some((part) => part.head.type === "tool-call");
  return writeFinish(candidate.finish, !hasCalls ? "stop" : legacy ? "function_call" : "tool_calls");
}

function writeMessage(parts: readonly FoldedPart[], legacy: boolean): JsonObject {
  const joinedText = (type: FoldedPart["head"]["type"]) => {
    const found = parts.filter((part) => part.head.type === type);
    return found.length === 0 ? undefined : found.map((part) => part.text).join("");
  };
  const calls = parts.filter((part) => part.head.type === "tool-call");
  const reasoning = joinedText("reasoning");
  const refusal = joinedText("refusal");
  return {
    role: "assistant",
    content: joinedText("text") ?? (calls.length > 0 || refusal !== undefined ? null : ""),
    refusal: refusal ?? null,
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
    ...writeCalls(calls, legacy),
  };
}

function writeCalls(calls: readonly FoldedPart[], legacy: boolean): JsonObject {
  const written = calls.map(writeCall);
  // The legacy form has room for one call.
  if (legacy && written[0] !== undefined) return { function_call: written[0]["function"] ?? null };
  return written.length === 0 ? {} : { tool_calls: written };
}

function writeCall(part: FoldedPart): JsonObject {
  const { head } = part;
  if (head.type !== "tool-call") return {};
  const keep = part.keep?.["openai-chat"] ?? {};
  const inner = objectOf(keep[head.tool]);
  const called: { [name: string]: Json } =
    head.tool === "custom" ? { name: head.name, input: part.text } : { name: head.name, arguments: part.text };
  return { ...keep, id: head.id, type: head.tool, [head.tool]: { ...inner, ...called } };
}
