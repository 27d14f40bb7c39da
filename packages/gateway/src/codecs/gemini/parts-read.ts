import { compact, isJsonObject } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra, MediaSource, Part } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { arrayOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { audioFormat } from "../shared/media.ts";
import { camel } from "./names.ts";
import { unsealSignature } from "./signature.ts";

/** What a part bears beside its data. */
export interface PartState {
  readonly keep?: Extra;
  readonly origin?: string;
}

const dataFields = new Set(["text", "thought", "inlineData", "fileData", "functionCall", "functionResponse"]);

/** The state of a part: its unknown fields and its thought signature, which may be another vendor's state in disguise. */
export function partState(part: JsonObject, marks: JsonObject = {}): PartState {
  const signature = textOf(part["thoughtSignature"]);
  const carried = signature === undefined ? undefined : unsealSignature(signature);
  const rest = without(part, dataFields);
  const own = unlessEmpty({ ...(carried ? without(rest, new Set(["thoughtSignature"])) : rest), ...marks });
  const keep: Extra = { ...carried?.keep, ...(own && { gemini: own }) };
  return {
    ...(Object.keys(keep).length > 0 && { keep }),
    ...(carried?.origin !== undefined && { origin: carried.origin }),
  };
}

/** Fields of an inner object that have no canonical word, under that object's name. */
export function innerRest(name: string, inner: JsonObject, known: readonly string[]): JsonObject {
  const rest = unlessEmpty(without(inner, new Set(known)));
  return rest === undefined ? {} : { [name]: rest };
}

/** A part other than a call or a response; undefined for one that holds nothing. */
export function readPart(part: JsonObject, path: string, complaints: Complaints): Part | undefined {
  const { text, inlineData, fileData } = part;
  if (isJsonObject(inlineData)) return readInline(part, camel(inlineData), { path, complaints });
  if (isJsonObject(fileData)) return readFile(part, camel(fileData), { path, complaints });
  if (text === undefined || text === null) {
    return Object.keys(part).length === 0 ? undefined : { type: "opaque", keep: { gemini: part } };
  }
  const said = complaints.string(text, `${path}.text`) ?? "";
  if (part["thought"] === true) return { type: "reasoning", text: said, ...partState(part) };
  if (said !== "" || textOf(part["thoughtSignature"]) === undefined)
    return { type: "text", text: said, ...partState(part) };
  return { type: "reasoning", text: "", ...partState(part, signatureOnly) };
}

/** Marks reasoning that is a signature on an empty text: it is written as such again, without `thought`. */
const signatureOnly: JsonObject = { thought: false };

interface At {
  readonly path: string;
  readonly complaints: Complaints;
}

function readInline(part: JsonObject, data: JsonObject, { path, complaints }: At): Part | undefined {
  const mediaType = complaints.requiredString(data["mimeType"], `${path}.inlineData.mimeType`);
  const base64 = complaints.requiredString(data["data"], `${path}.inlineData.data`);
  if (mediaType === undefined || base64 === undefined) return undefined;
  const inner = innerRest("inlineData", data, ["mimeType", "data", "displayName"]);
  return mediaPart(mediaType, { kind: "data", mediaType, base64 }, { part, inner, name: data["displayName"] });
}

/** Files of Google's own storage, and videos that Google alone can see: nobody else could read them. */
const ownFile = /^gs:|^https?:\/\/(?:[a-z]+\.)?(?:generativelanguage\.googleapis\.com|youtube\.com|youtu\.be)\//i;

function readFile(part: JsonObject, data: JsonObject, { path, complaints }: At): Part | undefined {
  const uri = complaints.requiredString(data["fileUri"], `${path}.fileData.fileUri`);
  if (uri === undefined) return undefined;
  const mediaType = complaints.string(data["mimeType"], `${path}.fileData.mimeType`) ?? "";
  const isWeb = /^https?:/i.test(uri) && !ownFile.test(uri);
  const source: MediaSource = isWeb ? { kind: "url", url: uri } : { kind: "reference", id: uri };
  // The type stays, since neither a URL nor a reference bears one.
  const inner = innerRest("fileData", data, ["fileUri", "displayName"]);
  return mediaPart(mediaType, source, { part, inner, name: data["displayName"] });
}

function mediaPart(
  mediaType: string,
  source: MediaSource,
  from: { readonly part: JsonObject; readonly inner: JsonObject; readonly name: Json | undefined },
): Part {
  const name = textOf(from.name);
  const named: JsonObject = name === undefined ? {} : { displayName: name };
  const state = (marks: JsonObject) => partState(from.part, marks);
  if (mediaType.startsWith("image/")) return { type: "image", source, ...state({ ...from.inner, ...named }) };
  if (mediaType.startsWith("audio/")) {
    return { type: "audio", source, format: audioFormat(mediaType), ...state({ ...from.inner, ...named }) };
  }
  return { type: "file", source, ...compact({ filename: name }), ...state(from.inner) };
}

/** Words under which a function's output stands alone in its response. `error` tells that it failed. */
const outputWords = ["output", "result", "error"] as const;

/**
 * What a function answered. A response with nothing but an output, a result or an error is that text; any other object
 * is its JSON. The marks tell how to write it again.
 */
export function readOutput(response: Json | undefined): {
  readonly text: string;
  readonly isError: boolean;
  readonly marks: JsonObject;
} {
  const given = objectOf(response);
  if (given === undefined)
    return { text: response === undefined ? "" : JSON.stringify(response), isError: false, marks: {} };
  const names = Object.keys(given);
  const word = outputWords.find((each) => names.length === 1 && names[0] === each);
  if (word === undefined) return { text: JSON.stringify(given), isError: false, marks: { whole: true } };
  const value = given[word] ?? null;
  const isText = typeof value === "string";
  return {
    text: isText ? value : JSON.stringify(value),
    isError: word === "error",
    marks: { key: word, ...(!isText && { json: true }) },
  };
}

/** Media within a function's response. */
export function readOutputMedia(value: Json | undefined, at: At): readonly Part[] {
  return arrayOf(value).flatMap((item, place) => {
    const part = objectOf(item);
    return (part && readPart(camel(part), `${at.path}.parts[${place}]`, at.complaints)) ?? [];
  });
}
