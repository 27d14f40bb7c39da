import type { MediaSource } from "../../kernel/request.ts";

type Bytes = Extract<MediaSource, { readonly kind: "data" }>;

const base64Mark = ";base64,";

/** A `data:` URL in base64, whose media type may be empty; undefined for anything else. */
export function readDataUrl(url: string): Bytes | undefined {
  const mark = url.startsWith("data:") ? url.indexOf(base64Mark) : -1;
  if (mark < 0) return undefined;
  return { kind: "data", mediaType: url.slice("data:".length, mark), base64: url.slice(mark + base64Mark.length) };
}

/** A `data:` URL in base64 as data; anything else as a URL. */
export function readUrl(url: string): MediaSource {
  return readDataUrl(url) ?? { kind: "url", url };
}

export function writeDataUrl({ mediaType, base64 }: Pick<Bytes, "mediaType" | "base64">): string {
  return `data:${mediaType}${base64Mark}${base64}`;
}

/** What OpenAI calls `file_data`: a data URL; plain base64 is taken for what the file's name says. */
export function readFileData(data: string, filename: string | undefined): Bytes {
  const isPdf = filename?.toLowerCase().endsWith(".pdf") === true;
  const mediaType = isPdf ? "application/pdf" : "application/octet-stream";
  return readDataUrl(data) ?? { kind: "data", mediaType, base64: data };
}

/** Formats of audio are named by the end of their media type, but for this one. */
const [mp3, mpeg] = ["mp3", "audio/mpeg"];

/** The media type of a format such as `wav`. */
export function audioType(format: string): string {
  return format === mp3 ? mpeg : `audio/${format}`;
}

/** The format of a media type such as `audio/x-wav`. */
export function audioFormat(mediaType: string): string {
  return mediaType === mpeg ? mp3 : mediaType.replace(/^audio\/(?:x-)?/, "");
}
