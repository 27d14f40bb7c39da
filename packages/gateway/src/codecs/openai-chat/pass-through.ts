import type { Dialect, PassThrough, RequestView } from "../../kernel/codec.ts";
import type { Json } from "../../kernel/json.ts";
import { carrierMark } from "../shared/carrier.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { limitEdits, usageEdits } from "../shared/openai-pass.ts";
import { isResponsesBody } from "./client-form.ts";

/** The edits that make a chat request fit the dialect; undefined for what edits do not reach. */
export function passThrough(request: RequestView, dialect: Dialect): PassThrough | undefined {
  if (!dialect.developerRole && request.roles.has("developer")) return undefined;
  if (needsReading(request) || misfits(request, dialect)) return undefined;
  const usage = usageEdits(request, dialect);
  return { edits: [...limitEdits(request, dialect), ...usage.edits], tap: usage.tap };
}

/** Bodies that are not quite chat's, and those that bear another vendor's state. */
function needsReading(request: RequestView): boolean {
  if (request.contains(carrierMark)) return true;
  if (request.field("input") !== undefined && request.roles.size === 0) {
    const [input, messages] = [request.field("input"), request.field("messages")];
    if (isResponsesBody({ input: (input ?? null) as Json, messages: (messages ?? null) as Json })) return true;
  }
  // Cursor declares custom tools flat, and all of them in Anthropic's form for models that are named after Claude.
  if (!request.contains('"custom"', "tools") && !request.contains('"input_schema"', "tools")) return false;
  return arrayOf((request.field("tools") ?? null) as Json).some((item) => {
    const tool = objectOf(item);
    const type = tool?.["type"] ?? "function";
    return (type === "custom" || type === "function") && tool !== undefined && objectOf(tool[type]) === undefined;
  });
}

/** History that this vendor refuses as it stands: reasoning where it takes none, or calls without theirs. */
function misfits(request: RequestView, { reasoningBack }: Dialect): boolean {
  const reasons = () => request.contains('"reasoning_content"');
  if (reasoningBack === "never") return reasons() || request.contains('"reasoning_details"');
  return reasoningBack === "required" && request.contains('"tool_calls"') && !reasons();
}
