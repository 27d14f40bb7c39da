import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import { mergeAll, vendorFields } from "../shared/extra.ts";
import { firstCandidate, foldAnswer } from "../shared/fold.ts";
import type { FoldedPart } from "../shared/fold.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { joinLogprobs } from "../shared/openai-logprobs.ts";
import type { Form, Saying } from "./forms.ts";
import { headOf, lastFields, lossOf, writeCall } from "./line-encode.ts";

/** An unstreamed answer from its events, as JSON text. It has room for one candidate. */
export function writeAnswer(form: Form, events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  const candidate = firstCandidate(answer);
  if (answer.candidates.size > (candidate === undefined ? 0 : 1))
    context.lost({ field: "candidates", reason: "unsupported" });
  const parts = candidate?.parts ?? [];
  const reason = candidate?.finish ?? { unified: "stop", raw: "" };
  if (reason.unified === "content-filter") context.lost({ field: "finish", reason: "approximated" });
  for (const { head, keep } of parts) {
    const loss = lossOf(head, keep);
    if (loss !== undefined) context.lost(loss);
  }
  const extras = [...answer.extras, ...(candidate?.extras ?? [])];
  const collect = (place: "answer" | "message") =>
    mergeAll(extras.map((extra) => vendorFields(extra, form.protocol, place)));
  const logprobs = arrayOf(objectOf(joinLogprobs(parts.flatMap((part) => part.logprobs)))?.["content"]);
  const saying = { ...sayingOf(form, parts, context), rest: collect("message") };
  return JSON.stringify({
    ...headOf(context, answer),
    ...form.write(saying),
    ...(logprobs.length > 0 && { logprobs }),
    ...lastFields(reason, answer.usage, { measured: { total: context.elapsed?.() }, rest: collect("answer") }),
  });
}

function sayingOf(form: Form, parts: readonly FoldedPart[], context: AnswerContext): Saying {
  const thinking = parts.filter(({ head }) => head.type === "reasoning");
  const images = parts.filter(({ head, text }) => head.type === "image" && text !== "");
  const called = parts.filter(({ head }) => head.type === "tool-call");
  const calls = called.flatMap(({ head, text, keep }, index) =>
    head.type === "tool-call"
      ? [writeCall(head, { text, index, keep: keep?.[form.protocol] ?? {} }, context.lost)]
      : [],
  );
  return {
    text: parts.map(({ head, text }) => (head.type === "text" || head.type === "refusal" ? text : "")).join(""),
    ...(thinking.length > 0 && { thinking: thinking.map(({ text }) => text).join("") }),
    ...(images.length > 0 && { images: images.map(({ text }) => text) }),
    ...(calls.length > 0 && { calls }),
  };
}
