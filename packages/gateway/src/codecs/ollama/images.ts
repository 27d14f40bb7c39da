import type { ImagePart } from "../../kernel/request.ts";
import { readDataUrl } from "../shared/media.ts";

/** How the base64 of each image format begins. */
const beginnings: readonly (readonly [string, string])[] = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"],
  ["Qk", "image/bmp"],
];

/** The media type of raw base64, which Ollama does not name. */
export function mediaTypeOf(base64: string): string {
  return beginnings.find(([beginning]) => base64.startsWith(beginning))?.[1] ?? "image/png";
}

/** An entry of `images`: raw base64. Data URLs and URLs are not Ollama's form, but clients send them. */
export function readImage(text: string): ImagePart {
  if (/^https?:\/\//i.test(text)) return { type: "image", source: { kind: "url", url: text } };
  const { mediaType, base64 } = readDataUrl(text) ?? { mediaType: "", base64: text };
  return { type: "image", source: { kind: "data", mediaType: mediaType || mediaTypeOf(base64), base64 } };
}

/** The raw base64 of an image; undefined for one that is only named. */
export function writeImage(part: ImagePart): string | undefined {
  return part.source.kind === "data" ? part.source.base64 : undefined;
}
