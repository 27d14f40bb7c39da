import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Part } from "../../kernel/request.ts";
import type { Complaints } from "./complaints.ts";

/** Reads one object of a content's list; undefined, with a complaint, for what is none. */
export type PartReader = (part: JsonObject, path: string, complaints: Complaints) => Part | undefined;

/** The content of a message or of a tool's output: a string is one text part; null or nothing is no part. */
export function readContentWith(
  readPart: PartReader,
  content: Json | undefined,
  { path, complaints }: { readonly path: string; readonly complaints: Complaints },
): Part[] {
  if (content === undefined || content === null) return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (Array.isArray(content)) {
    return complaints
      .objects(content, path)
      .flatMap(({ entry, path: place }) => readPart(entry, place, complaints) ?? []);
  }
  complaints.wrongType(path, "one of a string or array of objects", content);
  return [];
}
