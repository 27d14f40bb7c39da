import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { mergeAll, opaqueName, vendorFields } from "../shared/extra.ts";
import { firstCandidate, foldAnswer } from "../shared/fold.ts";
import type { FoldedPart } from "../shared/fold.ts";
import { unlessEmpty, without } from "../shared/json.ts";
import { objectArguments } from "../shared/object-arguments.ts";
import { callId, carriesState, citationsOf, ownFields, redactedData, signatureFor } from "./block-encode.ts";
import { writeStop } from "./finish.ts";
import { protocol } from "./keep.ts";
import { writeUsage } from "./usage.ts";

interface Head {
  readonly id?: string;
  readonly model?: string;
  readonly extra?: Extra;
}

/** The fields that a message bears from its start. Clients loop without end where there is no id. */
export function messageHead(head: Head, { id, model, echoModel }: AnswerContext): JsonObject {
  return {
    ...vendorFields(head.extra, protocol, "answer"),
    id: head.id ?? `msg_${id}`,
    type: "message",
    role: "assistant",
    model: echoModel ?? head.model ?? model,
  };
}

/** A message from an answer's events, as JSON text. */
export function writeAnswer(events: readonly AnswerEvent[], context: AnswerContext): string {
  const answer = foldAnswer(events);
  if (answer.candidates.size > 1) context.lost({ field: "candidates", reason: "unsupported" });
  const candidate = firstCandidate(answer);
  const extras = [...answer.extras, ...(candidate?.extras ?? [])];
  const place = (name: "answer" | "choice") => mergeAll(extras.map((extra) => vendorFields(extra, protocol, name)));
  const content = writeBlocks(candidate?.parts ?? [], context);
  const stop =
    candidate?.finish === undefined
      ? { stop_reason: null, stop_sequence: null }
      : writeStop(candidate.finish, {
          hasCalls: content.some(({ type }) => type === "tool_use"),
          hasRefusal: (candidate.parts ?? []).some((part) => part.head.type === "refusal"),
        });
  const usageRest = mergeAll(answer.usageExtras.map((extra) => vendorFields(extra, protocol, "usage")));
  const body: JsonObject = {
    ...place("answer"),
    ...messageHead(answer, context),
    content,
    ...stop,
    ...place("choice"),
    usage: writeUsage(answer.usage, usageRest),
  };
  return JSON.stringify(body);
}

function writeBlocks(parts: readonly FoldedPart[], context: AnswerContext): readonly JsonObject[] {
  let calls = 0;
  return parts.flatMap((part): readonly JsonObject[] => {
    const { head, text } = part;
    const own = ownFields(part.keep);
    switch (head.type) {
      case "text": {
        const citations = citationsOf(part.keep);
        const rest = without(own, new Set(["citations"]));
        return [{ ...rest, ...(citations.length > 0 && { citations }), type: "text", text }];
      }
      case "refusal":
        return [{ type: "text", text }];
      case "reasoning":
        return writeThinking(part);
      case "tool-call": {
        if (head.name === "") return [];
        const id = callId(head.id, context.id, calls);
        calls += 1;
        const { value } = objectArguments({ tool: head.tool, arguments: text });
        return [{ ...own, type: "tool_use", id, name: head.name, input: value }];
      }
      case "opaque": {
        const block = unlessEmpty(own);
        if (block === undefined) context.lost({ field: opaqueName(part.keep), reason: "unsupported" });
        return block === undefined ? [] : [block];
      }
      default:
        context.lost({ field: "image", reason: "unsupported" });
        return [];
    }
  });
}

function writeThinking(part: FoldedPart): readonly JsonObject[] {
  const ending = { ...(part.keep && { keep: part.keep }), ...(part.origin !== undefined && { origin: part.origin }) };
  const data = redactedData(ending);
  const own = ownFields(part.keep);
  if (data !== undefined && part.text === "") return [{ ...own, type: "redacted_thinking", data }];
  if (part.text === "" && !carriesState(ending)) return [];
  return [{ ...own, type: "thinking", thinking: part.text, signature: signatureFor(ending) }];
}
