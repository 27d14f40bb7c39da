import type { Dialect, PassThrough, RequestView } from "../../kernel/codec.ts";
import { limitEdits, usageEdits } from "../shared/openai-pass.ts";

/**
 * The edits that make a chat request fit the dialect. A `developer` message to a backend that knows no such role
 * stands inside `messages`, where edits do not reach: such a request is translated.
 */
export function passThrough(request: RequestView, dialect: Dialect): PassThrough | undefined {
  if (!dialect.developerRole && request.roles.has("developer")) return undefined;
  const usage = usageEdits(request, dialect);
  return { edits: [...limitEdits(request, dialect), ...usage.edits], tap: usage.tap };
}
