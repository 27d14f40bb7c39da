import { isJsonObject, own } from "../../../kernel/json.ts";
import type { Json, JsonObject } from "../../../kernel/json.ts";
import { textOf } from "./items.ts";

/**
 * Begins the opaque content of compaction items that we made. Behind it stands the summary, for everybody to read:
 * it holds nothing that its bearer did not say or was not told.
 */
export const compactionMark = "~compaction-by-patchbay:";

const introduction = "Summary of the conversation before this point:\n\n";

export function sealed(summary: string): string {
  return compactionMark + Buffer.from(summary).toString("base64url");
}

/** The message that a compaction item of ours stands for; undefined for a vendor's own. */
export function unsealed(item: JsonObject): Buffer | undefined {
  const content = own(item, "encrypted_content");
  if (typeof content !== "string" || !content.startsWith(compactionMark)) return undefined;
  const summary = Buffer.from(content.slice(compactionMark.length), "base64url").toString("utf8");
  return textOf({
    type: "message",
    role: "user",
    content: [{ type: "input_text", text: introduction + summary }],
  });
}

/** Whether a message is what `unsealed` made of an earlier summary. */
export function isSummary(message: JsonObject): boolean {
  const content = own(message, "content");
  const first = Array.isArray(content) ? (content[0] as Json | undefined) : content;
  const text = isJsonObject(first) ? own(first, "text") : first;
  return typeof text === "string" && text.startsWith(introduction);
}
