import type { Dialect, PassThrough, RequestView } from "../../kernel/codec.ts";
import { hasLongInteger, windowEdits } from "./window.ts";

/** Content in blocks, as the usual writers of JSON write it. Ollama takes only texts. */
const blocks = ['"content":[', '"content": ['];

/** The edits of a generate request: its window. */
export function passGenerate(request: RequestView, dialect: Dialect): PassThrough | undefined {
  const edits = windowEdits(request, dialect);
  return edits.length > 0 && hasLongInteger(request.field("options"))
    ? undefined
    : { edits, tap: { dropUsageEvent: false } };
}

/** The same of a chat request; one whose content is in blocks is translated, which makes texts and images of them. */
export function passChat(request: RequestView, dialect: Dialect): PassThrough | undefined {
  return blocks.some((text) => request.contains(text)) ? undefined : passGenerate(request, dialect);
}
