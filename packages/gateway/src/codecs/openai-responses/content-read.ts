import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { AudioPart, FilePart, ImagePart, MediaSource, Part } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { audioType, readFileData, readUrl } from "../shared/media.ts";
import { readContentWith } from "../shared/openai-content.ts";
import { keepOf, protocol } from "./own.ts";

/** The part's fields beside `known`, as its `keep`. Empty lists, such as `annotations`, are as good as absent. */
function restOf(part: JsonObject, ...known: readonly string[]) {
  return keepOf(restFields(part, new Set(["type", ...known])));
}

function restFields(part: JsonObject, known: ReadonlySet<string>): JsonObject {
  const rest = Object.entries(without(part, known)).filter(
    ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
  );
  const fields = unlessEmpty(Object.fromEntries(rest));
  return fields === undefined ? {} : { part: fields };
}

/** What a part of an answer's text says beside its text, as the part's `keep` holds it. */
export function answerPartFields(part: JsonObject): JsonObject {
  return restFields(part, new Set(["type", "text", "refusal", "logprobs"]));
}

/** The content of a message or of a tool's output. */
export function readContent(content: Json | undefined, path: string, complaints: Complaints): Part[] {
  return readContentWith(readPart, content, { path, complaints });
}

function readPart(part: JsonObject, path: string, complaints: Complaints): Part | undefined {
  const type = complaints.requiredString(part["type"], `${path}.type`);
  switch (type) {
    case undefined:
      return undefined;
    case "input_text":
    case "output_text":
    case "text": {
      const text = complaints.requiredString(part["text"], `${path}.text`);
      return text === undefined ? undefined : { type: "text", text, ...restOf(part, "text") };
    }
    case "refusal": {
      const text = complaints.requiredString(part["refusal"], `${path}.refusal`);
      return text === undefined ? undefined : { type: "refusal", text, ...restOf(part, "refusal") };
    }
    case "input_image":
    case "image_url":
      return readImage(part, path, complaints);
    case "input_audio":
      return readAudio(part, `${path}.input_audio`, complaints);
    case "input_file":
      return readFile(part, path, complaints);
    default:
      return { type: "opaque", keep: { [protocol]: { content: part } } };
  }
}

function readImage(part: JsonObject, path: string, complaints: Complaints): ImagePart | undefined {
  // Chat's form of an image's URL is an object, which some clients send here.
  const url = textOf(objectOf(part["image_url"])?.["url"]) ?? complaints.string(part["image_url"], `${path}.image_url`);
  const id = complaints.string(part["file_id"], `${path}.file_id`);
  const detail = complaints.string(part["detail"], `${path}.detail`);
  if (url === undefined && id === undefined) return complaints.missing(`${path}.image_url`);
  const source: MediaSource = url === undefined ? { kind: "reference", id: id ?? "" } : readUrl(url);
  const known = ["image_url", "detail", ...(url === undefined ? ["file_id"] : [])];
  return { type: "image", source, ...compact({ detail }), ...restOf(part, ...known) };
}

function readAudio(part: JsonObject, path: string, complaints: Complaints): AudioPart | undefined {
  const audio = complaints.requiredObject(part["input_audio"], path);
  const base64 = audio && complaints.requiredString(audio["data"], `${path}.data`);
  const format = audio && complaints.requiredString(audio["format"], `${path}.format`);
  if (base64 === undefined || format === undefined) return undefined;
  const source = { kind: "data", mediaType: audioType(format), base64 } as const;
  return { type: "audio", source, format, ...restOf(part, "input_audio") };
}

function readFile(part: JsonObject, path: string, complaints: Complaints): FilePart | undefined {
  const data = complaints.string(part["file_data"], `${path}.file_data`);
  const url = complaints.string(part["file_url"], `${path}.file_url`);
  const id = complaints.string(part["file_id"], `${path}.file_id`);
  const filename = complaints.string(part["filename"], `${path}.filename`);
  const [source, field] = fileSource(data, url, { id, filename });
  if (source === undefined) return complaints.missing(`${path}.file_id`);
  return { type: "file", source, ...compact({ filename }), ...restOf(part, "filename", field) };
}

function fileSource(
  data: string | undefined,
  url: string | undefined,
  { id, filename }: { readonly id: string | undefined; readonly filename: string | undefined },
): readonly [MediaSource | undefined, string] {
  if (data !== undefined) return [readFileData(data, filename), "file_data"];
  if (url !== undefined) return [{ kind: "url", url }, "file_url"];
  return [id === undefined ? undefined : { kind: "reference", id }, "file_id"];
}
