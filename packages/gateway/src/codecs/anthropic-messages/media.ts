import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra, FilePart, ImagePart, MediaSource, Part } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { objectOf, unlessEmpty, without } from "../shared/json.ts";
import { blockOf, kept, opaque, ownExtra, textsOf, wholeBlock } from "./keep.ts";

const sourceFields: { readonly [type: string]: ReadonlySet<string> } = {
  base64: new Set(["type", "media_type", "data"]),
  text: new Set(["type", "media_type", "data"]),
  url: new Set(["type", "url"]),
  file: new Set(["type", "file_id"]),
};

/** A block's unknown fields, with those of its `source` under that name. */
function restOf(block: JsonObject, known: readonly string[]): { readonly keep?: Extra } {
  const source = objectOf(block["source"]) ?? {};
  const type = typeof source["type"] === "string" ? source["type"] : "";
  const inner = Object.hasOwn(sourceFields, type)
    ? unlessEmpty(without(source, sourceFields[type] ?? new Set()))
    : undefined;
  const outer = without(block, new Set(["type", "source", ...known]));
  return compact({ keep: ownExtra({ ...outer, ...(inner && { source: inner }) }) });
}

/** An image block; one with a source of an unknown kind is carried whole. */
export function readImage(block: JsonObject, path: string, complaints: Complaints): Part | undefined {
  const read = readSource(block, path, complaints);
  if (read === undefined) return undefined;
  return read === "unknown" ? opaque(block) : { type: "image", source: read, ...restOf(block, []) };
}

/** A document block. Text within it is a file of plain text; a list of blocks becomes text that keeps the block. */
export function readDocument(block: JsonObject, path: string, complaints: Complaints): Part | undefined {
  const source = objectOf(block["source"]);
  if (source?.["type"] === "content") return readAsText(block, [block["title"], ...textsOf(source["content"])]);
  const read = readSource(block, path, complaints);
  if (read === undefined) return undefined;
  if (read === "unknown") return opaque(block);
  const filename = complaints.string(block["title"], `${path}.title`);
  return { type: "file", source: read, ...compact({ filename }), ...restOf(block, ["title"]) };
}

/** A block whose meaning is in its texts: written whole to this protocol, as text to others. */
export function readAsText(block: JsonObject, texts: readonly (Json | undefined)[]): Part {
  const text = texts.filter((each): each is string => typeof each === "string" && each !== "").join("\n");
  return text === "" ? opaque(block) : { type: "text", text, keep: { "anthropic-messages": { [wholeBlock]: block } } };
}

function readSource(block: JsonObject, path: string, complaints: Complaints): MediaSource | "unknown" | undefined {
  const source = complaints.requiredObject(block["source"], `${path}.source`);
  const type = source && complaints.requiredString(source["type"], `${path}.source.type`);
  if (source === undefined || type === undefined) return undefined;
  const named = (name: string) => complaints.requiredString(source[name], `${path}.source.${name}`);
  switch (type) {
    case "base64": {
      const [mediaType, base64] = [named("media_type"), named("data")];
      if (mediaType === undefined || base64 === undefined) return undefined;
      return { kind: "data", mediaType, base64 };
    }
    case "text": {
      const [mediaType, data] = [named("media_type"), named("data")];
      if (mediaType === undefined || data === undefined) return undefined;
      // Half a character has no bytes.
      if (!data.isWellFormed() || !isText(mediaType)) return "unknown";
      return { kind: "data", mediaType, base64: Buffer.from(data).toString("base64") };
    }
    case "url": {
      const url = named("url");
      return url === undefined ? undefined : { kind: "url", url };
    }
    case "file": {
      const id = named("file_id");
      return id === undefined ? undefined : { kind: "reference", id };
    }
    default:
      return "unknown";
  }
}

function isText(mediaType: string): boolean {
  return mediaType.startsWith("text/");
}

/** Media types of images that the API takes (`Base64ImageSource`), and a common misspelling. */
const imageTypes: ReadonlyMap<string, string> = new Map([
  ["image/jpeg", "image/jpeg"],
  ["image/jpg", "image/jpeg"],
  ["image/png", "image/png"],
  ["image/gif", "image/gif"],
  ["image/webp", "image/webp"],
]);

/** An image or file as a block; undefined for what the API does not take. */
export function writeMedia(part: ImagePart | FilePart): JsonObject | undefined {
  const whole = blockOf(part);
  if (whole !== undefined) return whole;
  const keep = kept(part);
  const source = part.type === "image" ? imageSource(part.source) : fileSource(part.source);
  if (source === undefined) return undefined;
  return {
    ...keep,
    type: part.type === "image" ? "image" : "document",
    source: { ...objectOf(keep["source"]), ...source },
    ...(part.type === "file" && part.filename !== undefined && { title: part.filename }),
  };
}

function imageSource(source: MediaSource): JsonObject | undefined {
  if (source.kind !== "data") return remoteSource(source);
  const mediaType = imageTypes.get(source.mediaType.toLowerCase());
  if (mediaType === undefined) return undefined;
  return { type: "base64", media_type: mediaType, data: source.base64 };
}

/** The API takes PDF in base64, and any text as text. */
function fileSource(source: MediaSource): JsonObject | undefined {
  if (source.kind !== "data") return remoteSource(source);
  if (source.mediaType === "application/pdf") {
    return { type: "base64", media_type: source.mediaType, data: source.base64 };
  }
  const isTextual = isText(source.mediaType) || source.mediaType === "application/json";
  if (!isTextual) return undefined;
  return { type: "text", media_type: "text/plain", data: Buffer.from(source.base64, "base64").toString("utf8") };
}

/** Ids of the Files API begin so (`file_011CNha…`); another vendor's would only be refused. */
function remoteSource(source: Exclude<MediaSource, { kind: "data" }>): JsonObject | undefined {
  if (source.kind === "url") return { type: "url", url: source.url };
  return source.id.startsWith("file_") ? { type: "file", file_id: source.id } : undefined;
}
