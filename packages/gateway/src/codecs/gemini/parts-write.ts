import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { AudioPart, FilePart, ImagePart, Part, ToolCallPart, ToolResultPart } from "../../kernel/request.ts";
import { parseExactObject } from "../shared/exact.ts";
import { objectOf, textOf, without } from "../shared/json.ts";
import { objectArguments } from "../shared/object-arguments.ts";
import { placed } from "../shared/placed.ts";
import type { Placed } from "../shared/placed.ts";

/** Marks in `keep.gemini` that are ours, and inner objects whose fields go inside. */
const marks = new Set(["thought", "key", "json", "whole", "parts", "displayName"]);
const inner = ["inlineData", "fileData", "functionCall", "functionResponse"];
const notBeside = new Set([...marks, ...inner]);

/** The fields of a part of Gemini's that stand beside its data, such as its thought signature. */
function besides(part: Part): JsonObject {
  const keep = part.keep?.gemini;
  return keep === undefined ? {} : without(keep, notBeside);
}

function keptInside(part: Part, name: string): JsonObject {
  return objectOf(part.keep?.gemini?.[name]) ?? {};
}

/** A part other than a tool's result; none for what says nothing, nor, with a loss at its path, for what has no form. */
export function writeParts({ part, path }: Placed, losses: Loss[]): JsonObject[] {
  const written = writePart(part, path, losses);
  return written === undefined ? [] : [written];
}

function writePart(part: Part, path: string, losses: Loss[]): JsonObject | undefined {
  switch (part.type) {
    case "text":
    case "refusal": {
      const rest = besides(part);
      // Google refuses a text without characters, unless it bears a signature.
      return part.text === "" && rest["thoughtSignature"] === undefined ? undefined : { text: part.text, ...rest };
    }
    case "reasoning": {
      const rest = besides(part);
      if (part.text === "" && Object.keys(rest).length === 0) return undefined;
      return { text: part.text, ...(part.keep?.gemini?.["thought"] !== false && { thought: true }), ...rest };
    }
    case "image":
    case "audio":
    case "file":
      return writeMedia(part);
    case "tool-call":
      return writeCall(part, path, losses);
    default: {
      const own = part.keep?.gemini;
      if (own === undefined) losses.push({ field: path, reason: "unsupported" });
      return own;
    }
  }
}

function writeCall(part: ToolCallPart, path: string, losses: Loss[]): JsonObject {
  const { value, isSame } = objectArguments(part);
  if (!isSame) losses.push({ field: `${path}.arguments`, reason: "approximated" });
  const call = { ...keptInside(part, "functionCall"), id: part.id, name: part.name, args: value };
  return { functionCall: call, ...besides(part) };
}

function writeMedia(part: ImagePart | AudioPart | FilePart): JsonObject {
  const { source } = part;
  const kept = part.keep?.gemini;
  const displayName = textOf(kept?.["displayName"]) ?? (part.type === "file" ? part.filename : undefined);
  if (source.kind === "data") {
    const named = kept === undefined ? {} : compact({ displayName });
    const data = { ...keptInside(part, "inlineData"), ...named, mimeType: source.mediaType, data: source.base64 };
    return { inlineData: data as JsonObject, ...besides(part) };
  }
  const file = keptInside(part, "fileData");
  const uri = source.kind === "url" ? source.url : source.id;
  const mimeType = textOf(file["mimeType"]) ?? typeOf(uri, part);
  return {
    fileData: { ...file, ...compact({ displayName: kept && displayName }), mimeType, fileUri: uri } as JsonObject,
    ...besides(part),
  };
}

const extensions: { readonly [extension: string]: string } = {
  png: "image/png",
  webp: "image/webp",
  gif: "image/gif",
  pdf: "application/pdf",
  mp4: "video/mp4",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  txt: "text/plain",
};

/** Google wants to be told the type of a file; a name's end tells it, else the most likely one. */
function typeOf(uri: string, part: ImagePart | AudioPart | FilePart): string {
  const end = /\.([a-z0-9]{1,5})(?:[?#]|$)/i.exec(uri)?.[1]?.toLowerCase() ?? "";
  const known = Object.hasOwn(extensions, end) ? extensions[end] : undefined;
  if (known !== undefined) return known;
  if (part.type === "audio") return `audio/${part.format ?? "mpeg"}`;
  return part.type === "image" ? "image/jpeg" : "application/octet-stream";
}

export interface WrittenResult {
  readonly response: JsonObject;
  /** Media for which the response has no room. */
  readonly media: readonly JsonObject[];
}

/** A tool's result as a function's response, with its media inside where the model takes them there. */
export function writeResult(
  { part, path }: Placed<ToolResultPart>,
  name: string,
  about: { readonly losses: Loss[]; readonly mediaInside: boolean },
): WrittenResult {
  const kept = part.keep?.gemini ?? {};
  const texts = part.content.filter((each) => each.type === "text" || each.type === "refusal");
  const media = placed(part.content, `${path}.content`)
    .filter((each) => each.part.type !== "text" && each.part.type !== "refusal")
    .flatMap((each) => writeParts(each, about.losses));
  const inside = media.length > 0 && (about.mediaInside || kept["parts"] === true);
  const response = {
    ...keptInside(part, "functionResponse"),
    id: part.id,
    name,
    response: writeOutput(texts.map((each) => each.text).join("\n"), part.isError === true, kept),
    ...(inside && { parts: media }),
  };
  return { response: { functionResponse: response, ...besides(part) }, media: inside ? [] : media };
}

/** Output under `output`, an error under `error` (js-genai types.ts, FunctionResponse), and Gemini's own as it was. */
function writeOutput(text: string, isError: boolean, kept: JsonObject): JsonObject {
  const whole = kept["whole"] === true ? parseExactObject(text) : undefined;
  if (whole !== undefined) return whole;
  const value: Json = kept["json"] === true ? (parseExactObject(`{"value":${text}}`)?.["value"] ?? text) : text;
  const word = textOf(kept["key"]);
  const key = (word === "error") === isError ? word : undefined;
  return { [key ?? (isError ? "error" : "output")]: value };
}
