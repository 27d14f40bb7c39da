import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { mergeAll, mergeFields, opaqueName, vendorFields } from "../shared/extra.ts";
import { foldAnswer } from "../shared/fold.ts";
import type { FoldedCandidate, FoldedPart } from "../shared/fold.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { writeFinish } from "../shared/openai-finish.ts";
import { chatLogprobs, joinLogprobs } from "../shared/openai-logprobs.ts";
import { writeUsage } from "../shared/openai-usage.ts";
import { callLosses, calledAs, clientForm, writeImage } from "./client-form.ts";
import type { ClientForm } from "./client-form.ts";
import { blocksOf } from "./reasoning.ts";

/** Texts of a message that a stream sends in pieces: those of `audio`. */
const joined = new Set(["data", "transcript"]);

/** A `chat.completion` from an answer's events, as JSON text. */
export function writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  const form = clientForm(context.request);
  const everyExtra = [...answer.extras, ...[...answer.candidates.values()].flatMap((each) => each.extras)];
  const collect = (extras: typeof everyExtra, place: "answer" | "choice" | "message" | "usage") =>
    extras.map((extra) => vendorFields(extra, "openai-chat", place));
  const choices = [...answer.candidates]
    .toSorted(([left], [right]) => left - right)
    .map(([index, candidate]): JsonObject => {
      const opaque = candidate.parts.flatMap((part) => opaqueFields(part, context.lost));
      const fields = [...collect(candidate.extras, "message"), ...opaque];
      const message = fields.reduce((all, some) => mergeFields(all, some, joined), {});
      const logprobs = candidate.parts.flatMap((part) => part.logprobs.map(chatLogprobs));
      return {
        ...mergeAll(collect(candidate.extras, "choice")),
        index,
        message: { ...message, ...writeMessage(candidate.parts, { form, context, message }) },
        logprobs: joinLogprobs(logprobs) ?? null,
        finish_reason: finishOf(candidate, form),
      };
    });
  const usage = writeUsage(answer.usage, mergeAll(collect(answer.usageExtras, "usage")));
  const body: JsonObject = {
    ...mergeObjects(collect(everyExtra, "answer")),
    id: answer.id ?? `chatcmpl-${context.id}`,
    object: "chat.completion",
    created: answer.created ?? context.created,
    model: context.echoModel ?? answer.model ?? context.model,
    choices,
    ...(usage && { usage }),
  };
  return JSON.stringify(body);
}

/** Like `mergeAll`, but of an object that comes in pieces, such as Groq's `x_groq`, no piece replaces another. */
function mergeObjects(fields: readonly JsonObject[]): JsonObject {
  return fields.reduce((all, some) => {
    const pieces = Object.entries(some).flatMap(([name, value]) => {
      const [before, after] = [objectOf(all[name]), objectOf(value)];
      return before !== undefined && after !== undefined ? [[name, { ...before, ...after }] as const] : [];
    });
    return { ...all, ...some, ...Object.fromEntries(pieces) };
  }, {});
}

function finishOf(candidate: FoldedCandidate, form: ClientForm): string | null {
  if (candidate.finish === undefined) return null;
  const hasCalls = candidate.parts.some((part) => part.head.type === "tool-call");
  return writeFinish(candidate.finish, !hasCalls ? "stop" : form.legacy ? "function_call" : "tool_calls");
}

/** The fields of the message that an opaque part stands for. */
function opaqueFields({ head, keep }: FoldedPart, lost: AnswerContext["lost"]): JsonObject[] {
  if (head.type !== "opaque") return [];
  const own = keep?.["openai-chat"];
  if (own === undefined) lost({ field: opaqueName(keep), reason: "unsupported" });
  return own === undefined ? [] : [own];
}

interface Writing {
  readonly form: ClientForm;
  readonly context: AnswerContext;
  /** Fields that the vendor added. */
  readonly message: JsonObject;
}

function writeMessage(parts: readonly FoldedPart[], { form, context, message }: Writing): JsonObject {
  const of = (type: FoldedPart["head"]["type"]) => parts.filter((part) => part.head.type === type);
  const joinedText = (type: FoldedPart["head"]["type"]) => {
    const texts = of(type).map((part) => part.text);
    return texts.length === 0 ? undefined : texts.join("");
  };
  const calls = of("tool-call");
  const images = parts.flatMap(({ head, text }) => (head.type === "image" ? [writeImage(head.mediaType, text)] : []));
  const reasoning = joinedText("reasoning");
  const refusal = joinedText("refusal");
  const blocks = of("reasoning").map((part) => blocksOf(part.keep?.["openai-chat"]));
  return {
    role: "assistant",
    content: joinedText("text") ?? (calls.length > 0 || refusal !== undefined ? null : ""),
    refusal: refusal ?? null,
    ...(reasoning === undefined || reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...blocks.reduce((all, some) => mergeFields(all, some, joined), {}),
    ...(images.length > 0 && { images: [...arrayOf(message["images"]), ...images] }),
    ...writeCalls(calls, form, context.lost),
  };
}

function writeCalls(calls: readonly FoldedPart[], form: ClientForm, lost: AnswerContext["lost"]): JsonObject {
  const written = calls.map((part, place) => writeCall(part, place, { form, lost }));
  // The legacy form has room for one call.
  if (form.legacy && written[0] !== undefined) return { function_call: written[0]["function"] ?? null };
  return written.length === 0 ? {} : { tool_calls: written };
}

function writeCall(
  part: FoldedPart,
  place: number,
  { form, lost }: { form: ClientForm; lost: AnswerContext["lost"] },
): JsonObject {
  const { head } = part;
  if (head.type !== "tool-call") return {};
  for (const loss of callLosses(head, place, form)) lost(loss);
  const keep = part.keep?.["openai-chat"] ?? {};
  const kind = calledAs(head, form);
  const called = { name: head.name, [kind === "custom" ? "input" : "arguments"]: part.text };
  return { ...keep, id: head.id, type: kind, [kind]: { ...objectOf(keep[kind]), ...called } };
}
