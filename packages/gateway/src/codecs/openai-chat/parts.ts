import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { AudioPart, Extra, FilePart, ImagePart, MediaSource, Part, TextPart } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { arrayOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { audioFormat, audioType, readFileData, readUrl, writeDataUrl } from "../shared/media.ts";
import { readContentWith } from "../shared/openai-content.ts";
import type { Placed } from "../shared/placed.ts";
import { cacheMark } from "./cache-marks.ts";

/** `keep` of a part: its unknown fields, with those of its inner object under that object's name. */
function keepOf(part: JsonObject, inner: string, known: readonly string[]): { keep?: Extra } {
  const outerRest = without(part, new Set(["type", inner]));
  const innerRest = unlessEmpty(without(objectOf(part[inner]) ?? {}, new Set(known)));
  const rest = unlessEmpty({ ...outerRest, ...(innerRest && { [inner]: innerRest }) });
  return rest === undefined ? {} : { keep: { "openai-chat": rest, ...cacheMark(part) } };
}

/** The content of a tool's answer. */
export function readContent(content: Json | undefined, path: string, complaints: Complaints): Part[] {
  return readContentWith(readPart, content, { path, complaints });
}

export function readPart(part: JsonObject, path: string, complaints: Complaints): Part | undefined {
  const type = complaints.requiredString(part["type"], `${path}.type`);
  switch (type) {
    case undefined:
      return undefined;
    case "text":
    case "refusal": {
      const text = complaints.requiredString(part[type], `${path}.${type}`);
      return text === undefined ? undefined : { type, text, ...keepOf(part, type, []) };
    }
    // Words of Responses, which some clients mix in.
    case "input_text":
    case "output_text": {
      const text = complaints.requiredString(part["text"], `${path}.text`);
      return text === undefined ? undefined : { type: "text", text };
    }
    // Mistral's, whose texts are in a list, and Anthropic's on compatible backends.
    case "thinking":
      return { type: "reasoning", text: thinkingText(part["thinking"]), keep: { "openai-chat": { piece: part } } };
    case "image":
      return readAnthropicImage(part) ?? { type: "opaque", keep: { "openai-chat": part } };
    case "input_image":
    case "image_url":
      return readImage(part, `${path}.image_url`, complaints);
    case "input_audio":
      return readAudio(part, `${path}.input_audio`, complaints);
    case "file":
      return readFile(part, `${path}.file`, complaints);
    case "video_url":
      return readVideo(part, `${path}.video_url`, complaints);
    default:
      return { type: "opaque", keep: { "openai-chat": part } };
  }
}

function readImage(part: JsonObject, path: string, complaints: Complaints): ImagePart | undefined {
  const value = part["image_url"];
  // A bare string is not OpenAI's form, but some clients send it.
  const image = typeof value === "string" ? { url: value } : complaints.requiredObject(value, path);
  if (image === undefined) return undefined;
  const url = complaints.requiredString(image["url"], `${path}.url`);
  const detail = complaints.string(image["detail"], `${path}.detail`);
  if (url === undefined) return undefined;
  return {
    type: "image",
    source: readUrl(url),
    ...compact({ detail }),
    ...keepOf(part, "image_url", ["url", "detail"]),
  };
}

/** What an `image_url` holds, in an answer too, where nothing is complained of. */
export function readImageUrl(value: Json | undefined): MediaSource | undefined {
  const url = typeof value === "string" ? value : objectOf(value)?.["url"];
  return typeof url === "string" ? readUrl(url) : undefined;
}

/** Cursor sends blocks of Anthropic's for models that are named after Claude. */
function readAnthropicImage(part: JsonObject): ImagePart | undefined {
  const source = objectOf(part["source"]);
  if (typeof source?.["url"] === "string") return { type: "image", source: readUrl(source["url"]) };
  const [mediaType, base64] = [source?.["media_type"], source?.["data"]];
  if (typeof mediaType !== "string" || typeof base64 !== "string") return undefined;
  return { type: "image", source: { kind: "data", mediaType, base64 } };
}

/** The text of a `thinking` piece: a string, or a list of texts. */
export function thinkingText(thinking: Json | undefined): string {
  if (typeof thinking === "string") return thinking;
  return arrayOf(thinking)
    .map((item) => textOf(objectOf(item)?.["text"]) ?? "")
    .join("");
}

function readAudio(part: JsonObject, path: string, complaints: Complaints): AudioPart | undefined {
  const audio = complaints.requiredObject(part["input_audio"], path);
  if (audio === undefined) return undefined;
  const base64 = complaints.requiredString(audio["data"], `${path}.data`);
  const format = complaints.requiredString(audio["format"], `${path}.format`);
  if (base64 === undefined || format === undefined) return undefined;
  const source = { kind: "data", mediaType: audioType(format), base64 } as const;
  return { type: "audio", source, format, ...keepOf(part, "input_audio", ["data", "format"]) };
}

function readFile(part: JsonObject, path: string, complaints: Complaints): FilePart | undefined {
  const file = complaints.requiredObject(part["file"], path);
  if (file === undefined) return undefined;
  const data = complaints.string(file["file_data"], `${path}.file_data`);
  const id = complaints.string(file["file_id"], `${path}.file_id`);
  const filename = complaints.string(file["filename"], `${path}.filename`);
  if (data === undefined && id === undefined) return complaints.missing(`${path}.file_id`);
  const source: MediaSource = data === undefined ? { kind: "reference", id: id ?? "" } : readFileData(data, filename);
  const known = ["filename", "file_data", ...(data === undefined ? ["file_id"] : [])];
  return { type: "file", source, ...compact({ filename }), ...keepOf(part, "file", known) };
}

/** What vLLM, OpenRouter and Qwen take beside OpenAI's parts. */
function readVideo(part: JsonObject, path: string, complaints: Complaints): FilePart | undefined {
  const value = part["video_url"];
  const url = complaints.requiredString(typeof value === "string" ? value : objectOf(value)?.["url"], `${path}.url`);
  if (url === undefined) return undefined;
  const { keep } = keepOf(part, "video_url", ["url"]);
  return { type: "file", source: readUrl(url), keep: { ...keep, "openai-chat": { ...keep?.["openai-chat"], video } } };
}

/** In `keep` of a file: it came as a video, also where its media type does not tell. */
const video = true;

function writeUrl(source: MediaSource): string | undefined {
  if (source.kind === "url") return source.url;
  return source.kind === "data" ? writeDataUrl(source) : undefined;
}

/** One part of a message's content; undefined, with a loss at its path, for what chat has no form for. */
function writePart({ part, path }: Placed, losses: Loss[]): JsonObject | undefined {
  const lost = (): undefined => void losses.push({ field: path, reason: "unsupported" });
  const keep = part.keep?.["openai-chat"] ?? {};
  const inner = (name: string) => objectOf(keep[name]) ?? {};
  switch (part.type) {
    case "text":
      return { ...keep, type: "text", text: part.text };
    case "image": {
      const url = writeUrl(part.source);
      if (url === undefined) return lost();
      const image = {
        ...inner("image_url"),
        url,
        ...compact({ detail: part.detail }),
      } as JsonObject;
      return { ...keep, type: "image_url", image_url: image };
    }
    case "audio": {
      if (part.source.kind !== "data") return lost();
      const format = part.format ?? audioFormat(part.source.mediaType);
      return {
        ...keep,
        type: "input_audio",
        input_audio: { ...inner("input_audio"), data: part.source.base64, format },
      };
    }
    case "file":
      return writeFile(part, keep) ?? lost();
    case "reasoning":
      return objectOf(keep["piece"]) ?? lost();
    case "opaque":
      return part.keep["openai-chat"] ?? lost();
    default:
      return lost();
  }
}

/** A file; undefined for one behind a URL, which this protocol cannot say. What is text is said as text, for all take that. */
function writeFile(part: FilePart, keep: JsonObject): JsonObject | undefined {
  const { source, filename } = part;
  const isVideo = keep["video"] === video || (source.kind === "data" && source.mediaType.startsWith("video/"));
  const url = isVideo ? writeUrl(source) : undefined;
  if (url !== undefined) {
    const rest = without(keep, new Set(["video"]));
    return { ...rest, type: "video_url", video_url: { ...objectOf(rest["video_url"]), url } };
  }
  if (source.kind === "url") return undefined;
  if (source.kind === "data" && source.mediaType.startsWith("text/")) {
    const text = Buffer.from(source.base64, "base64").toString("utf8");
    return { type: "text", text: filename === undefined ? text : `${filename}:\n${text}` };
  }
  const data = source.kind === "data" ? { file_data: writeDataUrl(source) } : { file_id: source.id };
  const file: JsonObject = { ...objectOf(keep["file"]), ...data, ...compact({ filename }) };
  return { ...keep, type: "file", file };
}

/**
 * Parts as `content`; undefined if there are none. One plain text is a string, which every backend understands, and so
 * are several where `joined` says what goes between them: many backends take lists of the user only.
 */
export function writeContent(
  parts: readonly Placed[],
  { losses, joined }: { readonly losses: Loss[]; readonly joined?: string | undefined },
): Json | undefined {
  // An empty block says nothing, and is refused by some.
  const said = parts.length === 1 ? parts : parts.filter((each) => !isPlain(each) || each.part.text !== "");
  if (said.every(isPlain) && (said.length === 1 || (joined !== undefined && said.length > 0))) {
    return said.map(({ part }) => part.text).join(joined);
  }
  const written = said.flatMap((each) => writePart(each, losses) ?? []);
  return written.length === 0 ? undefined : written;
}

function isPlain(placed: Placed): placed is Placed<TextPart> {
  return placed.part.type === "text" && placed.part.keep?.["openai-chat"] === undefined;
}
