import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Part } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import type { Placed } from "../shared/placed.ts";
import { readImage, writeImage } from "./images.ts";

const textBlocks = new Set(["text", "input_text", "output_text"]);

/** Where the reading of a field stands. */
export interface Reading {
  readonly complaints: Complaints;
  readonly losses: Loss[];
}

/** A message's images and text, in the order in which Ollama puts them before its model. */
export function readContent(message: JsonObject, path: string, { complaints, losses }: Reading): Part[] {
  const images = (complaints.strings(message["images"], `${path}.images`) ?? []).map(readImage);
  const content = message["content"];
  if (content === undefined || content === null || content === "") return images;
  if (typeof content === "string") return [...images, { type: "text", text: content }];
  if (!Array.isArray(content)) {
    complaints.wrongType(`${path}.content`, "a string", content);
    return images;
  }
  const blocks = arrayOf(content).flatMap((block, place) => {
    const read = readBlock(block);
    if (read === undefined) losses.push({ field: `${path}.content[${place}]`, reason: "unsupported" });
    return read ?? [];
  });
  return [...images, ...blocks];
}

/** A block of OpenAI's kind, which Ollama refuses but many a client sends. */
function readBlock(value: Json): Part | undefined {
  if (typeof value === "string") return { type: "text", text: value };
  const block = objectOf(value);
  const type = textOf(block?.["type"]) ?? "text";
  const text = block?.["text"];
  if (textBlocks.has(type) && typeof text === "string") return { type: "text", text };
  if (type !== "image_url" && type !== "input_image") return undefined;
  const url = textOf(block?.["image_url"]) ?? textOf(objectOf(block?.["image_url"])?.["url"]);
  return url === undefined ? undefined : readImage(url);
}

export interface WrittenContent {
  readonly content: string;
  /** Raw base64. */
  readonly images: readonly string[];
}

/** Parts as one text and a list of images, which is all that a message has room for. */
export function writeContent(parts: readonly Placed[], separator: string, losses: Loss[]): WrittenContent {
  const texts: string[] = [];
  const images: string[] = [];
  for (const { part, path: field } of parts) {
    if (part.type === "text") texts.push(part.text);
    else if (part.type === "refusal") {
      texts.push(part.text);
      losses.push({ field, reason: "approximated" });
    } else {
      const image = part.type === "image" ? writeImage(part) : undefined;
      if (image === undefined) losses.push({ field, reason: "unsupported" });
      else images.push(image);
    }
  }
  return { content: texts.join(separator), images };
}

/** Several texts that the model is to read; whoever sent them apart meant them apart. */
export const betweenTexts = "\n";
