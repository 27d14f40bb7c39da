import type { PartHead } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Extra } from "../../kernel/request.ts";
import { opaqueName } from "../shared/extra.ts";
import { objectOf, without } from "../shared/json.ts";
import { objectArguments } from "../shared/object-arguments.ts";
import { sealSignature } from "./signature.ts";

/** What is known of a part when it ends. */
export interface EndedPart {
  readonly keep?: Extra | undefined;
  readonly origin?: string | undefined;
}

const notBeside = new Set(["thought", "inlineData", "functionCall"]);

/**
 * The fields beside a part's data: Gemini's own, or another vendor's state in the place of a thought signature, which
 * clients give back on the same part.
 */
export function besides({ keep, origin }: EndedPart, canCarry: boolean): JsonObject {
  const { gemini, ...foreign } = keep ?? {};
  const own = gemini === undefined ? {} : without(gemini, notBeside);
  if (!canCarry || own["thoughtSignature"] !== undefined || Object.keys(foreign).length === 0) return own;
  return { ...own, thoughtSignature: sealSignature({ keep: foreign, ...(origin !== undefined && { origin }) }) };
}

/** A part that is told whole: a call, an image, or one of Gemini's that we have no word for. */
export function wholePart(
  head: PartHead,
  text: string,
  about: EndedPart & { readonly lost: (loss: Loss) => void },
): JsonObject | undefined {
  const own = about.keep?.gemini;
  switch (head.type) {
    case "tool-call": {
      const { value, isSame } = objectArguments({ tool: head.tool, arguments: text });
      if (!isSame) about.lost({ field: "tool-call.arguments", reason: "approximated" });
      const call = { ...objectOf(own?.["functionCall"]), id: head.id, name: head.name, args: value };
      return { functionCall: call, ...besides(about, true) };
    }
    case "image":
      return {
        inlineData: { ...objectOf(own?.["inlineData"]), mimeType: head.mediaType, data: text },
        ...besides(about, false),
      };
    default:
      if (own === undefined) about.lost({ field: opaqueName(about.keep), reason: "unsupported" });
      return own;
  }
}

/** Texts grow by pieces; everything else is told whole. */
export function isText(head: PartHead): boolean {
  return head.type === "text" || head.type === "reasoning" || head.type === "refusal";
}

/** A piece of a text, or the whole of it. */
export function textPart(head: PartHead, text: string, about: EndedPart = {}): JsonObject {
  const isThought = head.type === "reasoning" && about.keep?.gemini?.["thought"] !== false;
  return { text, ...(isThought && { thought: true }), ...besides(about, head.type === "reasoning") };
}
