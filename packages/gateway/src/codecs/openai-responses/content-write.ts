import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { FilePart, ImagePart, MediaSource, Part } from "../../kernel/request.ts";
import { objectOf } from "../shared/json.ts";
import { audioFormat, writeDataUrl } from "../shared/media.ts";
import { placed } from "../shared/placed.ts";
import type { Placed } from "../shared/placed.ts";
import { ownOf, protocol } from "./own.ts";

/** Who says it: the model's own texts are `output`, everything else is `input`. */
export type Side = "input" | "output";

/** One part of a message's content; undefined, with a loss at its path, for what this protocol has no form for. */
export function writePart({ part, path }: Placed, side: Side, losses: Loss[]): JsonObject | undefined {
  const lost = (): undefined => void losses.push({ field: path, reason: "unsupported" });
  const rest = objectOf(ownOf(part)["part"]) ?? {};
  switch (part.type) {
    case "text":
      // Strict backends take the model's own text only with its list of annotations.
      return side === "output"
        ? { annotations: [], ...rest, type: "output_text", text: part.text }
        : { ...rest, type: "input_text", text: part.text };
    case "refusal":
      if (side === "input") return { ...rest, type: "input_text", text: part.text };
      return { ...rest, type: "refusal", refusal: part.text };
    case "image":
      return side === "input" ? { ...rest, type: "input_image", ...imageOf(part) } : lost();
    case "audio": {
      if (side === "output" || part.source.kind !== "data") return lost();
      const format = part.format ?? audioFormat(part.source.mediaType);
      return { ...rest, type: "input_audio", input_audio: { data: part.source.base64, format } };
    }
    case "file":
      return side === "input" ? { ...rest, type: "input_file", ...fileOf(part) } : lost();
    case "opaque":
      return objectOf(part.keep[protocol]?.["content"]) ?? lost();
    default:
      return lost();
  }
}

function imageOf({ source, detail }: ImagePart): JsonObject {
  const where = source.kind === "reference" ? { file_id: source.id } : { image_url: writeUrl(source) };
  // OpenAI's schema demands `detail`; `auto` is its default.
  return { ...where, detail: detail ?? "auto" };
}

function fileOf({ source, filename }: FilePart): JsonObject {
  switch (source.kind) {
    case "reference":
      return { file_id: source.id, ...compact({ filename }) };
    case "url":
      return { file_url: source.url, ...compact({ filename }) };
    default:
      // OpenAI refuses file data without a name.
      return { file_data: writeDataUrl(source), filename: filename ?? nameFor(source.mediaType) };
  }
}

function nameFor(mediaType: string): string {
  return mediaType === "application/pdf" ? "document.pdf" : "document";
}

function writeUrl(source: Exclude<MediaSource, { readonly kind: "reference" }>): string {
  return source.kind === "url" ? source.url : writeDataUrl(source);
}

/** What a tool answered: one plain text as a string, anything else as parts. */
export function writeOutput(parts: readonly Part[], path: string, losses: Loss[]): Json {
  const [only] = parts;
  if (only === undefined) return "";
  if (parts.length === 1 && only.type === "text" && ownOf(only)["part"] === undefined) return only.text;
  return placed(parts, path).flatMap((each) => {
    if (each.part.type !== "audio") return writePart(each, "input", losses) ?? [];
    losses.push({ field: each.path, reason: "unsupported" });
    return [];
  });
}
